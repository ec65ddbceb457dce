//! Authentication and authorisation: tokens with roles, and peers that need no token. Each API puts the
//! error into its own shape.

mod failed_logins;
mod operator;
mod sites;

pub use sites::{SiteError, Sites};

use crate::domain::Role;
use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use failed_logins::{FailedLogins, network};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use operator::stated_operator;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
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

impl Peer {
    /// The address that stands for all that its owner has; `None` for the Unix socket.
    pub fn network(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(network(address.ip())),
            Self::Unix => None,
        }
    }
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
    /// Patterns of the models that it may use; `None`: all.
    pub models: Option<Arc<[String]>>,
}

/// The sender of an authenticated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the token, or `local` where none was needed.
    pub who: Arc<str>,
    /// Whether it is the name of a token.
    pub is_named: bool,
    pub role: Role,
    /// Patterns of the models that it may use; `None`: all.
    pub models: Option<Arc<[String]>>,
    /// Where the request comes from; `None` in a process of its own.
    pub peer: Option<Peer>,
    /// `user@host` as the client states it: for the record, and for no decision.
    pub operator: Option<Arc<str>>,
}

impl Principal {
    /// Who makes a change, for the record of changes: `alice@ops1 (token ops)`, or the token's name
    /// where the client states no operator.
    pub fn actor(&self) -> String {
        match (&self.operator, self.is_named) {
            (Some(operator), true) => format!("{operator} (token {})", self.who),
            (Some(operator), false) => format!("{operator} ({})", self.who),
            (None, _) => self.who.to_string(),
        }
    }

    /// Where it came from, for the audit log.
    pub fn origin(&self) -> String {
        origin_of(self.peer.as_ref())
    }
}

/// The address of a peer, for the audit log.
pub fn origin_of(peer: Option<&Peer>) -> String {
    match peer {
        Some(Peer::Tcp(address)) => address.to_string(),
        Some(Peer::Unix) => "unix socket".to_owned(),
        None => "unknown".to_owned(),
    }
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
    failed: Arc<FailedLogins>,
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
            failed: Arc::default(),
        }
    }

    /// The same tokens, and names and pages that are accepted besides those of loopback.
    #[must_use]
    pub fn with_sites(self, sites: Sites) -> Self {
        self.sites.store(Arc::new(sites));
        self
    }

    /// Sends a text about each failed login to `report`; only the first call counts.
    pub fn report_failures_to(&self, report: impl Fn(&str) + Send + Sync + 'static) {
        self.failed.report_to(Box::new(report));
    }

    /// Records a request that was not admitted; returns how long its answer is delayed. Guesses from
    /// one address get slower and slower.
    pub fn delay_after<B>(&self, request: &Request<B>, error: &AuthError) -> Duration {
        match (error, request.extensions().get::<Peer>()) {
            (AuthError::UnknownToken, Some(Peer::Tcp(address))) => {
                self.failed.record(address.ip(), "its token is unknown")
            }
            _ => Duration::ZERO,
        }
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

    /// Whether a page of this origin may read the responses.
    pub fn lists_origin(&self, origin: &HeaderValue) -> bool {
        self.sites.load().lists(origin)
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
                is_named: false,
                role: Role::Operator,
                models: None,
                peer: peer.copied(),
                operator: stated_operator(headers),
            }
        } else {
            authenticate(&tokens, headers, peer.copied())?
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

fn authenticate(
    tokens: &[Token],
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Principal, AuthError> {
    let sent = sent_tokens(headers);
    if sent.is_empty() {
        return Err(AuthError::NoToken);
    }
    let token = sent.iter().find_map(|text| find_token(tokens, text));
    let token = token.ok_or(AuthError::UnknownToken)?;
    Ok(Principal {
        who: Arc::clone(&token.name),
        is_named: true,
        role: token.role,
        models: token.models.clone(),
        peer,
        operator: stated_operator(headers),
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
        .map(HeaderValue::as_bytes);
    bearer
        .chain(named)
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
