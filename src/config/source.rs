//! The files and variables that a configuration is read from.

use super::edit::WrittenFile;
use super::origin::Origin;
use super::setting_error::SettingError;
use super::text_file::read_text;
use crate::secrets::{DataKey, KeyStore, UnlockMaterial};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The data key that was decrypted last, shared by all copies of the sources: a reload does not derive it
/// again.
pub(super) type LastDataKey = Arc<Mutex<Option<(KeyStore, DataKey)>>>;

/// All inputs of a configuration.
#[derive(Clone)]
pub struct Sources {
    /// The working directory: `./aibal.toml` and `.env` are looked for here.
    pub cwd: PathBuf,
    /// The user's home, where there is one.
    pub home: Option<PathBuf>,
    /// All environment variables.
    pub environment: BTreeMap<String, String>,
    /// `--config FILE`, which replaces the usual files.
    pub config_flag: Option<PathBuf>,
    pub flags: Flags,
    /// `--trust-env-file`: providers whose addresses `.env` sets may get keys from elsewhere.
    pub trust_env_file: bool,
    /// The kinds of providers that this version supports. A provider of another kind is kept, but off.
    pub built_kinds: Vec<&'static str>,
    /// The passphrase of the key store, where it was asked for.
    pub passphrase: Option<UnlockMaterial>,
    pub(super) last_data_key: LastDataKey,
    /// Contents that replace those of their files.
    pub(super) known: BTreeMap<PathBuf, String>,
}

/// Settings given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub listen: Option<String>,
}

/// Without the environment's values, which may be keys.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("cwd", &self.cwd)
            .field("home", &self.home)
            .field("config_flag", &self.config_flag)
            .field("flags", &self.flags)
            .field("trust_env_file", &self.trust_env_file)
            .field("built_kinds", &self.built_kinds)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// The sources of this process. Variables that are not Unicode are left out.
    pub fn from_process(
        config_flag: Option<PathBuf>,
        flags: Flags,
        built_kinds: Vec<&'static str>,
    ) -> std::io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Ok(Self {
            cwd: std::env::current_dir()?,
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            environment: std::env::vars_os().filter_map(text).collect(),
            config_flag,
            flags,
            trust_env_file: false,
            built_kinds,
            passphrase: None,
            last_data_key: LastDataKey::default(),
            known: BTreeMap::new(),
        })
    }

    /// `$XDG_CONFIG_HOME/aibal-tui/config.toml`, or the same below `~/.config`; `None` without a
    /// home. As its standard asks, a relative XDG_CONFIG_HOME counts as not set.
    pub fn home_file(&self) -> Option<PathBuf> {
        let xdg = self.environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
        let folder = xdg.filter(|path| path.is_absolute());
        let folder = folder.or_else(|| self.home.as_ref().map(|home| home.join(".config")));
        folder.map(|folder| folder.join("aibal-tui").join("config.toml"))
    }

    /// The imported table of prices: beside the file of `--config`, else beside the home file.
    pub fn prices_file(&self) -> Option<PathBuf> {
        let beside = match &self.config_flag {
            Some(path) => Some(self.cwd.join(path)),
            None => self.home_file(),
        };
        beside.map(|path| path.with_file_name("prices.toml"))
    }

    /// The folder of what the program stores: `$XDG_STATE_HOME/aibal-tui`, or the same below
    /// `~/.local/state`; the current folder without a home.
    pub fn state_folder(&self) -> PathBuf {
        let xdg = self.environment.get("XDG_STATE_HOME").map(PathBuf::from);
        let folder = xdg.filter(|path| path.is_absolute());
        let below_home = || self.home.as_ref().map(|home| home.join(".local/state"));
        match folder.or_else(below_home) {
            Some(folder) => folder.join("aibal-tui"),
            None => self.cwd.clone(),
        }
    }

    /// The files that are read where they exist, later ones outranking earlier ones.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.config_flag {
            Some(path) => vec![self.cwd.join(path)],
            None => self
                .home_file()
                .into_iter()
                .chain([self.cwd.join("aibal.toml")])
                .collect(),
        }
    }

    /// The same, with these files as they were just written instead of their present contents.
    pub(super) fn with(&self, written: &[WrittenFile]) -> Self {
        let known = written.iter();
        Self {
            known: known
                .map(|file| (file.path.clone(), file.content.clone()))
                .collect(),
            ..self.clone()
        }
    }

    /// The file of variables, below the environment.
    pub fn dot_env(&self) -> PathBuf {
        self.cwd.join(".env")
    }

    /// A path for messages: relative where it lies below the working directory.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.cwd)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// The text of a file; `None` where there is no such file.
    pub(super) fn read(&self, path: &Path) -> Result<Option<String>, Box<SettingError>> {
        use std::io::ErrorKind;
        if let Some(text) = self.known.get(path) {
            return Ok(Some(text.clone()));
        }
        let error = match read_text(path) {
            Ok(text) => return Ok(Some(text)),
            Err(error) => error,
        };
        let problem = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                if self.config_flag.is_none() || path == self.dot_env() {
                    return Ok(None);
                }
                "there is no such file".to_owned()
            }
            ErrorKind::InvalidData => "could not be read: it is not UTF-8".to_owned(),
            _ => format!("could not be read: {error}"),
        };
        let origin = Origin::File {
            path: path.to_owned(),
            shown: self.shown(path),
            line: 0,
        };
        Err(Box::new(
            SettingError::new(origin, "", problem).caused_by(error),
        ))
    }
}
