//! Decodes bytes from a terminal into keys. A sequence may arrive in pieces over a slow connection;
//! the pieces decode like the whole. Replies of the terminal to queries are dropped, never typed.

use super::Input;
use super::sequence::{self, SequenceKind};
use crate::tui::key::{Code, Key};

/// A longer control sequence is dropped.
const MAX_SEQUENCE: usize = 64;
/// A longer paste is truncated.
const MAX_PASTE: usize = 4_096;
/// This many timeouts in a row end an incomplete sequence.
const MAX_SILENCES: u8 = 8;
/// The end of a paste.
const PASTE_END: &[u8] = b"\x1b[201~";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    /// After ESC: either the key, or the start of a sequence.
    Escape,
    /// After `ESC [`.
    Control(Vec<u8>),
    /// After `ESC O`.
    Single,
    /// After `ESC [ [`.
    Console,
    /// After `ESC [ M`: the bytes of a mouse report that another program left switched on.
    OldMouse {
        left: u8,
    },
    /// Inside a string that ends in BEL or `ESC \`: a reply to a query.
    Answer {
        escaped: bool,
    },
    Paste(Vec<u8>),
    /// Inside a multi-byte character.
    Letter {
        bytes: Vec<u8>,
        length: usize,
    },
}

/// Decodes keys from bytes. It reads no clock.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    silences: u8,
    /// ESC was just taken for the key; the next bytes may show that it was part of an arrow key.
    escaped: bool,
}

impl Decoder {
    /// Decodes received bytes.
    pub fn feed(&mut self, bytes: &[u8], inputs: &mut Vec<Input>) {
        self.silences = 0;
        for &byte in bytes {
            self.step(byte, inputs);
        }
    }

    /// Returns whether an incomplete sequence waits for a timeout.
    pub fn is_waiting(&self) -> bool {
        !matches!(self.state, State::Ground | State::Paste(_))
    }

    /// Handles a timeout: a lone ESC is the key.
    pub fn silence(&mut self, inputs: &mut Vec<Input>) {
        if self.state == State::Escape {
            self.state = State::Ground;
            self.escaped = true;
            inputs.push(Input::Key(Key::plain(Code::Esc)));
            return;
        }
        self.silences += 1;
        if self.is_waiting() && self.silences >= MAX_SILENCES {
            self.state = State::Ground;
        }
    }

    fn step(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        let escaped = std::mem::take(&mut self.escaped);
        self.state = match std::mem::take(&mut self.state) {
            // No action has the key `[` or `O`, so after a lone ESC they are the rest of an arrow
            // key.
            State::Ground if escaped && byte == b'[' => State::Control(Vec::new()),
            State::Ground if escaped && byte == b'O' => State::Single,
            State::Ground => ground(byte, false, inputs),
            State::Escape => escape(byte, inputs),
            State::Control(read) => control(read, byte, inputs),
            State::Single => {
                inputs.extend(sequence::single(byte).map(Input::Key));
                State::Ground
            }
            State::Console => {
                inputs.extend(sequence::console(byte).map(Input::Key));
                State::Ground
            }
            State::OldMouse { left: 1 } => State::Ground,
            State::OldMouse { left } => State::OldMouse { left: left - 1 },
            State::Answer { escaped: true } if byte == b'\\' => State::Ground,
            State::Answer { .. } if byte == 0x07 => State::Ground,
            State::Answer { .. } => State::Answer {
                escaped: byte == 0x1b,
            },
            State::Paste(read) => paste(read, byte, inputs),
            State::Letter { bytes, length } => letter(bytes, length, byte, inputs),
        };
    }
}

