//! Every line of a log, in every format.

use crate::foreign::EscapeControls;
use std::io::{self, Write};

/// Longest line in bytes; the rest is cut.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// A writer of lines, each in one call: what a line quotes cannot end it, begin another one or control a
/// terminal.
pub(super) struct SafeLine<W>(pub W);

impl<W: Write> Write for SafeLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e);
        if body.len() <= MAX_LINE_BYTES && body.iter().all(is_plain) {
            self.0.write_all(line)?;
            return Ok(line.len());
        }
        let text = String::from_utf8_lossy(body);
        let cut = text.floor_char_boundary(MAX_LINE_BYTES);
        let (kept, rest) = text.split_at(cut);
        let mark = if rest.is_empty() { "" } else { "…" };
        let safe = format!("{}{mark}\n", EscapeControls::line(kept));
        self.0.write_all(safe.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str) -> String {
        let mut writer = SafeLine(Vec::new());
        writer.write_all(line.as_bytes()).unwrap();
        String::from_utf8(writer.0).unwrap()
    }

    #[test]
    fn a_line_ends_once_and_has_a_limit() {
        assert_eq!(written("plain\n"), "plain\n");
        assert_eq!(written("é界\n"), "é界\n");
        assert_eq!(written("a\nb\u{85}\n"), "a\\nb\\u0085\n");
        let long = written(&("é".repeat(60_000) + "\n"));
        assert!(long.len() <= MAX_LINE_BYTES + 4 && long.ends_with("é…\n"));
    }
}
