//! Tool calls whose arguments come in pieces, for clients that get each call whole.

use super::chat_request::ToolCall;
use std::collections::{BTreeMap, BTreeSet};

/// Calls that began and are not written yet, in the order in which they began. Each step takes
/// logarithmic time, however many calls wait.
#[derive(Debug, Default)]
pub struct CallBuffer {
    waiting: BTreeMap<usize, Waiting>,
    /// Places of the calls, by their numbers in the choice.
    places: BTreeMap<usize, usize>,
    /// Places of the calls whose arguments are complete.
    whole: BTreeSet<usize>,
    next: usize,
}

#[derive(Debug)]
struct Waiting {
    number: usize,
    call: ToolCall,
    object: ObjectScan,
}

impl CallBuffer {
    /// Begins a call; `number` is the one that its arguments refer to.
    pub fn begin(&mut self, number: usize, call: ToolCall) {
        let place = self.next;
        self.next += 1;
        let mut object = ObjectScan::default();
        object.read(&call.arguments);
        if object.is_whole() {
            self.whole.insert(place);
        }
        self.places.insert(number, place);
        let waiting = Waiting {
            number,
            call,
            object,
        };
        self.waiting.insert(place, waiting);
    }

    /// Adds to the arguments of a call; false where no such call waits.
    pub fn push(&mut self, number: usize, text: &str) -> bool {
        let Some(place) = self.places.get(&number) else {
            return false;
        };
        let Some(waiting) = self.waiting.get_mut(place) else {
            return false;
        };
        waiting.call.arguments.push_str(text);
        waiting.object.read(text);
        if waiting.object.is_whole() {
            self.whole.insert(*place);
        } else {
            self.whole.remove(place);
        }
        true
    }

    /// Removes the calls whose arguments are a complete object.
    pub fn take_whole(&mut self) -> Vec<ToolCall> {
        let places = std::mem::take(&mut self.whole);
        let taken = places.into_iter().filter_map(|place| self.take(place));
        taken.map(|(_, call)| call).collect()
    }

    /// Removes all calls.
    pub fn take_all(&mut self) -> Vec<ToolCall> {
        let all = std::mem::take(self);
        self.next = all.next;
        all.waiting
            .into_values()
            .map(|waiting| waiting.call)
            .collect()
    }

    /// Removes the first call; returns it with its number.
    pub fn pop(&mut self) -> Option<(usize, ToolCall)> {
        let place = *self.waiting.first_key_value()?.0;
        self.whole.remove(&place);
        self.take(place)
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn take(&mut self, place: usize) -> Option<(usize, ToolCall)> {
        let waiting = self.waiting.remove(&place)?;
        if self.places.get(&waiting.number) == Some(&place) {
            self.places.remove(&waiting.number);
        }
        Some((waiting.number, waiting.call))
    }
}

/// Finds the end of a JSON object that comes in pieces, without reading a byte twice.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ObjectScan {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    state: ScanState,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ScanState {
    #[default]
    Before,
    Within,
    Whole,
    /// What came is no object.
    Other,
}

impl ObjectScan {
    /// Reads the next piece.
    pub fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.byte(byte);
        }
    }

    /// Checks whether the object is complete.
    pub fn is_whole(&self) -> bool {
        self.state == ScanState::Whole
    }

    fn byte(&mut self, byte: u8) {
        match self.state {
            ScanState::Other => {}
            _ if self.in_text => match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            },
            ScanState::Within => match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = ScanState::Whole;
                    }
                }
                _ => {}
            },
            _ if byte.is_ascii_whitespace() => {}
            ScanState::Before if byte == b'{' => {
                self.depth = 1;
                self.state = ScanState::Within;
            }
            ScanState::Before | ScanState::Whole => self.state = ScanState::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall {
            id: id.to_owned(),
            ..ToolCall::default()
        }
    }

    fn ids(calls: &[ToolCall]) -> Vec<&str> {
        calls.iter().map(|call| call.id.as_str()).collect()
    }

    #[test]
    fn calls_leave_in_their_order_once_they_are_whole() {
        let mut calls = CallBuffer::default();
        for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
            calls.begin(number, call(id));
        }
        assert!(calls.push(2, r#"{"x":"}"#));
        assert!(calls.push(1, "{}"));
        assert!(!calls.push(7, "{}"));
        assert_eq!(ids(&calls.take_whole()), ["b"]);
        assert!(calls.push(2, r#"\"}"}"#));
        let whole = calls.take_whole();
        assert_eq!(whole[0].arguments, r#"{"x":"}\"}"}"#);
        assert!(!calls.push(2, "more"), "it is written");
        assert_eq!(ids(&calls.take_all()), ["a"]);
        assert!(calls.is_empty());
    }

    #[test]
    fn an_object_is_whole_at_its_last_brace() {
        let table = [
            ("", false),
            (r#" {"a":[{}]} "#, true),
            (r#"{"a":"{"#, false),
            (r#"{"a":"\\"}"#, true),
            ("{}{", false),
            ("[]", false),
            ("null", false),
        ];
        for (text, expected) in table {
            let mut scan = ObjectScan::default();
            for (at, c) in text.char_indices() {
                scan.read(&text[at..at + c.len_utf8()]);
            }
            assert_eq!(scan.is_whole(), expected, "{text}");
        }
    }
}
