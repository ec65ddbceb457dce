//! Lists of models: a provider may name only so many, in names that every log and terminal can show.

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// Models that are read of a list; the rest is skipped.
const MAX_MODELS: usize = 5_000;
/// Longest name in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The first [`MAX_MODELS`] elements of a JSON list.
#[derive(Debug)]
pub(super) struct ListedModels<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ListedModels<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for First<T> {
            type Value = ListedModels<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of models")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut models = Vec::new();
                while models.len() < MAX_MODELS {
                    match list.next_element()? {
                        Some(model) => models.push(model),
                        None => return Ok(ListedModels(models)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ListedModels(models))
            }
        }

        deserializer.deserialize_seq(First(PhantomData))
    }
}

/// The names that are short and printable ASCII.
pub(super) fn usable_names(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let names = names.into_iter();
    names.filter(|name| is_usable(name)).collect()
}

pub(super) fn is_usable(name: &str) -> bool {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::by_kind;
    use serde_json::{Value, json};

    fn list(kind: &str, names: impl Iterator<Item = String>) -> Vec<u8> {
        let (list, member) = match kind {
            "gemini" | "ollama" => ("models", "name"),
            _ => ("data", "id"),
        };
        let models: Vec<Value> = names
            .map(|name| json!({ member: name, "max_model_len": 4096 }))
            .collect();
        json!({ list: models }).to_string().into_bytes()
    }

    #[test]
    fn a_list_has_at_most_so_many_models() {
        for kind in [
            "openai",
            "openai-compatible",
            "anthropic",
            "gemini",
            "ollama",
        ] {
            let protocol = by_kind(kind).unwrap();
            let body = list(kind, (0..60_000).map(|number| format!("m{number}")));

            assert_eq!(
                protocol.model_names(&body).unwrap().len(),
                MAX_MODELS,
                "{kind}"
            );
            assert!(
                protocol.context_windows(&body).len() <= MAX_MODELS,
                "{kind}"
            );
            let empty = format!(
                "{{\"data\":[{0}],\"models\":[{0}]}}",
                vec!["{}"; 900_000].join(",")
            );
            assert!(
                protocol.context_windows(empty.as_bytes()).is_empty(),
                "{kind}"
            );
        }
    }

    #[test]
    fn names_that_are_long_or_not_printable_are_left_out() {
        let odd = ["a\nb", "a\u{1b}[2J", "modèle", "", "a\u{202e}b"].map(str::to_owned);
        let long = ["x".repeat(MAX_NAME_BYTES), "x".repeat(MAX_NAME_BYTES + 1)];
        for kind in ["openai", "anthropic", "gemini", "ollama"] {
            let protocol = by_kind(kind).unwrap();
            let names = odd
                .iter()
                .chain(&long)
                .cloned()
                .chain(["org/m:7b 2".to_owned()]);
            let body = list(kind, names);

            let expected = [long[0].clone(), "org/m:7b 2".to_owned()];
            assert_eq!(protocol.model_names(&body).unwrap(), expected, "{kind}");
            assert!(
                protocol
                    .context_windows(&body)
                    .iter()
                    .all(|(name, _)| is_usable(name))
            );
        }
    }
}
