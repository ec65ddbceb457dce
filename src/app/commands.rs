//! The short commands: ask or write something, print, end.

use super::Fault;
use crate::cli::arguments::{Arguments, Globals, Select, Status};
use crate::cli::{exit_code, render_selection, render_status, whereabouts};
use crate::client::{Address, Client, ClientError};
use crate::contract::{SelectRequest, Window};
use clap::CommandFactory;
use clap_complete::Shell;
use std::future::Future;
use std::io::Write;
use std::time::Duration;

/// No target usable, or no answer.
const DOWN: u8 = 2;
/// More often than this a report tells nothing new.
const SHORTEST_WATCH: Duration = Duration::from_millis(250);

/// Prints to stdout; a reader that has left (`| head`) is no failure.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _reader_may_have_left = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says what is wrong, on stderr.
pub(super) fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    let _nobody_reads = writeln!(err, "aibal-tui: {text}");
}

/// Says what goes on, on stderr.
pub(super) fn note(text: &str) {
    complain(text);
}

pub(super) fn status(globals: &Globals, status: &Status) -> Result<u8, Fault> {
    let address = locate(status.url.as_deref(), globals)?;
    let Some(seconds) = status.watch else {
        return report(&address, status.json);
    };
    let pause = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|pause| *pause >= SHORTEST_WATCH);
    let pause = pause.ok_or_else(|| {
        Fault::usage(format!(
            "--watch is {seconds}, but must be 0.25 seconds or more"
        ))
    })?;
    block_on(async {
        let client = client(&address)?;
        loop {
            match client.status(Window::Day).await {
                Ok(report) => print(&text(&report, status.json)?),
                Err(error) => complain(&unreachable(&address, &error)),
            }
            tokio::time::sleep(pause).await;
        }
    })
}

/// One report as text, for those who started the dashboard without a terminal.
pub(super) fn plain_report(globals: &Globals) -> Result<u8, Fault> {
    let address = locate(None, globals)?;
    report_once(&address)
}

pub(super) fn report_once(address: &Address) -> Result<u8, Fault> {
    report(address, false).map_err(|fault| Fault {
        text: format!(
            "stdout is no terminal, so there is no dashboard, and {}",
            fault.text
        ),
        ..fault
    })
}

fn report(address: &Address, json: bool) -> Result<u8, Fault> {
    block_on(async {
        let status = client(address)?.status(Window::Day).await;
        let status = status.map_err(|error| Fault {
            text: unreachable(address, &error),
            code: DOWN,
        })?;
        print(&text(&status, json)?);
        Ok(exit_code(status.state))
    })
}

fn text(status: &crate::contract::Status, json: bool) -> Result<String, Fault> {
    if !json {
        return Ok(render_status(status));
    }
    let text = serde_json::to_string_pretty(status).map_err(anyhow::Error::from)?;
    Ok(text + "\n")
}

pub(super) fn select(globals: &Globals, select: Select) -> Result<u8, Fault> {
    let address = locate(select.url.as_deref(), globals)?;
    let request = SelectRequest {
        model_type: select.model_type,
        preferred_provider: select.preferred_provider,
        max_cost: select.max_cost,
        max_latency: select.max_latency,
        ..SelectRequest::default()
    };
    block_on(async {
        let selection = client(&address)?.select(request).await;
        let selection = selection.map_err(|error| Fault {
            text: unreachable(&address, &error),
            code: DOWN,
        })?;
        if select.json {
            print(&(serde_json::to_string_pretty(&selection).map_err(anyhow::Error::from)? + "\n"));
        } else {
            print(&render_selection(&selection, select.explain));
        }
        Ok(0)
    })
}

pub(super) fn completions(shell: Shell) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "aibal-tui", &mut text);
    print(&String::from_utf8_lossy(&text));
    0
}

pub(super) fn man() -> Result<u8, Fault> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut text)?;
    print(&String::from_utf8_lossy(&text));
    Ok(0)
}

/// The way to an instance in another process.
pub(super) fn client(address: &Address) -> Result<Client, Fault> {
    let token = std::env::var("AIBAL_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    Client::remote(address.clone(), token.as_deref())
        .map_err(|error| Fault::usage(error.to_string()))
}

fn locate(typed: Option<&str>, globals: &Globals) -> Result<Address, Fault> {
    whereabouts::resolve(typed, globals.listen.as_deref()).map_err(Fault::usage)
}

fn unreachable(address: &Address, error: &ClientError) -> String {
    if error.status == 0 {
        format!("{error}; start an instance with `aibal-tui serve`")
    } else {
        format!("{address}: {error}")
    }
}

fn block_on(future: impl Future<Output = Result<u8, Fault>>) -> Result<u8, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}
