//! Upstreams that have responses, asked for them.

use super::decode::Decoder;
use super::pass_through::PassThrough;
use super::write;
use crate::protocols::Endpoint;
use crate::protocols::call::{CallSpec, PreparedCall};
use crate::protocols::neutral::{DroppedFields, Transcoder, TranslationError};
use crate::protocols::openai::{json_text, post};
use serde_json::Value;

const PATH: &str = "/responses";

/// The client's own object, with the model's name replaced.
pub(in crate::protocols) fn pass_through(endpoint: &Endpoint, call: &CallSpec<'_>) -> PreparedCall {
    let body = call.object.with(&[("model", json_text(call.model))]);
    PreparedCall {
        outgoing: post(endpoint, PATH, body, call.stream),
        passage: Box::new(PassThrough::default()),
        losses: DroppedFields::default(),
    }
}

/// The same for a client that speaks something else.
pub(in crate::protocols) fn translate(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
) -> Result<PreparedCall, TranslationError> {
    let mut losses = DroppedFields::default();
    let conversation = call.dialect.client_api().read(call.object, &mut losses)?;
    let mut body = write::request(conversation, call.model, call.traits, &mut losses)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
    }
    let body = Value::Object(body).to_string().into_bytes();
    let decoder = Box::new(Decoder::new(call.id));
    Ok(PreparedCall {
        outgoing: post(endpoint, PATH, body, call.stream),
        passage: Box::new(Transcoder::new(decoder, call.encoder())),
        losses,
    })
}
