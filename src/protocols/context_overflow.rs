//! A prompt that is too long for its model: how providers say so, and how clients expect to be told.

/// What is known of a prompt that is too long for its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContextOverflow {
    /// Tokens of the prompt, as the provider counts them.
    pub tokens: Option<u64>,
    /// Largest prompt of the model, in tokens.
    pub maximum: Option<u64>,
}

/// Codes and types of such errors.
const CODES: [&str; 4] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "context_window_exceeded",
    "model_max_prompt_tokens_exceeded",
];

/// Parts of their messages, in lower case.
const PHRASES: [&str; 37] = [
    // OpenAI, Azure, DeepSeek, vLLM, OpenRouter.
    "maximum context length",
    "exceeds the context window",
    "reduce the length of the messages",
    "longer than the maximum model length",
    "context length is only",
    // Anthropic, Fireworks.
    "prompt is too long",
    "exceed context limit",
    // Gemini, Vertex.
    "exceeds the maximum number of tokens allowed",
    "input token count exceeds",
    // xAI.
    "maximum prompt length is",
    // Mistral, SGLang, llama.cpp, LM Studio, Ollama.
    "is longer than the model's context length",
    "exceeds the model's maximum context",
    "exceeds the available context size",
    "exceed the available context size",
    "exceeds the context length",
    "exceeded max context length",
    "greater than the context length",
    "context length of only",
    "reached context length of",
    "context size has been exceeded",
    "context window is full",
    "input tokens exceed the configured limit",
    // Bedrock, Databricks, Moonshot, Zhipu, MiniMax, Cohere, TGI, Copilot.
    "input too long",
    "input is too long",
    "input length too long",
    "input token length too long",
    "exceeded model token limit",
    "prompt exceeds max length",
    "context window exceeds limit",
    "too many tokens: total number of tokens",
    "`inputs` tokens + `max_new_tokens` must be",
    "`inputs` must have less than",
    "exceeds maximum allowed token count",
    "range of input length should be",
    "prompt token count of",
    "prompt too long",
    "context_length_exceeded",
];

/// Words before the number of the largest prompt, in lower case and in the order in which they are
/// searched.
const MAXIMUM_WORDS: [&str; 11] = [
    "maximum context length",
    "maximum prompt length",
    "maximum number of tokens allowed",
    "context length is only",
    "context length of only",
    "context limit",
    "context length",
    "context size",
    "limit",
    ">",
    "maximum",
];

/// Smallest number that counts as a size; smaller ones are others, such as a count of messages.
const MIN_SIZE: u64 = 256;

/// Checks whether the codes or the message of an error say that a prompt is too long.
pub(super) fn is_context_overflow(codes: [&str; 2], message: &str) -> bool {
    let message = message.to_lowercase();
    codes.iter().any(|code| CODES.contains(code))
        || PHRASES.iter().any(|phrase| message.contains(phrase))
}

impl ContextOverflow {
    /// Reads the sizes in a provider's message.
    pub fn in_message(message: &str) -> Self {
        let message = message.to_lowercase();
        let after = |words: &&str| {
            let (_, after) = message.split_once(*words)?;
            sizes(after).next()
        };
        let maximum = MAXIMUM_WORDS.iter().find_map(after);
        let largest = sizes(&message).max();
        Self {
            tokens: largest.filter(|tokens| maximum.is_some_and(|maximum| *tokens > maximum)),
            maximum,
        }
    }

    /// Returns the sizes where both are known.
    fn sizes(self) -> Option<(u64, u64)> {
        self.tokens.zip(self.maximum)
    }

    /// Writes the error in Anthropic's words, which its clients search for. `words` are the provider's.
    pub fn in_anthropic_words(self, words: &str) -> String {
        if words.contains("prompt is too long:") {
            return words.to_owned();
        }
        match self.sizes() {
            Some((tokens, maximum)) => {
                format!("prompt is too long: {tokens} tokens > {maximum} maximum ({words})")
            }
            None => format!("prompt is too long ({words})"),
        }
    }

    /// Writes the error in OpenAI's words, which its clients search for. `words` are the provider's.
    pub fn in_openai_words(self, words: &str) -> String {
        if words.contains("maximum context length") {
            return words.to_owned();
        }
        match (self.maximum, self.tokens) {
            (Some(maximum), Some(tokens)) => format!(
                "This model's maximum context length is {maximum} tokens. However, your messages \
                 resulted in {tokens} tokens. ({words})"
            ),
            (Some(maximum), None) => format!(
                "This model's maximum context length is {maximum} tokens, and your messages are \
                 longer. ({words})"
            ),
            _ => format!(
                "This model's maximum context length is exceeded by your messages. ({words})"
            ),
        }
    }
}

/// Finds numbers that can be sizes, also with separators of thousands.
fn sizes(text: &str) -> impl Iterator<Item = u64> {
    let numbers = text.split(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '_')));
    numbers.filter_map(|number| {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|size| *size >= MIN_SIZE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_words_of_every_provider() {
        for (message, tokens, maximum) in [
            (
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
                Some(131_072),
                Some(128_000),
            ),
            (
                "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens (9000 in the messages, 1000 in the completion).",
                Some(10_000),
                Some(8_192),
            ),
            (
                "prompt is too long: 208310 tokens > 200000 maximum",
                Some(208_310),
                Some(200_000),
            ),
            (
                "The input token count (1,200,000) exceeds the maximum number of tokens allowed (1048576).",
                Some(1_200_000),
                Some(1_048_576),
            ),
            (
                "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
                Some(537_812),
                Some(131_072),
            ),
            (
                "request (9001 tokens) exceeds the available context size (4096 tokens), try increasing it",
                Some(9_001),
                Some(4_096),
            ),
            (
                "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
                Some(5_000),
                Some(4_096),
            ),
            (
                "prompt token count of 150000 exceeds the limit of 128000",
                Some(150_000),
                Some(128_000),
            ),
            ("the request exceeds the available context size", None, None),
        ] {
            assert!(is_context_overflow(["", ""], message), "{message}");
            let overflow = ContextOverflow::in_message(message);
            assert_eq!(
                (overflow.tokens, overflow.maximum),
                (tokens, maximum),
                "{message}"
            );
        }
        assert!(!is_context_overflow(["", ""], "max_tokens is too large"));
        assert!(is_context_overflow(["context_length_exceeded", ""], ""));
    }

    #[test]
    fn each_client_reads_its_own_words() {
        let overflow = ContextOverflow {
            tokens: Some(9_001),
            maximum: Some(4_096),
        };
        assert_eq!(
            overflow.in_anthropic_words("a: too long"),
            "prompt is too long: 9001 tokens > 4096 maximum (a: too long)"
        );
        assert_eq!(
            overflow.in_openai_words("a: too long"),
            "This model's maximum context length is 4096 tokens. However, your messages resulted in 9001 tokens. (a: too long)"
        );
        let unknown = ContextOverflow::default();
        assert_eq!(
            unknown.in_anthropic_words("a: b"),
            "prompt is too long (a: b)"
        );
        let own = "a: prompt is too long: 9 tokens > 8 maximum";
        assert_eq!(unknown.in_anthropic_words(own), own);
    }
}
