//! Tests of the whole module, with files and an environment of their own.

mod boundaries;
mod differing;
mod key_pools;
mod layering;
mod like;
mod limits;
mod lines;
mod messages;
mod providers;
mod reference;
mod schedules;
mod secret_sources;
mod starter;
mod writing;

use super::source::LastDataKey;
use super::{Flags, KeySource, Loaded, SettingErrors, Sources, load};
use std::path::PathBuf;
use tempfile::TempDir;

/// All kinds, including those that are not built yet.
const ALL_KINDS: &[&str] = super::setting_specs::KINDS;

/// The text of a key that no command prints.
fn exposed(key: &KeySource) -> &str {
    key.fixed().expect("a fixed key").expose()
}

/// An empty home and an empty working directory.
struct Workspace {
    folder: TempDir,
    sources: Sources,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (cwd, home) = (folder.path().join("work"), folder.path().join("home"));
        std::fs::create_dir_all(&cwd).expect("a working directory");
        let sources = Sources {
            cwd,
            home: Some(home),
            environment: [].into(),
            config_flag: None,
            trust_env_file: false,
            flags: Flags::default(),
            built_kinds: ALL_KINDS.to_vec(),
            passphrase: None,
            last_data_key: LastDataKey::default(),
            known: [].into(),
        };
        Self { folder, sources }
    }

    /// A workspace with that `aibal.toml`.
    fn with_file(content: &str) -> Self {
        Self::new().file("aibal.toml", content)
    }

    /// Adds a file to the working directory.
    fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.sources.cwd.join(name), content).expect("a written file");
        self
    }

    fn home_file(self, content: &str) -> Self {
        let path = self.home_path();
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a written file");
        self
    }

    fn home_path(&self) -> PathBuf {
        self.sources.home_file().expect("a home")
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources
            .environment
            .insert(name.to_owned(), value.to_owned());
        self
    }

    fn content(&self, name: &str) -> String {
        std::fs::read_to_string(self.sources.cwd.join(name)).expect("a readable file")
    }

    fn load(&self) -> Result<Loaded, SettingErrors> {
        load(&self.sources)
    }

    fn loaded(&self) -> Loaded {
        self.load()
            .unwrap_or_else(|errors| panic!("errors:\n{errors}"))
    }

    /// All errors, without the path of the folder.
    fn errors(&self) -> String {
        let errors = self.load().expect_err("errors").to_string();
        errors.replace(&self.folder.path().display().to_string(), "")
    }

    fn warnings(&self) -> String {
        let warnings = self.loaded().warnings;
        warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<String>>()
            .join("\n")
    }
}
