//! How servers that speak chat completions differ in what they take. What OpenAI's clients send is
//! put under the names that a server knows, and what it refuses is left out.

use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::DroppedFields;
use crate::protocols::{Endpoint, RawObject};
use serde_json::{Value, json};

/// The kind of OpenAI itself.
pub(super) const OPENAI: &str = "openai";
/// The kind of xAI.
pub(super) const XAI: &str = "xai";

/// One of them, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    OpenAi,
    Xai,
    Mistral,
    DeepSeek,
    Groq,
    Other,
}

/// Where vendors are that have no kind of their own.
const DOMAINS: [(&str, ServerKind); 3] = [
    ("mistral.ai", ServerKind::Mistral),
    ("deepseek.com", ServerKind::DeepSeek),
    ("groq.com", ServerKind::Groq),
];

/// All members of a request that Mistral does not refuse.
const MISTRAL_REQUEST_FIELDS: [&str; 20] = [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "safe_prompt",
    "reasoning_effort",
];

/// The same for a message of it.
const MISTRAL_MESSAGE_FIELDS: [&str; 6] = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "prefix",
];

/// Members of a request that change on its way.
#[derive(Debug)]
struct Edits<'o, 'a> {
    object: &'o RawObject<'a>,
    left_out: Vec<&'o str>,
    replaced: Vec<(&'static str, String)>,
}

/// Whether an address is at a domain.
pub(super) fn is_at(base_url: &str, domain: &str) -> bool {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    host.strip_suffix(domain)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

impl ServerKind {
    pub fn of(endpoint: &Endpoint) -> Self {
        match &*endpoint.kind {
            OPENAI => Self::OpenAi,
            XAI => Self::Xai,
            _ => DOMAINS
                .into_iter()
                .find(|(domain, _)| is_at(&endpoint.base_url, domain))
                .map_or(Self::Other, |(_, server)| server),
        }
    }

    /// The member that limits an answer.
    pub fn limit(self) -> &'static str {
        match self {
            Self::OpenAi => "max_completion_tokens",
            _ => "max_tokens",
        }
    }

    /// Whether the usage must be asked for. Who refuses the question tells it unasked.
    pub fn is_asked_for_usage(self) -> bool {
        self != Self::Mistral
    }

    /// A request as this server takes it, with `replaced` in it.
    pub fn request(
        self,
        object: &RawObject<'_>,
        (model, traits): (&str, &ModelTraits),
        replaced: Vec<(&'static str, String)>,
        losses: &mut DroppedFields,
    ) -> Vec<u8> {
        let mut edits = Edits {
            object,
            left_out: Vec::new(),
            replaced,
        };
        if !traits.sampling {
            edits.drop("temperature", losses);
            edits.drop("top_p", losses);
        }
        match self {
            Self::OpenAi if traits.reasoning => {
                edits.rename("max_tokens", "max_completion_tokens");
            }
            Self::Xai => edits.for_xai(model, losses),
            Self::Mistral => edits.for_mistral(losses),
            Self::DeepSeek => edits.rename("max_completion_tokens", "max_tokens"),
            Self::OpenAi | Self::Groq | Self::Other => {}
        }
        if let Some(messages) = self.messages(object) {
            edits.replaced.push(("messages", messages));
        }
        object.without(&edits.left_out, &edits.replaced)
    }

    /// The messages where they cannot stay as they are.
    fn messages(self, object: &RawObject<'_>) -> Option<String> {
        // With its quotes it can only be a member's name: inside of a text they are escaped.
        let is_concerned = match self {
            Self::OpenAi | Self::Groq => object.mentions("messages", r#""reasoning_content""#),
            Self::Xai => object.mentions("messages", r#""name""#),
            Self::Mistral | Self::DeepSeek => true,
            Self::Other => false,
        };
        let messages: Vec<RawObject<'_>> = object.read("messages").filter(|_| is_concerned)?;
        let mut texts: Vec<String> = Vec::with_capacity(messages.len());
        let mut last_role = String::new();
        for message in &messages {
            let role: String = message.read("role").unwrap_or_default();
            if self == Self::Mistral && last_role == "tool" && role == "user" {
                // Mistral wants the assistant's word between a result and the next question.
                texts.push(r#"{"role":"assistant","content":"."}"#.to_owned());
            }
            texts.push(self.message(message, &role)?);
            last_role = role;
        }
        Some(format!("[{}]", texts.join(",")))
    }

    fn message(self, message: &RawObject<'_>, role: &str) -> Option<String> {
        let mut left_out: Vec<&str> = Vec::new();
        let mut replaced = Vec::new();
        match self {
            Self::Xai if role != "user" => left_out.push("name"),
            Self::OpenAi | Self::Groq => left_out.push("reasoning_content"),
            // Models that call tools while they think want their thoughts back with the calls;
            // models that do not refuse them.
            Self::DeepSeek if !message.has_items("tool_calls") => {
                left_out.push("reasoning_content");
            }
            Self::Mistral => {
                let is_read = |name: &&str| {
                    MISTRAL_MESSAGE_FIELDS.contains(name) && (*name != "name" || role == "tool")
                };
                left_out.extend(message.names().filter(|name| !is_read(name)));
                replaced.extend(short_ids(message));
            }
            _ => {}
        }
        if role == "developer" && matches!(self, Self::Mistral | Self::DeepSeek) {
            replaced.push(("role", r#""system""#.to_owned()));
        }
        String::from_utf8(message.without(&left_out, &replaced)).ok()
    }
}

impl Edits<'_, '_> {
    fn rename(&mut self, from: &'static str, to: &'static str) {
        if let Some(value) = self.object.get(from).filter(|_| self.object.has(from)) {
            if !self.object.has(to) {
                self.replaced.push((to, value.get().to_owned()));
            }
            self.left_out.push(from);
        }
    }

    fn drop(&mut self, name: &'static str, losses: &mut DroppedFields) {
        if self.object.has(name) {
            losses.add(name);
            self.left_out.push(name);
        }
    }

    fn for_xai(&mut self, model: &str, losses: &mut DroppedFields) {
        self.rename("max_completion_tokens", "max_tokens");
        self.drop("web_search_options", losses);
        if model.starts_with("grok-4") {
            for name in ["stop", "presence_penalty", "frequency_penalty"] {
                self.drop(name, losses);
            }
        }
        if self.object.mentions("tools", r#""strict""#)
            && let Some(mut tools) = self.object.read::<Value>("tools")
        {
            for tool in tools.as_array_mut().into_iter().flatten() {
                let function = tool["function"].as_object_mut();
                if function.is_some_and(|function| function.shift_remove("strict").is_some()) {
                    losses.add("strict");
                }
            }
            self.replaced.push(("tools", tools.to_string()));
        }
    }

    fn for_mistral(&mut self, losses: &mut DroppedFields) {
        self.rename("max_completion_tokens", "max_tokens");
        self.rename("seed", "random_seed");
        if self.object.read::<String>("tool_choice").as_deref() == Some("required") {
            self.replaced.push(("tool_choice", r#""any""#.to_owned()));
        }
        let object = self.object;
        for name in object.names() {
            if !MISTRAL_REQUEST_FIELDS.contains(&name) && !self.left_out.contains(&name) {
                losses.add_if(object.has(name) && name != "stream_options", name);
                self.left_out.push(name);
            }
        }
    }
}

/// A message's tool calls and what they are called by, with ids that Mistral takes.
fn short_ids(message: &RawObject<'_>) -> Vec<(&'static str, String)> {
    let mut replaced = Vec::new();
    if let Some(id) = message.read::<String>("tool_call_id") {
        replaced.push(("tool_call_id", json!(short_id(&id)).to_string()));
    }
    if let Some(mut calls) = message.read::<Vec<Value>>("tool_calls") {
        for call in &mut calls {
            let id = call["id"].as_str().map(short_id);
            if let (Some(id), Some(call)) = (id, call.as_object_mut()) {
                call.insert("id".to_owned(), id.into());
            }
        }
        replaced.push(("tool_calls", Value::Array(calls).to_string()));
    }
    replaced
}

/// Nine letters and digits. Any other id is hashed to nine (FNV-1a, 64 bits), always to the same.
fn short_id(id: &str) -> String {
    const LENGTH: usize = 9;
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let letters = (0..LENGTH).map(|_| {
        let place = usize::try_from(hash % 62).unwrap_or(0);
        hash /= 62;
        char::from(LETTERS[place])
    });
    letters.collect()
}
