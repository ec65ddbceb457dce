//! The facts about a model that change how it is called.

/// The facts about a model that change how it is called. Unstated facts are those of the protocol's
/// newest models.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; no two exclude each other"
)]
pub struct ModelTraits {
    /// Takes temperature and its like.
    pub sampling: bool,
    /// Can be forced to call a tool.
    pub forced_tools: bool,
    /// Keeps to a JSON schema by itself.
    pub json_schema: bool,
    /// Thinks before it answers.
    pub reasoning: bool,
    /// Decides itself how long to think, and takes an effort.
    pub adaptive_thinking: bool,
    /// Served by `/responses` alone.
    pub responses_only: bool,
    /// Tokens of its longest answer.
    pub max_output: Option<u64>,
}

impl ModelTraits {
    /// A model of which nothing is stated.
    pub const UNSTATED: Self = Self {
        sampling: true,
        forced_tools: true,
        json_schema: true,
        reasoning: false,
        adaptive_thinking: false,
        responses_only: false,
        max_output: None,
    };
}

impl Default for ModelTraits {
    fn default() -> Self {
        Self::UNSTATED
    }
}
