//! Authentication and authorisation: tokens with roles, and peers that need no token. Each API puts the
//! error into its own shape.

mod sites;

pub use sites::{SiteError, Sites};

use crate::domain::Role;
use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

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
    /// A browser may have sent the request for a page of another site.
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl AuthError {
    /// The HTTP status: 401 without a known token, 403 without the permission or for other sites.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoToken | Self::UnknownToken => 401,
            Self::Role { .. } | Self::Site(_) => 403,
        }
    }
}

/// The tokens of one API; clones share them.
#[derive(Debug, Clone)]
pub struct TokenAuth {
    tokens: Arc<ArcSwap<Vec<Token>>>,
    sites: Arc<ArcSwap<Sites>>,
    /// Marked as changed when tokens or sites are replaced.
    replaced: Arc<watch::Sender<()>>,
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
            sites: Arc::default(),
            replaced: Arc::default(),
            local: "local".into(),
        }
    }

    /// The same tokens, and names and pages that are accepted besides those of loopback.
    #[must_use]
    pub fn with_sites(self, sites: Sites) -> Self {
        self.sites.store(Arc::new(sites));
        self
    }

    /// Takes over the tokens and sites of `other`.
    pub fn follow(&self, other: &Self) {
        self.tokens.store(other.tokens.load_full());
        self.sites.store(other.sites.load_full());
        self.replaced.send_replace(());
    }

    /// Resolves when a request that was admitted would not be any more, because its token was revoked.
    /// For responses that last.
    pub async fn until_denied(self, request: Request<()>, permission: Permission) {
        let mut replaced = self.replaced.subscribe();
        while self.admit(&request, permission).is_ok() {
            if replaced.changed().await.is_err() {
                return;
            }
        }
    }

    /// Authenticates a request and checks its permission. The Unix socket has the role operator, and so has
    /// loopback while no tokens are configured, both with any token. A request without a known peer
    /// needs a token. Pages of other sites are rejected.
    pub fn admit<B>(
        &self,
        request: &Request<B>,
        permission: Permission,
    ) -> Result<Principal, AuthError> {
        let (uri, headers) = (request.uri(), request.headers());
        let sites = self.sites.load();
        sites.check_change(request.method(), uri, headers)?;
        let peer = request.extensions().get::<Peer>();
        let tokens = self.tokens.load();
        let is_trusted = match peer {
            Some(Peer::Unix) => true,
            Some(Peer::Tcp(address)) => {
                tokens.is_empty() && address.ip().to_canonical().is_loopback()
            }
            None => false,
        };
        if is_trusted && peer != Some(&Peer::Unix) {
            sites.check_trusted(uri, headers)?;
        }
        let principal = if is_trusted {
            Principal {
                who: Arc::clone(&self.local),
                role: Role::Operator,
            }
        } else {
            authenticate(&tokens, headers)?
        };
        if principal.role.may(permission) {
            return Ok(principal);
        }
        Err(AuthError::Role {
            name: principal.who,
            role: principal.role,
            needs: permission,
        })
    }
}

