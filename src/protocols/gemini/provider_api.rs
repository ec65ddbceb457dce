//! The provider's side of Gemini.

use super::decode::Decoder;
use super::{embeddings, write};
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::neutral::{DroppedFields, Transcoder, TranslationError};
use crate::protocols::openai::EmbeddingAdapter;
use crate::protocols::{Endpoint, OutboundRequest, ProviderApi};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The protocol.
#[derive(Debug)]
pub struct Gemini;

pub(super) const KEY: &str = "x-goog-api-key";

impl ProviderApi for Gemini {
    fn kinds(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let mut losses = DroppedFields::default();
        let body = body(endpoint, call, &mut losses)?;
        Ok(PreparedCall {
            outgoing: post(endpoint, &method(call), &Value::Object(body), call.stream),
            passage: Box::new(passage(endpoint, call)),
            losses,
        })
    }

    fn build_embeddings(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let body = embeddings::request(call.object.value()?, &resource(call.model))?;
        let path = format!("{}:batchEmbedContents", resource(call.model));
        Ok(PreparedCall {
            outgoing: post(endpoint, &path, &body, false),
            passage: Box::new(EmbeddingAdapter::new(call, Some(embeddings::read))),
            losses: DroppedFields::default(),
        })
    }

    fn build_token_count(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        let mut request = body(endpoint, call, &mut DroppedFields::default()).ok()?;
        request.insert("model".to_owned(), resource(call.model).into());
        let body = json!({"generateContentRequest": request});
        let path = format!("{}:countTokens", resource(call.model));
        Some(TokenCountCall {
            outgoing: post(endpoint, &path, &body, false),
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
            models: Vec<Model>,
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
        Some(list.models.into_iter().map(name).collect())
    }
}

/// What stands before a model's name in listings and addresses.
const MODEL_PREFIX: &str = "models/";

/// A model's name as a path; tuned models have one of their own.
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

/// What is asked of a model, as the end of its address.
pub(in crate::protocols) fn verb(call: &CallSpec<'_>) -> &'static str {
    if call.stream {
        // Without the query a stream is one JSON list in pieces.
        ":streamGenerateContent?alt=sse"
    } else {
        ":generateContent"
    }
}

/// A client's request in this protocol's words.
pub(in crate::protocols) fn body(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    losses: &mut DroppedFields,
) -> Result<Map<String, Value>, TranslationError> {
    let conversation = call.dialect.client_api().read(call.object, losses)?;
    write::request(
        conversation,
        call.model,
        call.traits,
        &endpoint.recall,
        losses,
    )
}

/// What carries the answer.
pub(in crate::protocols) fn passage(endpoint: &Endpoint, call: &CallSpec<'_>) -> Transcoder {
    let decoder = Decoder::new(call.id, endpoint.recall.clone());
    Transcoder::new(Box::new(decoder), call.encoder())
}

/// The number in an answer to a question for it.
pub(in crate::protocols) fn counted(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        total_tokens: u64,
    }
    let count = serde_json::from_slice::<Count>(body).ok()?;
    Some(count.total_tokens)
}

fn post(endpoint: &Endpoint, path: &str, body: &Value, stream: bool) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url: format!("{}/{path}", endpoint.base_url),
        headers: json_headers(headers(endpoint), stream),
        body: body.to_string().into(),
    }
}

/// Headers of a request with a JSON body.
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
