//! `aibal-tui doctor`: checks everything that a start needs, and says what to do.

mod machine;
mod providers;
mod storage;

use super::commands::block_on;
use super::config_sources::sources;
use super::exit_error::ExitError;
use super::instance_config::NoProviderError;
use super::output::{print, report_text};
use super::{dashboard_thread, local_servers};
use crate::cli::arguments::Globals;
use crate::cli::render_doctor;
use crate::cli::setup_arguments::DoctorArgs;
use crate::config::{self, CheckReport, Loaded, SettingErrors, Sources};
use crate::contract::{DoctorCheck, DoctorReport, DoctorResult};

/// Some checks have warnings.
const EXIT_WARNINGS: u8 = 1;
/// Something does not work.
const EXIT_BROKEN: u8 = 2;

pub(super) fn run(globals: &Globals, arguments: &DoctorArgs) -> Result<u8, ExitError> {
    let sources = sources(globals)?;
    block_on(async {
        let (loaded, mut checks) = configuration(sources, arguments.offline).await;
        if let Some((sources, loaded)) = &loaded {
            let (providers, storage, listen) = tokio::join!(
                providers::check(loaded, arguments.offline),
                storage::check(loaded, sources, arguments.offline),
                machine::listen(loaded.settings.server.listen),
            );
            checks.extend(providers);
            checks.extend([storage, listen]);
            checks.push(machine::descriptors(loaded.settings.server.max_connections));
        }
        checks.push(machine::terminal());
        let report = DoctorReport::new(checks);
        print(&report_text(&report, arguments.json, render_doctor)?);
        Ok(match report.result {
            DoctorResult::Skipped | DoctorResult::Ok => 0,
            DoctorResult::Warning => EXIT_WARNINGS,
            DoctorResult::Broken => EXIT_BROKEN,
        })
    })
}

/// Reads the configuration as `serve` would; `None` where it has errors.
async fn configuration(
    sources: Sources,
    is_offline: bool,
) -> (Option<(Sources, Loaded)>, Vec<DoctorCheck>) {
    let check = |result, message: String| DoctorCheck::new("configuration", result, message);
    let errors = |errors: SettingErrors| {
        let errors = errors.0.iter().map(ToString::to_string);
        let broken = errors.map(|error| {
            check(DoctorResult::Broken, error).advise("correct it; nothing else was read")
        });
        (None, broken.collect::<Vec<_>>())
    };
    let read = if is_offline {
        config::load(&sources)
            .map(|loaded| (sources, loaded, local_servers::OllamaSearch::default()))
    } else {
        local_servers::load(sources).await
    };
    let (sources, loaded, search) = match read {
        Ok(read) => read,
        Err(found) => return errors(found),
    };
    if let Err(found) = dashboard_thread::keymap(&loaded) {
        return errors(found);
    }
    let report = CheckReport::new(&loaded, &sources);
    let files = match report.files.as_slice() {
        [] => "no file".to_owned(),
        files => files.join(", "),
    };
    let (usable, all) = (report.usable_providers, report.providers);
    let mut checks = vec![match NoProviderError::of(&loaded) {
        Some(_) => {
            let reason = loaded.no_provider().unwrap_or_default();
            check(DoctorResult::Broken, format!("{files}; {reason}")).advise(
                "set a key, or write a configuration with `aibal-tui config init`, or try `aibal-tui demo`",
            )
        }
        None => check(
            DoctorResult::Ok,
            format!("{files}; {usable} of {all} providers usable"),
        ),
    }];
    let warnings = report.warnings.iter().map(ToString::to_string);
    let warnings = warnings.chain(search.used());
    checks.extend(warnings.map(|warning| check(DoctorResult::Warning, warning)));
    (Some((sources, loaded)), checks)
}
