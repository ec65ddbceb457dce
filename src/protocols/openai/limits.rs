//! What servers with the chat completions API accept.

use super::server_quirks::{ServerKind, USER};
use crate::protocols::adaptation::{NameRule, ProtocolLimits, ReasoningReturn, SchemaRule};
use crate::protocols::neutral::ServerToolKind;

/// OpenAI itself, and what most other servers have of it.
const OPENAI: ProtocolLimits = ProtocolLimits {
    tool_names: NameRule::plain(64),
    call_ids: NameRule {
        max: 40,
        ..NameRule::ANY
    },
    max_tools: Some(128),
    tool_schema: SchemaRule {
        plain_root: true,
        needs_items: true,
        ..SchemaRule::ANY
    },
    strict_requires_all: true,
    user: USER,
    needs_file_name: true,
    max_stop: Some(4),
    ..ProtocolLimits::NONE
};

/// A server of which nothing is known. Several want the reasoning back that led to a call.
const OTHER: ProtocolLimits = ProtocolLimits {
    call_ids: NameRule::ANY,
    max_tools: None,
    strict_requires_all: false,
    max_stop: None,
    reasoning: ReasoningReturn::BesideCalls,
    ..OPENAI
};

const GROQ: ProtocolLimits = ProtocolLimits {
    max_stop: Some(4),
    reasoning: ReasoningReturn::None,
    ..OTHER
};

const MISTRAL: ProtocolLimits = ProtocolLimits {
    reasoning: ReasoningReturn::None,
    ..OTHER
};

const XAI: ProtocolLimits = ProtocolLimits {
    reasoning: ReasoningReturn::None,
    ..OTHER
};

/// Passes marks on to the vendors that have a cache with marks.
const OPEN_ROUTER: ProtocolLimits = ProtocolLimits {
    cache_marks: true,
    ..OTHER
};

/// OpenAI's `/responses`.
const OPENAI_RESPONSES: ProtocolLimits = ProtocolLimits {
    call_ids: NameRule {
        max: 64,
        ..NameRule::ANY
    },
    free_text_tools: true,
    allowed_tools: true,
    server_tools: &[ServerToolKind::WebSearch, ServerToolKind::CodeExecution],
    mixes_server_tools: true,
    media_in_results: true,
    ..OPENAI
};

/// The `/responses` of xAI.
const XAI_RESPONSES: ProtocolLimits = ProtocolLimits {
    server_tools: &[ServerToolKind::WebSearch, ServerToolKind::CodeExecution],
    mixes_server_tools: true,
    ..XAI
};

/// Returns the limits of a server's `/responses`.
pub(super) fn of_responses(server: ServerKind) -> &'static ProtocolLimits {
    match server {
        ServerKind::OpenAi => &OPENAI_RESPONSES,
        _ => &XAI_RESPONSES,
    }
}

/// Returns the limits of a server.
pub(super) fn of(server: ServerKind) -> &'static ProtocolLimits {
    match server {
        ServerKind::OpenAi => &OPENAI,
        ServerKind::Xai => &XAI,
        ServerKind::Mistral => &MISTRAL,
        ServerKind::Groq => &GROQ,
        ServerKind::OpenRouter => &OPEN_ROUTER,
        ServerKind::DeepSeek | ServerKind::Other => &OTHER,
    }
}
