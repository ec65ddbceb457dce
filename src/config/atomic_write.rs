//! Atomic replacement of a file.

use aws_lc_rs::rand;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// End of the names of temporary files.
pub(super) const TEMPORARY_ENDING: &str = ".new";

/// Replaces the content of a file atomically. Owner and mode are kept, a new file is readable by its owner
/// only, and a link stays a link.
pub(super) fn replace(path: &Path, content: &str) -> Result<()> {
    let path = match std::fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = folder.join(temporary_name(&path)?);
    // It must not be there: an attacker who guessed the name could have linked it to another file.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let mut write = || {
        file.write_all(content.as_bytes())?;
        if let Ok(metadata) = std::fs::metadata(&path) {
            keep_owner_and_mode(&file, &metadata)?;
        }
        file.sync_all()?;
        std::fs::rename(&temporary, &path)
    };
    let written = write();
    if written.is_err() {
        // The temporary file is ours; the first error is the one to report.
        let _may_not_exist = std::fs::remove_file(&temporary);
    }
    written
}

/// A name that cannot be guessed, for a file beside `path`.
fn temporary_name(path: &Path) -> Result<String> {
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(|_| Error::other("there are no random numbers"))?;
    let random = u64::from_ne_bytes(random);
    Ok(format!(
        "{}{random:016x}{TEMPORARY_ENDING}",
        temporary_start(path)
    ))
}

/// Start of the names of temporary files beside `path`.
pub(super) fn temporary_start(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

fn keep_owner_and_mode(file: &File, replaced: &Metadata) -> Result<()> {
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid())).map_err(|error| {
            let (user, group) = (replaced.uid(), replaced.gid());
            let text =
                format!("it belongs to user {user} and group {group}, and would not any more");
            Error::new(error.kind(), text)
        })?;
    }
    // After the owner: changing that one clears some bits of the mode.
    file.set_permissions(replaced.permissions())
}
