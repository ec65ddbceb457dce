//! The size of JSON as values, counted over its bytes: values in memory take up to a hundred times the
//! bytes of their text, so what is too much is refused before anything is built.

use memchr::memchr2;
use std::fmt;

/// Most objects and lists. Even a conversation of a million tokens has fewer.
const MAX_CONTAINERS: usize = 100_000;
/// Most objects and lists of an answer.
const MAX_ANSWER_CONTAINERS: usize = 1_000_000;
/// Most values, counted by the commas between them. A prompt in tokens has one for each.
const MAX_VALUES: usize = 1_000_000;
/// Most members of one object.
const MAX_MEMBERS: usize = 10_000;
/// Deepest nesting; the parser itself ends there.
const MAX_DEPTH: usize = 127;

/// JSON with more values than are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonExcess {
    what: &'static str,
    limit: usize,
    /// Where the limit is passed.
    at: usize,
}

impl fmt::Display for JsonExcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, limit, at } = self;
        write!(f, "has more than {limit} {what} (at byte {at})")
    }
}

/// Checks the number of values in a request and their nesting. What is no JSON is left to the parser.
pub fn check_json_size(text: &[u8]) -> Result<(), JsonExcess> {
    check(text, MAX_CONTAINERS, MAX_VALUES)
}

/// Checks an answer, which may have probabilities of all tokens, and numbers of many vectors.
pub(super) fn check_answer_size(text: &[u8]) -> Result<(), JsonExcess> {
    check(text, MAX_ANSWER_CONTAINERS, usize::MAX)
}

fn check(text: &[u8], max_containers: usize, max_values: usize) -> Result<(), JsonExcess> {
    let excess = |what, limit, at| Err(JsonExcess { what, limit, at });
    let (mut containers, mut values) = (0, 0);
    // The commas of each open object; a list counts none.
    let mut members: Vec<Option<usize>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_text(text, at + 1),
            b'{' | b'[' => {
                containers += 1;
                members.push((*byte == b'{').then_some(1));
                if containers > max_containers {
                    return excess("objects and lists", max_containers, at);
                }
                if members.len() > MAX_DEPTH {
                    return excess("levels of nesting", MAX_DEPTH, at);
                }
            }
            b'}' | b']' => {
                members.pop();
            }
            b',' => {
                values += 1;
                if values > max_values {
                    return excess("values", max_values, at);
                }
                if let Some(Some(count)) = members.last_mut() {
                    *count += 1;
                    if *count > MAX_MEMBERS {
                        return excess("members in one object", MAX_MEMBERS, at);
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Returns the place of the quote that ends a text.
fn end_of_text(text: &[u8], mut at: usize) -> usize {
    while let Some(rest) = text.get(at..) {
        match memchr2(b'"', b'\\', rest) {
            Some(found) if rest.get(found) == Some(&b'"') => return at + found,
            Some(found) => at += found + 2,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excess(text: &str) -> Option<&'static str> {
        check_json_size(text.as_bytes()).err().map(|one| one.what)
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let table = [
            (
                format!("[{}]", "{},".repeat(100_000)),
                Some("objects and lists"),
            ),
            (format!("[{}]", "{},".repeat(99_999)), None),
            (format!("[{}]", "1,".repeat(1_000_001)), Some("values")),
            (format!("[{}]", "1,".repeat(1_000_000)), None),
            ("[".repeat(128), Some("levels of nesting")),
            ("[{".repeat(60) + &"}]".repeat(60), None),
            (
                format!("{{{}}}", "\"a\":1,".repeat(10_000)),
                Some("members in one object"),
            ),
            (format!("{{{}}}", "\"a\":1,".repeat(9_999)), None),
        ];
        for (text, expected) in table {
            assert_eq!(excess(&text), expected, "{}", &text[..20]);
        }
    }

    #[test]
    fn an_answer_may_have_more() {
        let answer = |count| check_answer_size(format!("[{}]", "[1,1],".repeat(count)).as_bytes());
        assert_eq!(answer(999_999), Ok(()));
        assert!(answer(1_000_000).is_err());
    }

    #[test]
    fn texts_do_not_count() {
        let text = "[{,\\\"".repeat(200_000);
        assert_eq!(excess(&format!(r#"{{"a":"{text}","b":"\\"}}"#)), None);
        assert_eq!(excess(&format!(r#"{{"a":"{text}"#)), None, "without an end");
    }
}
