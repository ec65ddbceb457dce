//! `aibal-tui keys`: the encrypted key store, whether a gateway runs or not.

use super::config_sources::sources;
use super::exit_error::ExitError;
use super::hidden_input::read_hidden;
use super::output::{print, print_note, report_text};
use crate::cli::arguments::Globals;
use crate::cli::{KeysCommand, render_keys};
use crate::clock;
use crate::config::{
    self, LockedStore, Sources, UnlockMethod, passphrase_of, read_key_store, unlock_key_store,
    write_key_store,
};
use crate::contract::{KeyListing, ListedKey, rfc3339};
use crate::secrets::{DataKey, Derivation, KeyStore, KeyStoreError, Secret, UnlockMaterial};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Fewest bytes of a new passphrase or of a file that opens a store.
const MIN_MATERIAL: usize = 12;
/// Bytes of the largest key that is read.
const MAX_KEY_BYTES: u64 = 64 * 1024;
/// The variable with the passphrase that `rewrap` sets.
const NEW_PASSPHRASE: &str = "AIBAL_NEW_PASSPHRASE";

/// The configured key store.
struct StorePlace {
    file: PathBuf,
    unlock: UnlockMethod,
}

pub(super) fn run(globals: &Globals, command: &KeysCommand) -> Result<u8, ExitError> {
    let sources = sources(globals)?;
    let settings = config::load(&sources)?.settings.keystore;
    let settings = StorePlace {
        file: settings.path(&sources),
        unlock: settings.unlock,
    };
    match command {
        KeysCommand::List { json } => list(&settings, *json)?,
        KeysCommand::Set { name, stdin } => set(&settings, sources, (name, *stdin), false)?,
        KeysCommand::Rotate { name, stdin } => set(&settings, sources, (name, *stdin), true)?,
        KeysCommand::Remove { name } => remove(&settings, name)?,
        KeysCommand::Rewrap { from } => rewrap(&settings, &sources, from.as_deref())?,
    }
    Ok(0)
}

fn list(settings: &StorePlace, json: bool) -> Result<(), ExitError> {
    let store = read_key_store(&settings.file).map_err(ExitError::usage)?;
    let keys = store.iter().flat_map(KeyStore::keys).map(|key| ListedKey {
        name: key.name.clone(),
        version: key.version,
        created: key.created.clone(),
    });
    let listing = KeyListing {
        file: settings.file.display().to_string(),
        keys: keys.collect(),
    };
    print(&report_text(&listing, json, render_keys)?);
    Ok(())
}

fn set(
    settings: &StorePlace,
    mut sources: Sources,
    (name, from_stdin): (&str, bool),
    must_exist: bool,
) -> Result<(), ExitError> {
    let _held = lock(&settings.file)?;
    let found = read_key_store(&settings.file).map_err(ExitError::usage)?;
    let is_known = found
        .as_ref()
        .is_some_and(|store| store.key(name).is_some());
    if must_exist && !is_known {
        return Err(no_such_key(settings, name));
    }
    let (mut store, data_key) = match found {
        Some(store) => {
            let key = open(&store, &settings.unlock, &mut sources)?;
            (store, key)
        }
        None => create(settings, &sources)?,
    };
    let secret = read_key(name, from_stdin)?;
    let created = rfc3339(clock::now());
    let version = store.set(&data_key, (name, created), &secret);
    let version = version.map_err(|error| failed(&error))?;
    write_key_store(&settings.file, &store).map_err(ExitError::usage)?;
    let file = settings.file.display();
    print_note(&format!(
        "{name} has version {version} in {file}; a provider uses it by api_key = \"keystore:{name}\""
    ));
    Ok(())
}

fn remove(settings: &StorePlace, name: &str) -> Result<(), ExitError> {
    let _held = lock(&settings.file)?;
    let store = read_key_store(&settings.file).map_err(ExitError::usage)?;
    let Some(mut store) = store.filter(|store| store.key(name).is_some()) else {
        return Err(no_such_key(settings, name));
    };
    store.remove(name);
    write_key_store(&settings.file, &store).map_err(ExitError::usage)?;
    print_note(&format!("{name} is removed"));
    Ok(())
}

fn rewrap(settings: &StorePlace, sources: &Sources, from: Option<&str>) -> Result<(), ExitError> {
    let _held = lock(&settings.file)?;
    let store = read_key_store(&settings.file).map_err(ExitError::usage)?;
    let mut store = store.ok_or_else(|| {
        let file = settings.file.display();
        ExitError::usage(format!(
            "there is no key store {file}; `aibal-tui keys set` makes one"
        ))
    })?;
    let old = match from {
        Some(text) => UnlockMethod::parse(text, sources)
            .map_err(|problem| ExitError::usage(format!("--from {problem}")))?,
        None => settings.unlock.clone(),
    };
    let data_key = open(&store, &old, &mut sources.clone())?;
    let material = match &settings.unlock {
        UnlockMethod::Passphrase => new_passphrase(sources, NEW_PASSPHRASE)?,
        method => material(method, sources)?,
    };
    let derivation = Derivation::recommended().map_err(|error| failed(&error))?;
    let word = settings.unlock.word();
    let wrapped = store.rewrap(&data_key, word, &checked(material)?, derivation);
    wrapped.map_err(|error| failed(&error))?;
    write_key_store(&settings.file, &store).map_err(ExitError::usage)?;
    print_note(&format!("the key store is opened by {word} from now on"));
    Ok(())
}

