//! The vendors that LiteLLM names before a model, and what they are here.

/// A vendor of LiteLLM with a counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LitellmVendor {
    /// The word before the slash of a model.
    pub prefix: &'static str,
    /// Name of our provider.
    pub name: &'static str,
    pub kind: &'static str,
    /// Its address, where our own presets do not know it.
    pub base_url: Option<&'static str>,
    /// The variable in which LiteLLM looks for its key.
    pub api_key_env: Option<&'static str>,
    /// Whether each deployment must state an address.
    pub needs_address: bool,
}

/// The protocol of vendors that speak OpenAI's.
pub(super) const COMPATIBLE: &str = "openai-compatible";
/// The protocol of Vertex AI.
pub(super) const VERTEX: &str = "vertex";
/// The vendor of models without a prefix, and the kind of its own address.
pub(super) const OPENAI: &str = "openai";
/// Azure's prefix, whose addresses need an ending.
pub(super) const AZURE: &str = "azure";

/// A vendor whose address our own presets know.
const fn preset(
    prefix: &'static str,
    name: &'static str,
    kind: &'static str,
    api_key_env: Option<&'static str>,
) -> LitellmVendor {
    LitellmVendor {
        prefix,
        name,
        kind,
        base_url: None,
        api_key_env,
        needs_address: false,
    }
}

const fn compatible(
    prefix: &'static str,
    name: &'static str,
    base_url: Option<&'static str>,
    api_key_env: Option<&'static str>,
) -> LitellmVendor {
    LitellmVendor {
        prefix,
        name,
        kind: COMPATIBLE,
        base_url,
        api_key_env,
        needs_address: base_url.is_none(),
    }
}

const VENDORS: &[LitellmVendor] = &[
    preset("openai", "openai", OPENAI, Some("OPENAI_API_KEY")),
    preset(
        "text-completion-openai",
        "openai",
        OPENAI,
        Some("OPENAI_API_KEY"),
    ),
    preset(
        "anthropic",
        "anthropic",
        "anthropic",
        Some("ANTHROPIC_API_KEY"),
    ),
    preset("gemini", "gemini", "gemini", Some("GEMINI_API_KEY")),
    preset("vertex_ai", "vertex", VERTEX, None),
    preset("vertex_ai_beta", "vertex", VERTEX, None),
    preset("xai", "xai", "xai", Some("XAI_API_KEY")),
    preset("ollama", "ollama", "ollama", None),
    preset("ollama_chat", "ollama", "ollama", None),
    preset("groq", "groq", COMPATIBLE, Some("GROQ_API_KEY")),
    preset("mistral", "mistral", COMPATIBLE, Some("MISTRAL_API_KEY")),
    preset("deepseek", "deepseek", COMPATIBLE, Some("DEEPSEEK_API_KEY")),
    preset(
        "openrouter",
        "openrouter",
        COMPATIBLE,
        Some("OPENROUTER_API_KEY"),
    ),
    compatible(AZURE, "azure", None, Some("AZURE_API_KEY")),
    compatible("azure_ai", "azure-ai", None, Some("AZURE_AI_API_KEY")),
    compatible("hosted_vllm", "vllm", None, None),
    compatible("openai_like", "openai-like", None, None),
    compatible("custom_openai", "openai-like", None, None),
    compatible(
        "litellm_proxy",
        "litellm",
        None,
        Some("LITELLM_PROXY_API_KEY"),
    ),
    compatible(
        "lm_studio",
        "lm-studio",
        Some("http://127.0.0.1:1234/v1"),
        None,
    ),
    compatible(
        "together_ai",
        "together",
        Some("https://api.together.xyz/v1"),
        Some("TOGETHERAI_API_KEY"),
    ),
    compatible(
        "fireworks_ai",
        "fireworks",
        Some("https://api.fireworks.ai/inference/v1"),
        Some("FIREWORKS_API_KEY"),
    ),
    compatible(
        "perplexity",
        "perplexity",
        Some("https://api.perplexity.ai"),
        Some("PERPLEXITYAI_API_KEY"),
    ),
    compatible(
        "cerebras",
        "cerebras",
        Some("https://api.cerebras.ai/v1"),
        Some("CEREBRAS_API_KEY"),
    ),
    compatible(
        "nvidia_nim",
        "nvidia",
        Some("https://integrate.api.nvidia.com/v1"),
        Some("NVIDIA_NIM_API_KEY"),
    ),
    compatible(
        "deepinfra",
        "deepinfra",
        Some("https://api.deepinfra.com/v1/openai"),
        Some("DEEPINFRA_API_KEY"),
    ),
    compatible(
        "sambanova",
        "sambanova",
        Some("https://api.sambanova.ai/v1"),
        Some("SAMBANOVA_API_KEY"),
    ),
];

/// Vendors whose protocols have no counterpart, whatever address is given.
const WITHOUT_COUNTERPART: &[&str] = &[
    "bedrock",
    "bedrock_converse",
    "sagemaker",
    "sagemaker_chat",
    "cohere",
    "cohere_chat",
    "huggingface",
    "replicate",
    "watsonx",
    "predibase",
    "snowflake",
    "github_copilot",
];

/// The vendor of a prefix.
pub(super) fn by_prefix(prefix: &str) -> Option<&'static LitellmVendor> {
    VENDORS.iter().find(|vendor| vendor.prefix == prefix)
}

pub(super) fn has_no_counterpart(prefix: &str) -> bool {
    WITHOUT_COUNTERPART.contains(&prefix)
}

/// The prefix of a model that is named without one, as far as its name tells.
pub(super) fn prefix_of_bare(model: &str) -> Option<&'static str> {
    let begins = |starts: &[&str]| starts.iter().any(|start| model.starts_with(start));
    if begins(&[
        "gpt-",
        "chatgpt-",
        "o1",
        "o3",
        "o4",
        "text-embedding-",
        "dall-e",
        "tts-",
        "whisper",
    ]) {
        Some(OPENAI)
    } else if begins(&["claude"]) {
        Some("anthropic")
    } else if begins(&["grok-"]) {
        Some("xai")
    } else {
        None
    }
}
