//! Embeddings in the shape of OpenAI's clients, for every provider.

use crate::domain::Usage;
use crate::protocols::lenient::{from_json, lenient_json, lenient_object};
use crate::protocols::neutral::{ObjectReader, ReportedUsage, TranslationError};
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::token_counts::count;
use crate::protocols::upstream_error::error_in_success_body;
use crate::protocols::{ErrorBody, Event, RawObject, ResponseFault, UpstreamError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The neutral form of an embeddings request.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::protocols) struct EmbeddingRequest {
    pub inputs: Vec<String>,
    pub dimensions: Option<u64>,
}

impl EmbeddingRequest {
    /// Splits the texts into requests of at most `most` texts; there is at least one.
    pub fn batches(self, most: usize) -> Vec<Self> {
        let Self { inputs, dimensions } = self;
        if inputs.len() <= most {
            return vec![Self { inputs, dimensions }];
        }
        let batch = |inputs: &[String]| Self {
            inputs: inputs.to_vec(),
            dimensions,
        };
        inputs.chunks(most.max(1)).map(batch).collect()
    }

    /// Reads texts. Lists of tokens are rejected, because only the provider of their tokenizer can
    /// read them.
    pub fn read(body: Value) -> Result<Self, TranslationError> {
        let mut members = ObjectReader::new(body, "")?;
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

/// Reads a provider's response: a vector for each input, and the tokens.
pub(in crate::protocols) type ReadVectors =
    fn(&[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError>;

/// Adapts the response of an embeddings request.
pub(in crate::protocols) struct EmbeddingAdapter {
    /// Reader of the provider's shape; `None` where it is OpenAI's.
    read: Option<ReadVectors>,
    model: String,
    /// True if the client requested base64, as OpenAI's libraries do by default.
    base64: bool,
    tokens: Option<ReportedUsage>,
    /// Bodies of the requests after the first one.
    next: VecDeque<Bytes>,
    /// Vectors of the answers so far.
    vectors: Vec<Vec<f64>>,
}

impl EmbeddingAdapter {
    pub fn new(call: &crate::protocols::CallSpec<'_>, read: Option<ReadVectors>) -> Self {
        let format = call.object.read::<String>("encoding_format");
        Self {
            read,
            model: call.model.to_owned(),
            base64: format.as_deref() == Some("base64"),
            tokens: None,
            next: VecDeque::new(),
            vectors: Vec::new(),
        }
    }

    /// Asks for further texts with these bodies, after the first request.
    #[must_use]
    pub fn followed_by(mut self, bodies: impl Iterator<Item = Bytes>) -> Self {
        self.next.extend(bodies);
        self
    }

    /// Reads the vectors of one answer. The tokens are known only if each answer states them.
    fn read_part(&mut self, body: &[u8], read: ReadVectors) -> Result<(), UpstreamError> {
        let (vectors, tokens) = read(body)?;
        let is_first = self.vectors.is_empty();
        self.tokens = match (self.tokens, tokens) {
            (Some(before), Some(tokens)) => Some(ReportedUsage {
                input: before.input + tokens.input,
                ..before
            }),
            (_, tokens) => tokens.filter(|_| is_first),
        };
        self.vectors.extend(vectors);
        Ok(())
    }

    fn translate(&mut self, body: &[u8], read: ReadVectors) -> Result<Bytes, UpstreamError> {
        self.read_part(body, read)?;
        let tokens = self.tokens;
        let data: Vec<Value> = std::mem::take(&mut self.vectors)
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

    /// Passes a response in OpenAI's shape. Servers that do not support base64 send numbers, which
    /// are converted.
    fn pass_through(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let unreadable = || ResponseFault::NoEmbeddings;
        let shape: Option<EmbeddingsResponse<'_>> = from_json(body).map_err(|_| unreadable())?;
        let shape = shape.ok_or_else(unreadable)?;
        let data = shape.data.unwrap_or_default();
        let Some(first) = data.iter().find_map(|one| one.embedding) else {
            let is_error = shape.error.or(shape.message).is_some();
            return Err(if is_error {
                error_in_success_body(body)
            } else {
                unreadable().into()
            });
        };
        let is_numbers = first.get().starts_with('[');
        self.tokens = shape.usage.map(|usage| ReportedUsage {
            input: usage.prompt_tokens.unwrap_or(0),
            ..ReportedUsage::default()
        });
        let is_bare = |one: &VectorShape<'_>| one.object.is_none() || one.index.is_none();
        let is_encoded = self.base64 && is_numbers;
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let is_right = shape.object.is_some() && !data.iter().any(is_bare);
        if is_object && is_right && !is_encoded {
            return Ok(body.clone());
        }
        // Some servers wrap their answer in a list. Numbers stay text: as values they would take much
        // more memory.
        let whole: Option<RawObject<'_>> = if is_object {
            serde_json::from_slice(body).ok()
        } else {
            let list = serde_json::from_slice::<Vec<&RawValue>>(body).unwrap_or_default();
            let mut objects = list.into_iter();
            objects.find_map(|raw| serde_json::from_str(raw.get()).ok())
        };
        let Some(whole) = whole else {
            return Ok(body.clone());
        };
        let Some(items) = whole.read::<Vec<RawObject<'_>>>("data") else {
            return Ok(whole.with(&[]).into());
        };
        let items = items.iter().enumerate();
        let items = items.map(|(index, one)| mended_vector(index, one, is_encoded));
        let items = items.collect::<Option<Vec<String>>>();
        let data = format!("[{}]", items.ok_or_else(unreadable)?.join(","));
        let object = r#""list""#.to_owned();
        Ok(whole.with(&[("object", object), ("data", data)]).into())
    }
}

/// Returns a vector with the members that clients read; `None` where its numbers are none.
fn mended_vector(index: usize, one: &RawObject<'_>, is_encoded: bool) -> Option<String> {
    let mut more = Vec::new();
    if !one.has("object") {
        more.push(("object", r#""embedding""#.to_owned()));
    }
    if !one.has("index") {
        more.push(("index", index.to_string()));
    }
    if is_encoded && let Some(numbers) = one.get("embedding") {
        let vector: Vec<f64> = serde_json::from_str(numbers.get()).ok()?;
        more.push(("embedding", json!(encode_base64(&vector)).to_string()));
    }
    String::from_utf8(one.with(&more)).ok()
}

lenient_object! {
    struct EmbeddingsResponse<'a> {
        object: Option<&'a RawValue> = "object",
        data: Option<Vec<VectorShape<'a>>> = "data",
        usage: Option<UsageShape> = "usage",
        error: Option<&'a RawValue> = "error",
        message: Option<&'a RawValue> = "message" | "detail",
    }
}

lenient_object! {
    struct VectorShape<'a> {
        object: Option<&'a RawValue> = "object",
        index: Option<&'a RawValue> = "index",
        embedding: Option<&'a RawValue> = "embedding",
    }
}

lenient_json!(UsageShape);

#[derive(serde::Deserialize)]
struct UsageShape {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<u64>,
}

/// Takes the vectors out of a response in OpenAI's shape, also where an object stands for a list or
/// the other way round.
pub(in crate::protocols) fn take_vectors(response: &mut Value) -> Vec<Value> {
    fn listed(value: &mut Value) -> &mut [Value] {
        match value {
            Value::Array(list) => list,
            other => std::slice::from_mut(other),
        }
    }
    let data = listed(response)
        .iter_mut()
        .find_map(|one| one.get_mut("data"));
    let items = data.map(listed).into_iter().flatten();
    let vectors = items.filter_map(|item| item.get_mut("embedding"));
    vectors.map(Value::take).collect()
}

/// Encodes the vector as little-endian numbers of four bytes, in base64.
fn encode_base64(vector: &[f64]) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the format has four bytes for each number"
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

    fn next_body(&mut self) -> Option<Bytes> {
        self.next.pop_front()
    }

    fn part(&mut self, body: &Bytes) -> Result<(), UpstreamError> {
        match self.read {
            Some(read) => self.read_part(body, read),
            None => Ok(()),
        }
    }

    fn read(&mut self, _event: &Event, _out: &mut BytesMut) -> StreamEventKind {
        StreamEventKind::Broken(ResponseFault::UnexpectedStream.into())
    }

    fn may_end(&self) -> bool {
        false
    }

    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, _error: &ErrorBody, _out: &mut BytesMut) {}

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        0
    }
}
