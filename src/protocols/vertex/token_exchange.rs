//! A service account with a token server of its own: a signed statement of who asks goes there,
//! and a token comes back (RFC 7523).

use crate::domain::Failure;
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ConnectionConfig, OutboundRequest, Transport, TransportOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::service_account::Builder;
use google_cloud_auth::signer::Signer;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// All that Google's cloud offers; what an account may do there is set in the cloud.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What a statement may ask for at most, and what is asked for.
const LIFE_SECONDS: u64 = 3_600;
/// A token is renewed so long before it runs out, as Google's own library does.
const RENEW_BEFORE: Duration = Duration::from_mins(4);
/// A token server that cannot be reached in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A token has about 1 KB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// One account, and its token while that is good.
pub(super) struct ServiceAccount {
    email: String,
    key: Option<String>,
    server: String,
    signer: Signer,
    token: Option<Token>,
}

struct Token {
    text: String,
    renew_at: Instant,
    ends_at: Instant,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl ServiceAccount {
    /// From a key's JSON; `server` is who is asked.
    pub fn new(key: Value, server: String) -> Result<Self, BuildError> {
        let text = |name: &str| key[name].as_str().map(str::to_owned);
        Ok(Self {
            email: text("client_email").unwrap_or_default(),
            key: text("private_key_id"),
            server,
            signer: Builder::new(key).build_signer()?,
            token: None,
        })
    }

    /// The token in hand while it is good, else a new one.
    pub async fn token(&mut self, unix_seconds: u64) -> Result<String, UpstreamError> {
        let now = Instant::now();
        let good = |token: &&Token| now < token.renew_at;
        if let Some(token) = self.token.as_ref().filter(good) {
            return Ok(token.text.clone());
        }
        match (self.exchange(unix_seconds).await, &self.token) {
            (Ok(token), _) => Ok(self.token.insert(token).text.clone()),
            // The old one still holds for a while.
            (Err(_), Some(token)) if now < token.ends_at => Ok(token.text.clone()),
            (Err(upset), _) => Err(upset),
        }
    }

    async fn exchange(&self, unix_seconds: u64) -> Result<Token, UpstreamError> {
        let statement = self.statement(unix_seconds).await?;
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        let outgoing = OutboundRequest {
            method: Method::POST,
            url: self.server.clone(),
            headers,
            body: format!("grant_type={grant}&assertion={statement}").into(),
        };
        let unreachable = |_| {
            let problem = "the token server of the service account cannot be reached";
            UpstreamError::without_response(Failure::Disconnected, problem)
        };
        let options = TransportOptions::new(CONNECT_TIMEOUT);
        let transport = Transport::over(&[ConnectionConfig::default()], options)
            .map_err(|_| unreachable(Failure::Disconnected))?;
        let answer = transport
            .send(0.into(), outgoing)
            .await
            .map_err(unreachable)?;
        let asked_at = Instant::now();
        let status = answer.status();
        let body = read(answer).await.unwrap_or_default();
        let granted = granted(status, &body)?;
        let life =
            Duration::from_secs(granted.expires_in.unwrap_or(LIFE_SECONDS).min(LIFE_SECONDS));
        Ok(Token {
            text: granted.access_token,
            renew_at: asked_at + life.saturating_sub(RENEW_BEFORE.min(life / 2)),
            ends_at: asked_at + life,
        })
    }

    /// Who asks for what, signed.
    async fn statement(&self, unix_seconds: u64) -> Result<String, UpstreamError> {
        let mut head = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(key) = &self.key {
            head["kid"] = key.as_str().into();
        }
        let claims = json!({
            "iss": self.email,
            "sub": self.email,
            "scope": SCOPE,
            "aud": self.server,
            "iat": unix_seconds,
            "exp": unix_seconds + LIFE_SECONDS,
        });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature = self.signer.sign(signed.as_bytes()).await.map_err(|_| {
            let problem = "the private key in the file that `credentials` names cannot be used; \
                           make a new key";
            UpstreamError::without_response(Failure::Auth, problem)
        })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// What a token server granted. Its words in a refusal are kept: they may name accounts.
fn granted(status: StatusCode, body: &[u8]) -> Result<TokenResponse, UpstreamError> {
    if status.is_success()
        && let Ok(granted) = serde_json::from_slice(body)
    {
        return Ok(granted);
    }
    let code = status.as_u16();
    Err(if status.is_client_error() && code != 429 {
        let text = format!(
            "the token server refused the service account with {code}; see whether its key in the \
             file that `credentials` names is still good"
        );
        UpstreamError::without_response(Failure::Auth, text)
    } else {
        let text = format!("the token server answered {code} without a token");
        UpstreamError::without_response(Failure::Server, text)
    })
}

async fn read(mut answer: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
