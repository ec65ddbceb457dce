//! Authentication and authorisation: tokens with roles, and peers that need no token. Each API puts the
//! error into its own shape.

mod failed_logins;
mod operator;
mod route;
mod sites;
mod token_table;

pub use route::{AnswerForm, RouteDescription, SchemaOf};
pub use sites::{SiteError, Sites};
pub use token_table::{LastUse, Token};

use crate::clock;
use crate::contract::rfc3339;
use crate::domain::{AllowedModels, Role, TokenDefinition, UnixTime};
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use failed_logins::{FailedLogins, network};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use operator::stated_operator;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use token_table::TokenTable;
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
    /// The roles that include it, as text.
    pub const fn roles(self) -> &'static str {
        match self {
            Self::Use => "client or operator",
            Self::Select => "client, viewer or operator",
            Self::Read => "viewer or operator",
            Self::Change => "operator",
        }
    }
}

/// The sender of an authenticated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the token, or `local` where none was needed.
    pub who: Arc<str>,
    /// Whether it is the name of a token.
    pub is_named: bool,
    pub role: Role,
    /// The models that it may use; `None`: all.
    pub models: Option<AllowedModels>,
    /// When its token ends to be valid.
    pub expires_at: Option<UnixTime>,
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
    #[error(
        "the token is unknown; [[auth.tokens]] and `aibal-tui tokens list` name the known ones"
    )]
    UnknownToken,
    #[error("the token {name:?} expired at {}; ask its operator for a new one", rfc3339(*at))]
    Expired { name: Arc<str>, at: UnixTime },
    #[error("the token {name:?} was revoked; ask its operator for a new one")]
    Revoked { name: Arc<str> },
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
            Self::NoToken | Self::UnknownToken | Self::Expired { .. } | Self::Revoked { .. } => 401,
            Self::Role { .. } | Self::Site(_) => 403,
        }
    }
}

/// The tokens of one API; clones share them.
#[derive(Debug, Clone)]
pub struct TokenAuth {
    tokens: Arc<ArcSwap<TokenTable>>,
    sites: Arc<ArcSwap<Sites>>,
    /// Marked as changed when tokens or sites are replaced.
    replaced: Arc<watch::Sender<()>>,
    /// Whether the tokens only name their holders: loopback needs none.
    names_only: bool,
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
        let table = TokenTable::new(tokens, Vec::new());
        Self {
            tokens: Arc::new(ArcSwap::from_pointee(table)),
            sites: Arc::default(),
            replaced: Arc::default(),
            names_only: false,
            local: "local".into(),
            failed: Arc::default(),
        }
    }

    /// Tokens that only name the clients of a trial on this machine, by name and token: loopback stays
    /// trusted, also without a token or with another one.
    pub fn naming<'t>(clients: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let token = |(name, secret): (&str, &str)| {
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
            Token::new(TokenDefinition::new(name, Role::Client), sha256, &[])
        };
        Self {
            names_only: true,
            ..Self::new(clients.map(token).collect())
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

    /// Takes over the configured tokens and the sites of `other`.
    pub fn follow(&self, other: &Self) {
        let configured = other.tokens.load();
        self.tokens
            .rcu(|tokens| tokens.with_configured(configured.configured()));
        self.sites.store(other.sites.load_full());
        self.replaced.send_replace(());
    }

    /// Trusts no machine without a token until the tokens of the store are known.
    pub fn await_stored(&self) {
        self.tokens.rcu(|tokens| tokens.waiting());
    }

    /// Whether loopback has the role operator, because no token was ever made.
    pub fn trusts_loopback(&self) -> bool {
        self.tokens.load().is_empty()
    }

    /// Whether the store holds a token that is not revoked.
    pub fn has_stored(&self) -> bool {
        self.tokens.load().has_stored()
    }

    /// Replaces the tokens of the store.
    pub fn set_stored(&self, stored: &[Token]) {
        self.tokens.rcu(|tokens| tokens.with_stored(stored));
        self.replaced.send_replace(());
    }

    /// The tokens of the configuration.
    pub fn configured(&self) -> Vec<Token> {
        self.tokens.load().configured().to_vec()
    }

    /// When each token was last used in this process, by name.
    pub fn last_uses(&self) -> BTreeMap<Arc<str>, UnixTime> {
        self.tokens.load().last_uses()
    }

    /// Resolves when a request that was admitted would not be any more, because its token was revoked
    /// or expired. For responses that last.
    pub async fn until_denied(self, request: Request<()>, permission: Permission) {
        let mut replaced = self.replaced.subscribe();
        while let Ok(principal) = self.admit(&request, permission) {
            let expired = async {
                match principal.expires_at {
                    Some(at) => tokio::time::sleep(at.since(clock::now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = replaced.changed() => if changed.is_err() { return },
                () = expired => {}
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
                let needs_none = tokens.is_empty() || self.names_only;
                needs_none && address.ip().to_canonical().is_loopback()
            }
            None => false,
        };
        if is_trusted && peer != Some(&Peer::Unix) {
            sites.check_trusted(uri, headers)?;
        }
        let named = Some(()).filter(|()| is_trusted && self.names_only);
        let named = named.and_then(|()| authenticate(&tokens, headers, peer.copied()).ok());
        let principal = if let Some(named) = named {
            named
        } else if is_trusted {
            Principal {
                who: Arc::clone(&self.local),
                is_named: false,
                role: Role::Operator,
                models: None,
                expires_at: None,
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
    tokens: &TokenTable,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Principal, AuthError> {
    let sent = sent_tokens(headers);
    if sent.is_empty() {
        return Err(AuthError::NoToken);
    }
    let token = sent.iter().find_map(|secret| tokens.find(secret));
    let token = token.ok_or(AuthError::UnknownToken)?;
    let (name, now) = (|| Arc::clone(token.name()), clock::now());
    if token.is_revoked {
        return Err(AuthError::Revoked { name: name() });
    }
    if let Some(at) = token.definition.expires_at.filter(|at| *at <= now) {
        return Err(AuthError::Expired { name: name(), at });
    }
    token.last_use.note(now);
    Ok(Principal {
        who: name(),
        is_named: true,
        role: token.definition.role,
        models: token.models.clone(),
        expires_at: token.definition.expires_at,
        peer,
        operator: stated_operator(headers),
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
