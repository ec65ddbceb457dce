//! Commands that print one result and end.

use super::config_sources;
use super::exit_error::ExitError;
use super::host_name::host_name;
use super::output::{print, print_note, report_text};
use crate::cli::arguments::{
    Arguments, ExplainArgs, Globals, ReloadArgs, SelectArgs, SimulateArgs, StatusArgs, UsageArgs,
};
use crate::cli::instance_address::{self, InstanceAddress};
use crate::cli::{
    self, exit_code, render_decision, render_reload, render_selection, render_status, render_usage,
    usage_csv,
};
use crate::client::{Address, Client, ClientError};
use crate::config;
use crate::contract::{
    DecisionFile, SelectRequest, WeightsDraft, WhatIfReport, WhatIfRequest, Window,
};
use crate::domain::{DecisionRecord, what_if};
use clap::CommandFactory;
use clap_complete::Shell;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// No target is usable, or the instance does not answer.
const EXIT_DOWN: u8 = 2;
/// A shorter interval repeats the same figures.
const MIN_WATCH_INTERVAL: Duration = Duration::from_millis(250);

pub(super) fn status(globals: &Globals, status: &StatusArgs) -> Result<u8, ExitError> {
    let address = locate(status.url.as_deref(), globals)?;
    if status.ready {
        return readiness(&address);
    }
    let Some(seconds) = status.watch else {
        return report(&address, status.json);
    };
    let pause = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|pause| *pause >= MIN_WATCH_INTERVAL);
    let pause = pause.ok_or_else(|| {
        ExitError::usage(format!(
            "--watch is {seconds}, but must be 0.25 seconds or more"
        ))
    })?;
    block_on(async {
        let client = client(&address)?;
        loop {
            match client.status(Window::Day).await {
                Ok(report) => print(&report_text(&report, status.json, render_status)?),
                Err(error) => print_note(&request_error(&address, &error)),
            }
            tokio::time::sleep(pause).await;
        }
    })
}

/// Asks what `GET /readyz` says: the check of containers, which know only success and failure.
fn readiness(address: &InstanceAddress) -> Result<u8, ExitError> {
    block_on(async {
        let ready = crate::client::check_ready((**address).clone()).await;
        ready.map_err(|error| ExitError::failed(request_error(address, &error), error))?;
        print("ready\n");
        Ok(0)
    })
}

/// Prints one report as text, where the dashboard was started without a terminal.
pub(super) fn plain_report(globals: &Globals) -> Result<u8, ExitError> {
    let address = locate(None, globals)?;
    report_once(&address)
}

pub(super) fn report_once(address: &InstanceAddress) -> Result<u8, ExitError> {
    report(address, false)
        .map_err(|error| error.prefixed("stdout is no terminal, so there is no dashboard, and "))
}

fn report(address: &InstanceAddress, json: bool) -> Result<u8, ExitError> {
    block_on(async {
        let status = client(address)?.status(Window::Day).await;
        let status = status.map_err(|error| down(address, error))?;
        print(&report_text(&status, json, render_status)?);
        Ok(exit_code(status.state))
    })
}

pub(super) fn select(globals: &Globals, select: SelectArgs) -> Result<u8, ExitError> {
    let address = locate(select.url.as_deref(), globals)?;
    let request = SelectRequest {
        model_type: select.model_type,
        preferred_provider: select.preferred_provider,
        max_cost: select.max_cost,
        max_latency: select.max_latency,
        explain: select.explain.then_some(true),
        ..SelectRequest::default()
    };
    block_on(async {
        let selection = client(&address)?.select(request).await;
        let selection = selection.map_err(|error| down(&address, error))?;
        let render = |selection: &_| render_selection(selection, select.explain);
        print(&report_text(&selection, select.json, render)?);
        Ok(0)
    })
}

/// Explains one request.
pub(super) fn explain(globals: &Globals, explain: &ExplainArgs) -> Result<u8, ExitError> {
    let address = locate(explain.url.as_deref(), globals)?;
    block_on(async {
        let detail = client(&address)?.decision(&explain.id).await;
        let detail = detail.map_err(|error| match error.status() {
            None => down(&address, error),
            Some(_) => ExitError::failed(request_error(&address, &error), error),
        })?;
        print(&report_text(&detail, explain.json, render_decision)?);
        Ok(0)
    })
}

/// Makes a running instance read its configuration again.
pub(super) fn reload(globals: &Globals, reload: &ReloadArgs) -> Result<u8, ExitError> {
    let address = locate(reload.url.as_deref(), globals)?;
    block_on(async {
        let report = client(&address)?.reload().await;
        let report = report.map_err(|error| {
            let text = request_error(&address, &error);
            match error.status() {
                // The configuration has errors, or no instance answers.
                None | Some(422) => ExitError::usage_caused_by(text, error),
                _ => ExitError::failed(text, error),
            }
        })?;
        for warning in &report.warnings {
            print_note(&format!("warning: {warning}"));
        }
        print(&render_reload(&report));
        Ok(0)
    })
}

/// Prints who spent what.
pub(super) fn usage(globals: &Globals, usage: &UsageArgs) -> Result<u8, ExitError> {
    let wrong = |name: &str, error: String| ExitError::usage(format!("{name} {error}"));
    let by = usage.by.parse().map_err(|error| wrong("--by", error))?;
    let since = usage.since.parse();
    let since = since.map_err(|error| wrong("--since", error))?;
    let address = locate(usage.url.as_deref(), globals)?;
    block_on(async {
        let report = client(&address)?.usage(by, since).await;
        let report = report.map_err(|error| down(&address, error))?;
        let render = if usage.csv { usage_csv } else { render_usage };
        print(&report_text(&report, usage.json, render)?);
        Ok(0)
    })
}