fn ground(byte: u8, alt: bool, inputs: &mut Vec<Input>) -> State {
    let (code, ctrl) = match byte {
        0x1b => return State::Escape,
        b'\r' | b'\n' => (Code::Enter, false),
        b'\t' => (Code::Tab, false),
        0x08 | 0x7f => (Code::Backspace, false),
        1..=7 | 11..=12 | 14..=26 => (Code::Char(char::from(byte - 1 + b'a')), true),
        0x20..=0x7e => (Code::Char(char::from(byte)), false),
        0xc2..=0xf4 => {
            let length = match byte {
                0xf0.. => 4,
                0xe0.. => 3,
                _ => 2,
            };
            return State::Letter {
                bytes: vec![byte],
                length,
            };
        }
        _ => return State::Ground,
    };
    inputs.push(Input::Key(Key { code, ctrl, alt }));
    State::Ground
}

fn escape(byte: u8, inputs: &mut Vec<Input>) -> State {
    match byte {
        b'[' => State::Control(Vec::new()),
        b'O' => State::Single,
        b']' | b'P' | b'_' | b'^' | b'X' => State::Answer { escaped: false },
        0x1b => {
            inputs.push(Input::Key(Key::plain(Code::Esc)));
            State::Escape
        }
        _ => ground(byte, true, inputs),
    }
}

fn letter(mut bytes: Vec<u8>, length: usize, byte: u8, inputs: &mut Vec<Input>) -> State {
    if !(0x80..=0xbf).contains(&byte) {
        return ground(byte, false, inputs);
    }
    bytes.push(byte);
    if bytes.len() < length {
        return State::Letter { bytes, length };
    }
    let typed = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.chars().next());
    inputs.extend(typed.map(|c| Input::Key(Key::plain(Code::Char(c)))));
    State::Ground
}

fn paste(mut read: Vec<u8>, byte: u8, inputs: &mut Vec<Input>) -> State {
    read.push(byte);
    if let Some(text) = read.strip_suffix(PASTE_END) {
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_PASTE)]);
        inputs.push(Input::Paste(text.into_owned()));
        return State::Ground;
    }
    // Bytes beyond the limit are dropped, but the end must still be found.
    if read.len() > MAX_PASTE + PASTE_END.len() {
        read.remove(MAX_PASTE);
    }
    State::Paste(read)
}

