//! The neutral form of a request: turns of typed parts, tools, and limits.

use serde_json::Value;

/// A request for the next turn of a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    pub turns: Vec<ChatMessage>,
    pub tools: Vec<Tool>,
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
    /// Reasoning of the model, with the vendor's signature where there is one.
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    /// Reasoning that only the vendor can read.
    Redacted(String),
    Refusal(String),
    Media(Media),
    ToolCall(ToolCall),
    ToolResult {
        call: String,
        content: Vec<ContentPart>,
        is_error: bool,
    },
}

/// A tool that the model wants called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
    /// The vendor's signature of the reasoning behind the call.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Document,
    Audio,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// `data` is base64.
    Inline {
        mime: String,
        data: String,
    },
    Link(String),
    /// Id of a file that the vendor stores.
    Id(String),
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

    /// Returns the URL; `None` for a file that the vendor stores.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Inline { mime, data } => Some(format!("data:{mime};base64,{data}")),
            Self::Link(url) => Some(url.clone()),
            Self::Id(_) => None,
        }
    }
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub parameters: Option<Value>,
    pub strict: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Some tool must be called.
    Any,
    /// This one must be called.
    Named(String),
}

/// The format of the response's text.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// Any JSON.
    Json,
    /// JSON of a schema.
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
    const WORDS: [(Self, &'static str); 7] = [
        (Self::None, "none"),
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::XHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .into_iter()
            .find(|(effort, _)| *effort == self)
            .map_or("medium", |(_, word)| word)
    }

    /// Parses the name of an effort.
    pub fn parse_name(word: &str) -> Option<Self> {
        Self::WORDS
            .into_iter()
            .find(|(_, known)| *known == word)
            .map(|(effort, _)| effort)
    }

    /// Number of reasoning tokens, for models that take a number.
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

    /// The effort that a number of tokens stands for.
    pub fn from_budget(tokens: u64) -> Self {
        match tokens {
            0..2_048 => Self::Low,
            2_048..8_192 => Self::Medium,
            _ => Self::High,
        }
    }
}

impl ChatMessage {
    pub fn new(role: ChatRole, parts: Vec<ContentPart>) -> Self {
        Self { role, parts }
    }

    /// All its text, parts joined as they stand.
    pub fn text(&self) -> String {
        text_of(&self.parts)
    }
}

/// The text of parts, joined as they stand.
pub fn text_of(parts: &[ContentPart]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            ContentPart::Text(text) | ContentPart::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
