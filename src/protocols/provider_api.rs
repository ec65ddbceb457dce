//! The provider's side of a wire format, and the endpoint that uses it. The two refer to each
//! other. Keys are held only here.

use super::call::{CallSpec, PreparedCall, TokenCountCall};
use super::command_key::{CommandKey, KeyHeaders};
use super::sensitive_header::sensitive;
use super::vertex::AccessToken;
use super::{
    ConnectionConfig, ForwardCall, OutboundRequest, ReasoningCache, RefusedOptions, TokenSource,
    TranslationError, UpstreamError, classify_error,
};
use crate::domain::{Failure, KeyIdx};
use crate::secrets::Program;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The provider's side of one wire format.
pub trait ProviderApi: Send + Sync {
    /// Names the values of `kind` in the configuration that select this protocol.
    fn kinds(&self) -> &'static [&'static str];
    /// Returns the name that OpenTelemetry gives the providers of a kind; `None` for a kind that many
    /// providers have.
    fn gen_ai_name(&self, kind: &str) -> Option<&'static str>;
    /// Builds the request to the provider and the adapter for its response. Fails where the
    /// provider cannot represent the call.
    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError>;
    /// Checks whether a rejected call can be sent once more, and in which form.
    fn fallback_request(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
        _upset: &UpstreamError,
    ) -> RetryForm {
        RetryForm::None
    }
    /// Builds an embeddings request, like [`ProviderApi::build_request`].
    fn build_embeddings(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let problem = "names a provider that has no embeddings";
        Err(TranslationError::untranslatable("model", problem))
    }
    /// Checks whether calls of OpenAI's API pass to the provider without translation.
    fn forwards(&self) -> bool {
        false
    }
    /// Builds a call that passes to the provider without translation.
    fn build_forward(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
        _forward: &ForwardCall,
    ) -> Result<PreparedCall, TranslationError> {
        let problem = "names a provider that does not have this path";
        Err(TranslationError::untranslatable("model", problem))
    }
    /// Builds a request that counts a prompt's tokens and costs nothing; `None` where there is
    /// none.
    fn build_token_count(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        None
    }
    /// Builds a request that costs nothing and shows whether the provider works.
    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest;
    /// Checks whether the response to [`ProviderApi::build_probe`] shows a working provider.
    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool;
    /// Reads the model names from the response to [`ProviderApi::build_probe`].
    fn model_names(&self, body: &[u8]) -> Option<Vec<String>>;
    /// Reads the context windows in tokens, by the model's name, from the response to
    /// [`ProviderApi::build_probe`].
    fn context_windows(&self, _body: &[u8]) -> Vec<(String, u64)> {
        Vec::new()
    }
    /// Classifies a response whose status is not a success.
    fn classify_error(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> UpstreamError {
        classify_error(status, headers, body)
    }
}

/// The form in which a rejected call is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryForm {
    /// It is not sent again.
    None,
    /// The protocol's other form, [`CallSpec::use_fallback`].
    OtherForm,
    /// The same form, without what the provider refused. The endpoint remembers it.
    Corrected,
}

/// One provider's address, key and protocol.
#[derive(Clone)]
pub struct Endpoint {
    /// Base URL as the provider documents it (with `/v1` for OpenAI-like ones), without a final
    /// slash.
    pub base_url: String,
    /// The value of `kind` that selected the protocol.
    pub kind: Arc<str>,
    /// Protocol of the provider.
    pub protocol: &'static dyn ProviderApi,
    /// Project and location, for Vertex AI.
    pub location: Option<VertexLocation>,
    /// Whether models are served that only the provider itself names.
    pub lists_models: bool,
    /// A model of the provider, for probes that need one.
    pub probe_model: Option<Arc<str>>,
    /// Headers of every request to it; they may hold secrets.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers that pass from clients to it.
    forward_headers: Vec<HeaderName>,
    /// Settings of the connections to it.
    pub connection: ConnectionConfig,
    /// Signed reasoning that the provider's models need back.
    pub reasoning_cache: ReasoningCache,
    /// Options that the provider's models refused.
    pub refused_options: RefusedOptions,
    credential: Credential,
    /// Its keys after the first one.
    more_keys: Arc<[Credential]>,
}

