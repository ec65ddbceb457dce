//! The dashboard's thread, as the rest of the program sees it.

use super::ExitError;
use crate::cli::arguments::Globals;
use crate::client::Client;
use crate::config::{ArmMode, DashboardSettings};
use crate::contract::Window;
use crate::logs::RecentLines;
use crate::tui::{
    self, BellMode, DashboardShutdown, ExitReason, Keymap, Options, Palette, Theme, WriteProtection,
};
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a dashboard may take to give the terminal back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// At most one picture of new data in this time, where the configuration says nothing.
pub(super) const REFRESH: Duration = Duration::from_secs(1);

/// A dashboard that is open.
#[derive(Debug)]
pub(super) struct DashboardThread {
    strings: DashboardShutdown,
    ending: oneshot::Receiver<ExitReason>,
}

impl DashboardThread {
    /// Opens it on a thread of its own.
    pub fn open(client: Client, options: Options) -> io::Result<Self> {
        let strings = DashboardShutdown::default();
        let dashboard = tui::spawn(client, options, strings.clone())?;
        let (tell, ending) = oneshot::channel();
        // A thread that waits for a thread: its end must be told to those who cannot block.
        std::thread::Builder::new()
            .name("dashboard-end".to_owned())
            .spawn(move || {
                let ended = dashboard
                    .join()
                    .unwrap_or_else(|_| ExitReason::Lost("it panicked".to_owned()));
                tui::restore();
                let _nobody_waits = tell.send(ended);
            })?;
        Ok(Self { strings, ending })
    }

    /// Resolves when it has ended, and says why.
    pub async fn ended(&mut self) -> ExitReason {
        let ended = (&mut self.ending).await;
        ended.unwrap_or_else(|_| ExitReason::Lost("it ended without a word".to_owned()))
    }

    /// Gives the terminal back.
    pub async fn close(mut self) {
        self.strings.close.cancel();
        // A terminal that does not read would stop us too, so a dashboard that is stuck in it is left.
        let _left = tokio::time::timeout(CLOSE_TIMEOUT, self.ended()).await;
    }

    /// The terminal is gone: the dashboard ends, and what still reads or writes the terminal
    /// reads nothing and writes to nowhere from now on.
    pub async fn detach_terminal(mut self) {
        self.strings.lost.cancel();
        let _left = tokio::time::timeout(CLOSE_TIMEOUT, self.ended()).await;
        forget_terminal();
    }
}

/// Puts an unused pipe in the place of stdin and the null device in that of stdout, so that
/// nothing spins on a terminal that is gone.
pub(super) fn forget_terminal() {
    let replaced = rustix::pipe::pipe().and_then(|(read, write)| {
        rustix::stdio::dup2_stdin(&read)?;
        // The writing end stays open for as long as the process lives: the pipe never ends.
        std::mem::forget(write);
        Ok(())
    });
    if let Err(error) = replaced {
        tracing::warn!("the lost terminal could not be put away: {error}");
    }
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _stays_as_it_is = rustix::stdio::dup2_stdout(&null);
    }
}

/// How the dashboard looks and behaves, from flags and environment.
pub(super) fn options(
    globals: &Globals,
    all_in_one: bool,
    read_only: bool,
    location: String,
    logs: RecentLines,
) -> Options {
    Options {
        all_in_one,
        read_only,
        protection: WriteProtection::default(),
        theme: theme(globals, Palette::default()),
        keymap: Keymap::default(),
        window: Window::default(),
        refresh: REFRESH,
        location,
        bell: BellMode::default(),
        process: std::process::id(),
        over_line: set("SSH_CONNECTION"),
        logs,
    }
}

/// The same with what the configuration says about the screen. The error names a key that cannot
/// be bound as it was wished.
pub(super) fn configured(
    usual: Options,
    globals: &Globals,
    settings: &DashboardSettings,
) -> Result<Options, ExitError> {
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
        keymap: Keymap::with(&settings.keys).map_err(ExitError::usage)?,
        window: window.unwrap_or_default(),
        refresh: settings.refresh,
        bell: if settings.bell {
            BellMode::Rings
        } else {
            BellMode::Quiet
        },
        ..usual
    })
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// `wish` is the configuration's; NO_COLOR and the flag outrank it.
fn theme(globals: &Globals, wish: Palette) -> Theme {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let unicode = locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let console = std::env::var("TERM").is_ok_and(|term| term == "linux" || term == "dumb");
    let palette = if globals.no_color || set("NO_COLOR") {
        Palette::Mono
    } else {
        wish
    };
    Theme {
        palette,
        ascii: globals.ascii || !unicode || console,
        masked: false,
    }
}
