//! The meaning of control sequences.

use super::Input;
use crate::tui::key::{Code, Key};

/// A complete sequence.
pub(super) enum SequenceKind {
    Input(Input),
    /// The start of a paste.
    Paste,
    /// A reply to a query, or an unknown sequence.
    Nothing,
}

/// Decodes a sequence from the bytes between `ESC [` and the last one.
pub(super) fn meaning(read: &[u8], last: u8) -> SequenceKind {
    if let Some(mouse) = read.strip_prefix(b"<") {
        return mouse_input(mouse, last).map_or(SequenceKind::Nothing, SequenceKind::Input);
    }
    if is_release(read) {
        return SequenceKind::Nothing;
    }
    let numbers = numbers(read);
    let first = numbers.first().copied().unwrap_or(0);
    let held = numbers.get(1).copied().unwrap_or(1);
    let code = match last {
        b'~' if first == 200 => return SequenceKind::Paste,
        b'n' if read == b"0" => return SequenceKind::Input(Input::Answered),
        b'~' => tilde(first),
        b'Z' => Some(Code::BackTab),
        b'u' => match first {
            13 => Some(Code::Enter),
            27 => Some(Code::Esc),
            9 => Some(Code::Tab),
            127 => Some(Code::Backspace),
            _ => char::from_u32(first).map(Code::Char),
        },
        _ => letter(last),
    };
    code.map_or(SequenceKind::Nothing, |code| {
        SequenceKind::Input(Input::Key(with(code, held)))
    })
}

/// Returns whether a key was released. Terminals report releases if another program has requested
/// them; the key was read when it was pressed.
fn is_release(read: &[u8]) -> bool {
    let held = read.split(|&byte| byte == b';').nth(1).unwrap_or_default();
    held.split(|&byte| byte == b':').nth(1) == Some(b"3")
}

/// A key after `ESC O`. Only here is `R` a key: after `ESC [` it is the position of the cursor.
pub(super) fn single(last: u8) -> Option<Key> {
    let code = match last {
        b'R' => Some(Code::F(3)),
        b'M' => Some(Code::Enter),
        _ => letter(last),
    };
    code.map(Key::plain)
}

/// A key after `ESC [ [`, as the Linux console writes F1 to F5.
pub(super) fn console(last: u8) -> Option<Key> {
    let number = last.checked_sub(b'A').filter(|number| *number < 5)?;
    Some(Key::plain(Code::F(number + 1)))
}

/// A key with its modifiers; `held` is 1 plus a bit per modifier: 2 Alt, 4 Ctrl.
fn with(code: Code, held: u32) -> Key {
    let held = held.max(1) - 1;
    Key {
        code,
        ctrl: held & 4 != 0,
        alt: held & 2 != 0,
    }
}

fn letter(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'P' => Code::F(1),
        b'Q' => Code::F(2),
        b'S' => Code::F(4),
        _ => return None,
    })
}

fn numbers(read: &[u8]) -> Vec<u32> {
    let part = |part: &[u8]| std::str::from_utf8(part).ok()?.parse().ok();
    read.split(|&byte| byte == b';' || byte == b':')
        .map(|bytes| part(bytes).unwrap_or(0))
        .collect()
}

fn tilde(number: u32) -> Option<Code> {
    let function = |number| u8::try_from(number).ok().map(Code::F);
    match number {
        1 | 7 => Some(Code::Home),
        2 => Some(Code::Insert),
        3 => Some(Code::Delete),
        4 | 8 => Some(Code::End),
        5 => Some(Code::PageUp),
        6 => Some(Code::PageDown),
        11..=15 => function(number - 10),
        17..=21 => function(number - 11),
        23..=24 => function(number - 12),
        _ => None,
    }
}

fn mouse_input(read: &[u8], last: u8) -> Option<Input> {
    let numbers = numbers(read);
    let [button, column, row] = *numbers.as_slice() else {
        return None;
    };
    let cell = |number: u32| u16::try_from(number.saturating_sub(1)).ok();
    match (button, last) {
        (64, b'M') => Some(Input::Wheel(-1)),
        (65, b'M') => Some(Input::Wheel(1)),
        (0, b'M') => Some(Input::Click {
            column: cell(column)?,
            row: cell(row)?,
        }),
        _ => None,
    }
}
