//! `aibal-tui advise`.

use super::commands::{block_on, client, down, locate};
use super::exit_error::ExitError;
use super::output::{print, report_text};
use crate::cli::arguments::{AdviseArgs, Globals};
use crate::cli::render_advice;
use crate::client::Address;
use crate::contract::{AdviceReport, AdviceRequest};

/// No weights meet the goal for sure, or too little traffic was recorded.
const EXIT_UNMET: u8 = 1;

/// Asks a running instance for the cheapest weights that meet a goal.
pub(super) fn advise(globals: &Globals, advise: &AdviseArgs) -> Result<u8, ExitError> {
    let has_goal = advise.p95.is_some() || advise.success.is_some();
    if !has_goal && advise.budget_per_day.is_none() {
        return Err(ExitError::usage(
            "no goal is given, but one of --p95, --success and --budget-per-day must be",
        ));
    }
    let address = locate(advise.url.as_deref(), globals)?;
    let goal = AdviceRequest {
        p95_ms: advise.p95,
        success_rate: advise.success.map(|percent| percent / 100.0),
        usd_per_day: advise.budget_per_day,
    };
    block_on(async {
        let report = client(&address)?.advise(goal).await;
        let report = report.map_err(|error| down(&address, error))?;
        let render = |report: &AdviceReport| render_advice(report, &curl_address(&address));
        print(&report_text(&report, advise.json, render)?);
        Ok(if report.met { 0 } else { EXIT_UNMET })
    })
}

/// The address as `curl` takes it.
fn curl_address(address: &Address) -> String {
    match address {
        Address::Http(url) => url.clone(),
        Address::Unix(path) => format!("--unix-socket {} http://localhost", path.display()),
    }
}
