//! Which instance a command means.

use crate::client::Address;
use std::path::Path;

/// The port of an instance that was started without a word about it.
const DEFAULT_PORT: u16 = 8080;

/// What was typed, else `AIBAL_URL`, else the instance on this machine: its socket, else its port
/// on loopback. `listen` is where an instance here would listen, if that was said.
pub fn resolve(typed: Option<&str>, listen: Option<&str>) -> Result<Address, String> {
    let variable = std::env::var("AIBAL_URL")
        .ok()
        .filter(|url| !url.is_empty());
    if let Some(url) = typed.map(str::to_owned).or(variable) {
        return url.parse();
    }
    let port = listen
        .and_then(|listen| listen.rsplit(':').next()?.parse().ok())
        .unwrap_or(DEFAULT_PORT);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    Ok(Address::local(runtime.as_deref().map(Path::new), port))
}
