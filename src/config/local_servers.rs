//! Model servers that usually run on the user's own machine.

use super::source::Sources;

/// A model server and its usual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalServer {
    /// Name of its provider.
    pub name: &'static str,
    /// Name of the product.
    pub product: &'static str,
    pub kind: &'static str,
    pub base_url: &'static str,
}

/// Ollama first: it is the one that an instance without any configuration uses.
pub const LOCAL_SERVERS: [LocalServer; 3] = [
    LocalServer {
        name: "ollama",
        product: "Ollama",
        kind: "ollama",
        base_url: "http://127.0.0.1:11434",
    },
    LocalServer {
        name: "vllm",
        product: "vLLM",
        kind: "openai-compatible",
        base_url: "http://127.0.0.1:8000/v1",
    },
    LocalServer {
        name: "lm-studio",
        product: "LM Studio",
        kind: "openai-compatible",
        base_url: "http://127.0.0.1:1234/v1",
    },
];

impl Sources {
    /// Adds the Ollama of this machine, as its variable does.
    pub fn use_local_ollama(&mut self) {
        let address = LOCAL_SERVERS[0].base_url.to_owned();
        self.environment.insert("OLLAMA_HOST".to_owned(), address);
    }
}
