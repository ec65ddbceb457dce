//! Atomic replacement of a file.

use std::io::Write;
use std::path::Path;

/// Replaces the content of a file atomically. The mode is kept, a new file is readable by its owner
/// only, and a link stays a link.
pub(super) fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    let path = match std::fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let mut file = create_private(&temporary)?;
        file.write_all(content.as_bytes())?;
        if let Ok(metadata) = std::fs::metadata(&path) {
            file.set_permissions(metadata.permissions())?;
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

fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
