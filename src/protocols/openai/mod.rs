//! OpenAI's chat completions, which most vendors speak, and the servers that differ in details.

mod calls;
mod chunk;
mod decode;
mod embeddings;
mod encode;
mod front;
mod pass_through;
mod read;
mod refrain;
mod server;
mod write;

pub(super) use embeddings::{EmbeddingPassage, EmbeddingRequest};
pub use front::ChatFront;
pub(super) use front::error_body;
pub(super) use read::{audio, choice_word, effort, function, schema_format};
pub(super) use write::{function as write_function, json_schema};

use super::call::{Asked, Call, Untranslatable};
use super::failure::Upset;
use super::front::Dialect;
use super::neutral::{Decode, Losses, Translation};
use super::{Endpoint, Outgoing, Protocol, RawObject, responses};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use server::Server;
use write::Manner;

/// The protocol.
#[derive(Debug)]
pub struct OpenAi;

const OPENAI: &str = "openai";
const XAI: &str = "xai";

impl Protocol for OpenAi {
    fn kinds(&self) -> &'static [&'static str] {
        &[OPENAI, XAI, "openai-compatible"]
    }

    fn ask(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Asked, Untranslatable> {
        let has_responses = has_responses(endpoint);
        match call.dialect {
            Dialect::Responses if has_responses && !call.detour => {
                Ok(responses::pass_through(endpoint, call))
            }
            Dialect::Chat | Dialect::Messages
                if has_responses && (call.traits.responses_only || call.detour) =>
            {
                responses::translate(endpoint, call)
            }
            Dialect::Chat => Ok(pass_through(endpoint, call)),
            Dialect::Messages | Dialect::Responses => translate(endpoint, call),
        }
    }

    fn detour(&self, endpoint: &Endpoint, call: &Call<'_>, upset: &Upset) -> bool {
        match call.dialect {
            // Newer models take tools together with reasoning at /responses alone.
            Dialect::Chat | Dialect::Messages => {
                &*endpoint.kind == OPENAI
                    && !call.traits.responses_only
                    && upset.status == 400
                    && upset.param() == Some("reasoning_effort")
                    && call.object.get("tools").is_some()
            }
            // What calls itself OpenAI may be a server that has no /responses.
            Dialect::Responses => {
                has_responses(endpoint)
                    && !call.traits.responses_only
                    && matches!(upset.status, 404 | 405)
                    && upset.code.as_deref() != Some("model_not_found")
            }
        }
    }

    fn embed(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Asked, Untranslatable> {
        let body = call.object.with(&[("model", text(call.model))]);
        Ok(Asked {
            outgoing: post(endpoint, "/embeddings", body, false),
            passage: Box::new(EmbeddingPassage::new(call, None)),
            losses: Losses::default(),
        })
    }

    fn probe(&self, endpoint: &Endpoint) -> Outgoing {
        Outgoing {
            method: Method::GET,
            url: format!("{}/models", endpoint.base_url),
            headers: headers(endpoint),
            body: Bytes::new(),
        }
    }

    fn probe_is_good(&self, status: StatusCode, body: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct List<'a> {
            #[serde(borrow)]
            data: Option<Vec<&'a RawValue>>,
        }
        // Some servers list nothing before a model is loaded, with `null` for the list.
        status.is_success()
            && serde_json::from_slice::<List<'_>>(body).is_ok_and(|list| list.data.is_some())
    }

    fn model_names(&self, body: &[u8]) -> Option<Vec<String>> {
        listed_names(body)
    }
}

/// The names in a list that has them as `data[].id`.
pub(super) fn listed_names(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let list = serde_json::from_slice::<List>(body).ok()?;
    Some(list.data.into_iter().map(|model| model.id).collect())
}

/// Whether a vendor has `/responses`; servers that merely are like OpenAI have it seldom.
fn has_responses(endpoint: &Endpoint) -> bool {
    matches!(&*endpoint.kind, OPENAI | XAI)
}

/// The client's own object, with the model's name replaced and the usage asked for.
fn pass_through(endpoint: &Endpoint, call: &Call<'_>) -> Asked {
    let server = Server::of(endpoint);
    let mut losses = Losses::default();
    let mut replaced = vec![("model", text(call.model))];
    if call.stream && server.is_asked_for_usage() {
        replaced.push(("stream_options", with_usage(call.object)));
    }
    let model = (call.model, call.traits);
    let body = server.request(call.object, model, replaced, &mut losses);
    let passage = pass_through::PassThrough::new(call, server == Server::OpenAi);
    Asked {
        outgoing: post(endpoint, "/chat/completions", body, call.stream),
        passage: Box::new(passage),
        losses,
    }
}

fn translate(endpoint: &Endpoint, call: &Call<'_>) -> Result<Asked, Untranslatable> {
    let server = Server::of(endpoint);
    let mut losses = Losses::default();
    let conversation = call.dialect.front().read(call.object, &mut losses)?;
    let manner = Manner {
        limit: server.limit(),
    };
    let mut body = write::request(conversation, call.model, manner, &mut losses)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
        body.insert(
            "stream_options".to_owned(),
            serde_json::json!({"include_usage": true}),
        );
    }
    let mut body = Value::Object(body).to_string().into_bytes();
    if let Ok(object) = serde_json::from_slice::<RawObject<'_>>(&body) {
        let model = (call.model, call.traits);
        body = server.request(&object, model, Vec::new(), &mut losses);
    }
    let decoder: Box<dyn Decode> = Box::new(decode::Decoder::new(call.id));
    Ok(Asked {
        outgoing: post(endpoint, "/chat/completions", body, call.stream),
        passage: Box::new(Translation::new(decoder, call.encoder())),
        losses,
    })
}

/// A request with a JSON body, for anybody who takes the key as a bearer.
pub(super) fn post(endpoint: &Endpoint, path: &str, body: Vec<u8>, stream: bool) -> Outgoing {
    let mut headers = headers(endpoint);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    Outgoing {
        method: Method::POST,
        url: format!("{}{path}", endpoint.base_url),
        headers,
        body: body.into(),
    }
}

fn headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = endpoint.bearer() {
        headers.insert(AUTHORIZATION, authorization);
    }
    // Azure reads the key in a header of its own.
    if let Some(key) = endpoint
        .key()
        .filter(|_| server::is_at(&endpoint.base_url, "azure.com"))
    {
        headers.insert(HeaderName::from_static("api-key"), key);
    }
    headers
}

/// A text as JSON.
pub(super) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// The client's stream options with the usage asked for.
fn with_usage(request: &RawObject<'_>) -> String {
    let options = request.read::<RawObject<'_>>("stream_options");
    let wanted = [("include_usage", "true".to_owned())];
    let text = options.map(|options| options.with(&wanted));
    text.and_then(|text| String::from_utf8(text).ok())
        .unwrap_or_else(|| r#"{"include_usage":true}"#.to_owned())
}

#[cfg(test)]
mod tests;
