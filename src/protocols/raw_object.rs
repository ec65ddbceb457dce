//! A JSON object whose values stay raw bytes: unknown fields pass unchanged, and a long
//! prompt is never parsed and written again.

use crate::protocols::neutral::TranslationError;
use crate::protocols::whole_number::whole_number;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// Fields in their order. Of several with one name only the last counts, as for most JSON parsers, so
/// that no reader of what is written can see another one.
#[derive(Debug, Clone, Default)]
pub struct RawObject<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> RawObject<'a> {
    /// Returns the field of that name.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|&(_, value)| value)
    }

    /// Sets a field.
    pub fn push(&mut self, name: &'a str, value: &'a RawValue) {
        self.0.retain(|(key, _)| key != name);
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Reads a field as a type; `None` where it is missing, null or of another type.
    pub fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.get(name)?.get())
            .ok()
            .flatten()
    }

    /// Returns the fields' names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Returns the fields with their names, in their order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// Reads a field that holds a whole number, in any notation: `1000`, `1000.0`, `1e3`.
    pub fn count(&self, name: &str) -> Option<u64> {
        u64::try_from(whole_number(self.get(name)?)?).ok()
    }

    /// Checks whether the field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() != "null")
    }

    /// Checks whether the field is a list with items.
    pub fn has_items(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            let inner = value.get().strip_prefix('[').unwrap_or("]");
            !inner.trim_start().starts_with(']')
        })
    }

    /// Checks whether the field's JSON holds these bytes.
    pub fn mentions(&self, name: &str, bytes: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.get().contains(bytes))
    }

    /// Returns the role of the last message of a list.
    pub fn last_role(&self, name: &str) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Message<'a> {
            #[serde(borrow, default)]
            role: Option<Cow<'a, str>>,
        }
        let messages: Vec<Message<'_>> = self.read(name)?;
        let last = messages.into_iter().next_back()?;
        last.role.map(Cow::into_owned)
    }

    /// Parses the object. It is valid JSON, so a field that cannot be parsed holds half of a
    /// surrogate pair, which is replaced as vendors do, or is nested too deeply.
    pub fn value(&self) -> Result<Value, TranslationError> {
        let members = self.0.iter().map(|(name, raw)| {
            let value = serde_json::from_str(raw.get())
                .or_else(|_| serde_json::from_str(&without_lone_surrogates(raw.get())));
            let value =
                value.map_err(|_| TranslationError::new(&**name, "is nested too deeply"))?;
            Ok((name.clone().into_owned(), value))
        });
        Ok(Value::Object(members.collect::<Result<_, _>>()?))
    }

    /// Returns the object without a field.
    #[must_use]
    pub fn without_member(mut self, name: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self
    }

    /// Writes the object with some fields replaced, or added at the end where they are new.
    /// `replaced` holds names and JSON texts.
    pub fn with(&self, replaced: &[(&str, String)]) -> Vec<u8> {
        self.without(&[], replaced)
    }

    /// Writes the object like [`RawObject::with`], without the fields in `removed`.
    pub fn without(&self, removed: &[&str], replaced: &[(&str, String)]) -> Vec<u8> {
        let length: usize = self
            .0
            .iter()
            .map(|(key, value)| key.len() + value.get().len() + 8)
            .sum();
        let replaced_names = replaced.iter().map(|(name, _)| *name);
        let left_out: BTreeSet<&str> = removed.iter().copied().chain(replaced_names).collect();
        let mut text = Vec::with_capacity(length + 64);
        text.push(b'{');
        let existing = self.0.iter().filter(|(key, _)| !left_out.contains(&**key));
        for (key, value) in existing {
            member(&mut text, key, value.get());
        }
        for (name, value) in replaced {
            member(&mut text, name, value);
        }
        text.push(b'}');
        text
    }
}