/// Replays decisions, of a running instance or of a file, under other weights.
pub(super) fn simulate(globals: &Globals, simulate: &SimulateArgs) -> Result<u8, ExitError> {
    let drafts: Result<Vec<_>, String> = simulate
        .weights
        .iter()
        .map(|text| cli::weights(text))
        .collect();
    let drafts = drafts.map_err(ExitError::usage)?;
    let window: Window = simulate.window.parse().map_err(|_| {
        ExitError::usage(format!(
            "--window is {:?}, but must be one of 1m, 5m, 15m, 1h, 6h, 24h",
            simulate.window
        ))
    })?;
    let reports = if let Some(file) = &simulate.from {
        replay(file, window, &drafts)?
    } else {
        let address = locate(simulate.url.as_deref(), globals)?;
        request_what_if(&address, window, &drafts)?
    };
    let texts: Result<Vec<String>, ExitError> = reports
        .iter()
        .map(|report| report_text(report, simulate.json, cli::render_what_if))
        .collect();
    print(&texts?.join(if simulate.json { "" } else { "\n" }));
    Ok(0)
}

fn request_what_if(
    address: &InstanceAddress,
    window: Window,
    drafts: &[WeightsDraft],
) -> Result<Vec<WhatIfReport>, ExitError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = client(address)?;
        let mut reports = Vec::new();
        for &weights in drafts {
            let request = WhatIfRequest {
                weights,
                window,
                ..WhatIfRequest::default()
            };
            let report = client.what_if(request).await;
            reports.push(report.map_err(|error| down(address, error))?);
        }
        Ok(reports)
    })
}

/// The window ends with the newest decision of the file, so that the result does not depend on
/// the current time.
fn replay(
    file: &Path,
    window: Window,
    drafts: &[WeightsDraft],
) -> Result<Vec<WhatIfReport>, ExitError> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        ExitError::usage_caused_by(format!("{shown} cannot be read: {error}"), error)
    })?;
    let mut recording = DecisionFile::default();
    for (number, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            let read = recording.read(line);
            read.map_err(|error| ExitError::usage(format!("{shown}:{}: {error}", number + 1)))?;
        }
    }
    let Some(base) = recording.weights() else {
        return Err(ExitError::usage(format!(
            "{shown} contains no decision with candidates"
        )));
    };
    let ends = |decision: &DecisionRecord| decision.end.as_ref().map(|end| end.ended);
    let newest = recording.decisions.iter().filter_map(|it| ends(it)).max();
    let from = newest
        .unwrap_or_default()
        .minus(Duration::from_secs(window.seconds()));
    let mut decisions = recording.decisions.clone();
    decisions.retain(|decision| ends(decision).is_some_and(|ended| ended >= from));
    let replayed = drafts.iter().map(|draft| {
        let weights = draft.over(base).validated();
        let weights = weights
            .map_err(|error| ExitError::usage_caused_by(format!("--weights: {error}"), error))?;
        let answer = what_if(&decisions, &weights);
        Ok(WhatIfReport::new(&answer, weights, |target| {
            recording.target(target)
        }))
    });
    replayed.collect()
}

pub(super) fn completions(shell: Shell) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "aibal-tui", &mut text);
    print(&String::from_utf8_lossy(&text));
    0
}

pub(super) fn man() -> Result<u8, ExitError> {
    let mut text = Vec::new();
    cli::write_manual(&mut text)?;
    print(&String::from_utf8_lossy(&text));
    Ok(0)
}

/// A client of an instance in another process.
pub(super) fn client(address: &Address) -> Result<Client, ExitError> {
    let token = std::env::var("AIBAL_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    let operator = operator_name();
    Client::remote(address.clone(), token.as_deref(), operator.as_deref())
        .map_err(|error| ExitError::usage_caused_by(error.to_string(), error))
}

/// `user@host` of who runs this command; `None` without a user.
fn operator_name() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME"))?;
    Some(format!("{user}@{}", host_name()))
}

/// The instance that an argument, `AIBAL_URL` or the configuration names.
pub(super) fn locate(typed: Option<&str>, globals: &Globals) -> Result<InstanceAddress, ExitError> {
    // Without a working directory there is no configuration, and the default applies.
    let sources = config_sources::sources(globals).ok();
    let listen = sources.and_then(|sources| config::listen(&sources));
    instance_address::resolve(typed, listen).map_err(ExitError::usage)
}

pub(super) fn down(address: &InstanceAddress, error: ClientError) -> ExitError {
    ExitError::new(EXIT_DOWN, request_error(address, &error), error)
}

/// The text of a failed call. Without an answer it says what named the address.
pub(super) fn request_error(address: &InstanceAddress, error: &ClientError) -> String {
    if error.status().is_some() {
        return format!("{address}: {error}");
    }
    let source = address.source().map(|source| format!(" ({source})"));
    let source = source.unwrap_or_default();
    format!("{error}{source}; start an instance with `aibal-tui serve`")
}

pub(super) fn block_on(
    future: impl Future<Output = Result<u8, ExitError>>,
) -> Result<u8, ExitError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}
