//! `aibal-tui alerts`: lists, acknowledges, mutes and tests the alerts of a running instance.

use super::commands::{block_on, client, down, locate, request_error};
use super::exit_error::ExitError;
use super::output::{print, report_text};
use crate::cli::arguments::{AlertInstance, AlertsCommand, Globals};
use crate::cli::instance_address::InstanceAddress;
use crate::cli::{parse_time, render_alert, render_alerts, render_deliveries};
use crate::client::ClientError;
use crate::contract::{AlertReport, MuteRequest};

/// A webhook did not take the test.
const EXIT_UNDELIVERED: u8 = 1;

pub(super) fn run(globals: &Globals, command: &AlertsCommand) -> Result<u8, ExitError> {
    match command {
        AlertsCommand::List(instance) => list(globals, instance),
        AlertsCommand::Acknowledge { id, instance } => change(globals, instance, id, None),
        AlertsCommand::Mute { id, time, instance } => {
            let time = parse_time(time).map_err(ExitError::usage)?;
            let mute = MuteRequest {
                seconds: time.as_secs(),
            };
            change(globals, instance, id, Some(mute))
        }
        AlertsCommand::Test(instance) => test(globals, instance),
    }
}

fn list(globals: &Globals, instance: &AlertInstance) -> Result<u8, ExitError> {
    let address = locate(instance.url.as_deref(), globals)?;
    block_on(async {
        let list = client(&address)?.alerts().await;
        let list = list.map_err(|error| down(&address, error))?;
        print(&report_text(&list, instance.json, render_alerts)?);
        Ok(0)
    })
}

fn change(
    globals: &Globals,
    instance: &AlertInstance,
    id: &str,
    mute: Option<MuteRequest>,
) -> Result<u8, ExitError> {
    let address = locate(instance.url.as_deref(), globals)?;
    block_on(async {
        let client = client(&address)?;
        let alert: Result<AlertReport, ClientError> = match mute {
            Some(mute) => client.mute_alert(id, mute).await,
            None => client.acknowledge_alert(id).await,
        };
        let alert = alert.map_err(|error| rejected(&address, error))?;
        print(&report_text(&alert, instance.json, render_alert)?);
        Ok(0)
    })
}

fn test(globals: &Globals, instance: &AlertInstance) -> Result<u8, ExitError> {
    let address = locate(instance.url.as_deref(), globals)?;
    block_on(async {
        let report = client(&address)?.test_alerts().await;
        let report = report.map_err(|error| down(&address, error))?;
        print(&report_text(&report, instance.json, render_deliveries)?);
        let all_taken = report.deliveries.iter().all(|delivery| delivery.ok);
        Ok(if all_taken { 0 } else { EXIT_UNDELIVERED })
    })
}

/// A wrong id or time is a mistake of the caller.
fn rejected(address: &InstanceAddress, error: ClientError) -> ExitError {
    let text = request_error(address, &error);
    match error.status() {
        Some(400..=499) => ExitError::usage_caused_by(text, error),
        _ => down(address, error),
    }
}