/// Where a key of an endpoint comes from.
#[derive(Debug, Clone, Copy)]
pub enum EndpointKey<'a> {
    /// It is known.
    Fixed(&'a str),
    /// A command prints it; its output is read again after a time.
    Command(&'a Program, Duration),
}

/// A project and a location of Google's cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexLocation {
    /// Id of the project.
    pub project: String,
    /// Location such as `us-central1`, or `global`.
    pub location: String,
}

/// The credential of an endpoint.
#[derive(Clone)]
enum Credential {
    None,
    /// The bare key and the bearer token, both marked as sensitive.
    Key(KeyHeaders),
    /// A key that a command has printed.
    Printed(KeyHeaders),
    /// Tokens that expire.
    Source(TokenSource),
    /// A command that prints the key.
    Command(CommandKey),
    /// A token of a source.
    Token(AccessToken),
}

impl Credential {
    /// Makes the credential of a key; `None` where it holds a byte that no header can.
    fn of_key(key: &str) -> Option<Self> {
        KeyHeaders::new(key).map(Self::Key)
    }

    /// Makes the credential of a source of keys.
    fn of_source(source: &EndpointKey<'_>) -> Option<Self> {
        match source {
            EndpointKey::Fixed(key) => Self::of_key(key),
            EndpointKey::Command(program, refresh) => {
                Some(Self::Command(CommandKey::new((*program).clone(), *refresh)))
            }
        }
    }

    /// Returns the key or the last token, and where a command prints the key also the one before.
    fn secrets(&self) -> Vec<Zeroizing<String>> {
        let headers = match self {
            Self::Key(key) | Self::Printed(key) => vec![key.bare.clone()],
            Self::Token(token) => vec![token.bearer.clone()],
            Self::Source(source) => source.last_bearer().into_iter().collect(),
            Self::Command(command) => command.known_keys(),
            Self::None => Vec::new(),
        };
        let text = |value: &HeaderValue| {
            let text = std::str::from_utf8(value.as_bytes()).ok()?;
            Some(Zeroizing::new(
                text.strip_prefix("Bearer ").unwrap_or(text).to_owned(),
            ))
        };
        headers.iter().filter_map(text).collect()
    }
}

impl Endpoint {
    /// Returns true if a header of clients passes to the provider.
    pub fn forwards(&self, name: &HeaderName) -> bool {
        self.forward_headers.contains(name)
    }

    /// Adds the headers that the operator states, and those that pass from the client.
    pub fn add_headers(&self, headers: &mut HeaderMap, client: &HeaderMap) {
        for name in &self.forward_headers {
            for value in client.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }

    /// Creates an endpoint; `None` where the key holds a byte that no header can.
    pub fn new(
        base_url: &str,
        key: Option<&str>,
        kind: &str,
        protocol: &'static dyn ProviderApi,
    ) -> Option<Self> {
        let credential = match key {
            Some(key) => Credential::of_key(key)?,
            None => Credential::None,
        };
        Some(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            kind: kind.into(),
            protocol,
            location: None,
            probe_model: None,
            lists_models: false,
            connection: ConnectionConfig::for_url(base_url),
            reasoning_cache: ReasoningCache::default(),
            refused_options: RefusedOptions::default(),
            headers: Vec::new(),
            forward_headers: Vec::new(),
            credential,
            more_keys: Arc::default(),
        })
    }

    /// Replaces the keys by those of these sources; `None` where one holds a byte that no header can.
    #[must_use]
    pub fn with_keys(self, sources: &[EndpointKey<'_>]) -> Option<Self> {
        let Some((first, others)) = sources.split_first() else {
            return Some(self);
        };
        let others = others.iter().map(Credential::of_source);
        Some(Self {
            credential: Credential::of_source(first)?,
            more_keys: others.collect::<Option<_>>()?,
            ..self
        })
    }

    /// Returns the endpoint with one of its keys; with the first one where there is no such key.
    pub fn with_key(&self, key: Option<KeyIdx>) -> Cow<'_, Self> {
        let place = key.and_then(|key| key.get().checked_sub(1));
        match place.and_then(|place| self.more_keys.get(place)) {
            None => Cow::Borrowed(self),
            Some(credential) => Cow::Owned(Self {
                credential: credential.clone(),
                ..self.clone()
            }),
        }
    }

