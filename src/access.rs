//! Authentication and authorisation: tokens with roles, and peers that need no token. Each API puts the
//! error into its own shape.

use crate::domain::Role;
use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};
use std::net::SocketAddr;
use std::sync::Arc;

/// Headers that carry nothing but a token, besides `Authorization: Bearer`.
const TOKEN_HEADERS: [&str; 3] = ["x-api-key", "x-goog-api-key", "api-key"];

/// The peer of a request; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Tcp(SocketAddr),
    /// The Unix socket, which only its owner can open.
    Unix,
}

impl Role {
    /// Whether the role includes the permission.
    pub const fn may(self, permission: Permission) -> bool {
        match self {
            Self::Operator => true,
            Self::Client => matches!(permission, Permission::Use | Permission::Select),
            Self::Viewer => matches!(permission, Permission::Read | Permission::Select),
        }
    }
}

/// The permission that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Sending model traffic, and reporting traffic that does not pass the gateway.
    Use,
    /// Asking which target would be selected, which changes nothing.
    Select,
    /// Reading statistics and settings.
    Read,
    /// Changing weights and providers.
    Change,
}

impl Permission {
    /// The roles that include it, for an error text.
    const fn roles(self) -> &'static str {
        match self {
            Self::Use => "client or operator",
            Self::Select => "client, viewer or operator",
            Self::Read => "viewer or operator",
            Self::Change => "operator",
        }
    }
}

/// A configured token. Only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Name of its holder, which appears in the record of changes.
    pub name: Arc<str>,
    pub sha256: [u8; 32],
    pub role: Role,
}

/// The sender of an authenticated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the token, or `local` where none was needed.
    pub who: Arc<str>,
    pub role: Role,
}

/// Reasons for which a request is not authorised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error(
        "a token is needed: send it as Authorization: Bearer, as x-api-key, as api-key or as x-goog-api-key"
    )]
    NoToken,
    #[error("the token is unknown; [[auth.tokens]] lists the hashes of the known ones")]
    UnknownToken,
    #[error("the token {name:?} has the role {}, but this call needs {}", role.as_str(), needs.roles())]
    Role {
        name: Arc<str>,
        role: Role,
        needs: Permission,
    },
}

impl AuthError {
    /// The HTTP status: 401 without a known token, 403 without the permission.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoToken | Self::UnknownToken => 401,
            Self::Role { .. } => 403,
        }
    }
}

/// The tokens of one API; clones share them.
#[derive(Debug, Clone)]
pub struct TokenAuth {
    tokens: Arc<ArcSwap<Vec<Token>>>,
    /// Name of the principal that needs no token.
    local: Arc<str>,
}

impl Default for TokenAuth {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl TokenAuth {
    pub fn new(tokens: Vec<Token>) -> Self {
        Self {
            tokens: Arc::new(ArcSwap::from_pointee(tokens)),
            local: "local".into(),
        }
    }

    /// Takes over the tokens of `other`.
    pub fn follow(&self, other: &Self) {
        self.tokens.store(other.tokens.load_full());
    }

    /// Authenticates a request and checks its permission. The Unix socket has the role operator, and so has
    /// loopback while no tokens are configured, both with any token. A request without a known peer
    /// needs a token.
    pub fn admit(
        &self,
        peer: Option<&Peer>,
        headers: &HeaderMap,
        permission: Permission,
    ) -> Result<Principal, AuthError> {
        let principal = self.authenticate(peer, headers)?;
        if principal.role.may(permission) {
            return Ok(principal);
        }
        Err(AuthError::Role {
            name: principal.who,
            role: principal.role,
            needs: permission,
        })
    }

    fn authenticate(
        &self,
        peer: Option<&Peer>,
        headers: &HeaderMap,
    ) -> Result<Principal, AuthError> {
        let tokens = self.tokens.load();
        let is_trusted = match peer {
            Some(Peer::Unix) => true,
            Some(Peer::Tcp(address)) => {
                tokens.is_empty() && address.ip().to_canonical().is_loopback()
            }
            None => false,
        };
        if is_trusted {
            return Ok(Principal {
                who: Arc::clone(&self.local),
                role: Role::Operator,
            });
        }
        let sent = sent_tokens(headers);
        if sent.is_empty() {
            return Err(AuthError::NoToken);
        }
        let token = sent.iter().find_map(|text| find_token(&tokens, text));
        let token = token.ok_or(AuthError::UnknownToken)?;
        Ok(Principal {
            who: Arc::clone(&token.name),
            role: token.role,
        })
    }
}

fn find_token<'t>(tokens: &'t [Token], text: &[u8]) -> Option<&'t Token> {
    let hash = digest(&SHA256, text);
    // Every token is compared, so that the time does not depend on the position of a match.
    tokens.iter().fold(None, |found, token| {
        let is_same = verify_slices_are_equal(&token.sha256, hash.as_ref()).is_ok();
        found.or(is_same.then_some(token))
    })
}

