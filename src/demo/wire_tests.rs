//! Tests of all formats over real HTTP.

mod anthropic;
mod gemini;
mod ollama;
mod openai;
mod recorded;
mod responses;
mod xai;
