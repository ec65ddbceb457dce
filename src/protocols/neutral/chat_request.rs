//! The neutral form of a request: turns of typed parts, tools, and limits.

use super::object_reader::{DroppedFields, ObjectReader};
use serde_json::Value;
use std::collections::HashSet;

/// A request for the next turn of a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    pub turns: Vec<ChatMessage>,
    pub tools: Vec<Tool>,
    /// Tools that the provider runs itself.
    pub server_tools: Vec<ServerTool>,
    pub tool_choice: Option<ToolChoice>,
    /// True if several tools may be called at once.
    pub parallel_tools: Option<bool>,
    pub format: Option<ResponseFormat>,
    /// Limit of the response's tokens, reasoning included.
    pub max_tokens: Option<u64>,
    pub sampling: Sampling,
    pub effort: Option<ReasoningEffort>,
    /// The client's opaque id of its user.
    pub user: Option<String>,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMessage {
    pub role: ChatRole,
    pub parts: Vec<ContentPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatRole {
    /// Instructions, at any position.
    System,
    User,
    Assistant,
    /// Results of tools.
    Tool,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum ContentPart {
    Text(String),
    /// Reasoning of the model, with the provider's signature where there is one.
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    /// Reasoning that only its provider can read.
    Redacted(String),
    Refusal(String),
    Media(Media),
    ToolCall(ToolCall),
    ToolResult {
        call: String,
        content: Vec<ContentPart>,
        is_error: bool,
    },
    /// A wish to cache the prompt up to here. It belongs to the part before it.
    CacheMark(CacheMark),
}

/// A wish to cache the prompt up to a part or a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMark {
    /// Path of the client's field, for the notice where a target has no such marks.
    pub path: String,
    /// How long the cached prompt is kept, as the client wrote it; `None` is the provider's
    /// default.
    pub ttl: Option<String>,
}

impl CacheMark {
    /// Takes the mark of an object. One that is no object marks nothing and is dropped.
    pub fn take(members: &mut ObjectReader, dropped: &mut DroppedFields) -> Option<Self> {
        const NAME: &str = "cache_control";
        let value = members.take(NAME)?;
        let path = members.at(NAME);
        if !value.is_object() {
            dropped.add(path);
            return None;
        }
        let ttl = value["ttl"].as_str().map(str::to_owned);
        Some(Self { path, ttl })
    }

    /// Returns the mark as clients write it.
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::json!({"type": "ephemeral"});
        if let Some(ttl) = &self.ttl {
            value["ttl"] = ttl.as_str().into();
        }
        value
    }
}

/// A tool call of the model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// Group of tools that the name belongs to.
    pub namespace: Option<String>,
    pub form: ToolForm,
    /// JSON text as the model wrote it; the bare text of a tool with free text.
    pub arguments: String,
    /// The provider's signature of the reasoning behind the call.
    pub signature: Option<String>,
}

/// An image, a document or a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
    /// A file's name.
    pub name: Option<String>,
    /// Resolution at which an image is read, as the client named it.
    pub detail: Option<String>,
}

impl Media {
    /// Bytes of the text that holds its content.
    pub fn length(&self) -> usize {
        match &self.source {
            MediaSource::Inline { data, .. } => data.len(),
            MediaSource::Link(text) | MediaSource::Id(text) => text.len(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Document,
    Audio,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// Data in base64, with its media type.
    Inline {
        mime: String,
        data: String,
    },
    Link(String),
    /// Id of a file that the provider stores.
    Id(String),
}

impl Media {
    /// A file. Its media type tells whether it is an image, a recording or a document.
    pub fn file(source: MediaSource, name: Option<String>) -> Self {
        let mime = match &source {
            MediaSource::Inline { mime, .. } => mime.as_str(),
            MediaSource::Link(_) | MediaSource::Id(_) => "",
        };
        let kind = match mime.split('/').next() {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            _ => MediaKind::Document,
        };
        Self {
            kind,
            source,
            name,
            detail: None,
        }
    }
}

impl MediaSource {
    /// Reads a URL, which may be a `data:` URL.
    pub fn from_url(url: String) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| {
            let (mime, data) = rest.split_once(";base64,")?;
            let mime = mime.split(';').next().unwrap_or(mime);
            Some(Self::Inline {
                mime: mime.to_owned(),
                data: data.to_owned(),
            })
        });
        inline.unwrap_or(Self::Link(url))
    }

    /// Reads a file's data: a URL, or base64 without one, whose type follows from the file's name.
    pub fn from_data(data: String, name: Option<&str>) -> Self {
        if data.starts_with("data:") || data.contains("://") {
            return Self::from_url(data);
        }
        let ending = name.and_then(|name| name.rsplit_once('.'));
        let ending = ending.map(|(_, ending)| ending.to_ascii_lowercase());
        let mime = match ending.as_deref() {
            Some("txt") => "text/plain",
            Some("md") => "text/markdown",
            Some("csv") => "text/csv",
            Some("html") => "text/html",
            Some("json") => "application/json",
            _ => "application/pdf",
        };
        Self::Inline {
            mime: mime.to_owned(),
            data,
        }
    }

    /// Returns the URL; `None` for a file that the provider stores.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Inline { mime, data } => Some(format!("data:{mime};base64,{data}")),
            Self::Link(url) => Some(url.clone()),
            Self::Id(_) => None,
        }
    }
}

