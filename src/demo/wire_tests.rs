//! The wires through real HTTP, as a gateway and official clients meet them.

mod anthropic;
mod gemini;
mod ollama;
mod openai;
mod recorded;
mod responses;
mod xai;
