//! Mends strings that a server cut between the two halves of a character. In JSON a character beyond
//! the first 65,536 may be written as two escapes, `\ud83d\ude00`; one of them alone is no character,
//! and parsers reject the whole text for it.

use bytes::Bytes;
use memchr::{memchr, memmem};
use std::collections::VecDeque;

/// Length of an escape such as `\ud83d`.
const ESCAPE_LENGTH: usize = 6;
/// First halves that wait for their second one; more are replaced.
const MAX_WAITING: usize = 64;
/// What stands for a half without the other one.
const REPLACEMENT: &[u8; ESCAPE_LENGTH] = br"\ufffd";

/// The halves of a stream that wait for the next event.
#[derive(Debug, Default)]
pub(super) struct HalfCharacters(VecDeque<[u8; ESCAPE_LENGTH]>);

/// A half of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// A half without the other one, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Lone {
    at: usize,
    half: Half,
    /// True at the start of its string for a second half, at the end for a first one.
    is_at_edge: bool,
}

impl HalfCharacters {
    /// Mends an event. A first half at the end of a string waits for the next event, where it
    /// completes the second half at the start of a string.
    pub fn mend_event(&mut self, raw: Bytes) -> Bytes {
        if !may_have_halves(&raw) {
            return raw;
        }
        let mut earlier = std::mem::take(&mut self.0);
        let mut completed = false;
        let mended = replace(&raw, |lone, out| {
            let half = raw.get(lone.at..lone.at + ESCAPE_LENGTH);
            match lone.half {
                Half::First if lone.is_at_edge && self.0.len() < MAX_WAITING => {
                    let half: Option<[u8; ESCAPE_LENGTH]> =
                        half.and_then(|half| half.try_into().ok());
                    self.0.extend(half);
                }
                Half::Second if lone.is_at_edge && !earlier.is_empty() => {
                    completed = true;
                    out.extend(earlier.pop_front().into_iter().flatten());
                    out.extend_from_slice(half.unwrap_or_default());
                }
                Half::First | Half::Second => out.extend_from_slice(REPLACEMENT),
            }
        });
        if !completed {
            earlier.append(&mut self.0);
            earlier.truncate(MAX_WAITING);
            self.0 = earlier;
        }
        mended.map_or(raw, Bytes::from)
    }
}

/// Mends a whole body, where nothing follows that could complete a half. Bytes that are not UTF-8 are
/// replaced, because clients reject a JSON text with one of them.
pub(super) fn mend_body(body: Bytes) -> Bytes {
    let body = match std::str::from_utf8(&body) {
        Ok(_) => body,
        Err(_) => String::from_utf8_lossy(&body).into_owned().into(),
    };
    if !may_have_halves(&body) {
        return body;
    }
    let mended = replace(&body, |_, out| out.extend_from_slice(REPLACEMENT));
    mended.map_or(body, Bytes::from)
}

/// Checks whether there is any escape of such a half, also of a complete pair.
fn may_have_halves(raw: &[u8]) -> bool {
    let mut escapes = memmem::find_iter(raw, br"\u");
    escapes.any(|at| matches!(raw.get(at + 2), Some(b'd' | b'D')))
}

/// Copies the bytes with `write` in place of each lone half; `None` where there is none.
fn replace(raw: &[u8], mut write: impl FnMut(Lone, &mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied, mut last_end) = (0, 0, 0);
    while let Some(found) = memchr(b'\\', raw.get(at..)?) {
        let start = at + found;
        let length = match (half_at(raw, start), half_at(raw, start + ESCAPE_LENGTH)) {
            (Some(Half::First), Some(Half::Second)) => 2 * ESCAPE_LENGTH,
            (Some(half), _) => {
                let is_at_edge = match half {
                    Half::First => raw.get(start + ESCAPE_LENGTH) == Some(&b'"'),
                    Half::Second => start > last_end && raw.get(start - 1) == Some(&b'"'),
                };
                let out = out.get_or_insert_with(|| Vec::with_capacity(raw.len() + 16));
                out.extend_from_slice(raw.get(copied..start).unwrap_or_default());
                let lone = Lone {
                    at: start,
                    half,
                    is_at_edge,
                };
                write(lone, out);
                copied = start + ESCAPE_LENGTH;
                ESCAPE_LENGTH
            }
            (None, _) => 2,
        };
        at = start + length;
        last_end = at;
        if at >= raw.len() {
            break;
        }
    }
    let mut out = out?;
    out.extend_from_slice(raw.get(copied..).unwrap_or_default());
    Some(out)
}

/// Returns the half whose escape begins here.
fn half_at(raw: &[u8], at: usize) -> Option<Half> {
    let escape = raw.get(at..at + ESCAPE_LENGTH)?;
    let digits = std::str::from_utf8(escape.strip_prefix(br"\u")?).ok()?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::First),
        0xDC00..=0xDFFF => Some(Half::Second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(events: &[&str]) -> Vec<String> {
        let mut halves = HalfCharacters::default();
        let mut mend = |event: &&str| {
            let raw = halves.mend_event(Bytes::copy_from_slice(event.as_bytes()));
            String::from_utf8(raw.to_vec()).unwrap()
        };
        events.iter().map(&mut mend).collect()
    }

    #[test]
    fn the_halves_of_a_character_meet_again() {
        let events = [
            r#"{"a":"x \ud83d","n":1}"#,
            r#"{"a":"","n":2}"#,
            r#"{"a":"\ude00 y"}"#,
        ];
        let expected = [
            r#"{"a":"x ","n":1}"#,
            r#"{"a":"","n":2}"#,
            r#"{"a":"\ud83d\ude00 y"}"#,
        ];
        assert_eq!(mended(&events), expected);
    }

    #[test]
    fn halves_of_two_strings_meet_in_their_order() {
        let events = [r#"["\ud83d","\uD83C"]"#, r#"["\ude00","\uDF00"]"#];
        let expected = [r#"["",""]"#, r#"["\ud83d\ude00","\uD83C\uDF00"]"#];
        assert_eq!(mended(&events), expected);
    }

    #[test]
    fn a_half_without_the_other_one_is_replaced_and_all_else_stays() {
        for (event, expected) in [
            (r#""a\ud83db""#, r#""a\ufffdb""#),
            (r#""a\ude00b""#, r#""a\ufffdb""#),
            (r#""\"\ude00b""#, r#""\"\ufffdb""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d\ud83d\ude00\\""#, r#""\ufffd\ud83d\ude00\\""#),
            (r#""\u00e9\ud7ff\ue000""#, r#""\u00e9\ud7ff\ue000""#),
            (r#""\"#, r#""\"#),
            (r#""\ud8"#, r#""\ud8"#),
        ] {
            assert_eq!(mended(&[event]), [expected], "{event}");
        }
        let body = mend_body(Bytes::from_static(b"{\"a\":\"l\xafst\"}"));
        assert_eq!(body, "{\"a\":\"l\u{fffd}st\"}");
        let body = mend_body(Bytes::from_static(br#"{"a":"b\ud83d"}"#));
        assert_eq!(&body[..], br#"{"a":"b\ufffd"}"#);
    }
}
