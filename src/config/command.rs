//! The results of `aibal-tui config …`, as text.

use super::check::load;
use super::layers::SAMPLE;
use super::loaded::Loaded;
use super::setting_error::{SettingErrors, SettingWarning};
use super::source::Sources;
use super::unsupported;
use std::fmt::{self, Write};
use std::io::Write as _;
use std::path::Path;

/// The commented starter file.
pub fn sample() -> &'static str {
    SAMPLE
}

/// Writes the starter file and creates missing folders.
///
/// # Errors
///
/// `AlreadyExists` where there is a file; it is not changed.
pub fn init(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(SAMPLE.as_bytes())
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
    /// The reason that no provider can serve.
    pub no_provider: Option<String>,
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
        write!(f, "{result}; {usable} of {all} providers usable")?;
        match &self.no_provider {
            Some(reason) => write!(f, "\n{reason}; set a key, or try `aibal-tui demo`"),
            None => Ok(()),
        }
    }
}

/// Reads and validates all layers; reports all errors, or else the warnings.
pub fn check(sources: &Sources) -> Result<CheckReport, SettingErrors> {
    let loaded = load(sources)?;
    let providers = &loaded.settings.providers;
    Ok(CheckReport {
        files: loaded
            .files
            .iter()
            .map(|path| sources.shown(path))
            .collect(),
        usable_providers: providers
            .iter()
            .filter(|provider| provider.is_usable())
            .count(),
        no_provider: loaded.no_provider(),
        providers: providers.len(),
        warnings: loaded.warnings,
    })
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
