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

/// Class of requests with similar responses: a type of work, streamed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestClass {
    kind: ModelType,
    streamed: bool,
}

impl RequestClass {
    /// Number of classes.
    pub const COUNT: usize = 2 * ModelType::ALL.len();

    /// Creates the class of a type of work.
    pub const fn new(kind: ModelType, streamed: bool) -> Self {
        Self { kind, streamed }
    }

    /// Returns the type of work.
    pub const fn kind(self) -> ModelType {
        self.kind
    }

    /// Returns true if the response is streamed.
    pub const fn is_streamed(self) -> bool {
        self.streamed
    }

    /// Returns the position among all classes, below [`RequestClass::COUNT`].
    pub const fn index(self) -> usize {
        2 * self.kind as usize + self.streamed as usize
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
}

impl FromIterator<ModelType> for ModelTypes {
    fn from_iter<I: IntoIterator<Item = ModelType>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}
