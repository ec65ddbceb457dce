//! Where the dashboard keeps files of its user.

use std::path::PathBuf;

/// `$XDG_STATE_HOME/aibal-tui`, else `~/.local/state/aibal-tui`; `None` without a home.
pub(super) fn state_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = named("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(named("HOME")?).join(".local/state")));
    state.map(|state| state.join("aibal-tui"))
}
