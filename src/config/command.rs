//! The results of `aibal-tui config …`, as text.

use super::atomic_write::replace;
use super::layers::SAMPLE;
use super::loaded::Loaded;
use super::setting_error::SettingWarning;
use super::source::Sources;
use super::unsupported;
use std::fmt::{self, Write};
use std::io::Write as _;
use std::path::Path;

/// The commented starter file.
pub fn sample() -> &'static str {
    SAMPLE
}

/// Writes a configuration that only its owner may read, and creates missing folders.
///
/// # Errors
///
/// `AlreadyExists` where there is a file and `overwrite` is false; it is not changed.
pub fn write_new(path: &Path, text: &str, overwrite: bool) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if overwrite && path.exists() {
        return replace(path, text);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// The files that the configuration is read from, one per line, lowest precedence first.
pub fn path(sources: &Sources) -> String {
    let mut text = String::new();
    let mut files = sources.files();
    files.push(sources.dot_env());
    for path in files {
        let state = if path.is_file() { "read" } else { "not found" };
        let _ = writeln!(text, "{} ({state})", path.display());
    }
    text
}

/// The result of a check without errors.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    pub files: Vec<String>,
    pub warnings: Vec<SettingWarning>,
    pub usable_providers: usize,
    pub providers: usize,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let result = match self.files.as_slice() {
            [] => {
                "no errors; there is no configuration file (write one with `aibal-tui config init`)"
                    .to_owned()
            }
            files => format!("no errors in {}", files.join(", ")),
        };
        let (usable, all) = (self.usable_providers, self.providers);
        write!(f, "{result}; {usable} of {all} providers usable")
    }
}

impl CheckReport {
    /// The report of a configuration that was read from these sources.
    pub fn new(loaded: &Loaded, sources: &Sources) -> Self {
        let providers = &loaded.settings.providers;
        let usable = providers.iter().filter(|provider| provider.is_usable());
        let files = loaded.files.iter();
        Self {
            files: files.map(|path| sources.shown(path)).collect(),
            usable_providers: usable.count(),
            providers: providers.len(),
            warnings: loaded.warnings.clone(),
        }
    }
}

/// The effective settings, one per line, each with its origin; secrets are masked.
pub fn show(loaded: &Loaded) -> String {
    let lines: Vec<(String, String)> = loaded
        .entries
        .iter()
        .map(|entry| {
            let note = unsupported::note(entry).map_or(String::new(), |note| format!(", {note}"));
            (
                format!("{} = {}", entry.key, entry.value),
                format!("{}{note}", entry.origin),
            )
        })
        .collect();
    let lengths = lines.iter().map(|(setting, _)| setting.chars().count());
    // A long list of targets must not push the origins off the screen.
    let width = lengths.filter(|length| *length <= 60).max().unwrap_or(0);
    let mut text = String::new();
    for (setting, origin) in lines {
        let _ = writeln!(text, "{setting:width$}  # {origin}");
    }
    for provider in &loaded.settings.providers {
        if let Some(reason) = &provider.skipped {
            let _ = writeln!(text, "# {} is off: {reason}", provider.name);
        }
    }
    text
}
