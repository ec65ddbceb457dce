//! The web pages whose requests are accepted. A browser sends what any page asks for, and resolves a
//! page's own name to whatever its owner says (DNS rebinding). Where the address of a peer is all that
//! gives it permissions, `Host` therefore must be a name of this instance.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Uri};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Characters of a header in an error text.
const MAX_QUOTED_CHARS: usize = 100;

/// Names of this instance besides those of loopback, and pages of other sites that may send requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sites {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Reasons for which a request of a web page is rejected; the headers are shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    #[error(
        "Host is {0:?}, but without [[auth.tokens]] it must be localhost, a loopback address or a name in \
         [server] allowed_hosts"
    )]
    Host(String),
    #[error(
        "Origin is another site than Host ({0:?}); pages of other sites are rejected unless [server] \
         cors_origins lists them"
    )]
    Origin(String),
}

impl Sites {
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_lowercase()).collect();
        Self {
            hosts: lower(hosts),
            origins: lower(origins),
        }
    }

    /// Checks a request of a peer whose address alone is trusted: `Host` and `Origin` must be names of
    /// this instance, for reading too.
    pub(super) fn check_trusted(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), SiteError> {
        if let Some(host) = hosts(uri, headers).find(|host| !self.is_own(host)) {
            return Err(SiteError::Host(shortened(host)));
        }
        self.check_origins(headers, |site| self.is_own(site.as_bytes()))
    }

    /// Checks that a request that changes something is not sent by a page of another site.
    pub(super) fn check_change(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), SiteError> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        self.check_origins(headers, |site| {
            let mut hosts = hosts(uri, headers).peekable();
            hosts.peek().is_some() && hosts.all(|host| host.eq_ignore_ascii_case(site.as_bytes()))
        })
    }

    /// Whether the configuration lists the page's origin.
    pub(super) fn lists(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.is_listed(origin))
    }

    fn is_listed(&self, origin: &str) -> bool {
        let mut known = self.origins.iter();
        known.any(|known| known.eq_ignore_ascii_case(origin))
    }

    fn check_origins(
        &self,
        headers: &HeaderMap,
        is_own: impl Fn(&str) -> bool,
    ) -> Result<(), SiteError> {
        let is_accepted = |origin: &&HeaderValue| {
            let Ok(origin) = origin.to_str() else {
                return false;
            };
            self.is_listed(origin)
                || origin
                    .split_once("://")
                    .is_some_and(|(_, site)| is_own(site))
        };
        let foreign = headers
            .get_all(ORIGIN)
            .iter()
            .find(|value| !is_accepted(value));
        foreign.map_or(Ok(()), |origin| {
            Err(SiteError::Origin(shortened(origin.as_bytes())))
        })
    }

    /// Whether a host with or without a port is a name of this instance.
    fn is_own(&self, host: &[u8]) -> bool {
        let name = std::str::from_utf8(host).ok().and_then(without_port);
        let Some(name) = name else {
            return false;
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        is_loopback(name)
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Every name that a request is sent to. Browsers always name one.
fn hosts<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> impl Iterator<Item = &'r [u8]> {
    let named = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    named.chain(authority)
}

fn without_port(host: &str) -> Option<&str> {
    let end = host.rfind(']').map_or(0, |at| at + 1);
    match host.get(end..)?.rsplit_once(':') {
        None => Some(host),
        Some((before, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            host.get(..end + before.len())
        }
        Some(_) => None,
    }
}

fn is_loopback(name: &str) -> bool {
    let six = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match six {
        Some(six) => six
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.to_canonical().is_loopback()),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<Ipv4Addr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

fn shortened(header: &[u8]) -> String {
    let text = String::from_utf8_lossy(header);
    text.chars().take(MAX_QUOTED_CHARS).collect()
}
