//! The provider's side of Ollama's protocol.

use super::line::is_chat;
use super::{decode, embed, pass_through, request, server_fields};
use crate::protocols::ApiDialect;
use crate::protocols::adaptation::{
    ProtocolLimits, ReasoningReturn, Restoring, SchemaRule, TranslationTarget, UserRule, adapt,
};
use crate::protocols::call::{CallSpec, PreparedCall};
use crate::protocols::model_names::{ListedModels, usable_names};
use crate::protocols::neutral::{DroppedFields, Transcoder, TranslationError};
use crate::protocols::openai::{EmbeddingAdapter, EmbeddingRequest, post};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{Endpoint, OutboundRequest, ProviderApi, RetryForm};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

/// What a server accepts.
const LIMITS: ProtocolLimits = ProtocolLimits {
    tool_schema: SchemaRule {
        plain_root: true,
        ..SchemaRule::ANY
    },
    user: UserRule::NONE,
    reasoning: ReasoningReturn::All,
    ..ProtocolLimits::NONE
};

/// Ollama's own API.
#[derive(Debug)]
pub struct Ollama;

impl ProviderApi for Ollama {
    fn kinds(&self) -> &'static [&'static str] {
        &["ollama"]
    }

    fn gen_ai_name(&self, _kind: &str) -> Option<&'static str> {
        Some("ollama")
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        if call.dialect == ApiDialect::Ollama && !call.use_fallback {
            let (path, body) = pass_through::request(call);
            return Ok(PreparedCall {
                request: post_lines(endpoint, path, body, call.stream),
                adapter: Box::new(pass_through::PassThrough::default()),
                dropped: DroppedFields::default(),
            });
        }
        let mut dropped = DroppedFields::default();
        let mut conversation = call.dialect.client_api().read(call.object, &mut dropped)?;
        let taken = conversation.call_ids();
        if call.use_fallback && call.dialect != ApiDialect::Ollama {
            dropped.add_if(conversation.effort.take().is_some(), "reasoning_effort");
        }
        let target = TranslationTarget {
            limits: &LIMITS,
            traits: call.traits,
            reasoning_cache: &endpoint.reasoning_cache,
        };
        let index = adapt(&mut conversation, target, &mut dropped)?;
        let mut body = request::body(conversation, call.model, call.stream, &mut dropped)?;
        server_fields::carry(call.object, &mut body, &mut dropped);
        let body = Value::Object(body).to_string().into_bytes();
        let request = post_lines(endpoint, "/api/chat", body, call.stream);
        let decoder = Box::new(decode::Decoder::new(call.id));
        let decoder = Restoring::wrap(decoder, index);
        Ok(PreparedCall {
            request,
            adapter: Box::new(
                Transcoder::new(decoder, call.encoder()).with_unique_ids(call.id, taken),
            ),
            dropped,
        })
    }

    /// Asks again without a wish for reasoning, which a server refuses for models without it.
    fn fallback_request(
        &self,
        _endpoint: &Endpoint,
        call: &CallSpec<'_>,
        error: &UpstreamError,
    ) -> RetryForm {
        // Some servers of this protocol only chat.
        let lacks_path = matches!(error.status, 404 | 405) && !error.message.contains("model");
        let refuses_thinking =
            error.status == 400 && error.message.contains("does not support thinking");
        let has_other_form = if call.dialect == ApiDialect::Ollama {
            lacks_path && !is_chat(call.object)
        } else {
            refuses_thinking
        };
        if has_other_form {
            RetryForm::OtherForm
        } else {
            RetryForm::None
        }
    }

    fn build_embeddings(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let request = EmbeddingRequest::read(call.object.value()?)?;
        let body = embed::body(&request, call.model).to_string().into_bytes();
        Ok(PreparedCall {
            request: post(endpoint, "/api/embed", body, false),
            adapter: Box::new(EmbeddingAdapter::new(call, Some(embed::read))),
            dropped: DroppedFields::default(),
        })
    }

    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest {
        let mut headers = HeaderMap::new();
        // A local server needs no key; ollama.com does.
        if let Some(authorization) = endpoint.bearer() {
            headers.insert(AUTHORIZATION, authorization);
        }
        OutboundRequest {
            method: Method::GET,
            url: format!("{}/api/tags", endpoint.base_url),
            headers,
            body: Bytes::new(),
        }
    }

    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool {
        // A server without models lists `null`.
        status.is_success() && tags(body).is_some()
    }

    fn model_names(&self, body: &[u8]) -> Option<Vec<String>> {
        let models = tags(body)?.into_iter();
        Some(usable_names(models.map(|tag| tag.name)))
    }
}

fn post_lines(endpoint: &Endpoint, path: &str, body: Vec<u8>, stream: bool) -> OutboundRequest {
    let mut request = post(endpoint, path, body, stream);
    if stream {
        let lines = HeaderValue::from_static("application/x-ndjson");
        request.headers.insert(ACCEPT, lines);
    }
    request
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

fn tags(body: &[u8]) -> Option<Vec<Tag>> {
    #[derive(Deserialize)]
    struct List {
        /// Must be there, but may be `null`.
        #[serde(deserialize_with = "Option::deserialize")]
        models: Option<ListedModels<Tag>>,
    }
    let list = serde_json::from_slice::<List>(body).ok()?;
    Some(list.models.map_or_else(Vec::new, |models| models.0))
}
