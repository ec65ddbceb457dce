//! The demo's vendors alone, for a gateway that is started separately.

use super::exit_error::ExitError;
use super::output::{print, print_note};
use super::run::{block_on, start_logs};
use super::signals::Signals;
use crate::cli::arguments::Globals;
use crate::demo::{self, Scenario, Vendors};

/// Runs the vendors until a signal; prints the configuration of such a gateway to stdout.
pub(super) fn run(globals: &Globals, seed: u64) -> Result<u8, ExitError> {
    let _logs = start_logs(globals, false)?;
    block_on(async {
        // Before anything is printed: a reader of the configuration may send a signal at once.
        let mut signals = Signals::listen()?;
        let vendors = Vendors::start(seed, Scenario::steady()).await?;
        print(&demo::configuration(vendors.endpoints()));
        print_note("five simulated vendors are up, Ctrl-C stops them");
        Ok(signals.next_end().await.exit_code())
    })
}
