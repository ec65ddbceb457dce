//! `/api/embed`: texts in, numbers out.

use crate::protocols::neutral::ReportedUsage;
use crate::protocols::openai::EmbeddingRequest;
use crate::protocols::token_counts::any_count;
use crate::protocols::upstream_error::error_in_success_body;
use crate::protocols::{ResponseFault, UpstreamError};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn body(wanted: &EmbeddingRequest, model: &str) -> Value {
    let mut body = json!({"model": model, "input": wanted.inputs});
    if let Some(dimensions) = wanted.dimensions {
        body["dimensions"] = dimensions.into();
    }
    body
}

#[derive(Deserialize)]
struct EmbedResponse {
    #[serde(default)]
    embeddings: Option<Vec<Vec<f64>>>,
    #[serde(default, deserialize_with = "any_count")]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    error: Value,
}

/// The numbers for each text; a count that is missing is zero.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError> {
    let answer: EmbedResponse =
        serde_json::from_slice(body).map_err(|_| ResponseFault::NoEmbeddings)?;
    if !answer.error.is_null() {
        return Err(error_in_success_body(body));
    }
    let tokens = ReportedUsage {
        input: answer.prompt_eval_count.unwrap_or(0),
        ..ReportedUsage::default()
    };
    Ok((
        answer.embeddings.ok_or(ResponseFault::NoEmbeddings)?,
        Some(tokens),
    ))
}
