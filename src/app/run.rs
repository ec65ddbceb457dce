//! Long-running commands: start, wait for an end, stop in order.

use super::dashboard_thread::{self, DashboardThread};
use super::demo_history;
use super::exit_error::ExitError;
use super::instance::Instance;
use super::instance_config;
use super::lifecycle_log;
use super::output::print_note;
use super::service_notifier::ServiceNotifier;
use super::signals::{OsSignal, Signals};
use super::store;
use super::{commands, config_sources, config_task, watchdog};
use crate::cli::arguments::{AttachArgs, DemoArgs, Globals};
use crate::demo::{Scenario, SimulatedPast, Traffic, Vendors};
use crate::domain::UnixTime;
use crate::logs::{self, LogFormat, LogOptions, Logs};
use crate::store::StoreOptions;
use crate::tui::{ExitReason, Incidents, Options};
use crate::{clock, config};
use std::future::Future;
use std::io::{ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Upper bound of `--rps`; one machine's demo does not reach more.
const MAX_DEMO_RPS: f64 = 10_000.0;

/// Upper bound of the requests per second of the time before a demo, which is played at its start.
const MAX_PAST_RPS: f64 = 20.0;

/// Upper bound of `--providers`; the screen is not made for more.
const MAX_DEMO_PROVIDERS: usize = 500;

/// Gateway and dashboard in one process.
pub(super) fn all_in_one(globals: &Globals) -> Result<u8, ExitError> {
    if !can_draw() {
        return commands::plain_report(globals);
    }
    let logs = start_logs(globals, true)?;
    block_on(async {
        let mut signals = Signals::listen()?;
        match signals.unless_ended(Box::pin(start(globals, &logs))).await {
            Ok(started) => {
                let (instance, dashboard) = started?;
                with_screen(instance, dashboard, signals).await
            }
            Err(signal) => Ok(signal.exit_code()),
        }
    })
}

/// Starts an instance of the configuration, and the options of its dashboard.
async fn start(globals: &Globals, logs: &Logs) -> Result<(Instance, Options), ExitError> {
    let plan = instance_config::from_configuration(globals, logs).await?;
    let listener = bind(plan.listen).await?;
    let store = store::options(&plan.loaded.settings, &plan.sources, listener.local_addr()?);
    let shown = store.shown();
    let store = store::open(store).await?;
    if let Some(error) = &plan.loaded.needs_stored_token {
        store::check_token(&store, error).await?;
    }
    let mut instance = Instance::start(plan.instance, store, listener, logs).await?;
    if !globals.no_save {
        config::remove_leftovers(&plan.sources);
    }
    lifecycle_log::started(&instance, &plan.sources, &plan.loaded, &shown);
    instance.notifier = ServiceNotifier::from_environment();
    config_task::spawn(&mut instance, plan.sources, plan.loaded, globals.no_save);
    emit_notices(&instance, &plan.warnings);
    let serving = lifecycle_log::serving(instance.address);
    instance.notifier.ready(&serving);
    tokio::spawn(watchdog::run(
        instance.notifier.clone(),
        instance.parts.clone(),
    ));
    Ok((instance, plan.dashboard))
}

/// Gateway, probes and API without a screen.
pub(super) fn serve(globals: &Globals) -> Result<u8, ExitError> {
    let logs = start_logs(globals, false)?;
    block_on(async {
        // First of all: a provider that does not answer must not delay a stop.
        let mut signals = Signals::listen()?;
        match signals.unless_ended(Box::pin(start(globals, &logs))).await {
            Ok(started) => without_screen(globals, started?.0, signals).await,
            Err(signal) => Ok(signal.exit_code()),
        }
    })
}

/// Gateway and dashboard with simulated vendors and traffic.
pub(super) fn demo(globals: &Globals, demo: &DemoArgs) -> Result<u8, ExitError> {
    let scenario: Scenario = demo
        .scenario
        .parse()
        .map_err(|error| ExitError::usage(format!("{error}")))?;
    if !(demo.rps > 0.0 && demo.rps <= MAX_DEMO_RPS) {
        let text = format!(
            "--rps is {}, but must be a number above 0 and up to {MAX_DEMO_RPS}",
            demo.rps
        );
        return Err(ExitError::usage(text));
    }
    if !(1..=MAX_DEMO_PROVIDERS).contains(&demo.providers) {
        let text = format!(
            "--providers is {}, but must be a whole number from 1 to {MAX_DEMO_PROVIDERS}",
            demo.providers
        );
        return Err(ExitError::usage(text));
    }
    let has_screen = !demo.headless;
    if has_screen && !can_draw() {
        return Err(ExitError::usage(
            "the demo draws on a terminal and stdout is none that can be drawn on; add --headless to serve without a screen",
        ));
    }
    let logs = start_logs(globals, has_screen)?;
    block_on(async {
        let signals = Signals::listen()?;
        let listener = bind_demo(globals).await?;
        let vendors = Vendors::start_many(demo.seed, scenario, 1.0, demo.providers).await?;
        let port = listener.local_addr()?.port();
        let began = clock::now();
        let (mut config, mut options) =
            instance_config::demo_instance_config(&vendors, demo.seed, globals, port, &logs);
        if demo.history > 0 {
            let length = Duration::from_mins(demo.history.into());
            let rate = demo.rps.min(MAX_PAST_RPS);
            let past = SimulatedPast::new(demo.seed, rate, length, scenario, demo.providers);
            demo_history::prepare(&mut config, past);
        }
        let store = store::open(StoreOptions::memory()).await?;
        let mut instance = Instance::start(config, store, listener, &logs).await?;
        // A demo has no configuration, so a reload request gets an error.
        instance.reloadable = None;
        instance.save_queries = None;
        let base_url = format!("http://{}/v1", instance.address);
        let traffic = Traffic::new(&base_url, demo.seed, demo.rps).map_err(anyhow::Error::from)?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(traffic.run(stop.clone()));
        options.incidents = incidents(&scenario, began);
        let notice = format!(
            "demo: {scenario}, {} simulated vendors, {} requests a second",
            demo.providers, demo.rps
        );
        emit_notices(&instance, &[notice]);
        let guard = stop.clone().drop_guard();
        let ended = if has_screen {
            with_screen(instance, options, signals).await
        } else {
            without_screen(globals, instance, signals).await
        };
        drop(guard);
        running.abort();
        drop(vendors);
        ended
    })
}

/// Returns whether a screen can be drawn: standard output is a terminal, and not a dumb one.
fn can_draw() -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_dumb
}

