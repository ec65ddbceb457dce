//! Reads the secrets that a configuration refers to.

use super::source::Sources;
use super::text_file::read_bytes;
use super::variables::EnvVars;
use crate::secrets::{Secret, SecretRef};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The variable with the folder of the credentials that systemd passes to a service.
const CREDENTIALS_FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// A secret with the place that it comes from.
pub(super) type FoundSecret = (Secret, String);

/// Reads secrets of one configuration, and remembers the files that it read them from.
#[derive(Debug)]
pub(super) struct SecretReader<'a> {
    env_vars: &'a EnvVars,
    sources: &'a Sources,
    files: RefCell<Vec<PathBuf>>,
}

impl<'a> SecretReader<'a> {
    pub fn new(env_vars: &'a EnvVars, sources: &'a Sources) -> Self {
        Self {
            env_vars,
            sources,
            files: RefCell::default(),
        }
    }

    /// The files that secrets were looked for in, whether they exist or not.
    pub fn into_files(self) -> Vec<PathBuf> {
        self.files.into_inner()
    }

    /// Reads a secret, `what` it is in words; `Err` with the reason where there is none. The output of commands is not read
    /// here: they run when the secret is needed.
    pub fn read(&self, reference: &SecretRef, what: &str) -> Result<FoundSecret, String> {
        match reference {
            SecretRef::Variable(name) => {
                let text = self.env_vars.get(name);
                match text.and_then(|(text, _)| Secret::new(text)) {
                    Some(secret) => Ok((secret, format!("the variable {name}"))),
                    None => Err(format!("the variable {name} with {what} is not set")),
                }
            }
            SecretRef::File(path) => {
                let secret = self.in_file(&self.sources.cwd.join(path), what)?;
                Ok((secret, format!("the file {path}")))
            }
            SecretRef::Credential(name) => {
                let secret = self.in_file(&credential_path(self.sources, name)?, what)?;
                Ok((secret, format!("the credential {name}")))
            }
            SecretRef::Keystore(name) => Err(format!(
                "keystore:{name} cannot be opened: the key store is not built yet"
            )),
            SecretRef::Command(_) => Err("a command cannot be used here".to_owned()),
            SecretRef::Literal(secret) => Ok((secret.clone(), "the configuration".to_owned())),
        }
    }

    /// The secret in a file; `Err` with the reason where there is none.
    fn in_file(&self, path: &Path, what: &str) -> Result<Secret, String> {
        self.files.borrow_mut().push(path.to_owned());
        let shown = path.display();
        match read_bytes(path) {
            Ok(bytes) if bytes.trim_ascii().is_empty() => {
                Err(format!("the file {shown} with {what} is empty"))
            }
            Ok(bytes) => Secret::from_bytes(bytes)
                .ok_or_else(|| format!("the file {shown} with {what}: it is not UTF-8")),
            Err(error) => Err(format!("the file {shown} with {what}: {error}")),
        }
    }
}

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
