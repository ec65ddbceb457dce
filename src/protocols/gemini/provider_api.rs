//! The provider's side of Gemini.

use super::decode::Decoder;
use super::{embeddings, pass_through, write};
use crate::protocols::adaptation::{Restoring, ToolIndex};
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::model_names::{ListedModels, usable_names};
use crate::protocols::neutral::{DroppedFields, KeptReasoning, Transcoder, TranslationError};
use crate::protocols::openai::EmbeddingAdapter;
use crate::protocols::{Endpoint, OutboundRequest, ProviderApi};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Gemini's own API.
#[derive(Debug)]
pub struct Gemini;

pub(super) const KEY: &str = "x-goog-api-key";

impl ProviderApi for Gemini {
    fn kinds(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn gen_ai_name(&self, _kind: &str) -> Option<&'static str> {
        Some("gcp.gemini")
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let mut dropped = DroppedFields::default();
        if pass_through::applies_to(call) {
            let body = pass_through::body(call);
            return Ok(PreparedCall {
                request: post(endpoint, &method(call), body, call.stream),
                adapter: pass_through::passing(call),
                dropped,
            });
        }
        let (body, tools) = body(endpoint, call, &mut dropped)?;
        let body = Value::Object(body).to_string();
        Ok(PreparedCall {
            request: post(endpoint, &method(call), body, call.stream),
            adapter: Box::new(adapter(endpoint, call, tools)),
            dropped,
        })
    }

    fn build_embeddings(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let bodies = embeddings::requests(call.object.value()?, &resource(call.model))?;
        let mut bodies = bodies.into_iter();
        let first = bodies.next().unwrap_or_default();
        let adapter = EmbeddingAdapter::new(call, Some(embeddings::read))
            .followed_by(bodies.map(|body| body.to_string().into()));
        let path = format!("{}:batchEmbedContents", resource(call.model));
        Ok(PreparedCall {
            request: post(endpoint, &path, first.to_string(), false),
            adapter: Box::new(adapter),
            dropped: DroppedFields::default(),
        })
    }

    fn build_token_count(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        let mut request = match pass_through::own_fields(call) {
            Some(fields) => fields,
            None => body(endpoint, call, &mut DroppedFields::default()).ok()?.0,
        };
        request.insert("model".to_owned(), resource(call.model).into());
        let body = json!({"generateContentRequest": request});
        let path = format!("{}:countTokens", resource(call.model));
        Some(TokenCountCall {
            request: post(endpoint, &path, body.to_string(), false),
            read: counted,
        })
    }

    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest {
        OutboundRequest {
            method: Method::GET,
            url: format!("{}/models?pageSize=1000", endpoint.base_url),
            headers: headers(endpoint),
            body: Bytes::new(),
        }
    }

    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool {
        status.is_success() && self.model_names(body).is_some()
    }

    fn model_names(&self, body: &[u8]) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct List {
            models: ListedModels<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            name: String,
        }
        let list = serde_json::from_slice::<List>(body).ok()?;
        let name = |model: Model| match model.name.strip_prefix(MODEL_PREFIX) {
            Some(name) => name.to_owned(),
            None => model.name,
        };
        Some(usable_names(list.models.0.into_iter().map(name)))
    }
}

/// Prefix of a model's name in lists and URLs.
const MODEL_PREFIX: &str = "models/";

/// Returns a model's path; tuned models have a different prefix.
fn resource(model: &str) -> String {
    if model.contains('/') {
        model.to_owned()
    } else {
        format!("{MODEL_PREFIX}{model}")
    }
}

fn method(call: &CallSpec<'_>) -> String {
    format!("{}{}", resource(call.model), verb(call))
}

/// Returns the method of the model, as the end of the URL's path.
pub(in crate::protocols) fn verb(call: &CallSpec<'_>) -> &'static str {
    if call.stream {
        // Without the query a stream is one JSON list in pieces.
        ":streamGenerateContent?alt=sse"
    } else {
        ":generateContent"
    }
}

/// Translates a client's request.
pub(in crate::protocols) fn body(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    dropped: &mut DroppedFields,
) -> Result<(Map<String, Value>, CalledTools), TranslationError> {
    let conversation = call.dialect.client_api().read(call.object, dropped)?;
    let taken = conversation.call_ids();
    let (body, index) = write::request(
        conversation,
        call.model,
        call.traits,
        &endpoint.reasoning_cache,
        dropped,
    )?;
    Ok((body, (index, taken)))
}

/// The tools of a request, and the ids of the calls in its conversation.
pub(in crate::protocols) type CalledTools = (ToolIndex, HashSet<String>);

/// Creates the adapter of the response.
pub(in crate::protocols) fn adapter(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    (index, taken): CalledTools,
) -> Transcoder {
    let decoder = Restoring::wrap(Box::new(Decoder::new(call.id)), index);
    let transcoder = Transcoder::new(decoder, call.encoder()).with_unique_ids(call.id, taken);
    // Most clients drop the signatures of calls.
    transcoder.remembering(&endpoint.reasoning_cache, KeptReasoning::Signed)
}

/// Reads the number of tokens.
pub(in crate::protocols) fn counted(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        total_tokens: u64,
    }
    let count = serde_json::from_slice::<Count>(body).ok()?;
    Some(count.total_tokens)
}

fn post(endpoint: &Endpoint, path: &str, body: impl Into<Bytes>, stream: bool) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url: format!("{}/{path}", endpoint.base_url),
        headers: json_headers(headers(endpoint), stream),
        body: body.into(),
    }
}

/// Adds the headers of a request with a JSON body.
pub(in crate::protocols) fn json_headers(mut headers: HeaderMap, stream: bool) -> HeaderMap {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers
}

fn headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(key) = endpoint.key() {
        headers.insert(KEY, key);
    }
    headers
}
