//! `/api/embed`: texts in, numbers out.

use crate::domain::Failure;
use crate::protocols::Upset;
use crate::protocols::counts::any_count;
use crate::protocols::failure::stated;
use crate::protocols::neutral::Tokens;
use crate::protocols::openai::EmbeddingRequest;
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
struct Answer {
    #[serde(default)]
    embeddings: Option<Vec<Vec<f64>>>,
    #[serde(default, deserialize_with = "any_count")]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    error: Value,
}

/// The numbers for each text; a count that is missing is zero.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f64>>, Option<Tokens>), Upset> {
    let unreadable = || Upset::silent(Failure::Server, "the provider's answer holds no embeddings");
    let answer: Answer = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if !answer.error.is_null() {
        return Err(stated(body));
    }
    let tokens = Tokens {
        input: answer.prompt_eval_count.unwrap_or(0),
        ..Tokens::default()
    };
    Ok((answer.embeddings.ok_or_else(unreadable)?, Some(tokens)))
}
