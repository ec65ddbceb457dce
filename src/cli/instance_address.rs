//! Address of the instance that a command uses.

use crate::client::Address;
use crate::config::Origin;
use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Deref;
use std::path::Path;

/// Address of an instance without a configured one.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The address of an instance, and what named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceAddress {
    address: Address,
    source: AddressSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum AddressSource {
    Argument,
    /// `AIBAL_URL`.
    Variable,
    /// The address to listen on, as this command's configuration says it.
    Listen(Origin),
}

impl InstanceAddress {
    /// What named the address, for errors; `None` for the argument, which needs no explanation.
    pub fn source(&self) -> Option<String> {
        match &self.source {
            AddressSource::Argument => None,
            AddressSource::Variable => Some("the address is from AIBAL_URL".to_owned()),
            AddressSource::Listen(origin) if origin.is_set() => {
                Some(format!("the address is [server] listen of {origin}"))
            }
            AddressSource::Listen(_) => Some(
                "the address is the default; AIBAL_URL, an argument or [server] listen names another"
                    .to_owned(),
            ),
        }
    }
}

impl Deref for InstanceAddress {
    type Target = Address;

    fn deref(&self) -> &Address {
        &self.address
    }
}

impl fmt::Display for InstanceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The argument, else `AIBAL_URL`, else the instance on this machine: its socket, else its port.
/// `listen` is the address to listen on of the configuration that `serve` would read, with its origin.
///
/// # Errors
///
/// An address that cannot be read, or one to listen on that does not belong to this machine: a file of
/// the working directory must not send the token elsewhere.
pub fn resolve(
    argument: Option<&str>,
    listen: Option<(SocketAddr, Origin)>,
) -> Result<InstanceAddress, String> {
    let variable = std::env::var("AIBAL_URL")
        .ok()
        .filter(|url| !url.is_empty());
    let source = match argument {
        Some(_) => AddressSource::Argument,
        None => AddressSource::Variable,
    };
    if let Some(url) = argument.map(str::to_owned).or(variable) {
        let address = url.parse()?;
        return Ok(InstanceAddress { address, source });
    }
    let (listen, origin) = listen.unwrap_or((DEFAULT_LISTEN, Origin::BuiltIn));
    if !is_of_this_machine(listen.ip()) {
        return Err(format!(
            "{origin}: server.listen: {listen}: is no address of this machine; name the instance as \
             argument or in AIBAL_URL"
        ));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    Ok(InstanceAddress {
        address: Address::local(runtime.as_deref().map(Path::new), listen),
        source: AddressSource::Listen(origin),
    })
}

fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(text: &str) -> (SocketAddr, Origin) {
        let origin = Origin::Flag { name: "--listen" };
        (text.parse().unwrap(), origin)
    }

    #[test]
    fn without_an_argument_the_address_to_listen_on_names_the_instance() {
        let found = resolve(None, Some(listening("0.0.0.0:9123"))).unwrap();

        assert_eq!(
            found.address,
            Address::Http("http://127.0.0.1:9123".to_owned())
        );
        assert_eq!(
            found.source().as_deref(),
            Some("the address is [server] listen of flag --listen")
        );
        let found = resolve(Some("box:9"), Some(listening("0.0.0.0:9123"))).unwrap();
        assert_eq!(found.to_string(), "box:9");
        assert_eq!(found.source(), None);
        let default = resolve(None, None).unwrap().source().unwrap();
        assert!(default.contains("the default"), "{default}");
    }

    #[test]
    fn an_address_of_another_machine_gets_no_token() {
        // A network for documentation, which no machine has.
        let error = resolve(None, Some(listening("203.0.113.9:8080"))).unwrap_err();

        assert!(
            error.contains("203.0.113.9:8080") && error.contains("AIBAL_URL"),
            "{error}"
        );
    }
}
