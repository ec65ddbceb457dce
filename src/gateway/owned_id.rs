//! Ids of files and batches as clients see them: they name the provider that holds the object, and are
//! valid for the client that it was made for only.

use crate::domain::hexadecimal;
use aws_lc_rs::digest::{Context, SHA256};
use memchr::memmem;
use serde_json::Value;

/// Separates the provider's own id from what is added to it.
const SEPARATOR: &str = "-x-";
/// Letters of the check, in hexadecimal.
const CHECK_LETTERS: usize = 16;
/// The field of a request that names a file.
const FILE_FIELD: &str = "file_id";
/// Fields that hold ids, besides the id of an object itself.
const ID_FIELDS: [&str; 6] = [
    "input_file_id",
    "output_file_id",
    "error_file_id",
    FILE_FIELD,
    "first_id",
    "last_id",
];
/// Kinds of objects whose own ids are owned.
const OWNED_KINDS: [&str; 3] = ["file", "batch", "file.deleted"];
/// Levels of objects that are searched for ids.
const MAX_DEPTH: u32 = 8;

/// An id that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnedId {
    /// The id at the provider.
    pub id: String,
    /// Name of the provider.
    pub provider: String,
}

impl OwnedId {
    /// Writes the id for this client.
    pub fn for_client(&self, owner: &str) -> String {
        let provider = hexadecimal(self.provider.as_bytes());
        let check = self.check(owner);
        format!("{}{SEPARATOR}{provider}-{check}", self.id)
    }

    /// Reads an id of this client; `None` where it is another client's, or none of the gateway's.
    pub fn parse(text: &str, owner: &str) -> Option<Self> {
        let (rest, check) = text.rsplit_once('-')?;
        let (id, provider) = rest.rsplit_once(SEPARATOR)?;
        let provider = from_hexadecimal(provider)?;
        let read = Self {
            id: id.to_owned(),
            provider: String::from_utf8(provider).ok()?,
        };
        (read.check(owner) == check).then_some(read)
    }

    fn check(&self, owner: &str) -> String {
        let mut hash = Context::new(&SHA256);
        for part in [owner, &self.provider, &self.id] {
            // The lengths make the sequence of parts unambiguous.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash = hash.finish();
        hexadecimal(&hash.as_ref()[..CHECK_LETTERS / 2])
    }
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

/// Replaces the ids in a response by those for this client.
pub(super) fn own_ids(value: &mut Value, owner: &str, provider: &str) {
    replace(value, MAX_DEPTH, &|id| {
        let named = OwnedId {
            id: id.to_owned(),
            provider: provider.to_owned(),
        };
        Some(named.for_client(owner))
    });
}

/// Replaces the ids in a request by the provider's; returns the provider.
pub(super) fn disown_ids(value: &mut Value, owner: &str) -> Option<String> {
    let provider = std::cell::RefCell::new(None);
    replace(value, MAX_DEPTH, &|id| {
        let known = OwnedId::parse(id, owner)?;
        *provider.borrow_mut() = Some(known.provider);
        Some(known.id)
    });
    provider.into_inner()
}

/// Replaces the ids of the client's files in a request by the provider's; returns the request and the
/// provider. `None` where it names no such file.
pub(super) fn without_owned_ids(body: &[u8], owner: &str) -> Option<(Vec<u8>, String)> {
    // Hardly any request names a file, and only those are parsed.
    memmem::find(body, SEPARATOR.as_bytes())?;
    memmem::find(body, FILE_FIELD.as_bytes())?;
    let mut value = serde_json::from_slice::<Value>(body).ok()?;
    let provider = disown_ids(&mut value, owner)?;
    Some((value.to_string().into_bytes(), provider))
}

fn replace(value: &mut Value, depth: u32, new: &impl Fn(&str) -> Option<String>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(fields) => {
            let kind = fields.get("object").and_then(Value::as_str);
            let is_owned = kind.is_some_and(|kind| OWNED_KINDS.contains(&kind));
            for (name, value) in fields {
                let is_id = ID_FIELDS.contains(&name.as_str()) || (is_owned && name == "id");
                match value {
                    Value::String(id) if is_id => {
                        if let Some(replaced) = new(id) {
                            *id = replaced;
                        }
                    }
                    value => replace(value, depth - 1, new),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| replace(one, depth - 1, new)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_is_valid_for_its_own_client_only() {
        let owned = OwnedId {
            id: "file-abc-x-1".to_owned(),
            provider: "my/provider".to_owned(),
        };
        let text = owned.for_client("app");

        assert_eq!(OwnedId::parse(&text, "app"), Some(owned));
        assert_eq!(OwnedId::parse(&text, "other"), None);
        assert_eq!(OwnedId::parse("file-abc", "app"), None);
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }

    #[test]
    fn ids_are_replaced_on_both_ways() {
        let answer = json!({"object": "list", "first_id": "b1", "data": [
            {"object": "batch", "id": "b1", "input_file_id": "f1", "errors": null, "id_of": "b1"}]});
        let mut seen = answer.clone();
        own_ids(&mut seen, "app", "p");
        assert_ne!(seen["data"][0]["id"], "b1");
        assert_ne!(seen["data"][0]["input_file_id"], "f1");
        assert_eq!(seen["data"][0]["id_of"], "b1");

        assert_eq!(disown_ids(&mut seen, "app").as_deref(), Some("p"));
        assert_eq!(seen, answer);
    }
}
