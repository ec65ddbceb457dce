//! Text that is typed at the terminal without being shown.

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Error, ErrorKind, Read, Result, Write};
use zeroize::Zeroizing;

/// Bytes that are read at most.
const MAX_BYTES: usize = 64 * 1024;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// Shows the input again, whatever happens.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _terminal_may_be_gone = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
        let _terminal_may_be_gone = self.terminal.write_all(b"\n");
    }
}

/// Asks for a line at the terminal of this process, whatever stdin is.
///
/// # Errors
///
/// `Interrupted` at Ctrl-C or Ctrl-D; the error of opening where there is no terminal.
pub(super) fn read_hidden(question: &str) -> Result<Zeroizing<Vec<u8>>> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet
        .local_modes
        .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
    let mut quiet = Quiet { terminal, before };
    quiet.terminal.write_all(question.as_bytes())?;
    let input = quiet.terminal.try_clone()?;
    line(BufReader::new(input).bytes())
}

/// Reads up to the end of the line, with the keys that correct it.
fn line(input: impl Iterator<Item = Result<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    for byte in input {
        match byte? {
            b'\r' | b'\n' => return Ok(line),
            CTRL_C => return Err(ErrorKind::Interrupted.into()),
            CTRL_D if line.is_empty() => return Err(ErrorKind::Interrupted.into()),
            BACKSPACE | DELETE => {
                // A character may have several bytes.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            CTRL_U => line.clear(),
            _ if line.len() == MAX_BYTES => return Err(Error::other("it is too long")),
            byte => line.push(byte),
        }
    }
    Err(ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Result<String> {
        let line = line(text.bytes().map(Ok))?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    #[test]
    fn a_line_can_be_corrected_and_given_up() {
        assert_eq!(typed("abc\n").unwrap(), "abc");
        assert_eq!(typed("aé\u{7f}b\u{8}c\r").unwrap(), "ac");
        assert_eq!(typed("wrong\u{15}right\n").unwrap(), "right");
        assert_eq!(typed("ab\u{3}").unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(typed("\u{4}").unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(typed("ab").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