/// When the faults of a scenario are due that began at a time; `None` for one without faults.
fn incidents(scenario: &Scenario, began: UnixTime) -> Option<Incidents> {
    let windows = scenario.windows.iter();
    let windows: Vec<(u64, u64)> = windows
        .map(|window| (window.from.as_secs(), window.until.as_secs()))
        .collect();
    (!windows.is_empty()).then(|| Incidents {
        what: format!("demo: {scenario}"),
        began: began.unix_seconds(),
        period: scenario.period.as_secs(),
        windows,
    })
}

/// The dashboard of another running instance.
pub(super) fn attach(globals: &Globals, attach: &AttachArgs) -> Result<u8, ExitError> {
    let address = commands::locate(attach.url.as_deref(), globals)?;
    if !can_draw() {
        return commands::report_once(&address);
    }
    let logs = start_logs(globals, true)?;
    let options = dashboard_thread::options(
        globals,
        false,
        attach.read_only,
        address.to_string(),
        logs.recent.clone(),
    );
    let options = match config_sources::loaded(globals) {
        Some(loaded) => dashboard_thread::configured(options, globals, &loaded)?,
        None => options,
    };
    block_on(async {
        let mut signals = Signals::listen()?;
        let client = commands::client(&address)?;
        let mut screen = DashboardThread::open(client, options)?;
        let signal = tokio::select! {
            ended = screen.ended() => {
                return match ended {
                    // Losing the terminal is how an attached dashboard usually ends.
                    ExitReason::Lost(why) => {
                        tracing::warn!("the dashboard ended: {why}");
                        Ok(0)
                    }
                    ExitReason::Unopened(why) => Err(ExitError::usage(format!(
                        "the dashboard could not open: {why}; `aibal-tui status` needs none"
                    ))),
                    ExitReason::Quit | ExitReason::Stop | ExitReason::Detach => Ok(0),
                };
            }
            signal = signals.next() => signal,
        };
        screen.close().await;
        Ok(signal.exit_code())
    })
}

/// Serves with a dashboard until one of them ends.
async fn with_screen(
    mut instance: Instance,
    options: Options,
    mut signals: Signals,
) -> Result<u8, ExitError> {
    let logs = options.logs.clone();
    let mut screen = DashboardThread::open(instance.client.clone(), options)?;
    tokio::select! {
            ended = screen.ended() => match ended {
                ExitReason::Stop | ExitReason::Quit => { drain(instance, &mut signals, None).await; Ok(0) }
                ExitReason::Detach => {
                    logs.to_stderr();
                    print_note(&format!("detached; still serving on http://{} (Ctrl-C drains)", instance.address));
                    wait(instance, signals).await
                }
                ExitReason::Unopened(why) => {
                    dashboard_thread::replace_terminal();
                    logs.to_stderr();
                    print_note(&format!("no dashboard: {why}; serving on http://{} without one (Ctrl-C drains)", instance.address));
                    wait(instance, signals).await
                }
                // The terminal is gone or broken, and traffic continues.
                ExitReason::Lost(why) => {
                    dashboard_thread::replace_terminal();
                    tracing::warn!("the dashboard ended: {why}; the gateway still serves");
                    wait(instance, signals).await
                }
            },
            signal = signals.next() => match signal {
                OsSignal::HangUp => {
                    screen.detach_terminal().await;
                    wait(instance, signals).await
                }
                OsSignal::Quit => {
                    screen.close().await;
                    Ok(signal.exit_code())
                }
                OsSignal::Terminate | OsSignal::Interrupt => {
                    screen.close().await;
                    drain(instance, &mut signals, Some(signal)).await;
                    Ok(signal.exit_code())
                }
            },
            part = instance.broken() => {
                screen.close().await;
                Err(anyhow::anyhow!("{part} ended by itself").into())
            }
    }
}

