//! `aibal-tui audit`: checks and exports the audit log, of a running instance or, where none answers,
//! of the configured store.

use super::commands::{block_on, client, down, locate};
use super::exit_error::ExitError;
use super::output::{print, print_note, report_text};
use super::store_command;
use crate::cli::arguments::{AuditCommand, AuditExportArgs, Globals};
use crate::cli::instance_address::InstanceAddress;
use crate::cli::{audit_csv_line, audit_csv_names, audit_json_line, render_audit_check};
use crate::client::{AuditFilter, Client, ClientError, audit_check, audit_list};
use crate::clock;
use crate::contract::{AuditCheckReport, AuditList, AuditReport, PastMoment};
use crate::foreign::EscapeControls;
use crate::store::AuditLog;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// An entry was changed, removed or put in between.
const EXIT_BROKEN: u8 = 1;
/// Entries of one page.
const PAGE: u32 = 1_000;

pub(super) fn run(globals: &Globals, command: &AuditCommand) -> Result<u8, ExitError> {
    match command {
        AuditCommand::Verify { url, json } => verify(globals, url.as_deref(), *json),
        AuditCommand::Export(arguments) => export(globals, arguments),
    }
}

fn verify(globals: &Globals, url: Option<&str>, json: bool) -> Result<u8, ExitError> {
    block_on(async {
        let report = Source::find(globals, url).await?.check().await?;
        print(&report_text(&report, json, render_audit_check)?);
        Ok(if report.is_intact { 0 } else { EXIT_BROKEN })
    })
}

fn export(globals: &Globals, arguments: &AuditExportArgs) -> Result<u8, ExitError> {
    let mut filter = AuditFilter {
        since: moment("--since", arguments.since.as_deref())?,
        until: moment("--until", arguments.until.as_deref())?,
        after: Some(AuditFilter::OLDEST.to_owned()),
        limit: Some(PAGE),
        ..AuditFilter::default()
    };
    block_on(async {
        let source = Source::find(globals, arguments.url.as_deref()).await?;
        let mut page = source.entries(&filter).await?;
        let mut output = Output::open(arguments.output.as_deref())?;
        if arguments.csv {
            output.write(&audit_csv_names())?;
        }
        loop {
            output.write(&lines(&page.entries, arguments.csv)?)?;
            let Some(next) = page.next else {
                return Ok(0);
            };
            filter.after = Some(next);
            page = source.entries(&filter).await?;
        }
    })
}

fn lines(entries: &[AuditReport], csv: bool) -> Result<String, ExitError> {
    let mut text = String::new();
    for entry in entries {
        if csv {
            text.push_str(&audit_csv_line(entry));
        } else {
            text.push_str(&audit_json_line(entry).map_err(anyhow::Error::from)?);
        }
    }
    Ok(text)
}

/// A moment in the past; a time back counts from now for all pages.
fn moment(flag: &str, text: Option<&str>) -> Result<Option<PastMoment>, ExitError> {
    let moment = text.map(str::parse::<PastMoment>).transpose();
    let moment = moment.map_err(|error| ExitError::usage(format!("{flag} {error}")))?;
    Ok(moment.map(|moment| PastMoment::At(moment.seen_from(clock::now()))))
}

/// Where entries are read from.
enum Source {
    Instance(Client, InstanceAddress),
    Store(Box<AuditLog>),
}

impl Source {
    /// The instance at a URL; without one the local instance or, if none answers, the store.
    async fn find(globals: &Globals, url: Option<&str>) -> Result<Self, ExitError> {
        let address = locate(url, globals)?;
        let client = client(&address)?;
        let variable = std::env::var_os("AIBAL_URL").filter(|url| !url.is_empty());
        if url.is_some() || variable.is_some() {
            return Ok(Self::Instance(client, address));
        }
        let newest = AuditFilter {
            limit: Some(1),
            ..AuditFilter::default()
        };
        match client.audit_log(&newest).await {
            Err(ClientError::NoAnswer { .. }) => {}
            _ => return Ok(Self::Instance(client, address)),
        }
        let options = store_command::options(globals, None)?;
        let shown = options.shown();
        let log = AuditLog::open(&options).await.map_err(|error| {
            let text = format!("no instance answers at {address}, and the store {shown}: {error}");
            ExitError::usage_caused_by(text, error)
        })?;
        print_note(&format!(
            "no instance answers at {address}, so this is read from the store {shown}"
        ));
        Ok(Self::Store(Box::new(log)))
    }

    async fn check(&self) -> Result<AuditCheckReport, ExitError> {
        match self {
            Self::Instance(client, address) => {
                let report = client.check_audit_log().await;
                report.map_err(|error| down(address, error))
            }
            Self::Store(log) => {
                let report = audit_check(log).await;
                report.map_err(|error| ExitError::usage_caused_by(error.to_string(), error))
            }
        }
    }

    async fn entries(&self, filter: &AuditFilter) -> Result<AuditList, ExitError> {
        match self {
            Self::Instance(client, address) => {
                let list = client.audit_log(filter).await;
                list.map_err(|error| down(address, error))
            }
            Self::Store(log) => {
                let list = audit_list(log, filter).await;
                list.map_err(|error| ExitError::usage_caused_by(error.to_string(), error))
            }
        }
    }
}

/// Where an export goes.
enum Output {
    Stdout,
    File(File, String),
}

impl Output {
    /// Stdout, or a new file that only its owner reads.
    fn open(path: Option<&Path>) -> Result<Self, ExitError> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        let shown = path.display().to_string();
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| {
            ExitError::usage_caused_by(format!("{shown} cannot be made: {error}"), error)
        })?;
        Ok(Self::File(file, shown))
    }

    fn write(&mut self, text: &str) -> Result<(), ExitError> {
        match self {
            Self::Stdout => print(text),
            Self::File(file, shown) => {
                let written = write!(file, "{}", EscapeControls::lines(text));
                written.map_err(|error| {
                    ExitError::failed(format!("{shown} cannot be written: {error}"), error)
                })?;
            }
        }
        Ok(())
    }
}
