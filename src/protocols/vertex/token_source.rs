//! The source of access tokens: a credentials file, or what Google's tools and machines provide.
//! Google's library signs or fetches tokens, keeps them and renews them before they expire. The one
//! case that it does not support, a service account with its own token server, is
//! `token_exchange`.

use super::token_error::{FileFault, TokenError};
use super::token_exchange::{SCOPE, ServiceAccount};
use crate::protocols::sensitive_header::sensitive;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, Builder, CacheableResource, CredentialsProvider, external_account,
    impersonated, service_account, user_account,
};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderValue};
use serde_json::Value;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// Longest time to wait for a token, which takes one round trip. [`TokenError::Timeout`] names
/// the number.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest credentials file. A usual one has about 2 KB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Seconds by which the wall clock may be ahead of the running clock. The running clock stands still while
/// the machine sleeps, and the lifetimes of tokens are measured with it: after a sleep they are not valid.
const MAX_SLEEP_SECONDS: u64 = 60;

/// Header that names the project that pays.
pub(super) const BILLING_PROJECT_HEADER: &str = "x-goog-user-project";

/// A token that is valid for a while.
#[derive(Clone)]
pub(in crate::protocols) struct AccessToken {
    /// The bearer token, marked as sensitive.
    pub bearer: HeaderValue,
    /// The project that pays, which users' own credentials name.
    pub billing_project: Option<HeaderValue>,
}

/// Reads the current time, in Unix seconds.
pub(super) type UnixClock = fn() -> u64;

/// Gives out access tokens. Cheap to clone; all clones share one token.
#[derive(Clone)]
pub struct TokenSource(Arc<Source>);

struct Source {
    /// Path of the credentials file; `None` for the application-default credentials.
    file: Option<PathBuf>,
    unix_seconds: UnixClock,
    provider: Mutex<Option<TokenProvider>>,
    /// Time of the last token by both clocks.
    last: std::sync::Mutex<Option<(Instant, u64)>>,
    /// Number of providers so far that were opened and returned a token.
    generation: AtomicU64,
    /// The last bearer token that was given out.
    given_out: std::sync::Mutex<Option<HeaderValue>>,
}

/// An opened provider of tokens.
enum TokenProvider {
    Library(AccessTokenCredentials),
    Exchange(ServiceAccount),
}

impl TokenSource {
    /// Creates a source that reads `file`, or uses the application-default credentials. Nothing is
    /// read before the first token is needed. `unix_seconds` reads the clock.
    pub fn new(file: Option<PathBuf>, unix_seconds: fn() -> u64) -> Self {
        Self(Arc::new(Source {
            file,
            unix_seconds,
            provider: Mutex::new(None),
            last: std::sync::Mutex::default(),
            generation: AtomicU64::new(0),
            given_out: std::sync::Mutex::default(),
        }))
    }

    /// Returns a valid token. With `renew` the last one was rejected and a new one is fetched;
    /// concurrent callers share it.
    pub(in crate::protocols) async fn token(&self, renew: bool) -> Result<AccessToken, TokenError> {
        let seen = self.0.generation.load(Ordering::Acquire);
        let token = timeout(TOKEN_TIMEOUT, self.0.token(renew.then_some(seen))).await;
        let token = token.unwrap_or(Err(TokenError::Timeout));
        if token.is_err() {
            // The next caller starts again: the file may be fixed by then, or the server available.
            self.0.close();
        }
        if let Ok(token) = &token {
            let mut last = self
                .0
                .given_out
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some(token.bearer.clone());
        }
        token
    }
}

