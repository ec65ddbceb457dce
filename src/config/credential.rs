//! Credentials that systemd passes to a service.

use super::source::Sources;
use std::path::{Path, PathBuf};

/// The variable with the folder of the credentials that systemd passes to a service.
const CREDENTIALS_FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// The file of a credential that systemd passes to this service. Only the process's own environment
/// names the folder: no file of variables can.
pub(super) fn credential_path(sources: &Sources, name: &str) -> Result<PathBuf, String> {
    if name.contains('/') || name.starts_with('.') {
        return Err(format!(
            "credential:{name} must be the name of a credential, without a folder"
        ));
    }
    let folder = sources.environment.get(CREDENTIALS_FOLDER);
    let folder = folder.filter(|folder| !folder.is_empty()).ok_or_else(|| {
        format!(
            "credential:{name} is not there: {CREDENTIALS_FOLDER} is not set; systemd sets it for a \
             service with LoadCredential={name}:PATH"
        )
    })?;
    Ok(Path::new(folder).join(name))
}
