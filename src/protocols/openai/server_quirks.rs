//! Differences between servers with the chat completions API. Fields get the names that a server
//! knows, and fields that it rejects are removed.

use crate::protocols::adaptation::{UserRule, shorten_user};
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::DroppedFields;
use crate::protocols::{Endpoint, RawObject};
use serde_json::{Value, json};

/// Value of `kind` for OpenAI.
pub(super) const OPENAI: &str = "openai";
/// Value of `kind` for xAI.
pub(super) const XAI: &str = "xai";

/// The id of a user, as OpenAI accepts it.
pub(super) const USER: UserRule = UserRule {
    max: 64,
    refuses_addresses: false,
};

/// A server with known differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    OpenAi,
    Xai,
    Mistral,
    DeepSeek,
    Groq,
    OpenRouter,
    Other,
}

/// Domains of providers without a separate kind.
const DOMAINS: [(&str, ServerKind); 4] = [
    ("mistral.ai", ServerKind::Mistral),
    ("deepseek.com", ServerKind::DeepSeek),
    ("groq.com", ServerKind::Groq),
    ("openrouter.ai", ServerKind::OpenRouter),
];

/// The fields of a request that Mistral does not reject.
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

/// The fields of a message that Mistral does not reject.
const MISTRAL_MESSAGE_FIELDS: [&str; 6] = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "prefix",
];

/// Fields that only OpenRouter or local servers know, and that a vendor rejects.
const FOREIGN_FIELDS: [&str; 4] = ["provider", "keep_alive", "num_ctx", "options"];

