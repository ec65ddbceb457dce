//! The key store that a configuration names: its file, and what opens it.

use super::atomic_write::replace;
use super::credential::credential_path;
use super::file;
use super::origin::Origin;
use super::report::Report;
use super::resolved::origin_of;
use super::source::Sources;
use super::text_file::read_bytes;
use crate::secrets::{DataKey, KeyStore, Program, SecretRef, UnlockMaterial};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

/// The name of the file in the state folder.
const FILE_NAME: &str = "keys.json";
/// The variable with the passphrase; with `_FILE` behind it, the one with the path of a file.
const PASSPHRASE: &str = "AIBAL_PASSPHRASE";
/// Longest run of a command that prints what opens the store.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The key store of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyStoreSettings {
    /// `None`: `keys.json` in the state folder.
    pub file: Option<PathBuf>,
    pub unlock: UnlockMethod,
}

/// What opens a key store.
#[derive(Debug, Clone, PartialEq)]
pub enum UnlockMethod {
    Passphrase,
    File(PathBuf),
    Credential(String),
    Command(Program),
}

/// Why a store was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedStore {
    /// The passphrase was not given yet.
    NoPassphrase,
    Failed(String),
}

impl KeyStoreSettings {
    /// The path of the store.
    pub fn path(&self, sources: &Sources) -> PathBuf {
        let default = || sources.state_folder().join(FILE_NAME);
        self.file.clone().unwrap_or_else(default)
    }
}

impl UnlockMethod {
    /// Parses `passphrase`, `file:PATH`, `credential:NAME` or `command:PROGRAM ARGUMENTS`.
    pub fn parse(text: &str, sources: &Sources) -> Result<Self, String> {
        if text.trim() == "passphrase" {
            return Ok(Self::Passphrase);
        }
        match SecretRef::parse(text) {
            Some(SecretRef::File(path)) => Ok(Self::File(sources.cwd.join(path))),
            Some(SecretRef::Credential(name)) => Ok(Self::Credential(name)),
            Some(SecretRef::Command(line)) => Program::parse(line.expose())
                .map(Self::Command)
                .map_err(|problem| format!("names a command that {problem}")),
            _ => Err(
                "must be passphrase, file:PATH, credential:NAME or command:PROGRAM ARGUMENTS"
                    .to_owned(),
            ),
        }
    }

    /// The word that a store remembers it by.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::File(_) => "file",
            Self::Credential(_) => "credential",
            Self::Command(_) => "command",
        }
    }

    /// What opens the store. A command runs here, and blocks.
    pub fn material(&self, sources: &Sources) -> Result<UnlockMaterial, LockedStore> {
        let in_file = |path: &Path| material_in_file(path).map_err(LockedStore::Failed);
        match self {
            Self::Passphrase => {
                if let Some(asked) = &sources.passphrase {
                    return Ok(asked.clone());
                }
                passphrase_of(sources, PASSPHRASE)?.ok_or(LockedStore::NoPassphrase)
            }
            Self::File(path) => in_file(path),
            Self::Credential(name) => {
                in_file(&credential_path(sources, name).map_err(LockedStore::Failed)?)
            }
            Self::Command(program) => {
                let printed = program.run(TIME_LIMIT);
                let printed = printed.map_err(|error| LockedStore::Failed(error.to_string()))?;
                let bytes = printed.expose().as_bytes().to_vec();
                UnlockMaterial::new(bytes).ok_or(LockedStore::NoPassphrase)
            }
        }
    }
}

/// The passphrase in a variable of the process, or in the file that the variable with `_FILE` names.
pub fn passphrase_of(
    sources: &Sources,
    variable: &str,
) -> Result<Option<UnlockMaterial>, LockedStore> {
    let value = |name: &str| sources.environment.get(name).filter(|it| !it.is_empty());
    if let Some(path) = value(&format!("{variable}_FILE")) {
        let path = sources.cwd.join(path);
        return material_in_file(&path)
            .map(Some)
            .map_err(LockedStore::Failed);
    }
    Ok(value(variable).and_then(|text| UnlockMaterial::new(text.clone().into_bytes())))
}

fn material_in_file(path: &Path) -> Result<UnlockMaterial, String> {
    let shown = path.display();
    let bytes = read_bytes(path).map_err(|error| format!("the file {shown}: {error}"))?;
    UnlockMaterial::new(bytes).ok_or_else(|| format!("the file {shown} is empty"))
}

/// The settings of the file.
pub(super) fn settings(
    file: &file::Keystore,
    sources: &Sources,
    report: &mut Report<'_>,
) -> KeyStoreSettings {
    let key = "keystore.unlock";
    let mut unlock = UnlockMethod::parse(&file.unlock, sources);
    let origin = origin_of(report.entries, key);
    let is_untrusted = matches!(origin, Origin::DotEnv { .. }) && !sources.trust_env_file;
    if is_untrusted && matches!(unlock, Ok(UnlockMethod::Command(_))) {
        unlock = Err(
            "is a command that .env sets, which is not run; put it into a configuration \
                      file, or start with --trust-env-file"
                .to_owned(),
        );
    }
    let unlock = unlock.unwrap_or_else(|problem| {
        report.error(key, None, &problem);
        UnlockMethod::Passphrase
    });
    let path = (!file.file.is_empty()).then(|| sources.cwd.join(&file.file));
    KeyStoreSettings { file: path, unlock }
}

/// Reads a store; `None` where there is none. One that others may read is refused.
pub fn read_key_store(path: &Path) -> Result<Option<KeyStore>, String> {
    let shown = path.display();
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the key store {shown}: {error}")),
    };
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|error| format!("the key store {shown}: {error}"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "the key store {shown} has mode {mode:04o}, so that others may use it; run `chmod 600 {shown}`"
        ));
    }
    let store = KeyStore::parse(&bytes);
    let store = store.map_err(|error| format!("the key store {shown}: {error}"))?;
    Ok(Some(store))
}

/// Writes a store as a whole, readable by its owner only.
pub fn write_key_store(path: &Path, store: &KeyStore) -> Result<(), String> {
    let failed =
        |error: String| format!("the key store {} was not written: {error}", path.display());
    let text = store.to_text().map_err(|error| failed(error.to_string()))?;
    replace(path, &text).map_err(|error| failed(error.to_string()))
}

/// Opens a store with what `method` says.
pub fn unlock_key_store(
    store: &KeyStore,
    method: &UnlockMethod,
    sources: &Sources,
) -> Result<DataKey, LockedStore> {
    if store.method() != method.word() {
        return Err(LockedStore::Failed(format!(
            "the key store is opened by {}, but [keystore] unlock is {}; run `aibal-tui keys rewrap \
             --from {}`",
            store.method(),
            method.word(),
            store.method(),
        )));
    }
    let last = sources.last_data_key.lock();
    let mut last = last.unwrap_or_else(PoisonError::into_inner);
    if let Some((known, key)) = &*last
        && known.is_wrapped_as(store)
    {
        return Ok(key.clone());
    }
    let material = method.material(sources)?;
    let key = store.unlock(&material);
    let key = key.map_err(|error| LockedStore::Failed(format!("the key store: {error}")))?;
    *last = Some((store.clone(), key.clone()));
    Ok(key)
}
