//! Embeddings as predictions, where Gemini's own API has a batch.

use crate::protocols::ResponseFault;
use crate::protocols::neutral::{ReportedUsage, TranslationError};
use crate::protocols::openai::EmbeddingRequest;
use crate::protocols::token_counts::any_count;
use crate::protocols::upstream_error::UpstreamError;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most texts of one request; models of the family `gemini-embedding` take one.
const MAX_TEXTS: usize = 250;

/// Builds the requests.
pub(super) fn requests(body: Value, model: &str) -> Result<Vec<Value>, TranslationError> {
    // What the client of Google's protocol said about the use of the vectors.
    let said = ["task_type", "title"].map(|name| (name, body.get(name).cloned()));
    let most = if model.starts_with("gemini-embedding") {
        1
    } else {
        MAX_TEXTS
    };
    let batches = EmbeddingRequest::read(body)?.batches(most).into_iter();
    Ok(batches.map(|batch| request(batch, &said)).collect())
}

fn request(batch: EmbeddingRequest, said: &[(&str, Option<Value>)]) -> Value {
    let EmbeddingRequest { inputs, dimensions } = batch;
    let instances = inputs.into_iter().map(|text| {
        let mut instance = json!({"content": text});
        for (name, value) in said {
            if let Some(value) = value {
                instance[*name] = value.clone();
            }
        }
        instance
    });
    let instances: Vec<Value> = instances.collect();
    let mut body = json!({"instances": instances});
    if let Some(dimensions) = dimensions {
        body["parameters"] = json!({"outputDimensionality": dimensions});
    }
    body
}

#[derive(Deserialize)]
struct PredictResponse {
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
    /// A count that some models write as `5.0`.
    #[serde(default, deserialize_with = "any_count")]
    token_count: Option<u64>,
}

/// Reads the vectors, and the token count where every text has one.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError> {
    let shape: PredictResponse =
        serde_json::from_slice(body).map_err(|_| ResponseFault::NoEmbeddings)?;
    let counts = shape
        .predictions
        .iter()
        .map(|one| one.embeddings.statistics.as_ref()?.token_count);
    let sum: Option<u64> = counts.sum();
    let tokens = sum.map(|input| ReportedUsage {
        input,
        ..ReportedUsage::default()
    });
    let vectors = shape.predictions.into_iter();
    Ok((vectors.map(|one| one.embeddings.values).collect(), tokens))
}
