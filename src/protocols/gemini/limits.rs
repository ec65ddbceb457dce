//! What Gemini's models accept.

use super::generation::Generation;
use crate::protocols::adaptation::{
    NameRule, ProtocolLimits, ReasoningReturn, SchemaRule, UserRule,
};
use crate::protocols::neutral::ServerToolKind;

/// Models that take media within results.
const LEVELLED: ProtocolLimits = ProtocolLimits {
    tool_names: NameRule {
        max: 64,
        others: Some(".:-"),
        begins_with_letter: true,
    },
    server_tools: &[
        ServerToolKind::WebSearch,
        ServerToolKind::WebFetch,
        ServerToolKind::CodeExecution,
    ],
    tool_schema: SchemaRule {
        needs_items: true,
        refused_values: &[""],
        ..SchemaRule::ANY
    },
    user: UserRule::NONE,
    media_in_results: true,
    text_documents: true,
    max_stop: Some(5),
    reasoning: ReasoningReturn::CallSignature,
    ..ProtocolLimits::NONE
};

/// Models that take media only beside results.
const EARLIER: ProtocolLimits = ProtocolLimits {
    media_in_results: false,
    ..LEVELLED
};

/// Returns the limits of a generation.
pub(super) fn of(generation: Generation) -> &'static ProtocolLimits {
    match generation {
        Generation::Levelled => &LEVELLED,
        Generation::Early | Generation::Budgeted => &EARLIER,
    }
}
