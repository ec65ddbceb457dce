//! The Unix socket, which only the user of the process can open.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Reasons for which the Unix socket cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    #[error("{} is in use by another instance", .0.display())]
    InUse(PathBuf),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Listens on a Unix socket that only the user of this process can open. The socket of a dead
/// instance is replaced; one that accepts connections is an error.
pub fn bind_socket(path: &Path) -> Result<UnixListener, BindError> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(BindError::InUse(path.to_owned()));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Closes the socket and removes its file.
pub(super) fn close_socket(socket: UnixListener) {
    let path = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_pathname().map(Path::to_owned));
    drop(socket);
    if let Some(path) = path {
        let _already_removed = fs::remove_file(path);
    }
}
