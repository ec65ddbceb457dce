//! Embeddings: many texts in one request.

use crate::domain::Failure;
use crate::protocols::counts::readable;
use crate::protocols::failure::Upset;
use crate::protocols::neutral::{Mistake, Tokens};
use crate::protocols::openai::EmbeddingRequest;
use serde::Deserialize;
use serde_json::{Value, json};

/// The request; `model` with what stands before it in a listing.
pub(super) fn request(body: Value, model: &str) -> Result<Value, Mistake> {
    let EmbeddingRequest { inputs, dimensions } = EmbeddingRequest::read(body)?;
    let requests = inputs.into_iter().map(|text| {
        let mut one = json!({"model": model, "content": {"parts": [{"text": text}]}});
        if let Some(dimensions) = dimensions {
            one["outputDimensionality"] = dimensions.into();
        }
        one
    });
    let requests: Vec<Value> = requests.collect();
    Ok(json!({"requests": requests}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    embeddings: Vec<Vector>,
    #[serde(default, deserialize_with = "readable")]
    usage_metadata: Option<super::answer::UsageShape>,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f64>,
}

/// The numbers, and the tokens where they are told.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<Tokens>), Upset> {
    let problem = "the provider's answer holds no embeddings";
    let shape: Shape =
        serde_json::from_slice(body).map_err(|_| Upset::silent(Failure::Server, problem))?;
    let vectors = shape.embeddings.into_iter().map(|vector| vector.values);
    Ok((vectors.collect(), shape.usage_metadata.map(Tokens::from)))
}
