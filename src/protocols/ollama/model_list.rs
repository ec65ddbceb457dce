//! Models as Ollama's clients read them.

use serde_json::{Value, json};

/// Version that clients compare with the one that they need.
pub const SERVED_VERSION: &str = "0.15.0";
/// Time of every model's last change: clients require one, and nothing depends on it.
const MODIFIED_AT: &str = "2025-01-01T00:00:00Z";
/// Name of the architecture, which the names of a model's facts begin with.
const ARCHITECTURE: &str = "remote";

fn details() -> Value {
    json!({
        "parent_model": "",
        "format": "gguf",
        "family": ARCHITECTURE,
        "families": [ARCHITECTURE],
        "parameter_size": "",
        "quantization_level": "",
    })
}

/// Encodes a model in the list.
pub fn model_tag(name: &str) -> Value {
    json!({
        "name": name,
        "model": name,
        "modified_at": MODIFIED_AT,
        "size": 0,
        "digest": "",
        "details": details(),
    })
}

/// Encodes what is known of a model. `capabilities` are the protocol's words.
pub fn shown_model(name: &str, capabilities: &[&str], context_window: Option<u64>) -> Value {
    let mut facts = json!({"general.architecture": ARCHITECTURE, "general.basename": name});
    if let Some(tokens) = context_window {
        facts[format!("{ARCHITECTURE}.context_length")] = tokens.into();
    }
    json!({
        "modelfile": "",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": details(),
        "model_info": facts,
        "capabilities": capabilities,
        "modified_at": MODIFIED_AT,
    })
}
