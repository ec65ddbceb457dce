//! Embeddings: many texts in one request.

use crate::protocols::ResponseFault;
use crate::protocols::neutral::{ReportedUsage, TranslationError};
use crate::protocols::openai::EmbeddingRequest;
use crate::protocols::token_counts::readable;
use crate::protocols::upstream_error::UpstreamError;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most texts of one request.
const MAX_TEXTS: usize = 100;

/// Builds the requests; `model` has its prefix.
pub(super) fn requests(body: Value, model: &str) -> Result<Vec<Value>, TranslationError> {
    // What the client of this protocol said about the use of the vectors.
    let said = ["taskType", "title"].map(|name| {
        let field = if name == "title" { name } else { "task_type" };
        (name, body.get(field).cloned())
    });
    let batches = EmbeddingRequest::read(body)?.batches(MAX_TEXTS).into_iter();
    Ok(batches.map(|batch| request(batch, model, &said)).collect())
}

fn request(batch: EmbeddingRequest, model: &str, said: &[(&str, Option<Value>)]) -> Value {
    let EmbeddingRequest { inputs, dimensions } = batch;
    let requests = inputs.into_iter().map(|text| {
        let mut one = json!({"model": model, "content": {"parts": [{"text": text}]}});
        if let Some(dimensions) = dimensions {
            one["outputDimensionality"] = dimensions.into();
        }
        for (name, value) in said {
            if let Some(value) = value {
                one[*name] = value.clone();
            }
        }
        one
    });
    let requests: Vec<Value> = requests.collect();
    json!({"requests": requests})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmbeddingsResponse {
    embeddings: Vec<Vector>,
    #[serde(default, deserialize_with = "readable")]
    usage_metadata: Option<super::response::UsageShape>,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f64>,
}

/// Reads the vectors, and the token count where it is stated.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError> {
    let shape: EmbeddingsResponse =
        serde_json::from_slice(body).map_err(|_| ResponseFault::NoEmbeddings)?;
    let vectors = shape.embeddings.into_iter().map(|vector| vector.values);
    Ok((
        vectors.collect(),
        shape.usage_metadata.map(ReportedUsage::from),
    ))
}
