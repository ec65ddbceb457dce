//! Where tokens come from: a file of credentials, or what Google's tools and machines provide.
//! Google's library signs or fetches them, keeps them, and renews them before they run out. The
//! one way that it does not know, a service account with a token server of its own, is ours.

use super::token_exchange::{SCOPE, ServiceAccount};
use crate::domain::Failure;
use crate::protocols::sensitive_header::sensitive;
use crate::protocols::upstream_error::UpstreamError;
use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, Builder, CacheableResource, CredentialsProvider, external_account,
    impersonated, service_account, user_account,
};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderValue};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A token takes a round trip; what takes longer is not coming.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A file of credentials has about 2 KB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Names the project that pays.
pub(super) const BILLING_PROJECT_HEADER: &str = "x-goog-user-project";

/// What shows who we are, for a while.
#[derive(Clone)]
pub(in crate::protocols) struct AccessToken {
    /// Marked as sensitive.
    pub bearer: HeaderValue,
    /// The project that pays, which people's own credentials name.
    pub payer: Option<HeaderValue>,
}

/// Asks the time, in Unix seconds.
pub(super) type UnixClock = fn() -> u64;

/// Gives out tokens. Cheap to clone; all clones share one token.
#[derive(Clone)]
pub struct TokenSource(Arc<Source>);

struct Source {
    /// Nothing for the application-default credentials.
    file: Option<PathBuf>,
    unix_seconds: UnixClock,
    live: Mutex<Option<TokenProvider>>,
    /// How often a way to tokens was opened and gave one.
    opened: AtomicU64,
}

/// A way to tokens, once it is open.
enum TokenProvider {
    Library(AccessTokenCredentials),
    Exchange(ServiceAccount),
}

impl TokenSource {
    /// `file`: of credentials, else the application-default ones. Nothing is read before the first
    /// token is asked for.
    pub fn new(file: Option<PathBuf>, unix_seconds: fn() -> u64) -> Self {
        Self(Arc::new(Source {
            file,
            unix_seconds,
            live: Mutex::new(None),
            opened: AtomicU64::new(0),
        }))
    }

    /// A token that is good now. `fresh`: the last one was refused, so a new one is fetched; those
    /// who wait for a new one at the same time share it.
    pub(in crate::protocols) async fn token(
        &self,
        fresh: bool,
    ) -> Result<AccessToken, UpstreamError> {
        let seen = self.0.opened.load(Ordering::Acquire);
        let token = timeout(TOKEN_TIMEOUT, self.0.token(fresh.then_some(seen))).await;
        let token = token.unwrap_or_else(|_| {
            let problem = "no token came within 10 s; see whether the token server can be reached";
            Err(UpstreamError::without_response(Failure::Timeout, problem))
        });
        if token.is_err() {
            // The next one asks from the start: a file may have been mended, a server may be back.
            self.0.close();
        }
        token
    }
}

impl Source {
    /// `refused`: how often a way had been opened when the last token was refused.
    async fn token(&self, refused: Option<u64>) -> Result<AccessToken, UpstreamError> {
        let mut live = self.live.lock().await;
        if live.is_none() || refused == Some(self.opened.load(Ordering::Acquire)) {
            *live = None;
            let mut open = self.open().await?;
            let token = match &mut open {
                TokenProvider::Exchange(account) => self.of_account(account).await?,
                TokenProvider::Library(credentials) => self.of_library(credentials).await?,
            };
            *live = Some(open);
            self.opened.fetch_add(1, Ordering::Release);
            return Ok(token);
        }
        match live.as_mut() {
            Some(TokenProvider::Exchange(account)) => self.of_account(account).await,
            Some(TokenProvider::Library(credentials)) => {
                let credentials = credentials.clone();
                // Nobody need wait for a turn: the library renews once for all.
                drop(live);
                self.of_library(&credentials).await
            }
            None => Err(UpstreamError::without_response(
                Failure::Auth,
                self.refused(),
            )),
        }
    }

    async fn of_account(&self, account: &mut ServiceAccount) -> Result<AccessToken, UpstreamError> {
        let text = account.token((self.unix_seconds)()).await?;
        let problem = "the token server sent a token that no header can hold";
        Ok(AccessToken {
            bearer: sensitive(&format!("Bearer {text}"))
                .ok_or_else(|| UpstreamError::without_response(Failure::Server, problem))?,
            payer: None,
        })
    }

