//! Embeddings in the shape of OpenAI's clients, for every provider.

use crate::domain::Usage;
use crate::protocols::neutral::{ObjectReader, ReportedUsage, TranslationError};
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::token_counts::{count, readable};
use crate::protocols::{ErrorBody, Event, ResponseFault, UpstreamError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// The neutral form of an embeddings request.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::protocols) struct EmbeddingRequest {
    pub inputs: Vec<String>,
    pub dimensions: Option<u64>,
}

impl EmbeddingRequest {
    /// Reads texts; tokens can only be read by the vendor whose they are.
    pub fn read(body: Value) -> Result<Self, TranslationError> {
        let mut members = ObjectReader::of(body, "")?;
        let texts = "is a list of tokens, which only OpenAI's models read; send texts";
        let inputs = match members.take("input") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list
                .into_iter()
                .map(|value| match value {
                    Value::String(text) => Ok(text),
                    _ => Err(TranslationError::untranslatable("input", texts)),
                })
                .collect::<Result<_, _>>()?,
            _ => {
                return Err(TranslationError::new(
                    "input",
                    "must be a text or a list of texts",
                ));
            }
        };
        Ok(Self {
            inputs,
            dimensions: members.count("dimensions")?,
        })
    }
}

/// Reads a vendor's response: a vector for each input, and the tokens.
pub(in crate::protocols) type ReadVectors =
    fn(&[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError>;

/// The answer on its way.
pub(in crate::protocols) struct EmbeddingAdapter {
    /// Nothing where the vendor answers as OpenAI does.
    read: Option<ReadVectors>,
    model: String,
    /// The client reads base64, as OpenAI's libraries do by default.
    base64: bool,
    tokens: Option<ReportedUsage>,
}

impl EmbeddingAdapter {
    pub fn new(call: &crate::protocols::CallSpec<'_>, read: Option<ReadVectors>) -> Self {
        let format = call.object.read::<String>("encoding_format");
        Self {
            read,
            model: call.model.to_owned(),
            base64: format.as_deref() == Some("base64"),
            tokens: None,
        }
    }

    fn translate(&mut self, body: &[u8], read: ReadVectors) -> Result<Bytes, UpstreamError> {
        let (vectors, tokens) = read(body)?;
        self.tokens = tokens;
        let data: Vec<Value> = vectors
            .into_iter()
            .enumerate()
            .map(|(index, vector)| {
                let numbers = if self.base64 {
                    encode_base64(&vector).into()
                } else {
                    json!(vector)
                };
                json!({"object": "embedding", "index": index, "embedding": numbers})
            })
            .collect();
        let input = tokens.map_or(0, |tokens| tokens.input);
        let answer = json!({
            "object": "list",
            "data": data,
            "model": self.model,
            "usage": {"prompt_tokens": input, "total_tokens": input},
        });
        Ok(answer.to_string().into())
    }

    /// Some servers do not know base64 and answer numbers.
    fn pass_through(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let unreadable = || ResponseFault::NoEmbeddings;
        let shape: EmbeddingsResponse = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let first = shape.data.first().ok_or_else(unreadable)?;
        let is_numbers = first.embedding.get().starts_with('[');
        self.tokens = shape.usage.map(|usage| ReportedUsage {
            input: usage.prompt_tokens.unwrap_or(0),
            ..ReportedUsage::default()
        });
        if !(self.base64 && is_numbers) {
            return Ok(body.clone());
        }
        let mut value: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
        for one in value["data"].as_array_mut().into_iter().flatten() {
            let vector: Vec<f64> =
                serde_json::from_value(one["embedding"].take()).map_err(|_| unreadable())?;
            one["embedding"] = encode_base64(&vector).into();
        }
        Ok(value.to_string().into())
    }
}

#[derive(serde::Deserialize)]
struct EmbeddingsResponse<'a> {
    #[serde(borrow)]
    data: Vec<VectorShape<'a>>,
    #[serde(default, deserialize_with = "readable")]
    usage: Option<UsageShape>,
}

#[derive(serde::Deserialize)]
struct VectorShape<'a> {
    #[serde(borrow)]
    embedding: &'a serde_json::value::RawValue,
}

#[derive(serde::Deserialize)]
struct UsageShape {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<u64>,
}

/// Little-endian numbers of four bytes, in base64.
fn encode_base64(vector: &[f64]) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "four bytes are what the format has"
    )]
    let narrow = vector.iter().map(|number| *number as f32);
    let bytes: Vec<u8> = narrow.flat_map(f32::to_le_bytes).collect();
    STANDARD.encode(bytes)
}

impl ResponseAdapter for EmbeddingAdapter {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        match self.read {
            Some(read) => self.translate(body, read),
            None => self.pass_through(body),
        }
    }

    fn read(&mut self, _event: &Event, _out: &mut BytesMut) -> StreamEventKind {
        StreamEventKind::Broken(ResponseFault::UnexpectedStream.into())
    }

    fn may_end(&self) -> bool {
        false
    }

    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, _told: &ErrorBody, _out: &mut BytesMut) {}

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        0
    }
}
