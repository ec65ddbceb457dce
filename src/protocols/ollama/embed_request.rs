//! Embeddings as Ollama's clients ask for them, in terms of OpenAI's requests and responses.

use crate::protocols::neutral::{ObjectReader, TranslationError};
use crate::protocols::openai::take_vectors;
use serde_json::{Value, json};

/// Reads a request to `/api/embed`.
pub(in crate::protocols) fn read_embed(body: Value) -> Result<Value, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    let missing =
        || TranslationError::new("input", "is missing; it must be a text or a list of texts");
    let mut request = json!({
        "model": members.required_text("model")?,
        "input": members.take("input").ok_or_else(missing)?,
    });
    if let Some(dimensions) = members.count("dimensions")? {
        request["dimensions"] = dimensions.into();
    }
    Ok(request)
}

/// Reads a request to `/api/embeddings`, the older form with one text.
pub(in crate::protocols) fn read_embed_prompt(body: Value) -> Result<Value, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    let model = members.required_text("model")?;
    Ok(json!({"model": model, "input": members.required_text("prompt")?}))
}

/// Encodes the response to `/api/embed`.
pub(in crate::protocols) fn write_embed(mut response: Value) -> Value {
    let vectors = take_vectors(&mut response);
    json!({
        "model": response["model"],
        "embeddings": vectors,
        "total_duration": 1,
        "load_duration": 1,
        "prompt_eval_count": response["usage"]["prompt_tokens"].as_u64().unwrap_or(0),
    })
}

/// Encodes the response to `/api/embeddings`.
pub(in crate::protocols) fn write_embed_prompt(mut response: Value) -> Value {
    json!({"embedding": take_vectors(&mut response).into_iter().next()})
}
