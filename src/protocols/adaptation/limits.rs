//! What a protocol or a vendor accepts, as data.

use crate::protocols::neutral::ServerToolKind;

/// What a target accepts of a request. Each protocol states its own.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the limits are independent; none excludes another"
)]
pub struct ProtocolLimits {
    /// Names of tools.
    pub tool_names: NameRule,
    /// Ids of tool calls. Every protocol needs them to be unique.
    pub call_ids: NameRule,
    /// Most tools of one request.
    pub max_tools: Option<usize>,
    /// Whether tools with free text exist; otherwise they become functions with one text argument.
    pub free_text_tools: bool,
    /// Whether the choice of tools can name several; otherwise the other tools are left out.
    pub allowed_tools: bool,
    /// Tools that the provider runs.
    pub server_tools: &'static [ServerToolKind],
    /// Whether the provider's own tools and functions go together.
    pub mixes_server_tools: bool,
    /// Schemas of tools' arguments.
    pub tool_schema: SchemaRule,
    /// Schema of the response.
    pub response_schema: SchemaRule,
    /// Whether a strict function must require every property.
    pub strict_requires_all: bool,
    /// The id of the client's user.
    pub user: UserRule,
    /// Whether parts and tools can be marked for the provider's cache.
    pub cache_marks: bool,
    /// Whether media may be part of a tool's result; otherwise they follow it as a user message.
    pub media_in_results: bool,
    /// Whether documents of plain text are accepted; otherwise they become texts.
    pub text_documents: bool,
    /// Whether an inline document needs a file name.
    pub needs_file_name: bool,
    /// Most stop sequences.
    pub max_stop: Option<usize>,
    /// Reasoning of earlier turns that the target needs back.
    pub reasoning: ReasoningReturn,
}

impl ProtocolLimits {
    /// A target that accepts whatever the neutral form can state.
    pub const NONE: Self = Self {
        tool_names: NameRule::ANY,
        call_ids: NameRule::ANY,
        max_tools: None,
        free_text_tools: false,
        allowed_tools: false,
        server_tools: &[],
        mixes_server_tools: false,
        tool_schema: SchemaRule::ANY,
        response_schema: SchemaRule::ANY,
        strict_requires_all: false,
        user: UserRule::ANY,
        cache_marks: false,
        media_in_results: false,
        text_documents: false,
        needs_file_name: false,
        max_stop: None,
        reasoning: ReasoningReturn::None,
    };
}

/// Characters of the longest number of a name, with its separator.
const NUMBER_CHARS: usize = 11;

/// The form of a name or an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// Most characters.
    pub max: usize,
    /// Characters beside ASCII letters, digits and `_`; `None` accepts every character.
    pub others: Option<&'static str>,
    /// Whether the first character must be a letter or `_`.
    pub begins_with_letter: bool,
}

impl NameRule {
    /// Accepts everything but an empty name.
    pub const ANY: Self = Self {
        max: usize::MAX,
        others: None,
        begins_with_letter: false,
    };

    /// Letters, digits, `_` and `-`, at most `max` of them.
    pub const fn plain(max: usize) -> Self {
        Self {
            max,
            others: Some("-"),
            begins_with_letter: false,
        }
    }

    /// Checks whether a name needs no change.
    pub fn accepts(self, name: &str) -> bool {
        let begins_right = !self.begins_with_letter
            || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        !name.is_empty()
            && begins_right
            && name.chars().all(|c| self.allows(c))
            && (name.len() <= self.max || name.chars().count() <= self.max)
    }

    /// Changes a name to an accepted one: other characters become `_`, and a long name ends in a
    /// hash of itself, so that it is always the same.
    pub fn applied(self, name: &str) -> String {
        let allowed = |c: char| if self.allows(c) { c } else { '_' };
        let mut plain: String = name.chars().map(allowed).collect();
        let begins_wrong = self.begins_with_letter
            && !plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if plain.is_empty() || begins_wrong {
            plain.insert(0, '_');
        }
        if plain.chars().count() > self.max {
            plain = self.ending(&plain, &format!("_{:08x}", hash(name) >> 32));
        }
        plain
    }

