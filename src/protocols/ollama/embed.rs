//! Embeddings by `/api/embed`.

use crate::protocols::neutral::ReportedUsage;
use crate::protocols::openai::EmbeddingRequest;
use crate::protocols::token_counts::any_count;
use crate::protocols::upstream_error::error_in_success_body;
use crate::protocols::{ResponseFault, UpstreamError};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn body(request: &EmbeddingRequest, model: &str) -> Value {
    let mut body = json!({"model": model, "input": request.inputs});
    if let Some(dimensions) = request.dimensions {
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

/// Reads the vectors and the token count; a missing count is zero.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<ReportedUsage>), UpstreamError> {
    let response: EmbedResponse =
        serde_json::from_slice(body).map_err(|_| ResponseFault::NoEmbeddings)?;
    if !response.error.is_null() {
        return Err(error_in_success_body(body));
    }
    let tokens = ReportedUsage {
        input: response.prompt_eval_count.unwrap_or(0),
        ..ReportedUsage::default()
    };
    Ok((
        response.embeddings.ok_or(ResponseFault::NoEmbeddings)?,
        Some(tokens),
    ))
}
