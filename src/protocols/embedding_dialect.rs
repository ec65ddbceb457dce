//! The forms in which clients ask for embeddings. Each is read as a request of OpenAI's form, and the
//! response in that form is written as the client expects it.

use super::{ApiDialect, TranslationError, gemini, ollama};
use bytes::Bytes;
use serde_json::Value;

/// A form of embeddings requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingDialect {
    /// OpenAI's, which needs no translation.
    Embeddings,
    /// One content of Gemini's.
    EmbedContent,
    /// Several contents of Gemini's.
    BatchEmbedContents,
    /// Ollama's.
    Embed,
    /// Ollama's older form with one text.
    EmbedPrompt,
}

impl EmbeddingDialect {
    /// Returns the protocol of the errors.
    pub fn dialect(self) -> ApiDialect {
        match self {
            Self::Embeddings => ApiDialect::Chat,
            Self::EmbedContent | Self::BatchEmbedContents => ApiDialect::GenerateContent,
            Self::Embed | Self::EmbedPrompt => ApiDialect::Ollama,
        }
    }

    /// Translates a request to OpenAI's form; `None` where it has that form.
    pub fn read(self, body: &[u8]) -> Option<Result<Vec<u8>, TranslationError>> {
        let read = match self {
            Self::Embeddings => return None,
            Self::EmbedContent => gemini::read_one,
            Self::BatchEmbedContents => gemini::read_batch,
            Self::Embed => ollama::read_embed,
            Self::EmbedPrompt => ollama::read_embed_prompt,
        };
        // A body that is not JSON gets its error where all bodies are read.
        let value = serde_json::from_slice::<Value>(body).ok()?;
        let request = read(value);
        Some(request.map(|request| request.to_string().into_bytes()))
    }

    /// Translates a response from OpenAI's form.
    pub fn write(self, body: Bytes) -> Bytes {
        let write = match self {
            Self::Embeddings => return body,
            Self::EmbedContent => gemini::write_one,
            Self::BatchEmbedContents => gemini::write_batch,
            Self::Embed => ollama::write_embed,
            Self::EmbedPrompt => ollama::write_embed_prompt,
        };
        match serde_json::from_slice(&body) {
            Ok(response) => write(response).to_string().into(),
            Err(_) => body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odd_responses_are_written_for_every_client() {
        let item = json!({"embedding": [0.5]});
        let clients = [
            EmbeddingDialect::EmbedContent,
            EmbeddingDialect::BatchEmbedContents,
            EmbeddingDialect::Embed,
            EmbeddingDialect::EmbedPrompt,
        ];
        for (response, has_vector) in [
            (json!({"data": [item], "usage": [7]}), true),
            (json!({"data": item, "usage": {"prompt_tokens": "x"}}), true),
            (json!([{"data": [item]}]), true),
            (json!([7, {"data": [7, "x", item]}]), true),
            (json!({"data": [[item]]}), false),
            (json!({"data": "x"}), false),
            (json!([]), false),
            (json!("x"), false),
            (json!(null), false),
        ] {
            for client in clients {
                let body = client.write(response.to_string().into());
                let text = String::from_utf8(body.to_vec()).unwrap();
                assert_eq!(text.contains("[0.5]"), has_vector, "{client:?}: {text}");
            }
        }
    }
}
