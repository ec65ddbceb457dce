//! Reads the secrets that a configuration refers to.

use super::credential::credential_path;
use super::key_store::{KeyStoreSettings, LockedStore, read_key_store, unlock_key_store};
use super::source::Sources;
use super::text_file::read_bytes;
use super::variables::EnvVars;
use crate::secrets::{DataKey, KeyStore, Secret, SecretRef};
use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};

/// A secret with the place that it comes from.
pub(super) type FoundSecret = (Secret, String);

/// Reads secrets of one configuration, and remembers the files that it read them from.
#[derive(Debug)]
pub(super) struct SecretReader<'a> {
    env_vars: &'a EnvVars,
    sources: &'a Sources,
    settings: &'a KeyStoreSettings,
    /// The store, opened with the first of its keys.
    store: OnceCell<Result<(KeyStore, DataKey), String>>,
    needs_passphrase: Cell<bool>,
    files: RefCell<Vec<PathBuf>>,
}

impl<'a> SecretReader<'a> {
    pub fn new(
        env_vars: &'a EnvVars,
        sources: &'a Sources,
        settings: &'a KeyStoreSettings,
    ) -> Self {
        Self {
            env_vars,
            sources,
            settings,
            store: OnceCell::new(),
            needs_passphrase: Cell::new(false),
            files: RefCell::default(),
        }
    }

    /// Whether the store could not be opened because its passphrase was not given.
    pub fn needs_passphrase(&self) -> bool {
        self.needs_passphrase.get()
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
            SecretRef::Keystore(name) => self.in_store(name),
            SecretRef::Command(_) => Err("a command cannot be used here".to_owned()),
            SecretRef::Literal(secret) => Ok((secret.clone(), "the configuration".to_owned())),
        }
    }

    fn in_store(&self, name: &str) -> Result<FoundSecret, String> {
        let opened = self.store.get_or_init(|| self.open_store());
        let (store, key) = opened
            .as_ref()
            .map_err(|problem| format!("keystore:{name} cannot be read: {problem}"))?;
        match store.secret(key, name) {
            Ok(Some(secret)) => Ok((secret, format!("keystore:{name}"))),
            Ok(None) => Err(format!(
                "keystore:{name} is not in {}; `aibal-tui keys set {name}` adds it",
                self.settings.path(self.sources).display()
            )),
            Err(error) => Err(format!("keystore:{name} cannot be read: {error}")),
        }
    }

    fn open_store(&self) -> Result<(KeyStore, DataKey), String> {
        let (file, unlock) = (self.settings.path(self.sources), &self.settings.unlock);
        self.files.borrow_mut().push(file.clone());
        let store = read_key_store(&file)?.ok_or_else(|| {
            let shown = file.display();
            format!("there is no key store {shown}; `aibal-tui keys set` makes one")
        })?;
        match unlock_key_store(&store, unlock, self.sources) {
            Ok(key) => Ok((store, key)),
            Err(LockedStore::Failed(problem)) => Err(problem),
            Err(LockedStore::NoPassphrase) => {
                self.needs_passphrase.set(true);
                Err(
                    "its passphrase is not given; set AIBAL_PASSPHRASE_FILE to the path of a file \
                     with it, or start at a terminal"
                        .to_owned(),
                )
            }
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
