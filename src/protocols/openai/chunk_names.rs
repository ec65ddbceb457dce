//! The members that all chunks of a stream repeat. A chunk without them, or with empty ones, gets those
//! of the others.

use super::chunk::Chunk;
use crate::protocols::call::CallSpec;
use crate::protocols::lenient::text_in;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The names of one response.
#[derive(Debug)]
pub(super) struct ChunkNames {
    /// The response's id: the server's, or the gateway's own where it gave none in time.
    id: Option<String>,
    own_id: String,
    /// True once the client got the gateway's own id.
    is_own: bool,
    created: u64,
    model: String,
}

/// The names that a chunk lacks.
#[derive(Debug, Default, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the names are missing independently of each other"
)]
pub(super) struct MissingNames {
    id: bool,
    object: bool,
    created: bool,
    model: bool,
}

impl MissingNames {
    pub fn any(self) -> bool {
        self.id || self.object || self.created || self.model
    }
}

impl ChunkNames {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: None,
            own_id: format!("chatcmpl-{}", call.id),
            is_own: false,
            created: call.created,
            model: call.model.to_owned(),
        }
    }

    /// Reads the names of a chunk; returns those that it lacks. An id that `may_follow` in a later
    /// chunk is not missing yet.
    pub fn read(&mut self, chunk: &Chunk<'_>, may_follow: bool) -> MissingNames {
        if self.id.is_none() {
            self.id = chunk.id.and_then(given_id);
        }
        let is_empty = |text: Option<&str>| text.is_none_or(str::is_empty);
        let has_text = chunk
            .id
            .is_some_and(|raw| raw.get().len() > 2 && raw.get().starts_with('"'));
        MissingNames {
            id: (self.is_own || !has_text) && (!may_follow || self.has_id()),
            object: is_empty(chunk.object.as_deref()),
            created: !chunk.created.is_some_and(is_time),
            model: is_empty(chunk.model.as_deref()),
        }
    }

    /// Checks whether the server has named its response.
    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Adds the names that a chunk lacks.
    pub fn add(&mut self, missing: MissingNames, chunk: &mut Map<String, Value>, is_stream: bool) {
        if missing.id {
            let own = chunk.get("id").filter(|_| !self.is_own).and_then(number);
            let id = own.unwrap_or_else(|| self.response_id());
            chunk.insert("id".to_owned(), id.into());
        }
        if missing.object {
            let object = if is_stream {
                "chat.completion.chunk"
            } else {
                "chat.completion"
            };
            chunk.insert("object".to_owned(), object.into());
        }
        if missing.created {
            chunk.insert("created".to_owned(), self.created.into());
        }
        if missing.model {
            chunk.insert("model".to_owned(), self.model.as_str().into());
        }
    }

    /// Begins a chunk of the gateway's own.
    pub fn chunk(&mut self) -> Map<String, Value> {
        let mut chunk = Map::new();
        let all = MissingNames {
            id: true,
            object: true,
            created: true,
            model: true,
        };
        self.add(all, &mut chunk, true);
        chunk
    }

    fn response_id(&mut self) -> String {
        if let Some(id) = &self.id {
            return id.clone();
        }
        self.is_own = true;
        self.id.insert(self.own_id.clone()).clone()
    }
}

/// Returns the id as a text, unless it is empty. Some servers write a number.
fn given_id(raw: &RawValue) -> Option<String> {
    let json = raw.get();
    let number = json.starts_with(|first: char| first.is_ascii_digit());
    let text = text_in(json).map(std::borrow::Cow::into_owned);
    let id = text.or_else(|| number.then(|| json.to_owned()));
    id.filter(|id| !id.is_empty())
}

fn number(value: &Value) -> Option<String> {
    value.as_number().map(ToString::to_string)
}

/// Checks whether it is a time after 1970.
fn is_time(raw: &RawValue) -> bool {
    raw.get().starts_with(|first| ('1'..='9').contains(&first))
}
