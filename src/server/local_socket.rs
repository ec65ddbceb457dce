//! The Unix socket. Its folder decides who can open it: the user of the process, or their group too.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// The bits of a folder's mode with which group or others could replace the socket.
const OTHERS_MAY_WRITE: u32 = 0o022;
/// The bits with which group and others may open what a folder holds.
const GROUP_MAY_ENTER: u32 = 0o010;
const OTHERS_MAY_ENTER: u32 = 0o001;

/// Reasons for which the Unix socket cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    #[error("{} is in use by another instance", .0.display())]
    InUse(PathBuf),
    #[error("the folder {} belongs to another user, or others may write to it", .0.display())]
    ForeignFolder(PathBuf),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Listens on a Unix socket that only the user of this process can open; members of its group can too
/// where the folder was made for user and group alone, as with `RuntimeDirectoryMode=0750` of systemd. The
/// socket of a dead instance is replaced; one that accepts connections is an error.
pub fn bind_socket(path: &Path) -> Result<UnixListener, BindError> {
    let mut mode = 0o600;
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        let is_ours = found.uid() == rustix::process::geteuid().as_raw();
        if !found.is_dir() || !is_ours || found.mode() & OTHERS_MAY_WRITE != 0 {
            return Err(BindError::ForeignFolder(folder.to_owned()));
        }
        if found.mode() & (GROUP_MAY_ENTER | OTHERS_MAY_ENTER) == GROUP_MAY_ENTER {
            mode = 0o660;
        }
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
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_folder_decides_whether_the_group_can_open_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("aibal-tui");
        let socket = inner.join("1.sock");
        for (folder_mode, socket_mode) in [(0o700, 0o600), (0o750, 0o660), (0o755, 0o600)] {
            let _absent_at_first = fs::create_dir(&inner);
            fs::set_permissions(&inner, fs::Permissions::from_mode(folder_mode)).unwrap();

            let _listener = bind_socket(&socket).unwrap();

            let found = fs::metadata(&socket).unwrap().mode() & 0o777;
            assert_eq!(found, socket_mode, "{folder_mode:o}: {found:o}");
            fs::remove_file(&socket).unwrap();
        }
    }

    #[tokio::test]
    async fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("aibal-tui/1.sock");
        drop(bind_socket(&socket).unwrap());

        let inner = socket.parent().unwrap();
        fs::set_permissions(inner, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            bind_socket(&socket),
            Err(BindError::ForeignFolder(_))
        ));

        fs::remove_dir_all(inner).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, inner).unwrap();
        assert!(matches!(
            bind_socket(&socket),
            Err(BindError::ForeignFolder(_))
        ));
    }
}
