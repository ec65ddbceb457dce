use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The runtime directory of services.
const SERVICE_RUNTIME: &str = "/run";

/// Address of a running instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Scheme, host and port, without a slash at the end.
    Http(String),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Address of the instance on this machine: its socket where it exists, else that of a service that
    /// this user may use, else its port. `runtime` is the user's runtime directory, `listen` the address
    /// that the instance listens on.
    pub fn local(runtime: Option<&Path>, listen: SocketAddr) -> Self {
        let port = listen.port();
        // A folder that the user may not enter hides what is in it.
        runtime
            .into_iter()
            .chain([Path::new(SERVICE_RUNTIME)])
            .map(|runtime| socket_path(runtime, port))
            .find(|socket| socket.exists())
            .map_or_else(
                || Self::Http(format!("http://{}", reachable(listen))),
                Self::Unix,
            )
    }

    /// Beginning of every URL; for a socket with a host name for the Host header.
    pub(super) fn base(&self) -> &str {
        match self {
            Self::Http(url) => url,
            Self::Unix(_) => "http://localhost",
        }
    }

    /// Whether the connection stays on this machine, so that no proxy applies.
    pub(super) fn is_loopback(&self) -> bool {
        let Self::Http(url) = self else { return true };
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
        ["localhost", "127.", "[::1]"]
            .iter()
            .any(|near| host.starts_with(near))
    }
}

/// The address at which one reaches an instance that listens on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Path of the socket of the instance on a port.
pub fn socket_path(runtime: &Path, port: u16) -> PathBuf {
    runtime.join("aibal-tui").join(format!("{port}.sock"))
}

/// Host and port, or `socket 8080`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.pad(url.split_once("://").map_or(url, |(_, host)| host)),
            Self::Unix(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                f.pad(&format!("socket {stem}"))
            }
        }
    }
}

/// Accepts `http://host:port`, `host:port`, a path, and `unix:` before a path.
impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        if text.starts_with(['/', '.']) {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let invalid = || {
            format!(
                "address is {text:?}, but must be like http://127.0.0.1:8080 or the path of a socket"
            )
        };
        let parsed = reqwest::Url::parse(&url).map_err(|_| invalid())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(invalid());
        }
        Ok(Self::Http(parsed.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_in_their_usual_forms() {
        let http = |url: &str| Ok(Address::Http(url.to_owned()));
        let unix = |path: &str| Ok(Address::Unix(path.into()));

        assert_eq!("127.0.0.1:8080".parse(), http("http://127.0.0.1:8080"));
        assert_eq!("http://box:9/".parse(), http("http://box:9"));
        assert_eq!("https://box".parse(), http("https://box"));
        assert_eq!("/run/8080.sock".parse(), unix("/run/8080.sock"));
        assert_eq!("unix:8080.sock".parse(), unix("8080.sock"));
        for wrong in ["", "ftp://box", "http://"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_displayed_short() {
        let shown = |text: &str| text.parse::<Address>().unwrap().to_string();

        assert_eq!(shown("http://box:9"), "box:9");
        assert_eq!(shown("/run/aibal-tui/8080.sock"), "socket 8080");
    }

    #[test]
    fn without_a_socket_the_local_instance_is_reached_by_its_port() {
        let empty = tempfile::tempdir().unwrap();

        for (listen, url) in [
            ("127.0.0.1:9", "http://127.0.0.1:9"),
            ("0.0.0.0:9", "http://127.0.0.1:9"),
            ("[::]:9", "http://[::1]:9"),
            ("10.0.0.7:9", "http://10.0.0.7:9"),
        ] {
            let listen = listen.parse().unwrap();
            let address = Address::local(Some(empty.path()), listen);
            assert_eq!(address, Address::Http(url.to_owned()));
            assert_eq!(address, Address::local(None, listen));
        }
    }
}