    async fn of_library(
        &self,
        credentials: &AccessTokenCredentials,
    ) -> Result<AccessToken, UpstreamError> {
        let refused = || UpstreamError::without_response(Failure::Auth, self.refused());
        match credentials.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => {
                let mut bearer = data.get(AUTHORIZATION).cloned().ok_or_else(refused)?;
                bearer.set_sensitive(true);
                Ok(AccessToken {
                    bearer,
                    payer: data.get(BILLING_PROJECT_HEADER).cloned(),
                })
            }
            // The library's own words may hold what a token server answered.
            Err(error) if error.is_transient() && self.file.is_some() => {
                let problem = "the token server failed; try again later";
                Err(UpstreamError::without_response(Failure::Server, problem))
            }
            _ => Err(refused()),
        }
    }

    fn close(&self) {
        if let Ok(mut live) = self.live.try_lock() {
            *live = None;
        }
    }

    fn refused(&self) -> &'static str {
        if self.file.is_some() {
            "the credentials in the file that `credentials` names were refused or cannot be used; \
             make a new key"
        } else {
            "there are no application-default credentials, or they were refused; run `gcloud auth \
             application-default login`, name a file in `credentials`, or name a variable with a \
             token in `api_key_env`"
        }
    }

    async fn open(&self) -> Result<TokenProvider, UpstreamError> {
        let Some(file) = &self.file else {
            // The library looks for its file without a runtime.
            let opened = tokio::task::spawn_blocking(|| {
                let builder = Builder::default().with_scopes([SCOPE]);
                builder.build_access_token_credentials()
            });
            return match opened.await {
                Ok(Ok(credentials)) => Ok(TokenProvider::Library(credentials)),
                _ => Err(UpstreamError::without_response(
                    Failure::Auth,
                    self.refused(),
                )),
            };
        };
        let unread = |why: &str| {
            let text = format!("the file that `credentials` names {why}");
            UpstreamError::without_response(Failure::Auth, text)
        };
        let size = tokio::fs::metadata(file).await.map(|data| data.len());
        let text = match size {
            Ok(size) if size > MAX_FILE_BYTES => {
                return Err(unread("is too large for credentials"));
            }
            Ok(_) => tokio::fs::read(file).await,
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| unread(&format!("cannot be read: {}", error.kind())))?;
        let json: Value = serde_json::from_slice(&text).map_err(|_| unread("is not JSON"))?;
        live(json).map_err(|why| unread(&why))
    }
}

/// What a file of credentials opens, or what is wrong with it.
fn live(json: Value) -> Result<TokenProvider, String> {
    let Some(sort) = json["type"].as_str().map(str::to_owned) else {
        return Err("has no `type`; it must be a key or credentials as Google makes them".into());
    };
    if sort == SERVICE_ACCOUNT
        && let Some(server) = own_token_server(&json)
    {
        let server = server.to_owned();
        return ServiceAccount::new(json, server)
            .map(TokenProvider::Exchange)
            .map_err(|error| incomplete(&sort, &error));
    }
    let credentials = match sort.as_str() {
        SERVICE_ACCOUNT => service_account::Builder::new(json)
            .with_access_specifier(service_account::AccessSpecifier::from_scopes([SCOPE]))
            .build_access_token_credentials(),
        "authorized_user" => user_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
        "impersonated_service_account" => impersonated::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
        "external_account" => external_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
        other => {
            return Err(format!(
                "has the type {other:?}, but must be service_account, authorized_user, \
                 impersonated_service_account or external_account"
            ));
        }
    };
    let credentials = credentials.map_err(|error| incomplete(&sort, &error))?;
    Ok(TokenProvider::Library(credentials))
}

const SERVICE_ACCOUNT: &str = "service_account";

/// The library signs tokens by itself, which Google's own services take. Whoever has a token
/// server of their own wants it asked.
fn own_token_server(json: &Value) -> Option<&str> {
    let server = json["token_uri"].as_str()?;
    let is_googles = [
        "https://oauth2.googleapis.com/",
        "https://accounts.google.com/",
    ]
    .iter()
    .any(|googles| server.starts_with(googles));
    (!is_googles).then_some(server)
}

/// Without the library's words, which may quote the file.
fn incomplete(sort: &str, _error: &BuildError) -> String {
    format!("is no whole {sort}: a member is missing or wrong; download it anew")
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("file", &self.0.file)
            .finish_non_exhaustive()
    }
}