    /// Returns the beginning that all numbered forms of a name share. Names that share it are
    /// numbered together, so that each number is tried once.
    pub fn beginning(self, name: &str) -> String {
        let most = self.max.saturating_sub(NUMBER_CHARS);
        name.chars().take(most).collect()
    }

    /// Returns the name with an end, shortened where both together are too long.
    pub fn ending(self, name: &str, end: &str) -> String {
        let most = self.max.saturating_sub(end.len());
        let beginning: String = name.chars().take(most).collect();
        format!("{beginning}{end}")
    }

    fn allows(self, c: char) -> bool {
        self.others
            .is_none_or(|others| c.is_ascii_alphanumeric() || c == '_' || others.contains(c))
    }
}

/// Rules for a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaRule {
    /// The root must be an object without alternatives, with `properties`.
    pub plain_root: bool,
    /// Every list must state its `items`.
    pub needs_items: bool,
    /// Every object must exclude additional properties.
    pub closed_objects: bool,
    /// Keywords that are refused. They are added to the description, which the model reads.
    pub refused: &'static [&'static str],
    /// Texts that are refused as values of an `enum`.
    pub refused_values: &'static [&'static str],
}

impl SchemaRule {
    /// Accepts every schema.
    pub const ANY: Self = Self {
        plain_root: false,
        needs_items: false,
        closed_objects: false,
        refused: &[],
        refused_values: &[],
    };
}

/// Rules for the id of the client's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRule {
    /// Most characters; a longer id is replaced by a hash of it. 0 where there is no such field.
    pub max: usize,
    /// Whether an e-mail address is refused.
    pub refuses_addresses: bool,
}

impl UserRule {
    /// Accepts every id.
    pub const ANY: Self = Self {
        max: usize::MAX,
        refuses_addresses: false,
    };
    /// There is no such field.
    pub const NONE: Self = Self {
        max: 0,
        refuses_addresses: false,
    };
}

/// Reasoning of earlier turns that a target needs back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningReturn {
    /// None; it is dropped.
    None,
    /// Signed reasoning before the first call of a turn.
    Signed,
    /// The signature of a call.
    CallSignature,
    /// Unsigned reasoning beside the calls that it led to, and the signatures of calls.
    BesideCalls,
    /// All reasoning.
    All,
}

/// A hash that is the same in every process (FNV-1a, 64 bits).
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_become_the_same_share_their_numbers() {
        let rule = NameRule::plain(64);
        let (one, other) = ("x".repeat(63) + "y", "x".repeat(62) + "z");
        assert_eq!(rule.beginning(&one), rule.beginning(&other));
        assert_eq!(rule.beginning("short"), "short");
        assert_eq!(rule.ending(&one, "_2"), rule.ending(&other, "_2"));
    }

    #[test]
    fn a_name_becomes_one_that_is_accepted_and_stays_the_same() {
        let letter = NameRule {
            max: 64,
            others: Some(".:-"),
            begins_with_letter: true,
        };
        let long = "mcp__harbour__".repeat(9);
        let table = [
            (letter, "2nd harbour/tide level", "_2nd_harbour_tide_level"),
            (letter, "tide.level:v1", "tide.level:v1"),
            (NameRule::plain(64), "tide.level", "tide_level"),
            (NameRule::plain(64), "", "_"),
            (NameRule::ANY, "tide level", "tide level"),
        ];
        for (rule, name, expected) in table {
            assert_eq!(rule.applied(name), expected);
            assert!(rule.accepts(expected));
        }
        for name in [long.as_str(), "é", "-"] {
            let applied = letter.applied(name);
            assert!(letter.accepts(&applied), "{applied}");
            assert_eq!(letter.applied(name), applied);
            assert_eq!(letter.applied(&applied), applied);
        }
        let other = format!("{long}x");
        assert_ne!(letter.applied(&long), letter.applied(&other));
    }
}
