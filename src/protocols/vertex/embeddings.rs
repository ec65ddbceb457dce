//! Embeddings: predictions here, where the other door of the same models has a batch.

use crate::domain::Failure;
use crate::protocols::failure::Upset;
use crate::protocols::neutral::{Mistake, Tokens};
use crate::protocols::openai::EmbeddingRequest;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn request(body: Value) -> Result<Value, Mistake> {
    let EmbeddingRequest { inputs, dimensions } = EmbeddingRequest::read(body)?;
    let instances = inputs.into_iter().map(|text| json!({"content": text}));
    let instances: Vec<Value> = instances.collect();
    let mut body = json!({"instances": instances});
    if let Some(dimensions) = dimensions {
        body["parameters"] = json!({"outputDimensionality": dimensions});
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Shape {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Vector,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f64>,
    #[serde(default)]
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    /// Some models write it as `5.0`.
    #[serde(default)]
    token_count: Option<f64>,
}

/// The numbers, and the tokens where each text's are told.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<Tokens>), Upset> {
    let problem = "the provider's answer holds no embeddings";
    let shape: Shape =
        serde_json::from_slice(body).map_err(|_| Upset::silent(Failure::Server, problem))?;
    let counts = shape
        .predictions
        .iter()
        .map(|one| one.embeddings.statistics.as_ref()?.token_count);
    let sum: Option<f64> = counts.sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float stops at the limits of the whole number"
    )]
    let tokens = sum.map(|sum| Tokens {
        input: sum as u64,
        ..Tokens::default()
    });
    let vectors = shape.predictions.into_iter();
    Ok((vectors.map(|one| one.embeddings.values).collect(), tokens))
}
