//! The database of the store.

use crate::app::store;
use crate::clock;
use crate::config::{Loaded, Sources};
use crate::contract::{DoctorCheck, DoctorResult};
use crate::store::{DatabaseCheck, StoreError, StoreOptions, check_database};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// Time in which a database answers.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(loaded: &Loaded, sources: &Sources, is_offline: bool) -> DoctorCheck {
    let settings = &loaded.settings;
    let options = store::options(settings, sources, settings.server.listen);
    let shown = options.shown();
    let check =
        |result, message: String| DoctorCheck::new("database", result, message).of(shown.clone());
    if is_offline && shown.contains("://") {
        return check(
            DoctorResult::Skipped,
            "not asked, because of --offline".to_owned(),
        );
    }
    let found = timeout(
        DATABASE_TIMEOUT,
        check_database(&options, false, clock::now()),
    )
    .await;
    match found {
        Ok(Ok(found)) => existing(&check, &found),
        Ok(Err(StoreError::Off | StoreError::Memory)) => {
            check(DoctorResult::Ok, "nothing outlives the process".to_owned())
        }
        Ok(Err(StoreError::Missing(_))) => match writable(&options) {
            Ok(()) => check(DoctorResult::Ok, "the first start makes it".to_owned()),
            Err(error) => check(DoctorResult::Broken, format!("it cannot be made: {error}"))
                .advise("let this user write there, or name another place in [store] url"),
        },
        Ok(Err(error)) => check(DoctorResult::Broken, error.to_string()).advise(
            "check [store] url, the server and its password; `aibal-tui store check` asks again",
        ),
        Err(_) => {
            let seconds = DATABASE_TIMEOUT.as_secs();
            check(
                DoctorResult::Broken,
                format!("it did not answer within {seconds} s"),
            )
            .advise(
                "check [store] url and the network; requests are served without it, and rows wait",
            )
        }
    }
}

fn existing(
    check: &impl Fn(DoctorResult, String) -> DoctorCheck,
    found: &DatabaseCheck,
) -> DoctorCheck {
    let (backend, version) = (found.backend.as_str(), found.version);
    if let Some(problem) = found.problems.first() {
        return check(DoctorResult::Broken, format!("it is damaged: {problem}"))
            .advise("`aibal-tui store check --thorough` lists all; restore a backup, or begin a new database");
    }
    if version < found.newest_version {
        let message = format!(
            "{backend}, version {version}; the next start brings it to {}",
            found.newest_version
        );
        return check(DoctorResult::Ok, message);
    }
    check(
        DoctorResult::Ok,
        format!("{backend}, whole, version {version}"),
    )
}

/// Whether a file can be made in the folder of the store, or in the nearest folder above that exists.
fn writable(options: &StoreOptions) -> io::Result<()> {
    let path = options
        .url
        .expose()
        .trim_start_matches("sqlite:")
        .trim_start_matches("//");
    let file = options.folder.join(path);
    let mut folders = file.ancestors().skip(1);
    let folder = folders.find(|folder| folder.is_dir());
    let folder = folder.unwrap_or(Path::new("."));
    let trial = folder.join(format!(".aibal-doctor-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&trial)?;
    std::fs::remove_file(&trial)
}
