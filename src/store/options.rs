//! Where data is stored, and for how long.

use super::error::StoreError;
use crate::secrets::Secret;
use std::path::{Path, PathBuf};

/// Days for which rows are kept where nothing else is configured.
const DEFAULT_ROWS_DAYS: u32 = 30;
/// Days for which sums are kept where nothing else is configured.
const DEFAULT_ROLLUP_DAYS: u32 = 400;

/// Days for which the audit log is kept where nothing else is configured.
const DEFAULT_AUDIT_DAYS: u32 = 400;

/// What a store needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreOptions {
    /// `sqlite:PATH`, `postgres://…`, `memory:` or `off`.
    pub url: Secret,
    /// Folder of a relative path.
    pub folder: PathBuf,
    /// Name of this instance in the rows, which does not change with a restart.
    pub instance: String,
    /// Days for which attempts, requests and events are kept.
    pub rows_days: u32,
    /// Days for which sums are kept.
    pub rollup_days: u32,
    /// Days for which entries of the audit log are kept.
    pub audit_days: u32,
}

impl StoreOptions {
    /// A store in memory, for the demo and for tests.
    pub fn memory() -> Self {
        Self::at("memory:")
    }

    /// A store at a URL, with the usual times.
    pub fn at(url: &str) -> Self {
        Self {
            url: Secret::from(url),
            folder: PathBuf::from("."),
            instance: "local".to_owned(),
            rows_days: DEFAULT_ROWS_DAYS,
            rollup_days: DEFAULT_ROLLUP_DAYS,
            audit_days: DEFAULT_AUDIT_DAYS,
        }
    }

    /// Returns true if nothing is stored.
    pub(super) fn is_off(&self) -> bool {
        self.url.expose() == "off"
    }

    /// Returns true if the data outlives the process.
    pub fn is_lasting(&self) -> bool {
        !self.is_off() && !self.url.expose().starts_with("memory:")
    }

    /// The address for people, without user, password and parameters.
    pub fn shown(&self) -> String {
        let url = self.url.expose();
        match url.split_once("://") {
            Some((scheme, rest)) => {
                let rest = rest.split('?').next().unwrap_or_default();
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("{scheme}://{host}")
            }
            None => url.to_owned(),
        }
    }
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Location {
    Memory,
    File(PathBuf),
    /// The URL, with its password.
    Server(String),
}

impl Location {
    /// Reads the URL.
    pub(super) fn parse(options: &StoreOptions) -> Result<Self, StoreError> {
        let url = options.url.expose();
        if options.is_off() {
            return Err(StoreError::Off);
        }
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url.to_owned()));
        }
        let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) else {
            return Err(StoreError::Url(options.shown()));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        Ok(Self::File(options.folder.join(path)))
    }

    /// Makes the folder of a file, where it is missing.
    pub(super) fn make_folder(&self) -> Result<(), StoreError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => make_private(folder),
            _ => Ok(()),
        }
    }
}

/// Makes a folder that only its owner can read, where it is missing.
fn make_private(folder: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| StoreError::Folder {
        path: folder.display().to_string(),
        source,
    })
}