fn control(mut read: Vec<u8>, byte: u8, inputs: &mut Vec<Input>) -> State {
    match byte {
        0x20..=0x3f if read.len() < MAX_SEQUENCE => {
            read.push(byte);
            State::Control(read)
        }
        // The Linux console writes F1 to F5 as `ESC [ [ A`.
        b'[' if read.is_empty() => State::Console,
        b'M' if read.is_empty() => State::OldMouse { left: 3 },
        0x40..=0x7e => match sequence::meaning(&read, byte) {
            SequenceKind::Paste => State::Paste(Vec::new()),
            SequenceKind::Input(input) => {
                inputs.push(input);
                State::Ground
            }
            SequenceKind::Nothing => State::Ground,
        },
        0x1b => State::Escape,
        _ => State::Ground,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<Input> {
        let (mut decoder, mut inputs) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.feed(piece, &mut inputs);
        }
        inputs
    }

    fn keys(names: &str) -> Vec<Input> {
        let key = |name: &str| Input::Key(name.parse().unwrap());
        names
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(key)
            .collect()
    }

    #[test]
    fn every_sequence_decodes_to_its_key() {
        let table: [(&[u8], &str); 28] = [
            (b"jG9", "j G 9"),
            (b"\x1b[A\x1b[B\x1b[C\x1b[D", "↑ ↓ → ←"),
            (b"\x1bOA\x1bOH\x1bOF", "↑ Home End"),
            (
                b"\x1b[1~\x1b[4~\x1b[5~\x1b[6~\x1b[3~",
                "Home End PgUp PgDn Del",
            ),
            (b"\x1b[1;5A", "^↑"),
            (b"\x1b[15~\x1bOP\x1bOR\x1bOS", "F5 F1 F3 F4"),
            (
                b"\x1b[[A\x1b[[B\x1b[[C\x1b[[D\x1b[[E\x1b[[Fj",
                "F1 F2 F3 F4 F5 j",
            ),
            (b"\x1b[1;5P\x1bOM", "^F1 Enter"),
            // Mouse reports of modes that another program left on.
            (b"\x1b[M !!j", "j"),
            (b"\x1b[M\x1bjkj", "j"),
            (b"\x1b[32;10;20Mj", "j"),
            (b"\r\n\t\x1b[Z\x7f\x08", "Enter Enter Tab S-Tab Bksp Bksp"),
            (b"\x04\x15\x0c\x1a\x03", "^d ^u ^l ^z ^c"),
            (b"\x1bx", "M-x"),
            (b"\x1b\x1b[A", "Esc ↑"),
            ("é日🙂".as_bytes(), "é 日 🙂"),
            (b"\x1b[13u\x1b[27u\x1b[97;5u", "Enter Esc ^a"),
            // A key release is no input; the key was read when it was pressed.
            (b"\x1b[106;1:1u\x1b[106;1:3u\x1b[1;1:3Bk", "j k"),
            // Replies to queries of other programs are no keys.
            (b"\x1b[?2026;2$yj", "j"),
            (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\j", "j"),
            (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07j", "j"),
            (b"\x1bP>|xterm(390)\x1b\\j", "j"),
            (b"\x1b[?64;1;2cj", "j"),
            (b"\x1b[12;40Rj", "j"),
            (b"\x1b[I\x1b[Oj", "j"),
            (b"\xff\xfej", "j"),
            (b"\xe6j", "j"),
            (b"\x00\x1fj", "j"),
        ];
        for (bytes, names) in table {
            assert_eq!(read(&[bytes]), keys(names), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_paste_is_one_input_of_bounded_size() {
        let pasted = |text: &str| Input::Paste(text.to_owned());
        assert_eq!(
            read(&[b"\x1b[200~q\r\x1b[A\x1b[201~"]),
            [pasted("q\r\x1b[A")]
        );
        let mut long = b"\x1b[200~".to_vec();
        long.extend(vec![b'a'; 10_000]);
        long.extend(PASTE_END);
        assert_eq!(
            read(&[&long, b"j"]),
            [pasted(&"a".repeat(MAX_PASTE)), keys("j")[0].clone()]
        );
    }

    #[test]
    fn mouse_reports_and_replies_are_not_keys() {
        let inputs = read(&[b"\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<0;3;7M\x1b[<0;3;7m\x1b[0n"]);
        let click = Input::Click { column: 2, row: 6 };
        assert_eq!(
            inputs,
            [Input::Wheel(-1), Input::Wheel(1), click, Input::Answered]
        );
    }

    #[test]
    fn a_lone_esc_is_the_key_after_a_timeout_and_a_late_rest_is_an_arrow() {
        let (mut decoder, mut inputs) = (Decoder::default(), Vec::new());
        decoder.feed(b"\x1b", &mut inputs);
        assert!(inputs.is_empty() && decoder.is_waiting());
        decoder.silence(&mut inputs);
        decoder.feed(b"[Bj", &mut inputs);
        assert_eq!(inputs, keys("Esc ↓ j"));
    }

    #[test]
    fn an_endless_sequence_does_not_swallow_keys_forever() {
        let (mut decoder, mut inputs) = (Decoder::default(), Vec::new());
        decoder.feed(b"\x1b]11;", &mut inputs);
        for _ in 0..MAX_SILENCES {
            decoder.silence(&mut inputs);
        }
        decoder.feed(b"j", &mut inputs);
        assert_eq!(inputs, keys("j"));
    }

    proptest! {
        #[test]
        fn every_split_decodes_to_the_same_keys(
            bytes in prop::collection::vec(prop_oneof![
                any::<u8>(), Just(0x1b), Just(b'['), Just(b'O'), Just(b';'), Just(b'~'), b'0'..=b'9', b'A'..=b'H',
            ], 0..60),
            cuts in prop::collection::vec(0_usize..60, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            prop_assert_eq!(read(&pieces), read(&[&bytes]));
        }
    }
}
