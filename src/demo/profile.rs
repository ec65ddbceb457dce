//! The five simulated vendors: prices, speed, limits and reliability.
//!
//! A typical short response (65 tokens) takes: openai 0.5 s, anthropic 1.0 s, xai 1.0 s, google 1.2
//! s, ollama 1.4 s. No vendor is the best in everything: openai is the fastest and expensive,
//! anthropic the most reliable and the most expensive, xai fast and rather cheap but unreliable,
//! google the cheapest that costs anything, ollama free, the slowest, and short of slots.

use super::anthropic_wire::AnthropicWire;
use super::gemini_wire::GeminiWire;
use super::model_list::Embedder;
use super::ollama_wire::OllamaWire;
use super::openai_wire::OpenAiWire;
use super::wire::Wire;
use super::xai_wire::XaiWire;
use std::time::Duration;

/// Standard deviation of the logarithm of the time to the first token.
pub const FIRST_TOKEN_SIGMA: f64 = 0.35;
/// Standard deviation of the logarithm of the time per token; one draw per response.
pub const PER_TOKEN_SIGMA: f64 = 0.20;
/// Mean length of a response, in tokens.
pub const ANSWER_TOKENS: f64 = 65.0;
/// Standard deviation of the logarithm of the length: two thirds of the responses have 45 to 90
/// tokens.
pub const ANSWER_SIGMA: f64 = 0.35;

/// One vendor. All times are simulated time.
#[derive(Debug)]
pub struct Profile {
    /// The provider's name, unique.
    pub name: &'static str,
    /// The chat model.
    pub model: &'static str,
    /// The model's types: `chat`, `vision`, `reasoning`.
    pub types: &'static [&'static str],
    /// USD per million prompt tokens.
    pub input_usd_per_1m: f64,
    /// USD per million output tokens.
    pub output_usd_per_1m: f64,
    /// Mean time to the first token.
    pub first_token: Duration,
    /// Mean time per further token.
    pub per_token: Duration,
    /// Share of requests that fail with a 500 or a 503 without an injected fault, 0 to 1.
    pub error_rate: f64,
    /// Requests per minute; `None` means unlimited.
    pub requests_per_minute: Option<u32>,
    /// Requests processed at once; more wait in a queue. `None` means unlimited.
    pub slots: Option<u32>,
    /// Most requests that a gateway should send at once.
    pub max_concurrent: u32,
    /// The expected key, if any. It is made up and works only in this process.
    pub api_key: Option<&'static str>,
    /// The embedding model, if the vendor has one.
    pub embedder: Option<Embedder>,
    /// The format of requests and responses.
    pub wire: &'static dyn Wire,
}

/// The five vendors, in the order of the screen.
pub static PROFILES: [Profile; 5] = [
    Profile {
        name: "openai",
        model: "gpt-5.1",
        types: &["chat", "vision", "reasoning"],
        input_usd_per_1m: 1.25,
        output_usd_per_1m: 10.0,
        first_token: Duration::from_millis(200),
        per_token: Duration::from_millis(4),
        error_rate: 0.006,
        requests_per_minute: Some(3000),
        slots: None,
        max_concurrent: 64,
        api_key: Some("sk-demo-openai"),
        embedder: Some(Embedder {
            model: "text-embedding-3-small",
            dimensions: 1536,
            input_usd_per_1m: 0.02,
        }),
        wire: &OpenAiWire,
    },
    Profile {
        name: "anthropic",
        model: "claude-sonnet-4-5",
        types: &["chat", "vision", "reasoning"],
        input_usd_per_1m: 3.0,
        output_usd_per_1m: 15.0,
        first_token: Duration::from_millis(450),
        per_token: Duration::from_millis(8),
        error_rate: 0.001,
        requests_per_minute: Some(2000),
        slots: None,
        max_concurrent: 64,
        api_key: Some("sk-ant-demo"),
        embedder: None,
        wire: &AnthropicWire,
    },
    Profile {
        name: "xai",
        model: "grok-4.3",
        types: &["chat", "reasoning"],
        input_usd_per_1m: 1.25,
        output_usd_per_1m: 2.5,
        first_token: Duration::from_millis(400),
        per_token: Duration::from_millis(9),
        error_rate: 0.015,
        requests_per_minute: Some(900),
        slots: None,
        max_concurrent: 64,
        api_key: Some("xai-demo"),
        embedder: None,
        wire: &XaiWire,
    },
    Profile {
        name: "google",
        model: "gemini-3-flash-preview",
        types: &["chat", "vision", "reasoning"],
        input_usd_per_1m: 0.5,
        output_usd_per_1m: 3.0,
        first_token: Duration::from_millis(500),
        per_token: Duration::from_millis(10),
        error_rate: 0.008,
        requests_per_minute: Some(1500),
        slots: None,
        max_concurrent: 64,
        api_key: Some("AIza-demo"),
        embedder: Some(Embedder {
            model: "gemini-embedding-001",
            dimensions: 3072,
            input_usd_per_1m: 0.15,
        }),
        wire: &GeminiWire,
    },
    Profile {
        name: "ollama",
        model: "llama3.2",
        types: &["chat"],
        input_usd_per_1m: 0.0,
        output_usd_per_1m: 0.0,
        first_token: Duration::from_millis(500),
        per_token: Duration::from_millis(14),
        error_rate: 0.004,
        requests_per_minute: None,
        slots: Some(16),
        max_concurrent: 16,
        api_key: None,
        embedder: Some(Embedder {
            model: "nomic-embed-text",
            dimensions: 768,
            input_usd_per_1m: 0.0,
        }),
        wire: &OllamaWire,
    },
];

impl Profile {
    /// A copy of this vendor with a number after its name. It is leaked, and lives as long as the
    /// process, as the five originals do.
    pub fn numbered_copy(&self, number: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            name: String::leak(format!("{}-{number}", self.name)),
            ..*self
        }))
    }
}

#[cfg(test)]
impl Profile {
    /// The profile of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typical(profile: &Profile) -> Duration {
        profile.first_token + profile.per_token.mul_f64(ANSWER_TOKENS)
    }

    #[test]
    fn openai_is_the_fastest_and_ollama_the_slowest() {
        let openai = typical(Profile::named("openai").expect("openai"));
        let ollama = typical(Profile::named("ollama").expect("ollama"));

        for other in PROFILES.iter().filter(|other| other.name != "openai") {
            assert!(openai.mul_f64(1.4) < typical(other), "{}", other.name);
        }
        for other in PROFILES.iter().filter(|other| other.name != "ollama") {
            assert!(typical(other).mul_f64(1.1) < ollama, "{}", other.name);
            assert!(0.0 < other.input_usd_per_1m, "{}", other.name);
        }
    }

    #[test]
    fn every_vendor_has_its_own_name_and_key() {
        for (index, one) in PROFILES.iter().enumerate() {
            for other in &PROFILES[index + 1..] {
                assert_ne!(one.name, other.name);
                assert_ne!(one.api_key, other.api_key);
            }
        }
    }
}