/// Fields of a request to remove or replace.
#[derive(Debug)]
struct Edits<'o, 'a> {
    object: &'o RawObject<'a>,
    removed: Vec<&'o str>,
    replaced: Vec<(&'static str, String)>,
}

/// Checks whether the host of a URL belongs to a domain.
pub(super) fn is_at(base_url: &str, domain: &str) -> bool {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    host.strip_suffix(domain)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

impl ServerKind {
    pub fn new(endpoint: &Endpoint) -> Self {
        match &*endpoint.kind {
            OPENAI => Self::OpenAi,
            XAI => Self::Xai,
            _ => DOMAINS
                .into_iter()
                .find(|(domain, _)| is_at(&endpoint.base_url, domain))
                .map_or(Self::Other, |(_, server)| server),
        }
    }

    /// Returns the name of the field that limits the response.
    pub fn limit(self) -> &'static str {
        match self {
            Self::OpenAi => "max_completion_tokens",
            _ => "max_tokens",
        }
    }

    /// Checks whether the server has an option for usage. Mistral rejects it and always reports usage.
    pub fn has_usage_option(self) -> bool {
        self != Self::Mistral
    }

    /// Writes a request in this server's form, with the fields in `replaced`.
    pub fn request(
        self,
        object: &RawObject<'_>,
        (model, traits): (&str, &ModelTraits),
        replaced: Vec<(&'static str, String)>,
        dropped: &mut DroppedFields,
    ) -> Vec<u8> {
        let mut edits = Edits {
            object,
            removed: Vec::new(),
            replaced,
        };
        if !traits.sampling {
            edits.drop("temperature", dropped);
            edits.drop("top_p", dropped);
        }
        if traits.reasoning == Some(false) {
            edits.drop("reasoning_effort", dropped);
            edits.drop("reasoning", dropped);
        }
        if matches!(self, Self::OpenAi | Self::Xai | Self::Groq) {
            edits.for_vendor(dropped);
        }
        match self {
            Self::OpenAi if traits.reasoning == Some(true) => {
                edits.rename("max_tokens", "max_completion_tokens");
            }
            Self::Xai => edits.for_xai(model, dropped),
            Self::Mistral => edits.for_mistral(dropped),
            Self::DeepSeek => edits.rename("max_completion_tokens", "max_tokens"),
            Self::OpenAi | Self::Groq | Self::OpenRouter | Self::Other => {}
        }
        if self == Self::OpenAi {
            edits.shorten_user(dropped);
        }
        edits.clamp_output(traits.max_output);
        if let Some(messages) = self.messages(object) {
            edits.replaced.push(("messages", messages));
        }
        object.without(&edits.removed, &edits.replaced)
    }

    /// Returns the messages where this server needs them changed.
    fn messages(self, object: &RawObject<'_>) -> Option<String> {
        // With its quotes the string can only be a field's name: within a text they are escaped.
        let needs_edit = match self {
            Self::OpenAi | Self::Groq => object.mentions("messages", r#""reasoning_content""#),
            Self::Xai => object.mentions("messages", r#""name""#),
            Self::Mistral | Self::DeepSeek => true,
            Self::OpenRouter | Self::Other => false,
        };
        let messages: Vec<RawObject<'_>> = object.read("messages").filter(|_| needs_edit)?;
        let mut texts: Vec<String> = Vec::with_capacity(messages.len());
        let mut last_role = String::new();
        for message in &messages {
            let role: String = message.read("role").unwrap_or_default();
            if self == Self::Mistral && last_role == "tool" && role == "user" {
                // Mistral requires an assistant message between a result and the next user message.
                texts.push(r#"{"role":"assistant","content":"."}"#.to_owned());
            }
            texts.push(self.message(message, &role)?);
            last_role = role;
        }
        Some(format!("[{}]", texts.join(",")))
    }

    fn message(self, message: &RawObject<'_>, role: &str) -> Option<String> {
        let mut removed: Vec<&str> = Vec::new();
        let mut replaced = Vec::new();
        match self {
            Self::Xai if role != "user" => removed.push("name"),
            Self::OpenAi | Self::Groq => removed.push("reasoning_content"),
            // Models that call tools while they think need their reasoning back with the calls;
            // other models reject it.
            Self::DeepSeek if !message.has_items("tool_calls") => {
                removed.push("reasoning_content");
            }
            Self::Mistral => {
                let is_read = |name: &&str| {
                    MISTRAL_MESSAGE_FIELDS.contains(name) && (*name != "name" || role == "tool")
                };
                removed.extend(message.names().filter(|name| !is_read(name)));
                replaced.extend(short_ids(message));
            }
            _ => {}
        }
        if role == "developer" && matches!(self, Self::Mistral | Self::DeepSeek) {
            replaced.push(("role", r#""system""#.to_owned()));
        }
        String::from_utf8(message.without(&removed, &replaced)).ok()
    }
}

impl Edits<'_, '_> {
    fn rename(&mut self, from: &'static str, to: &'static str) {
        if let Some(value) = self.object.get(from).filter(|_| self.object.has(from)) {
            if !self.object.has(to) {
                self.replaced.push((to, value.get().to_owned()));
            }
            self.removed.push(from);
        }
    }

    fn drop(&mut self, name: &'static str, dropped: &mut DroppedFields) {
        if self.object.has(name) {
            dropped.add(name);
            self.removed.push(name);
        }
    }

    /// Lowers a limit of the response to the model's.
    fn clamp_output(&mut self, most: Option<u64>) {
        let Some(most) = most else {
            return;
        };
        for name in ["max_completion_tokens", "max_tokens"] {
            let replaced = self.replaced.iter_mut().find(|(own, _)| *own == name);
            if let Some((_, value)) = replaced {
                if value.parse::<u64>().is_ok_and(|limit| limit > most) {
                    *value = most.to_string();
                }
            } else if !self.removed.contains(&name)
                && self.object.count(name).is_some_and(|limit| limit > most)
            {
                self.replaced.push((name, most.to_string()));
            }
        }
    }

    /// Shortens the id of a user that is too long.
    fn shorten_user(&mut self, dropped: &mut DroppedFields) {
        let Some(id) = self.object.read::<String>("user") else {
            return;
        };
        if id.len() > USER.max
            && let Some(short) = shorten_user(id, USER, dropped)
        {
            self.replaced.push(("user", json!(short).to_string()));
        }
    }

    /// Removes what only other servers know, and moves OpenRouter's `reasoning` to OpenAI's field.
    fn for_vendor(&mut self, dropped: &mut DroppedFields) {
        for name in FOREIGN_FIELDS {
            self.drop(name, dropped);
        }
        let reasoning = self.object.read::<RawObject<'_>>("reasoning");
        let effort = reasoning.and_then(|reasoning| reasoning.read::<String>("effort"));
        if let Some(effort) = effort.filter(|_| !self.object.has("reasoning_effort")) {
            let text = json!(effort).to_string();
            self.replaced.push(("reasoning_effort", text));
            self.removed.push("reasoning");
        } else {
            self.drop("reasoning", dropped);
        }
    }

    fn for_xai(&mut self, model: &str, dropped: &mut DroppedFields) {
        self.rename("max_completion_tokens", "max_tokens");
        self.drop("web_search_options", dropped);
        if model.starts_with("grok-4") {
            for name in ["stop", "presence_penalty", "frequency_penalty"] {
                self.drop(name, dropped);
            }
        }
        if self.object.mentions("tools", r#""strict""#)
            && let Some(mut tools) = self.object.read::<Value>("tools")
        {
            for tool in tools.as_array_mut().into_iter().flatten() {
                let function = tool.get_mut("function").and_then(Value::as_object_mut);
                if function.is_some_and(|function| function.shift_remove("strict").is_some()) {
                    dropped.add("strict");
                }
            }
            self.replaced.push(("tools", tools.to_string()));
        }
    }

    fn for_mistral(&mut self, dropped: &mut DroppedFields) {
        self.rename("max_completion_tokens", "max_tokens");
        self.rename("seed", "random_seed");
        if self.object.read::<String>("tool_choice").as_deref() == Some("required") {
            self.replaced.push(("tool_choice", r#""any""#.to_owned()));
        }
        let renamed = self.removed.len();
        for (name, value) in self.object.members() {
            let is_renamed = self.removed.iter().take(renamed).any(|own| *own == name);
            if !MISTRAL_REQUEST_FIELDS.contains(&name) && !is_renamed {
                dropped.add_if(value.get() != "null" && name != "stream_options", name);
                self.removed.push(name);
            }
        }
    }
}

/// Rewrites the ids of a message's tool calls and results to ids that Mistral accepts.
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

/// Returns an id of nine letters and digits: the id itself where it is one, else its hash (FNV-1a,
/// 64 bits).
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
        let index = usize::try_from(hash % 62).unwrap_or(0);
        hash /= 62;
        char::from(LETTERS[index])
    });
    letters.collect()
}
