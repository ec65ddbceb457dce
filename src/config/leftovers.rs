//! Temporary files of the write-back. A program that is killed while it writes leaves one behind.

use super::source::Sources;
use aws_lc_rs::rand;
use std::ffi::OsStr;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A younger file may still be written, by another instance with the same configuration.
const MIN_AGE: Duration = Duration::from_mins(1);
const ENDING: &str = ".new";

/// A name that cannot be guessed, for a file beside `path`.
pub(super) fn temporary_name(path: &Path) -> Result<String> {
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(|_| Error::other("there are no random numbers"))?;
    let random = u64::from_ne_bytes(random);
    Ok(format!("{}{random:016x}{ENDING}", start_of(path)))
}

fn start_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Removes what earlier processes left beside the configuration files.
pub fn remove_leftovers(sources: &Sources) {
    for file in sources.files() {
        let target = file.canonicalize().ok();
        for path in [Some(file), target].into_iter().flatten() {
            for leftover in leftovers_of(&path) {
                let _may_be_gone = std::fs::remove_file(leftover);
            }
        }
    }
}

fn leftovers_of(path: &Path) -> Vec<PathBuf> {
    let start = start_of(path);
    let is_ours = |name: &OsStr| {
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(&start)?.strip_suffix(ENDING));
        random.is_some_and(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let entries = path.parent().and_then(|folder| folder.read_dir().ok());
    let entries = entries.into_iter().flatten().filter_map(Result::ok);
    let entries = entries.filter(|entry| is_ours(&entry.file_name()));
    let old = entries.filter(|entry| {
        let metadata = entry.metadata().ok();
        metadata.is_some_and(|metadata| {
            let age = metadata.modified().ok().and_then(|at| at.elapsed().ok());
            metadata.is_file() && age.is_some_and(|age| age >= MIN_AGE)
        })
    });
    old.map(|entry| entry.path()).collect()
}
