//! The provider's side of a wire format, and the endpoint that it is spoken to. The two are defined
//! by each other. Keys are held here and nowhere else.

use super::call::{CallSpec, PreparedCall, TokenCountCall};
use super::sensitive_header::sensitive;
use super::vertex::AccessToken;
use super::{
    ConnectionConfig, OutboundRequest, ReasoningCache, TokenSource, TranslationError,
    UpstreamError, classify_error,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One wire format, the provider's side of it.
pub trait ProviderApi: Send + Sync {
    /// The words that select it in the configuration.
    fn kinds(&self) -> &'static [&'static str];
    /// A call in this protocol's words, and what will carry its answer to the client.
    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError>;
    /// Whether a refused call may be asked once more by another way of this protocol.
    fn fallback_request(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
        _upset: &UpstreamError,
    ) -> bool {
        false
    }
    /// The same for embeddings.
    fn build_embeddings(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let problem = "names a provider that has no embeddings";
        Err(TranslationError::untranslatable("model", problem))
    }
    /// A question for the number of a prompt's tokens that costs nothing, where there is one.
    fn build_token_count(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        None
    }
    /// A question that costs nothing and shows whether the provider is there.
    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest;
    /// Whether the answer to [`ProviderApi::build_probe`] is one.
    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool;
    /// The models that the answer to [`ProviderApi::build_probe`] lists.
    fn model_names(&self, body: &[u8]) -> Option<Vec<String>>;
    /// What went wrong, from an answer whose status is not a success.
    fn classify_error(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> UpstreamError {
        classify_error(status, headers, body)
    }
}

/// One provider's address and key.
#[derive(Clone)]
pub struct Endpoint {
    /// Ends in what the vendor documents (`/v1` for OpenAI-like ones), without a slash.
    pub base_url: String,
    /// The word that selected the protocol.
    pub kind: Arc<str>,
    pub protocol: &'static dyn ProviderApi,
    /// Where the models are, for vendors that ask for a place.
    pub place: Option<VertexLocation>,
    /// A model that is served there, for free questions that need one.
    pub sample: Option<Arc<str>>,
    /// How it is reached.
    pub line: ConnectionConfig,
    /// What the provider's models will want back.
    pub recall: ReasoningCache,
    credential: Credential,
}

/// A project and a location at Google's cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexLocation {
    pub project: String,
    pub location: String,
}

/// How to show who we are.
#[derive(Clone)]
enum Credential {
    None,
    /// As it is, and as a bearer; both marked as sensitive.
    Key {
        bare: HeaderValue,
        bearer: HeaderValue,
    },
    /// Keys that run out.
    Source(TokenSource),
    /// One of them.
    Token(AccessToken),
}

impl Endpoint {
    /// Nothing where the key holds what no header can.
    pub fn new(
        base_url: &str,
        key: Option<&str>,
        kind: &str,
        protocol: &'static dyn ProviderApi,
    ) -> Option<Self> {
        let credential = match key {
            Some(key) => Credential::Key {
                bare: sensitive(key)?,
                bearer: sensitive(&format!("Bearer {key}"))?,
            },
            None => Credential::None,
        };
        Some(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            kind: kind.into(),
            protocol,
            place: None,
            sample: None,
            line: ConnectionConfig::to(base_url),
            recall: ReasoningCache::default(),
            credential,
        })
    }

    /// The same with keys that run out.
    #[must_use]
    pub fn with_tokens(self, source: TokenSource) -> Self {
        Self {
            credential: Credential::Source(source),
            ..self
        }
    }

    /// The same, with what `earlier` knows that still holds: what its models will want back, and
    /// where the key is the same one, the key that may have been fetched with it.
    #[must_use]
    pub(super) fn carrying_over(self, earlier: &Self, is_same_key: bool) -> Self {
        let credential = if is_same_key {
            earlier.credential.clone()
        } else {
            self.credential
        };
        Self {
            recall: earlier.recall.clone(),
            credential,
            ..self
        }
    }

    /// The endpoint with a key that is good now. `fresh`: the last one was refused.
    pub async fn with_credentials(&self, fresh: bool) -> Result<Cow<'_, Self>, UpstreamError> {
        let Credential::Source(source) = &self.credential else {
            return Ok(Cow::Borrowed(self));
        };
        Ok(Cow::Owned(Self {
            credential: Credential::Token(source.token(fresh).await?),
            ..self.clone()
        }))
    }

    /// Whether a key that was refused can be had anew.
    pub(super) fn can_renew_key(&self) -> bool {
        matches!(
            self.credential,
            Credential::Source(_) | Credential::Token(_)
        )
    }

    /// The key as a bearer.
    pub fn bearer(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Key { bearer, .. } | Credential::Token(AccessToken { bearer, .. }) => {
                Some(bearer.clone())
            }
            Credential::None | Credential::Source(_) => None,
        }
    }

    /// The project that pays, where the key does not tell it.
    pub(super) fn billing_project(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Token(token) => token.payer.clone(),
            _ => None,
        }
    }

    /// The key as it is.
    pub fn key(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Key { bare, .. } => Some(bare.clone()),
            Credential::None | Credential::Source(_) | Credential::Token(_) => None,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("kind", &self.kind)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
