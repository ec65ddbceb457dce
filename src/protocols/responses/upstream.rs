//! Upstreams that have responses, asked for them.

use super::decode::Decoder;
use super::pass_through::PassThrough;
use super::write;
use crate::protocols::Endpoint;
use crate::protocols::call::{Asked, Call, Untranslatable};
use crate::protocols::neutral::{Losses, Translation};
use crate::protocols::openai::{post, text};
use serde_json::Value;

const PATH: &str = "/responses";

/// The client's own object, with the model's name replaced.
pub(in crate::protocols) fn pass_through(endpoint: &Endpoint, call: &Call<'_>) -> Asked {
    let body = call.object.with(&[("model", text(call.model))]);
    Asked {
        outgoing: post(endpoint, PATH, body, call.stream),
        passage: Box::new(PassThrough::default()),
        losses: Losses::default(),
    }
}

/// The same for a client that speaks something else.
pub(in crate::protocols) fn translate(
    endpoint: &Endpoint,
    call: &Call<'_>,
) -> Result<Asked, Untranslatable> {
    let mut losses = Losses::default();
    let conversation = call.dialect.front().read(call.object, &mut losses)?;
    let mut body = write::request(conversation, call.model, call.traits, &mut losses)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
    }
    let body = Value::Object(body).to_string().into_bytes();
    let decoder = Box::new(Decoder::new(call.id));
    Ok(Asked {
        outgoing: post(endpoint, PATH, body, call.stream),
        passage: Box::new(Translation::new(decoder, call.encoder())),
        losses,
    })
}