/// Replaces escapes that are half of a surrogate pair by the replacement character.
fn without_lone_surrogates(json: &str) -> String {
    let unit = |escape: &str| {
        let digits = escape.strip_prefix(r"\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        // Both characters of an escape are ASCII in valid JSON.
        let mut length = 2;
        match unit(escape) {
            Some(0xd800..0xdc00) => {
                let is_pair = escape
                    .get(6..)
                    .and_then(unit)
                    .is_some_and(|low| (0xdc00..0xe000).contains(&low));
                length = if is_pair { 12 } else { 6 };
                text.push_str(if is_pair { &escape[..12] } else { r"\ufffd" });
            }
            Some(0xdc00..0xe000) => {
                length = 6;
                text.push_str(r"\ufffd");
            }
            _ => text.push_str(escape.get(..length).unwrap_or(escape)),
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn member(text: &mut Vec<u8>, name: &str, value: &str) {
    if text.len() > 1 {
        text.push(b',');
    }
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(&mut *text, name);
    text.push(b':');
    text.extend_from_slice(value.as_bytes());
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((MemberName(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(members)
            }
        }

        let members = deserializer.deserialize_map(Members)?;
        Ok(Self(last_of_each_name(members)))
    }
}

/// Members up to this number are compared with each other, which takes no memory.
const FEW_MEMBERS: usize = 16;

/// Removes members that another one of the same name follows.
fn last_of_each_name<'a>(
    mut members: Vec<(Cow<'a, str>, &'a RawValue)>,
) -> Vec<(Cow<'a, str>, &'a RawValue)> {
    let mut is_last = Vec::new();
    if members.len() <= FEW_MEMBERS {
        let repeats = |(index, (name, _)): (usize, &(Cow<'a, str>, _))| {
            let mut later = members.iter().skip(index + 1);
            later.any(|(other, _)| other == name)
        };
        if !members.iter().enumerate().any(repeats) {
            return members;
        }
    }
    let mut seen = BTreeSet::new();
    is_last.extend(members.iter().rev().map(|(name, _)| seen.insert(&**name)));
    if seen.len() < members.len() {
        let mut is_last = is_last.into_iter().rev();
        members.retain(|_| is_last.next().unwrap_or(true));
    }
    members
}

/// A field's name, borrowed where it has no escapes.
pub(super) struct MemberName<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }

        deserializer.deserialize_str(Text).map(MemberName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_replaced_stay_byte_for_byte() {
        let text = r#"{"a\"b": 1.10e+05, "model":"x", "deep":{"n": 123456789012345678901234567890, "s":"\u00e9"}}"#;
        let object: RawObject<'_> = serde_json::from_str(text).unwrap();

        let written = object.with(&[
            ("model", "\"y\"".to_owned()),
            ("stream_options", "{}".to_owned()),
        ]);

        assert_eq!(
            String::from_utf8(written).unwrap(),
            r#"{"a\"b":1.10e+05,"deep":{"n": 123456789012345678901234567890, "s":"\u00e9"},"model":"y","stream_options":{}}"#
        );
    }

    #[test]
    fn of_several_fields_with_one_name_only_the_last_is_read_and_written() {
        let names = ('a'..='l').chain('A'..='Z');
        let many = names.fold(String::new(), |all, name| all + &format!(r#""{name}":0,"#));
        for more in ["", &many] {
            let text = format!(r#"{{"max_tokens":1,{more}"max\u005ftokens":2,"n":3}}"#);
            let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(object.read::<u64>("max_tokens"), Some(2));
            let written = String::from_utf8(object.with(&[("n", "4".to_owned())])).unwrap();
            assert_eq!(written, format!(r#"{{{more}"max_tokens":2,"n":4}}"#));
        }
    }

    #[test]
    fn a_field_of_another_type_reads_as_none() {
        let object: RawObject<'_> =
            serde_json::from_str(r#"{"stream":"yes","n":null,"max_tokens":5}"#).unwrap();

        assert_eq!(object.read::<bool>("stream"), None);
        assert_eq!(object.read::<u64>("n"), None);
        assert_eq!(object.read::<u64>("max_tokens"), Some(5));
    }

    #[test]
    fn half_of_a_surrogate_pair_is_replaced() {
        let text = r#"{"m":["\ud83d","a\ud83db","\udc00\ud83d\ude00\\ud83d\"","\u00e9"]}"#;
        let object: RawObject<'_> = serde_json::from_str(text).unwrap();
        let expected = serde_json::json!({"m": [
            "\u{fffd}", "a\u{fffd}b", "\u{fffd}\u{1f600}\\ud83d\"", "\u{e9}",
        ]});
        assert_eq!(object.value().unwrap(), expected);
    }

    #[test]
    fn anything_but_an_object_is_rejected() {
        assert!(serde_json::from_str::<RawObject<'_>>("[1]").is_err());
        assert!(serde_json::from_str::<RawObject<'_>>(r#"{"a":1"#).is_err());
    }
}
