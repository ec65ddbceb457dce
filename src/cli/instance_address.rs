//! Address of the instance that a command uses.

use crate::client::Address;
use std::path::Path;

/// Port of an instance without a configured one.
const DEFAULT_PORT: u16 = 8080;

/// The argument, else `AIBAL_URL`, else the instance on this machine: its socket, else its port on
/// loopback. `listen` is the value of `--listen`, which names the port.
pub fn resolve(argument: Option<&str>, listen: Option<&str>) -> Result<Address, String> {
    let variable = std::env::var("AIBAL_URL")
        .ok()
        .filter(|url| !url.is_empty());
    if let Some(url) = argument.map(str::to_owned).or(variable) {
        return url.parse();
    }
    let port = listen
        .and_then(|listen| listen.rsplit(':').next()?.parse().ok())
        .unwrap_or(DEFAULT_PORT);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    Ok(Address::local(runtime.as_deref().map(Path::new), port))
}