/// All tokens in a request's headers.
pub fn sent_tokens(headers: &HeaderMap) -> Vec<&[u8]> {
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let named = TOKEN_HEADERS
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .map(http::HeaderValue::as_bytes);
    bearer
        .chain(named)
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
        .collect()
}

/// Whether a browser sends this from a page of another site: it changes state, and its `Origin` is not
/// the host that it is sent to. Otherwise a page could control an instance on its reader's own
/// machine, where no token is needed.
pub fn is_cross_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(http::uri::Authority::as_str));
    let site = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, site)| site);
    match (site, host) {
        (Some(site), Some(host)) => !site.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn token(name: &str, secret: &str, role: Role) -> Token {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Token {
            name: name.into(),
            sha256,
            role,
        }
    }

    fn auth() -> TokenAuth {
        TokenAuth::new(vec![
            token("apps", "c-secret", Role::Client),
            token("screen", "v-secret", Role::Viewer),
            token("ops", "o-secret", Role::Operator),
        ])
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn tcp(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[test]
    fn each_role_has_its_permissions() {
        let permissions = [
            Permission::Use,
            Permission::Select,
            Permission::Read,
            Permission::Change,
        ];
        let may = |role: Role| permissions.map(|permission| role.may(permission));

        assert_eq!(may(Role::Client), [true, true, false, false]);
        assert_eq!(may(Role::Viewer), [false, true, true, false]);
        assert_eq!(may(Role::Operator), [true; 4]);
    }

    #[test]
    fn a_token_is_accepted_in_any_of_its_headers() {
        let remote = tcp("192.0.2.7:9");
        for header in [
            ("authorization", "Bearer o-secret"),
            ("authorization", "bearer  o-secret "),
            ("x-api-key", "o-secret"),
            ("x-goog-api-key", "o-secret"),
            ("api-key", "o-secret"),
        ] {
            let principal = auth().admit(Some(&remote), &headers(&[header]), Permission::Change);

            assert_eq!(principal.map(|principal| principal.who), Ok("ops".into()));
        }
    }

    #[test]
    fn a_missing_an_unknown_and_a_weak_token_differ() {
        let remote = tcp("127.0.0.1:9");
        let admit = |pairs| auth().admit(Some(&remote), &headers(pairs), Permission::Change);

        assert_eq!(admit(&[]), Err(AuthError::NoToken));
        assert_eq!(
            admit(&[("x-api-key", "guess")]),
            Err(AuthError::UnknownToken)
        );
        let weak = admit(&[("x-api-key", "v-secret")]).unwrap_err();
        assert_eq!(weak.status(), 403);
        assert_eq!(
            weak.to_string(),
            "the token \"screen\" has the role viewer, but this call needs operator"
        );
    }

    #[test]
    fn loopback_is_trusted_only_while_there_are_no_tokens() {
        let open = TokenAuth::default();
        let none = HeaderMap::new();
        for address in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            let principal = open.admit(Some(&tcp(address)), &none, Permission::Change);
            assert_eq!(principal.map(|principal| principal.who), Ok("local".into()));
        }

        let rejected = open.admit(Some(&tcp("192.0.2.7:9")), &none, Permission::Read);
        assert_eq!(rejected, Err(AuthError::NoToken));
        assert_eq!(
            open.admit(None, &none, Permission::Read),
            Err(AuthError::NoToken)
        );
    }

    #[test]
    fn the_socket_is_trusted_with_any_token() {
        let sent = headers(&[("x-api-key", "guess")]);

        let principal = auth().admit(Some(&Peer::Unix), &sent, Permission::Change);

        assert_eq!(
            principal.map(|principal| principal.role),
            Ok(Role::Operator)
        );
    }

    #[test]
    fn a_page_of_another_site_is_recognised_by_its_origin() {
        let uri = Uri::from_static("/api/weights");
        let is_cross = |method: Method, pairs: &[(&'static str, &'static str)]| {
            is_cross_site(&method, &uri, &headers(pairs))
        };
        let host = ("host", "127.0.0.1:8080");

        assert!(!is_cross(Method::PUT, &[host]));
        assert!(!is_cross(
            Method::PUT,
            &[host, ("origin", "http://127.0.0.1:8080")]
        ));
        assert!(is_cross(
            Method::PUT,
            &[host, ("origin", "http://127.0.0.1:3000")]
        ));
        assert!(is_cross(Method::POST, &[host, ("origin", "null")]));
        assert!(!is_cross(
            Method::GET,
            &[host, ("origin", "https://example.org")]
        ));
    }
}
