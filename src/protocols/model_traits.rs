//! The facts about a model that change how it is called.

/// The facts about a model that change how it is called. Unstated facts are those of the protocol's
/// newest models.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the facts are independent; none excludes another"
)]
pub struct ModelTraits {
    /// Takes temperature and other sampling parameters.
    pub sampling: bool,
    /// Can be forced to call a tool.
    pub forced_tools: bool,
    /// Supports JSON schemas for its responses.
    pub json_schema: bool,
    /// Supports reasoning; `None` is not stated.
    pub reasoning: Option<bool>,
    /// Chooses the amount of thinking itself, and takes an effort.
    pub adaptive_thinking: bool,
    /// Available only at `/responses`.
    pub responses_only: bool,
    /// Most output tokens of one response.
    pub max_output: Option<u64>,
}

impl ModelTraits {
    /// A model of which nothing is stated.
    pub const UNSTATED: Self = Self {
        sampling: true,
        forced_tools: true,
        json_schema: true,
        reasoning: None,
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
