//! The log file. Programs that rotate logs rename it and ask for a new one.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests to open the file anew.
static REOPENS: AtomicU64 = AtomicU64::new(0);

/// Makes the log file, if there is one, open its path anew with the next lines.
pub fn reopen() {
    REOPENS.fetch_add(1, Ordering::Relaxed);
}

/// A file that follows its path.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    reopened: u64,
}

impl LogFile {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: open(path)?,
            path: path.to_owned(),
            reopened: REOPENS.load(Ordering::Relaxed),
        })
    }
}

/// Only the user may write the file, and only the group may read it besides.
fn open(path: &Path) -> io::Result<File> {
    File::options()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let asked = REOPENS.load(Ordering::Relaxed);
        if self.reopened != asked {
            self.reopened = asked;
            // Where the path cannot be opened, the old file is better than none.
            if let Ok(file) = open(&self.path) {
                self.file = file;
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_renamed_log_file_is_opened_anew_and_others_cannot_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"1\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        reopen();
        log.write_all(b"2\n").unwrap();

        assert_eq!(std::fs::read_to_string(&old).unwrap(), "1\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o037, 0, "{mode:o}");
    }
}
