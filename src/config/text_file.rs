//! Files that operators name: only regular ones are read, up to a limit. A pipe would wait for its writer.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Largest file in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Reads a text.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_bytes(path)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Reads a whole file.
pub fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    // The null device is an empty file.
    if !metadata.is_file() && path != Path::new("/dev/null") {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 8 MB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_usual_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let large = folder.path().join("large");
        File::create(&large)
            .unwrap()
            .set_len(MAX_BYTES + 1)
            .unwrap();
        let bytes = folder.path().join("bytes");
        std::fs::write(&bytes, b"\xff").unwrap();

        let problem = |path: &Path| read_text(path).unwrap_err().to_string();
        assert_eq!(problem(&pipe), "it is not a regular file");
        assert_eq!(problem(&large), "it is larger than 8 MB");
        assert_eq!(problem(&bytes), "it is not UTF-8");
        assert_eq!(problem(folder.path()), "is a directory");
        assert_eq!(read_text(Path::new("/dev/null")).unwrap(), "");
    }
}