fn authenticate(tokens: &[Token], headers: &HeaderMap) -> Result<Principal, AuthError> {
    let sent = sent_tokens(headers);
    if sent.is_empty() {
        return Err(AuthError::NoToken);
    }
    let token = sent.iter().find_map(|text| find_token(tokens, text));
    let token = token.ok_or(AuthError::UnknownToken)?;
    Ok(Principal {
        who: Arc::clone(&token.name),
        role: token.role,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Method};

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

    /// A request of a peer with these headers.
    fn request(
        peer: Option<Peer>,
        method: Method,
        pairs: &[(&'static str, &'static str)],
    ) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.headers_mut() = headers(pairs);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request
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
            let principal = auth().admit(
                &request(Some(remote), Method::GET, &[header]),
                Permission::Change,
            );

            assert_eq!(principal.map(|principal| principal.who), Ok("ops".into()));
        }
    }

    #[test]
    fn a_missing_an_unknown_and_a_weak_token_differ() {
        let remote = tcp("127.0.0.1:9");
        let admit = |pairs| {
            auth().admit(
                &request(Some(remote), Method::GET, pairs),
                Permission::Change,
            )
        };

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
        let asks = |peer, permission| open.admit(&request(peer, Method::GET, &[]), permission);
        for address in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            let principal = asks(Some(tcp(address)), Permission::Change);
            assert_eq!(principal.map(|principal| principal.who), Ok("local".into()));
        }

        let rejected = asks(Some(tcp("192.0.2.7:9")), Permission::Read);
        assert_eq!(rejected, Err(AuthError::NoToken));
        assert_eq!(asks(None, Permission::Read), Err(AuthError::NoToken));
    }

    #[test]
    fn the_socket_is_trusted_with_any_token() {
        let sent = request(
            Some(Peer::Unix),
            Method::GET,
            &[("x-api-key", "guess"), ("host", "any")],
        );

        let principal = auth().admit(&sent, Permission::Change);

        assert_eq!(
            principal.map(|principal| principal.role),
            Ok(Role::Operator)
        );
    }

    #[tokio::test]
    async fn a_response_that_lasts_ends_when_its_token_is_revoked() {
        let auth = auth();
        let read = |token| {
            let asked = request(
                Some(tcp("192.0.2.7:9")),
                Method::GET,
                &[("x-api-key", token)],
            );
            tokio::spawn(auth.clone().until_denied(asked, Permission::Read))
        };
        let (viewer, operator) = (read("v-secret"), read("o-secret"));
        tokio::task::yield_now().await;
        auth.follow(&TokenAuth::new(vec![token(
            "ops",
            "o-secret",
            Role::Operator,
        )]));

        viewer.await.unwrap();
        tokio::task::yield_now().await;
        assert!(!operator.is_finished());
        operator.abort();
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let known = Sites::new(&[], &["https://page.example".to_owned()]);
        for auth in [auth(), TokenAuth::default()] {
            let auth = auth.with_sites(known.clone());
            let is_cross = |method: Method, pairs: &[(&'static str, &'static str)]| {
                let sent = [
                    pairs,
                    &[("host", "127.0.0.1:8080"), ("x-api-key", "o-secret")],
                ]
                .concat();
                let sent = request(Some(tcp("127.0.0.1:9")), method, &sent);
                match auth.admit(&sent, Permission::Change) {
                    Ok(_) => false,
                    Err(error) => matches!(error, AuthError::Site(SiteError::Origin(_))),
                }
            };

            assert!(!is_cross(Method::PUT, &[]));
            for own in ["http://127.0.0.1:8080", "https://page.example"] {
                assert!(!is_cross(Method::PUT, &[("origin", own)]), "{own}");
            }
            for foreign in ["http://127.0.0.1:3000", "https://page.example:1"] {
                assert!(is_cross(Method::PUT, &[("origin", foreign)]), "{foreign}");
            }
            assert!(is_cross(Method::POST, &[("origin", "null")]));
        }
    }

    #[test]
    fn without_tokens_only_names_of_this_instance_are_answered() {
        let open = TokenAuth::default().with_sites(Sites::new(&["Box.lan".to_owned()], &[]));
        let admit = |method, pairs: &[(&'static str, &'static str)]| {
            let sent = request(Some(tcp("127.0.0.1:9")), method, pairs);
            open.admit(&sent, Permission::Change).map(|_| ())
        };
        for host in [
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]",
            "[::1]:8080",
            "box.lan:8080",
        ] {
            assert_eq!(admit(Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "rebound.example",
            "rebound.example:8080",
            "localhost.example",
            "127.0.0.1.example",
            "10.0.0.1",
            "[::2]:8080",
            "::1",
            "localhost:x",
            "user@localhost",
            "",
            "0.0.0.0:8080",
        ] {
            let rejected = AuthError::Site(SiteError::Host(host.to_owned()));
            for method in [Method::GET, Method::POST] {
                assert_eq!(
                    admit(method, &[("host", host)]),
                    Err(rejected.clone()),
                    "{host}"
                );
            }
        }
        let own = ("host", "localhost");
        assert!(admit(Method::GET, &[own, ("host", "rebound.example")]).is_err());
        assert!(admit(Method::GET, &[own, ("origin", "https://rebound.example")]).is_err());
        assert!(admit(Method::GET, &[own, ("origin", "null")]).is_err());
        assert_eq!(
            admit(Method::GET, &[own, ("origin", "http://localhost:3000")]),
            Ok(())
        );
        let mut two = request(Some(tcp("127.0.0.1:9")), Method::GET, &[]);
        *two.uri_mut() = http::Uri::from_static("http://rebound.example/api/status");
        assert!(open.admit(&two, Permission::Read).is_err());
    }
}
