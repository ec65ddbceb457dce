//! Reads free text out of the arguments of the function that stands for it, piece by piece.

use serde_json::{Value, json};

/// Name of the only argument of a function that stands for free text.
pub(super) const ARGUMENT: &str = "input";

/// Bytes of arguments in another form that are held back until the call ends.
const MAX_HELD_BYTES: usize = 1 << 20;

/// Longest escape of a string: a pair of surrogates.
const PAIR_BYTES: usize = r"\ud83d\ude00".len();
const ESCAPE_BYTES: usize = r"\ud83d".len();

/// Returns the schema of the function.
pub(super) fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {ARGUMENT: {"type": "string", "description": "The whole input, as plain text."}},
        "required": [ARGUMENT],
        "additionalProperties": false,
    })
}

/// Returns the arguments that carry a text.
pub(super) fn arguments(text: &str) -> String {
    json!({ARGUMENT: text}).to_string()
}

/// The text of one call so far.
#[derive(Debug)]
pub(super) enum FreeTextReader {
    /// Before the text: the arguments so far.
    Opening(String),
    /// Within the text; holds an escape that is not complete.
    Text(String),
    /// Behind the text.
    Closed,
    /// Arguments in another form, held until the call ends.
    Other(String),
    /// Arguments in another form that are too long to be held.
    Raw,
}

impl Default for FreeTextReader {
    fn default() -> Self {
        Self::Opening(String::new())
    }
}

impl FreeTextReader {
    /// Takes more arguments, and returns the text in them.
    pub fn push(&mut self, more: &str) -> String {
        match self {
            Self::Opening(before) => {
                before.push_str(more);
                match opening(before) {
                    Opening::Partial => String::new(),
                    Opening::Text(start) => {
                        let rest = before.split_off(start);
                        *self = Self::Text(String::new());
                        self.push(&rest)
                    }
                    Opening::Other => {
                        *self = Self::Other(std::mem::take(before));
                        String::new()
                    }
                }
            }
            Self::Text(escape) => {
                let mut text = String::with_capacity(more.len());
                let ended = |c| take(c, escape, &mut text);
                if more.chars().any(ended) {
                    *self = Self::Closed;
                }
                text
            }
            Self::Closed => String::new(),
            Self::Other(before) => {
                before.push_str(more);
                if before.len() <= MAX_HELD_BYTES {
                    return String::new();
                }
                let held = std::mem::take(before);
                *self = Self::Raw;
                held
            }
            Self::Raw => more.to_owned(),
        }
    }

    /// Returns the rest of the text, at the end of the call.
    pub fn finish(self) -> String {
        match self {
            Self::Opening(arguments) | Self::Other(arguments) => whole(arguments),
            Self::Text(_) | Self::Closed | Self::Raw => String::new(),
        }
    }
}

enum Opening {
    /// More is needed to tell.
    Partial,
    /// The text begins at this byte.
    Text(usize),
    /// The arguments are of another form.
    Other,
}

/// Checks whether arguments begin with the expected member.
fn opening(arguments: &str) -> Opening {
    let mut rest = arguments;
    for token in ["{", "\"", ARGUMENT, "\"", ":", "\""] {
        // There is no space within the name.
        if token != ARGUMENT {
            rest = rest.trim_start();
        }
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return Opening::Partial,
            None => return Opening::Other,
        }
    }
    Opening::Text(arguments.len() - rest.len())
}

/// Takes a character of the string; true where it ends the string.
fn take(c: char, escape: &mut String, text: &mut String) -> bool {
    match c {
        '"' if escape.is_empty() => return true,
        '\\' => escape.push(c),
        c if escape.is_empty() => text.push(c),
        c => escape.push(c),
    }
    take_escape(escape, text)
}

/// Decodes an escape once it is complete. Half of a surrogate pair becomes a replacement character.
fn take_escape(escape: &mut String, text: &mut String) -> bool {
    let is_unicode = escape.as_bytes().get(1) == Some(&b'u');
    let complete = if is_unicode { ESCAPE_BYTES } else { 2 };
    if escape.len() < complete {
        return false;
    }
    let code = escape.get(2..ESCAPE_BYTES).unwrap_or_default();
    let is_high = u16::from_str_radix(code, 16).is_ok_and(|code| (0xd800..0xdc00).contains(&code));
    if is_unicode && is_high && escape.len() < PAIR_BYTES {
        let second = escape.get(ESCAPE_BYTES..).unwrap_or_default();
        if r"\u".starts_with(second) || second.starts_with(r"\u") {
            return false;
        }
        // What follows is no second half.
        let rest = second.to_owned();
        escape.clear();
        text.push(char::REPLACEMENT_CHARACTER);
        return rest.chars().any(|c| take(c, escape, text));
    }
    let decoded = serde_json::from_str::<String>(&format!("\"{escape}\""));
    text.push_str(&decoded.unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string()));
    escape.clear();
    false
}

/// Returns the text of whole arguments: the expected member, else the first text, else all of it.
fn whole(arguments: String) -> String {
    match serde_json::from_str::<Value>(&arguments) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(mut members)) => {
            let own = members.remove(ARGUMENT);
            let texts = own.into_iter().chain(members.into_values());
            let mut texts = texts.filter_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            });
            texts.next().unwrap_or(arguments)
        }
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> String {
        let mut reader = FreeTextReader::default();
        let mut text: String = pieces.iter().map(|piece| reader.push(piece)).collect();
        text.push_str(&reader.finish());
        text
    }

    #[test]
    fn a_text_is_the_same_however_its_arguments_are_cut() {
        let text = "*** Begin Patch\n+\"low\"\\ \u{1f30a} \t\u{e9}/\n";
        let spaced = format!(" {{ \"input\" : {} , \"x\": 1}}", json!(text));
        let escaped = arguments(text).replace('\u{1f30a}', r"\ud83c\udf0a");
        for arguments in [arguments(text), spaced, escaped] {
            assert_eq!(read(&[&arguments]), text);
            let letters: Vec<String> = arguments.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(read(&letters), text);
        }
    }

    #[test]
    fn a_text_is_passed_on_while_it_arrives() {
        let mut reader = FreeTextReader::default();
        assert_eq!(reader.push("{\"input\": \"*** Beg"), "*** Beg");
        assert_eq!(reader.push("in\\"), "in");
        assert_eq!(reader.push("n+low\"}"), "\n+low");
        assert_eq!(reader.finish(), "");
    }

    #[test]
    fn arguments_of_another_form_give_their_text() {
        let table = [
            (r#"{"patch": "+low"}"#, "+low"),
            (r#"{"why": 1, "input": "+low"}"#, "+low"),
            ("\"+low\"", "+low"),
            ("*** Begin Patch", "*** Begin Patch"),
            ("", ""),
            (r#"{"input": "half \ud83d here"}"#, "half \u{fffd} here"),
            (r#"{"input": "half \ud83d"}"#, "half \u{fffd}"),
            (r#"{"input": "half \ud83d\n."}"#, "half \u{fffd}\n."),
        ];
        for (arguments, text) in table {
            assert_eq!(read(&[arguments]), text, "{arguments}");
        }
    }

    #[test]
    fn long_arguments_of_another_form_are_not_held() {
        let mut reader = FreeTextReader::default();
        assert_eq!(reader.push("x"), "");
        let long = "y".repeat(MAX_HELD_BYTES);
        assert_eq!(reader.push(&long).len(), MAX_HELD_BYTES + 1);
        assert_eq!(reader.push("z"), "z");
    }
}
