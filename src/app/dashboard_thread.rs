//! Handle to the dashboard's thread, and the options that it is started with.

use super::exit_error::ExitError;
use crate::cli::arguments::Globals;
use crate::client::Client;
use crate::config::{ArmMode, Loaded, SettingErrors};
use crate::contract::Window;
use crate::logs::RecentLines;
use crate::tui::{
    self, BellMode, DashboardShutdown, ExitReason, Keymap, Options, Palette, Theme, WriteProtection,
};
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;

/// Timeout for the dashboard to restore the terminal.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The default of `dashboard.refresh_ms`: new data is drawn at most once in this time.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// An open dashboard.
#[derive(Debug)]
pub(super) struct DashboardThread {
    shutdown: DashboardShutdown,
    exit: oneshot::Receiver<ExitReason>,
}

impl DashboardThread {
    /// Opens the dashboard on a thread of its own.
    pub fn open(client: Client, options: Options) -> io::Result<Self> {
        let shutdown = DashboardShutdown::default();
        let dashboard = tui::spawn(client, options, shutdown.clone())?;
        let (sender, exit) = oneshot::channel();
        // Joining blocks, so a second thread joins and reports the exit to async code.
        std::thread::Builder::new()
            .name("dashboard-end".to_owned())
            .spawn(move || {
                let ended = dashboard
                    .join()
                    .unwrap_or_else(|_| ExitReason::Lost("it panicked".to_owned()));
                tui::restore();
                let _receiver_may_be_gone = sender.send(ended);
            })?;
        Ok(Self { shutdown, exit })
    }

    /// Resolves with the reason when the dashboard has ended.
    pub async fn ended(&mut self) -> ExitReason {
        let ended = (&mut self.exit).await;
        ended.unwrap_or_else(|_| ExitReason::Lost("it ended without a reason".to_owned()))
    }

    /// Closes the dashboard and restores the terminal.
    pub async fn close(mut self) {
        self.shutdown.close.cancel();
        // A terminal that does not read blocks the dashboard, so the wait is limited.
        let _timed_out = tokio::time::timeout(CLOSE_TIMEOUT, self.ended()).await;
    }

    /// Ends the dashboard after its terminal is gone; later reads and writes of the terminal have no
    /// effect.
    pub async fn detach_terminal(mut self) {
        self.shutdown.lost.cancel();
        let _timed_out = tokio::time::timeout(CLOSE_TIMEOUT, self.ended()).await;
        replace_terminal();
    }
}

/// Replaces stdin by an unused pipe and stdout by the null device, so that nothing spins on a
/// terminal that is gone.
pub(super) fn replace_terminal() {
    let replaced = rustix::pipe::pipe().and_then(|(read, write)| {
        rustix::stdio::dup2_stdin(&read)?;
        // The writing end stays open until the process ends, so that the pipe never reaches its end.
        std::mem::forget(write);
        Ok(())
    });
    if let Err(error) = replaced {
        tracing::warn!("the lost terminal could not be replaced: {error}");
    }
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _unchanged_on_error = rustix::stdio::dup2_stdout(&null);
    }
}

/// The options of the dashboard, from flags and environment.
pub(super) fn options(
    globals: &Globals,
    all_in_one: bool,
    read_only: bool,
    address: String,
    logs: RecentLines,
) -> Options {
    Options {
        all_in_one,
        read_only,
        protection: WriteProtection::default(),
        theme: theme(globals, Palette::default()),
        keymap: Keymap::default(),
        window: Window::default(),
        refresh: REFRESH_INTERVAL,
        address,
        bell: BellMode::default(),
        process: std::process::id(),
        over_line: is_set("SSH_CONNECTION"),
        logs,
        incidents: None,
    }
}

/// Applies the dashboard settings of the configuration.
///
/// # Errors
///
/// Names the theme or the keys that cannot be used.
pub(super) fn configured(
    options: Options,
    globals: &Globals,
    loaded: &Loaded,
) -> Result<Options, ExitError> {
    let settings = &loaded.settings.dashboard;
    let seconds = settings.window.as_secs();
    let window = Window::ALL
        .into_iter()
        .find(|window| window.seconds() == seconds);
    Ok(Options {
        protection: match settings.arm {
            ArmMode::Auto => WriteProtection::Production,
            ArmMode::Always => WriteProtection::Always,
            ArmMode::Never => WriteProtection::Never,
        },
        theme: theme(globals, settings.theme.parse().map_err(ExitError::usage)?),
        keymap: keymap(loaded)?,
        window: window.unwrap_or_default(),
        refresh: settings.refresh,
        bell: if settings.bell {
            BellMode::Rings
        } else {
            BellMode::Quiet
        },
        ..options
    })
}

/// The keys of the configuration, which does not know the actions of the dashboard.
///
/// # Errors
///
/// All keys that cannot be used, each with its file and line.
pub(super) fn keymap(loaded: &Loaded) -> Result<Keymap, SettingErrors> {
    Keymap::with(&loaded.settings.dashboard.keys).map_err(|errors| {
        let errors = errors.0.into_iter();
        let located = errors
            .map(|error| loaded.error(&format!("dashboard.keys.{}", error.action), error.problem));
        SettingErrors(located.collect())
    })
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// `palette` is the configured one; `NO_COLOR` and `--no-color` outrank it.
fn theme(globals: &Globals, palette: Palette) -> Theme {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let unicode = locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let console = std::env::var("TERM").is_ok_and(|term| term == "linux" || term == "dumb");
    let palette = if globals.no_color || is_set("NO_COLOR") {
        Palette::Mono
    } else {
        palette
    };
    Theme {
        palette,
        ascii: globals.ascii || !unicode || console,
        masked: false,
    }
}
