//! The demo's vendors alone, for a gateway that somebody starts beside them.

use super::ExitError;
use super::commands::{print, print_note};
use super::run::{block_on, start_logs};
use super::signals::Signals;
use crate::cli::arguments::Globals;
use crate::demo::{self, Scenario, Vendors};

/// Runs them until a signal; stdout gets the configuration of that gateway.
pub(super) fn run(globals: &Globals, seed: u64) -> Result<u8, ExitError> {
    let _logs = start_logs(globals, false)?;
    block_on(async {
        // Before anything is printed: whoever has read the configuration may end us.
        let mut signals = Signals::listen()?;
        let vendors = Vendors::start(seed, Scenario::steady()).await?;
        print(&demo::configuration(vendors.endpoints()));
        print_note("five simulated vendors are up, Ctrl-C stops them");
        Ok(signals.next_end().await.exit_code())
    })
}