    /// Returns the number of its keys; 1 also where it needs none.
    pub fn key_count(&self) -> usize {
        1 + self.more_keys.len()
    }

    /// Adds headers of every request to it, and names of those that pass from clients. What no header
    /// can hold is left out.
    #[must_use]
    pub fn with_headers<'a>(
        self,
        own: impl IntoIterator<Item = (&'a str, &'a str)>,
        forwarded: &[String],
    ) -> Self {
        let own = own.into_iter().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, sensitive(value)?))
        });
        let name = |name: &String| HeaderName::from_bytes(name.as_bytes()).ok();
        Self {
            headers: own.collect(),
            forward_headers: forwarded.iter().filter_map(name).collect(),
            ..self
        }
    }

    /// Replaces the credential by tokens that expire.
    #[must_use]
    pub fn with_tokens(self, source: TokenSource) -> Self {
        Self {
            credential: Credential::Source(source),
            ..self
        }
    }

    /// Takes over from an earlier endpoint what is still valid: what it remembers, and with the
    /// same key also a token that was fetched with it.
    #[must_use]
    pub(super) fn carrying_over(self, earlier: &Self, same_key: bool) -> Self {
        let (credential, more_keys) = if same_key {
            (earlier.credential.clone(), Arc::clone(&earlier.more_keys))
        } else {
            (self.credential, self.more_keys)
        };
        Self {
            reasoning_cache: earlier.reasoning_cache.clone(),
            refused_options: earlier.refused_options.clone(),
            credential,
            more_keys,
            ..self
        }
    }

    /// Returns the endpoint with a valid credential. The provider has rejected that of `refused`, an
    /// endpoint which this returned before.
    pub async fn with_credentials(
        &self,
        refused: Option<&Self>,
    ) -> Result<Cow<'_, Self>, UpstreamError> {
        let credential = match &self.credential {
            Credential::Source(source) => Credential::Token(source.token(refused.is_some()).await?),
            Credential::Command(command) => {
                let refused = refused.and_then(Self::key);
                Credential::Printed(command.key(refused.as_ref()).await?)
            }
            _ => return Ok(Cow::Borrowed(self)),
        };
        Ok(Cow::Owned(Self {
            credential,
            ..self.clone()
        }))
    }

    /// Reads the keys of commands again before their time, in the background.
    pub(super) fn refresh_keys(&self) {
        for credential in std::iter::once(&self.credential).chain(self.more_keys.iter()) {
            if let Credential::Command(command) = credential {
                command.refresh();
            }
        }
    }

    /// Checks whether both have the same key or token.
    pub fn has_credential_of(&self, other: &Self) -> bool {
        self.bearer() == other.bearer()
    }

    /// Checks whether a provider that answers with this error may accept a new credential, and there may
    /// be one: a token that was revoked early, or a key that was rotated.
    pub fn may_renew_credential(&self, error: &UpstreamError) -> bool {
        let is_renewable = !matches!(self.credential, Credential::None | Credential::Key(_));
        is_renewable && error.failure == Failure::Auth && matches!(error.status, 400 | 401)
    }

    /// Returns the keys or the last token, to recognise them in what a provider sends.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let all = std::iter::once(&self.credential).chain(self.more_keys.iter());
        all.flat_map(Credential::secrets)
    }

    /// Returns the key as a bearer token.
    pub fn bearer(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Key(KeyHeaders { bearer, .. })
            | Credential::Printed(KeyHeaders { bearer, .. })
            | Credential::Token(AccessToken { bearer, .. }) => Some(bearer.clone()),
            Credential::None | Credential::Source(_) | Credential::Command(_) => None,
        }
    }

    /// Returns the project that pays, where the key does not name it.
    pub(super) fn billing_project(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Token(token) => token.billing_project.clone(),
            _ => None,
        }
    }

    /// Returns the bare key.
    pub fn key(&self) -> Option<HeaderValue> {
        match &self.credential {
            Credential::Key(key) | Credential::Printed(key) => Some(key.bare.clone()),
            Credential::None
            | Credential::Source(_)
            | Credential::Command(_)
            | Credential::Token(_) => None,
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