/// A tool of the client that the model may call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tool {
    pub name: String,
    /// Group of tools that the name belongs to.
    pub namespace: Option<String>,
    pub form: ToolForm,
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub parameters: Option<Value>,
    /// Format of free text, in the shape of the Responses API: a grammar.
    pub format: Option<Value>,
    pub strict: Option<bool>,
    pub cache: Option<CacheMark>,
}

/// The form in which a client states a tool and expects its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolForm {
    /// A function with arguments in JSON.
    #[default]
    Function,
    /// A tool whose input is free text.
    FreeText,
    /// A tool of a type of its own, by the type's name. Its calls have the arguments of a function
    /// here, and a shape of their own for the client.
    Typed(&'static str),
}

/// A tool that the provider runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTool {
    pub kind: ServerToolKind,
    /// Path of the client's field, for the notice where a target has no such tool.
    pub path: String,
    /// Domains that a search keeps to.
    pub allowed_domains: Vec<String>,
    /// Domains that a search leaves out.
    pub blocked_domains: Vec<String>,
    /// Most uses in one response.
    pub max_uses: Option<u64>,
    /// The user's approximate place, as an object of country, region, city and timezone.
    pub location: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerToolKind {
    WebSearch,
    /// Reads pages whose addresses are in the prompt.
    WebFetch,
    CodeExecution,
}

impl ServerTool {
    /// A tool without options.
    pub fn new(kind: ServerToolKind, path: String) -> Self {
        Self {
            kind,
            path,
            allowed_domains: Vec::new(),
            blocked_domains: Vec::new(),
            max_uses: None,
            location: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// The model must call a tool.
    Any,
    /// The model must call this tool.
    Named(String),
    /// The model may call only these tools; with `is_forced` it must call one of them.
    Allowed {
        names: Vec<String>,
        is_forced: bool,
    },
}

/// The format of the response's text.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// JSON without a schema.
    Json,
    /// JSON that conforms to a schema.
    Schema {
        name: String,
        description: Option<String>,
        schema: Value,
        strict: Option<bool>,
    },
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    /// Number of choices.
    pub n: Option<u64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
}

/// Amount of reasoning that a model should spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl ReasoningEffort {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::None, "none"),
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::XHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find(|(effort, _)| *effort == self)
            .map_or("medium", |(_, word)| word)
    }

    /// Parses the name of an effort.
    pub fn parse_name(word: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(_, known)| *known == word)
            .map(|(effort, _)| effort)
    }

    /// Returns the number of reasoning tokens, for models that take a number.
    pub fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1_024,
            Self::Medium => 2_048,
            Self::High => 4_096,
            Self::XHigh => 8_192,
            Self::Max => 16_384,
        }
    }

    /// Returns the effort that a number of tokens stands for.
    pub fn from_budget(tokens: u64) -> Self {
        match tokens {
            0..2_048 => Self::Low,
            2_048..8_192 => Self::Medium,
            _ => Self::High,
        }
    }
}

impl ChatRequest {
    /// Returns the ids of all calls of the conversation.
    pub fn call_ids(&self) -> HashSet<String> {
        let parts = self.turns.iter().flat_map(|turn| &turn.parts);
        let ids = parts.filter_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call.id.clone()),
            _ => None,
        });
        ids.collect()
    }
}

impl ChatMessage {
    pub fn new(role: ChatRole, parts: Vec<ContentPart>) -> Self {
        Self { role, parts }
    }

    /// Returns the text of all parts, joined without separators.
    pub fn text(&self) -> String {
        text_of(&self.parts)
    }
}

/// Returns the text of parts, joined without separators.
pub fn text_of(parts: &[ContentPart]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            ContentPart::Text(text) | ContentPart::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
