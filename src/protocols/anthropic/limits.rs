//! What the provider accepts.

use crate::protocols::adaptation::{
    NameRule, ProtocolLimits, ReasoningReturn, SchemaRule, UserRule,
};
use crate::protocols::neutral::ServerToolKind;

/// Keywords of a schema that the provider refuses in a response's schema.
const REFUSED_KEYWORDS: [&str; 22] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "not",
    "if",
    "then",
    "else",
];

/// Limits of Messages.
pub(super) const LIMITS: ProtocolLimits = ProtocolLimits {
    // The longest name that every version of the protocol accepts.
    tool_names: NameRule::plain(64),
    call_ids: NameRule::plain(64),
    // The others need a beta version of the protocol.
    server_tools: &[ServerToolKind::WebSearch],
    mixes_server_tools: true,
    tool_schema: SchemaRule {
        plain_root: true,
        ..SchemaRule::ANY
    },
    response_schema: SchemaRule {
        closed_objects: true,
        refused: &REFUSED_KEYWORDS,
        ..SchemaRule::ANY
    },
    user: UserRule {
        max: 256,
        refuses_addresses: true,
    },
    cache_marks: true,
    media_in_results: true,
    text_documents: true,
    reasoning: ReasoningReturn::Signed,
    ..ProtocolLimits::NONE
};
