//! Types of work, and sets and classes of them.

use std::fmt;
use std::str::FromStr;

/// Type of work that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ModelType {
    /// Text conversation.
    #[default]
    Chat,
    /// Requests with images.
    Vision,
    /// Requests with reasoning parameters.
    Reasoning,
    /// Long generated documents or code.
    Artifact,
    /// Embedding vectors of texts.
    Embedding,
}

impl ModelType {
    /// All types.
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::Vision,
        Self::Reasoning,
        Self::Artifact,
        Self::Embedding,
    ];

    /// Returns the name in the configuration, the API and `auto:TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Vision => "vision",
            Self::Reasoning => "reasoning",
            Self::Artifact => "artifact",
            Self::Embedding => "embedding",
        }
    }
}

impl fmt::Display for ModelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ModelType {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| {
                format!("{word:?} is not one of chat, vision, reasoning, artifact, embedding")
            })
    }
}

/// Class of requests with responses of similar length: the type of work, streamed or not, with or
/// without tools, the limit on output tokens, and whether the response must be JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct RequestClass {
    kind: ModelType,
    streamed: bool,
    tools: bool,
    limit: OutputLimit,
    json: bool,
}

/// Bands of the most output tokens that a request allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum OutputLimit {
    #[default]
    None,
    /// At most [`SHORT_ANSWER`].
    Short,
    /// At most [`MEDIUM_ANSWER`].
    Medium,
    Long,
}

/// Bounds of the bands, in output tokens.
const SHORT_ANSWER: f64 = 32.0;
const MEDIUM_ANSWER: f64 = 256.0;

impl RequestClass {
    /// Number of parents: types of work, streamed or not.
    pub const PARENTS: usize = 2 * ModelType::ALL.len();
    /// Number of classes: two with and without tools, four limits, two with and without JSON, in each
    /// parent.
    pub const COUNT: usize = Self::PARENTS * 16;

    /// Creates the class of a type of work, without tools, a limit, or JSON.
    pub const fn new(kind: ModelType, streamed: bool) -> Self {
        Self {
            kind,
            streamed,
            tools: false,
            limit: OutputLimit::None,
            json: false,
        }
    }

    /// The class of requests that offer tools, or do not.
    #[must_use]
    pub const fn with_tools(self, tools: bool) -> Self {
        Self { tools, ..self }
    }

    /// The class of requests that want JSON, or do not.
    #[must_use]
    pub const fn with_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// The class of requests that allow so many output tokens.
    #[must_use]
    pub fn with_max_tokens(self, max_tokens: Option<f64>) -> Self {
        let limit = match max_tokens {
            None => OutputLimit::None,
            Some(most) if most <= SHORT_ANSWER => OutputLimit::Short,
            Some(most) if most <= MEDIUM_ANSWER => OutputLimit::Medium,
            Some(_) => OutputLimit::Long,
        };
        Self { limit, ..self }
    }

    /// Returns the type of work.
    pub const fn kind(self) -> ModelType {
        self.kind
    }

    /// Returns true if the response is streamed.
    pub const fn is_streamed(self) -> bool {
        self.streamed
    }

    /// Returns the index of its parent, below [`Self::PARENTS`].
    pub const fn parent(self) -> usize {
        2 * self.kind as usize + self.streamed as usize
    }

    /// Its index among all classes; those of one parent stand together.
    pub const fn index(self) -> usize {
        let within = 8 * self.tools as usize + 2 * self.limit as usize + self.json as usize;
        16 * self.parent() + within
    }

    /// Returns the class of an index, if it is below [`Self::COUNT`].
    pub fn from_index(index: usize) -> Option<Self> {
        let (parent, within) = (index / 16, index % 16);
        let limits = [
            OutputLimit::None,
            OutputLimit::Short,
            OutputLimit::Medium,
            OutputLimit::Long,
        ];
        Some(Self {
            kind: *ModelType::ALL.get(parent / 2)?,
            streamed: parent % 2 == 1,
            tools: within / 8 == 1,
            limit: *limits.get(within % 8 / 2)?,
            json: within % 2 == 1,
        })
    }
}

/// A set of model types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelTypes(u8);

impl ModelTypes {
    /// Default types of a chat model: chat and artifacts.
    pub const CHAT: Self = Self(1 << ModelType::Chat as u8 | 1 << ModelType::Artifact as u8);

    /// Iterates over the types of the set, in the order of [`ModelType::ALL`].
    pub fn iter(self) -> impl Iterator<Item = ModelType> {
        let all = ModelType::ALL.into_iter();
        all.filter(move |kind| self.contains(*kind))
    }

    /// Returns true if the set contains `kind`.
    pub const fn contains(self, kind: ModelType) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Returns true if both sets contain some type.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<ModelType> for ModelTypes {
    fn from_iter<I: IntoIterator<Item = ModelType>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}
