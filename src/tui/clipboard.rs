//! Copies to the clipboard of the terminal, also a remote one (OSC 52).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Terminals ignore longer texts.
const MAX_TEXT: usize = 50_000;

/// The sequences that copy a text. Inside tmux there are two, because its settings decide which it takes:
/// one to tmux itself, and one that it passes on.
pub fn copy(text: &str) -> Vec<u8> {
    let through_tmux = std::env::var_os("TMUX").is_some_and(|tmux| !tmux.is_empty());
    sequence(text, through_tmux)
}

fn sequence(text: &str, through_tmux: bool) -> Vec<u8> {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sequence = format!("\x1b]52;c;{}\x07", STANDARD.encode(&text[..end]));
    if through_tmux {
        let doubled = sequence.replace('\x1b', "\x1b\x1b");
        format!("{sequence}\x1bPtmux;{doubled}\x1b\\").into_bytes()
    } else {
        sequence.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_copied_through_the_terminal() {
        assert_eq!(sequence("azure", false), b"\x1b]52;c;YXp1cmU=\x07");
        assert_eq!(
            sequence("azure", true),
            b"\x1b]52;c;YXp1cmU=\x07\x1bPtmux;\x1b\x1b]52;c;YXp1cmU=\x07\x1b\\"
        );
    }
}
