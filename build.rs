//! Tells the program what it was built from: its commit and its features, for `--version` and the log.

use std::env;
use std::process::Command;

/// The commit of an archive: `git archive` and GitHub replace the text between the quotes.
const ARCHIVED: &str = "$Format:%H$";
/// Digits of a commit that are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AIBAL_COMMIT");
    println!("cargo::rustc-env=AIBAL_BUILD_COMMIT={}", commit());
    println!("cargo::rustc-env=AIBAL_BUILD_FEATURES={}", features());
}

/// `AIBAL_COMMIT`, else what git or the archive says, else `unknown`.
fn commit() -> String {
    let given = env::var("AIBAL_COMMIT").ok();
    let given = given.filter(|commit| !commit.trim().is_empty());
    given
        .map(|commit| shortened(&commit))
        .or_else(checked_out)
        .or_else(|| is_commit(ARCHIVED).then(|| shortened(ARCHIVED)))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The commit of the work tree, with `+changes` where tracked files differ from it.
///
/// Debug builds do without: they would be compiled again after every commit.
fn checked_out() -> Option<String> {
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return None;
    }
    // A package inside the repository of something else has a prefix, and not that commit.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"]).filter(|commit| is_commit(commit))?;
    for path in ["src", "assets", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changes.is_empty() { "" } else { "+changes" };
    Some(shortened(&commit) + mark)
}

/// What a git command prints; `None` without git, or without a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn is_commit(text: &str) -> bool {
    text.len() >= DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn shortened(commit: &str) -> String {
    commit.trim().chars().take(DIGITS).collect()
}

fn features() -> String {
    let mut names: Vec<String> = env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase))
        .filter(|name| name != "default")
        .collect();
    names.sort();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}
