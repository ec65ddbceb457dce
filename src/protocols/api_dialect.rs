//! The protocols that clients use.

/// A client protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiDialect {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's older completions of a text.
    Completions,
    /// Gemini's `generateContent`.
    GenerateContent,
    /// Ollama's `/api/chat` and `/api/generate`.
    Ollama,
}
