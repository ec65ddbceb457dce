//! A service account with its own token server: the gateway sends a signed assertion and gets
//! an access token (RFC 7523).

use super::token_error::TokenError;
use crate::foreign::read_body;
use crate::protocols::{ConnectionConfig, OutboundRequest, Transport, TransportOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::service_account::Builder;
use google_cloud_auth::signer::Signer;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Scope of the tokens: all that Google's cloud offers. What an account may do is set in the cloud.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Lifetime of a token that is requested, the longest that is allowed.
const LIFETIME_S: u64 = 3_600;
/// Time before its expiry at which a token is renewed, as in Google's own library.
const RENEW_BEFORE: Duration = Duration::from_mins(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest response of a token server. A token has about 1 KB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Bytes that a value of a form must escape: all but the unreserved characters of RFC 3986.
const FORM_ESCAPES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One account, and its token while that is valid.
pub(super) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_url: String,
    signer: Signer,
    token: Option<Token>,
}

struct Token {
    value: String,
    renew_at: Instant,
    expires_at: Instant,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl ServiceAccount {
    /// Reads a key's JSON. `token_url` is the token server.
    pub fn new(key: Value, token_url: String) -> Result<Self, BuildError> {
        let text = |name: &str| key[name].as_str().map(str::to_owned);
        Ok(Self {
            email: text("client_email").unwrap_or_default(),
            key_id: text("private_key_id"),
            token_url,
            signer: Builder::new(key).build_signer()?,
            token: None,
        })
    }

    /// Returns the current token while it is valid, else a new one.
    pub async fn token(&mut self, unix_seconds: u64) -> Result<String, TokenError> {
        let now = Instant::now();
        let is_fresh = |token: &&Token| now < token.renew_at;
        if let Some(token) = self.token.as_ref().filter(is_fresh) {
            return Ok(token.value.clone());
        }
        match (self.exchange(unix_seconds).await, &self.token) {
            (Ok(token), _) => Ok(self.token.insert(token).value.clone()),
            // The old one has not expired yet.
            (Err(_), Some(token)) if now < token.expires_at => Ok(token.value.clone()),
            (Err(error), _) => Err(error),
        }
    }

    async fn exchange(&self, unix_seconds: u64) -> Result<Token, TokenError> {
        let assertion = self.assertion(unix_seconds).await?;
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        let escape = |value| utf8_percent_encode(value, FORM_ESCAPES);
        let (grant, assertion) = (escape(GRANT_TYPE), escape(&assertion));
        let request = OutboundRequest {
            method: Method::POST,
            url: self.token_url.clone(),
            headers,
            body: format!("grant_type={grant}&assertion={assertion}").into(),
        };
        let options = TransportOptions::new(CONNECT_TIMEOUT);
        let transport = Transport::over(&[ConnectionConfig::default()], options)
            .map_err(TokenError::NoClient)?;
        let response = transport.send(0.into(), request).await;
        let response = response.map_err(TokenError::Unreachable)?;
        let received_at = Instant::now();
        let status = response.status();
        // A body that cannot be read is a response without a token.
        let body = read_body(response, MAX_RESPONSE_BYTES).await;
        let grant = read_grant(status, &body.unwrap_or_default())?;
        let lifetime = grant.expires_in.unwrap_or(LIFETIME_S).min(LIFETIME_S);
        let lifetime = Duration::from_secs(lifetime);
        Ok(Token {
            value: grant.access_token,
            renew_at: received_at + lifetime.saturating_sub(RENEW_BEFORE.min(lifetime / 2)),
            expires_at: received_at + lifetime,
        })
    }

    /// Builds the signed assertion: a JWT with the account, the scope and the lifetime.
    async fn assertion(&self, unix_seconds: u64) -> Result<String, TokenError> {
        let mut head = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(key_id) = &self.key_id {
            head["kid"] = key_id.as_str().into();
        }
        let claims = json!({
            "iss": self.email,
            "sub": self.email,
            "scope": SCOPE,
            "aud": self.token_url,
            "iat": unix_seconds,
            "exp": unix_seconds + LIFETIME_S,
        });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature = self.signer.sign(signed.as_bytes()).await;
        let signature = signature.map_err(|_| TokenError::UnusableKey)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Reads a token server's response. The text of an error is not passed on: it may name accounts.
fn read_grant(status: StatusCode, body: &[u8]) -> Result<TokenResponse, TokenError> {
    if status.is_success()
        && let Ok(grant) = serde_json::from_slice(body)
    {
        return Ok(grant);
    }
    let code = status.as_u16();
    Err(if status.is_client_error() && code != 429 {
        TokenError::Refused(code)
    } else {
        TokenError::NoToken(code)
    })
}
