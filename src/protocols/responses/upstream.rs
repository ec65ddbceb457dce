//! Requests to providers that have the Responses API.

use super::decode::Decoder;
use super::pass_through::PassThrough;
use super::write;
use crate::protocols::Endpoint;
use crate::protocols::adaptation::{
    ProtocolLimits, Restoring, TranslationTarget, adapt, shorten_user,
};
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::neutral::{DroppedFields, Transcoder, TranslationError};
use crate::protocols::openai::{json_text, post};
use serde_json::Value;

const PATH: &str = "/responses";

/// Passes the client's body with the model's name replaced, and ids of users within `limits`.
pub(in crate::protocols) fn pass_through(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    limits: &ProtocolLimits,
) -> PreparedCall {
    let mut dropped = DroppedFields::default();
    let mut replaced = vec![("model", json_text(call.model))];
    let mut removed = Vec::new();
    if call.traits.reasoning == Some(false) && call.object.has("reasoning") {
        dropped.add("reasoning_effort");
        removed.push("reasoning");
    }
    let limit = call.object.count("max_output_tokens");
    if let (Some(limit), Some(most)) = (limit, call.traits.max_output)
        && limit > most
    {
        replaced.push(("max_output_tokens", most.to_string()));
    }
    for name in ["user", "safety_identifier", "prompt_cache_key"] {
        let id = call.object.read::<String>(name);
        if let Some(id) = id.filter(|id| id.len() > limits.user.max)
            && let Some(short) = shorten_user(id, limits.user, &mut dropped)
        {
            replaced.push((name, json_text(&short)));
        }
    }
    let body = call.object.without(&removed, &replaced);
    PreparedCall {
        request: post(endpoint, PATH, body, call.stream),
        adapter: Box::new(PassThrough::default()),
        dropped,
    }
}

/// Builds the request that counts the tokens of the client's request.
pub(in crate::protocols) fn token_count(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
) -> TokenCountCall {
    let not_counted = ["stream", "stream_options", "store", "include", "metadata"];
    let model = [("model", json_text(call.model))];
    let body = call.object.without(&not_counted, &model);
    TokenCountCall {
        request: post(endpoint, "/responses/input_tokens", body, false),
        read: |body| {
            let count: Value = serde_json::from_slice(body).ok()?;
            count["input_tokens"].as_u64()
        },
    }
}

/// Builds the request for a client of another protocol. `limits` are those of the provider.
pub(in crate::protocols) fn translate(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    limits: &ProtocolLimits,
) -> Result<PreparedCall, TranslationError> {
    let mut dropped = DroppedFields::default();
    let mut conversation = call.dialect.client_api().read(call.object, &mut dropped)?;
    let taken = conversation.call_ids();
    let target = TranslationTarget {
        limits,
        traits: call.traits,
        reasoning_cache: &endpoint.reasoning_cache,
    };
    let index = adapt(&mut conversation, target, &mut dropped)?;
    let mut body = write::request(conversation, call.model, call.traits, &mut dropped)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
    }
    let body = Value::Object(body).to_string().into_bytes();
    let decoder = Restoring::wrap(Box::new(Decoder::new(call.id)), index);
    Ok(PreparedCall {
        request: post(endpoint, PATH, body, call.stream),
        adapter: Box::new(Transcoder::new(decoder, call.encoder()).with_unique_ids(call.id, taken)),
        dropped,
    })
}