impl TokenSource {
    /// Returns the last token that was given out.
    pub(in crate::protocols) fn last_bearer(&self) -> Option<HeaderValue> {
        let last = self
            .0
            .given_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

impl Source {
    /// Returns a token; `refused` is the generation whose token was rejected.
    async fn token(&self, refused: Option<u64>) -> Result<AccessToken, TokenError> {
        let mut provider = self.provider.lock().await;
        if self.has_slept() {
            *provider = None;
        }
        if provider.is_none() || refused == Some(self.generation.load(Ordering::Acquire)) {
            *provider = None;
            let mut opened = self.open().await?;
            let token = match &mut opened {
                TokenProvider::Exchange(account) => self.exchange_token(account).await?,
                TokenProvider::Library(credentials) => self.library_token(credentials).await?,
            };
            *provider = Some(opened);
            self.generation.fetch_add(1, Ordering::Release);
            return Ok(token);
        }
        match provider.as_mut() {
            Some(TokenProvider::Exchange(account)) => self.exchange_token(account).await,
            Some(TokenProvider::Library(credentials)) => {
                let credentials = credentials.clone();
                // The library renews once for all callers, so they need not wait for each other.
                drop(provider);
                self.library_token(&credentials).await
            }
            None => Err(self.refused()),
        }
    }

    /// Whether the machine slept since the last call.
    fn has_slept(&self) -> bool {
        let now = (Instant::now(), (self.unix_seconds)());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(now).is_some_and(|(running, wall)| {
            let passed = now.0.saturating_duration_since(running).as_secs();
            now.1.saturating_sub(wall) > passed + MAX_SLEEP_SECONDS
        })
    }

    async fn exchange_token(
        &self,
        account: &mut ServiceAccount,
    ) -> Result<AccessToken, TokenError> {
        let text = account.token((self.unix_seconds)()).await?;
        Ok(AccessToken {
            bearer: sensitive(&format!("Bearer {text}")).ok_or(TokenError::InvalidToken)?,
            billing_project: None,
        })
    }

    async fn library_token(
        &self,
        credentials: &AccessTokenCredentials,
    ) -> Result<AccessToken, TokenError> {
        match credentials.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => {
                let bearer = data.get(AUTHORIZATION).cloned();
                let mut bearer = bearer.ok_or_else(|| self.refused())?;
                bearer.set_sensitive(true);
                Ok(AccessToken {
                    bearer,
                    billing_project: data.get(BILLING_PROJECT_HEADER).cloned(),
                })
            }
            // The library's message is not passed on: it may hold a token server's response.
            Err(error) if error.is_transient() && self.file.is_some() => {
                Err(TokenError::ServerFailed)
            }
            _ => Err(self.refused()),
        }
    }

    fn close(&self) {
        if let Ok(mut provider) = self.provider.try_lock() {
            *provider = None;
        }
    }

    fn refused(&self) -> TokenError {
        if self.file.is_some() {
            TokenError::FileRefused
        } else {
            TokenError::NoDefaultCredentials
        }
    }

    async fn open(&self) -> Result<TokenProvider, TokenError> {
        if let Some(file) = &self.file {
            return Ok(open_credentials(read_credentials(file).await?)?);
        }
        // The library reads its file with blocking calls.
        let opened = tokio::task::spawn_blocking(|| {
            let builder = Builder::default().with_scopes([SCOPE]);
            builder.build_access_token_credentials()
        });
        match opened.await {
            Ok(Ok(credentials)) => Ok(TokenProvider::Library(credentials)),
            _ => Err(self.refused()),
        }
    }
}

async fn read_credentials(file: &Path) -> Result<Value, FileFault> {
    let found = tokio::fs::metadata(file).await;
    if found.as_ref().is_ok_and(|data| !data.is_file()) {
        return Err(FileFault::Unreadable(ErrorKind::InvalidInput));
    }
    let size = found.map(|data| data.len());
    let text = match size {
        Ok(size) if size > MAX_FILE_BYTES => return Err(FileFault::TooLarge),
        Ok(_) => tokio::fs::read(file).await,
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| FileFault::Unreadable(error.kind()))?;
    serde_json::from_slice(&text).map_err(|_| FileFault::NotJson)
}

/// Opens the provider that a credentials file describes. The library's messages are not passed on:
/// they may quote the file.
fn open_credentials(json: Value) -> Result<TokenProvider, FileFault> {
    let Some(kind) = json["type"].as_str().map(str::to_owned) else {
        return Err(FileFault::NoType);
    };
    if kind == SERVICE_ACCOUNT
        && let Some(token_url) = own_token_server(&json)
    {
        let token_url = token_url.to_owned();
        return ServiceAccount::new(json, token_url)
            .map(TokenProvider::Exchange)
            .map_err(|_| FileFault::Incomplete(kind));
    }
    let credentials = match kind.as_str() {
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
        _ => return Err(FileFault::UnknownType(kind)),
    };
    let credentials = credentials.map_err(|_| FileFault::Incomplete(kind))?;
    Ok(TokenProvider::Library(credentials))
}

const SERVICE_ACCOUNT: &str = "service_account";

/// Returns the token server of a key, unless it is Google's. The library signs tokens itself, which
/// only Google's services accept.
fn own_token_server(json: &Value) -> Option<&str> {
    let server = json["token_uri"].as_str()?;
    let is_google_hosted = [
        "https://oauth2.googleapis.com/",
        "https://accounts.google.com/",
    ]
    .iter()
    .any(|google_url| server.starts_with(google_url));
    (!is_google_hosted).then_some(server)
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("file", &self.0.file)
            .finish_non_exhaustive()
    }
}