async fn without_screen(
    globals: &Globals,
    instance: Instance,
    signals: Signals,
) -> Result<u8, ExitError> {
    let address = instance.address;
    let is_text = matches!(globals.log_format, None | Some(LogFormat::Text));
    if is_text || globals.log_file.is_some() {
        print_note(&format!("serving on http://{address}/v1, Ctrl-C drains"));
    } else {
        // All lines of stderr are of the same format.
        tracing::info!(%address, "serving on http://{address}/v1");
    }
    wait(instance, signals).await
}

/// Serves until a signal.
async fn wait(mut instance: Instance, mut signals: Signals) -> Result<u8, ExitError> {
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                OsSignal::HangUp => {
                    logs::reopen();
                    config_task::request_reload(&instance, "SIGHUP");
                }
                OsSignal::Quit => return Ok(signal.exit_code()),
                OsSignal::Terminate | OsSignal::Interrupt => {
                    drain(instance, &mut signals, Some(signal)).await;
                    return Ok(signal.exit_code());
                }
            },
            part = instance.broken() => return Err(anyhow::anyhow!("{part} ended by itself").into()),
        }
    }
}

/// Waits for running requests; a second signal ends at once. SIGTERM comes from a service manager,
/// whose load balancers must notice first.
async fn drain(instance: Instance, signals: &mut Signals, signal: Option<OsSignal>) {
    let leaves = signal == Some(OsSignal::Terminate);
    let cause = signal.map_or("asked by the operator", OsSignal::name);
    let time = instance.stop_time(leaves);
    lifecycle_log::stopping(&instance, cause, time);
    let status = format!("stopping: {cause}");
    instance.notifier.stopping(time, &status);
    let stop = async {
        if leaves {
            instance.leave().await;
        }
        instance.drain().await;
    };
    tokio::select! {
        () = stop => tracing::info!("stopped"),
        _ = signals.next_end() => tracing::warn!("ended at once by a second signal"),
    }
}

/// Writes notices for the operator to the log and to the events.
fn emit_notices(instance: &Instance, texts: &[String]) {
    for text in texts {
        tracing::info!("{text}");
        instance.handle.emit_info(text.clone(), false);
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ExitError> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => {
                "the port is in use; stop what listens there, or choose another with --listen"
                    .to_owned()
            }
            ErrorKind::PermissionDenied => {
                "this needs more rights; choose a port above 1023 with --listen".to_owned()
            }
            _ => error.to_string(),
        };
        ExitError::usage_caused_by(format!("could not listen on {address}: {why}"), error)
    })
}

/// Binds port 8080 or, where it is busy, any free port; the address of `--listen` must be free.
async fn bind_demo(globals: &Globals) -> Result<TcpListener, ExitError> {
    if let Some(listen) = &globals.listen {
        let address = listen.parse().map_err(|_| {
            ExitError::usage(format!(
                "--listen is {listen:?}, but must be an address and a port, such as 127.0.0.1:8080"
            ))
        })?;
        return bind(address).await;
    }
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    match TcpListener::bind(default).await {
        Ok(listener) => Ok(listener),
        Err(_) => bind(SocketAddr::from(([127, 0, 0, 1], 0))).await,
    }
}

/// Starts logging; dropping the result writes what still waits.
pub(super) fn start_logs(globals: &Globals, has_screen: bool) -> Result<Logs, ExitError> {
    let options = LogOptions {
        level: globals.log_level.clone(),
        format: globals.log_format.unwrap_or_default(),
        file: globals.log_file.clone(),
        has_screen,
    };
    logs::start(&options).map_err(|error| ExitError::usage_caused_by(error.to_string(), error))
}

pub(super) fn block_on(
    future: impl Future<Output = Result<u8, ExitError>>,
) -> Result<u8, ExitError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(future);
    // Tasks that still run were cancelled and are not awaited.
    runtime.shutdown_background();
    ended
}
