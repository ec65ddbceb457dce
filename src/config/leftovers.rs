//! Temporary files of the write-back. A program that is killed while it writes leaves one behind.

use super::atomic_write::{TEMPORARY_ENDING, temporary_start};
use super::source::Sources;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A younger file may still be written, by another instance with the same configuration.
const MIN_AGE: Duration = Duration::from_mins(1);

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
    let start = temporary_start(path);
    let is_ours = |name: &OsStr| {
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(&start)?.strip_suffix(TEMPORARY_ENDING));
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