/// Makes a store, which the first key is written to.
fn create(settings: &StorePlace, sources: &Sources) -> Result<(KeyStore, DataKey), ExitError> {
    let material = match &settings.unlock {
        UnlockMethod::Passphrase => new_passphrase(sources, "AIBAL_PASSPHRASE")?,
        method => material(method, sources)?,
    };
    let derivation = Derivation::recommended().map_err(|error| failed(&error))?;
    let word = settings.unlock.word();
    KeyStore::create(word, &checked(material)?, derivation).map_err(|error| failed(&error))
}

/// Opens a store; asks for the passphrase where nothing else gives it.
fn open(
    store: &KeyStore,
    method: &UnlockMethod,
    sources: &mut Sources,
) -> Result<DataKey, ExitError> {
    match unlock_key_store(store, method, sources) {
        Ok(key) => Ok(key),
        Err(LockedStore::Failed(problem)) => Err(ExitError::usage(problem)),
        Err(LockedStore::NoPassphrase) => {
            sources.passphrase = Some(asked("passphrase of the key store: ")?);
            unlock_key_store(store, method, sources).map_err(locked)
        }
    }
}

fn material(method: &UnlockMethod, sources: &Sources) -> Result<UnlockMaterial, ExitError> {
    method.material(sources).map_err(locked)
}

/// A new passphrase, from a variable or typed twice.
fn new_passphrase(sources: &Sources, variable: &str) -> Result<UnlockMaterial, ExitError> {
    if let Some(given) = passphrase_of(sources, variable).map_err(locked)? {
        return Ok(given);
    }
    let first = asked("new passphrase of the key store: ")?;
    if first != asked("the same again: ")? {
        return Err(ExitError::usage(
            "the two passphrases differ; nothing was written",
        ));
    }
    Ok(first)
}

/// Refuses what is guessed too soon.
fn checked(material: UnlockMaterial) -> Result<UnlockMaterial, ExitError> {
    if material.len() < MIN_MATERIAL {
        return Err(ExitError::usage(format!(
            "what opens a key store must have at least {MIN_MATERIAL} characters; this has {}",
            material.len()
        )));
    }
    Ok(material)
}

/// Asks at the terminal.
pub(super) fn asked(question: &str) -> Result<UnlockMaterial, ExitError> {
    let mut typed = read_hidden(question).map_err(|error| {
        let text = format!(
            "no passphrase: {error}; give it in AIBAL_PASSPHRASE_FILE, a path, where there is no terminal"
        );
        ExitError::usage_caused_by(text, error)
    })?;
    let typed = std::mem::take(&mut *typed);
    UnlockMaterial::new(typed).ok_or_else(|| ExitError::usage("the passphrase is empty"))
}

/// Reads the key to store.
fn read_key(name: &str, from_stdin: bool) -> Result<Secret, ExitError> {
    let stdin = std::io::stdin();
    let mut bytes = if stdin.is_terminal() && !from_stdin {
        read_hidden(&format!("key {name}: "))?
    } else {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024 + 1));
        stdin
            .lock()
            .take(MAX_KEY_BYTES + 1)
            .read_to_end(&mut bytes)?;
        bytes
    };
    let secret = Secret::from_bytes(std::mem::take(&mut *bytes));
    secret.ok_or_else(|| ExitError::usage("the key is empty or not UTF-8; nothing was written"))
}

/// Lets one command at a time change the store. The folder is locked, because the file is replaced.
fn lock(file: &Path) -> Result<File, ExitError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let locked = std::fs::create_dir_all(folder)
        .and_then(|()| File::open(folder))
        .and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| {
        ExitError::usage_caused_by(format!("the folder {}: {error}", folder.display()), error)
    })
}

fn no_such_key(settings: &StorePlace, name: &str) -> ExitError {
    let file = settings.file.display();
    ExitError::usage(format!(
        "{file} has no key {name:?}; `aibal-tui keys list` names them, `aibal-tui keys set` adds one"
    ))
}

fn locked(problem: LockedStore) -> ExitError {
    match problem {
        LockedStore::Failed(problem) => ExitError::usage(problem),
        LockedStore::NoPassphrase => ExitError::usage("the key store needs its passphrase"),
    }
}

fn failed(error: &KeyStoreError) -> ExitError {
    ExitError::usage(format!("the key store: {error}"))
}
