//! Types of work, and sets and classes of them.

use std::fmt;
use std::str::FromStr;

/// Type of work that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ModelType {
    #[default]
    Chat,
    Vision,
    Reasoning,
    /// Long generated documents or code.
    Artifact,
    Embedding,
}

impl ModelType {
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::Vision,
        Self::Reasoning,
        Self::Artifact,
        Self::Embedding,
    ];

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

/// Class of requests with similar responses: a type of work, as a stream or in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestClass {
    kind: ModelType,
    streamed: bool,
}

impl RequestClass {
    /// Number of classes.
    pub const COUNT: usize = 2 * ModelType::ALL.len();

    pub const fn new(kind: ModelType, streamed: bool) -> Self {
        Self { kind, streamed }
    }

    pub const fn kind(self) -> ModelType {
        self.kind
    }

    pub const fn is_streamed(self) -> bool {
        self.streamed
    }

    /// Position among all classes, below [`RequestClass::COUNT`].
    pub const fn index(self) -> usize {
        2 * self.kind as usize + self.streamed as usize
    }
}

/// A set of model types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelTypes(u8);

impl ModelTypes {
    /// A chat model serves artifacts too, unless they are named.
    pub const CHAT: Self = Self(1 << ModelType::Chat as u8 | 1 << ModelType::Artifact as u8);

    /// Iterates over the types of the set, in the order of [`ModelType::ALL`].
    pub fn iter(self) -> impl Iterator<Item = ModelType> {
        let all = ModelType::ALL.into_iter();
        all.filter(move |kind| self.contains(*kind))
    }

    pub const fn contains(self, kind: ModelType) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

impl FromIterator<ModelType> for ModelTypes {
    fn from_iter<I: IntoIterator<Item = ModelType>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}
