//! The terminal: entered once, restored on every exit, written once per frame.

use super::erasing_backend::ErasingBackend;
use super::frame_pacer::DSR_QUERY;
use super::held_messages::print_held;
use super::title;
use super::writer::{Writer, shut, write_whole};
use crate::foreign::is_unsafe;
use crossterm::{cursor, event, execute, style, terminal};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::QueueSelector;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Synchronized output around a frame: terminals that support it show the frame at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Switches off reports of mouse and focus that another program may have left on; they would be typed.
const REPORTS_OFF: &[u8] =
    b"\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l";

/// True while the terminal has to be restored.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// True if mouse reports were enabled.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Mouse reports in flight are waited for until none arrives for this time, at most
/// [`MAX_REPORTS`].
const MOUSE_SETTLE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 30_000_000,
};
const MAX_REPORTS: usize = 8;

/// Collects the output of ratatui, so that a frame is sent in one write.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameBuffer(Rc<RefCell<Vec<u8>>>);

impl FrameBuffer {
    /// Takes the bytes written since the last call.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.borrow_mut())
    }
}

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The entered terminal; dropping it restores the terminal.
#[derive(Debug)]
pub struct TerminalScreen {
    canvas: FrameBuffer,
    terminal: Terminal<ErasingBackend<FrameBuffer>>,
    /// `None` only while the terminal is given back.
    writer: Option<Writer>,
    mouse: bool,
    /// The title set last.
    title: String,
}

impl TerminalScreen {
    /// Enters the terminal.
    pub fn enter() -> io::Result<Self> {
        let (columns, rows) = take()?;
        let canvas = FrameBuffer::default();
        let terminal = blank(&canvas, columns, rows)?;
        let mut screen = Self {
            canvas,
            terminal,
            writer: Some(Writer::start()?),
            mouse: false,
            title: String::new(),
        };
        screen.repaint()?;
        Ok(screen)
    }

    /// Returns whether a frame is being written; none is drawn meanwhile, so that the next one is
    /// current.
    pub fn is_busy(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::is_busy)
    }

    /// Resolves when the frame is written; an error means the terminal is gone.
    pub async fn written(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Some(writer) => writer.written().await,
            None => std::future::pending().await,
        }
    }

    /// Draws the changes in one write, or none if nothing has changed. Returns whether it wrote.
    pub fn draw(&mut self, asks: bool, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        let keep = self.canvas.0.borrow().len();
        self.terminal.draw(|frame| {
            draw(frame);
            mask_unsafe(frame.buffer_mut());
        })?;
        let bytes = self.canvas.take();
        if keep == 0 && !changes_screen(&bytes) {
            return Ok(false);
        }
        let confirm = if asks { DSR_QUERY } else { &[] };
        let frame = [BEGIN, &bytes, END, confirm].concat();
        if let Some(writer) = &mut self.writer {
            writer.send(frame);
        }
        Ok(true)
    }

    /// The size in cells.
    pub fn size(&mut self) -> Rect {
        self.terminal.get_frame().area()
    }

    /// Sends bytes before the next frame.
    pub fn queue_escape(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.canvas.write_all(bytes)
    }

    /// Sets the title with the next frame, if it has changed.
    pub fn set_title(&mut self, title: String) -> io::Result<()> {
        if self.title == title {
            return Ok(());
        }
        self.queue_escape(&title::sequence(&title))?;
        self.title = title;
        Ok(())
    }

    /// Enables or disables mouse reports.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        MOUSE.fetch_or(on, Ordering::SeqCst);
        self.queue_escape(if on {
            b"\x1b[?1000h\x1b[?1006h"
        } else {
            b"\x1b[?1006l\x1b[?1000l"
        })
    }

    /// Takes in a new size; the next frame redraws everything.
    pub fn resize(&mut self) -> io::Result<()> {
        let (columns, rows) = terminal::size()?;
        self.terminal = blank(&self.canvas, columns, rows)?;
        self.repaint()
    }

    /// The next frame redraws everything.
    pub fn repaint(&mut self) -> io::Result<()> {
        // ratatui's `clear` queries the cursor position and blocks on a terminal that does not
        // reply, so the screen is cleared here and the last frame is discarded.
        self.terminal.swap_buffers();
        self.terminal.backend_mut().cleared();
        execute!(
            self.canvas,
            style::ResetColor,
            terminal::Clear(terminal::ClearType::All)
        )
    }

    /// Gives the terminal back, until [`Self::come_back`].
    pub fn leave(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
        restore();
    }

    /// Enters the terminal again.
    pub fn come_back(&mut self) -> io::Result<()> {
        if self.writer.is_none() {
            self.writer = Some(Writer::start()?);
        }
        take()?;
        self.title.clear();
        self.set_mouse(self.mouse)?;
        self.resize()
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Enters raw mode and the alternate screen, hides the cursor, enables bracketed paste and saves
/// the title; returns the size.
fn take() -> io::Result<(u16, u16)> {
    let size = terminal::size()?;
    terminal::enable_raw_mode()?;
    // After SIGCONT the title to restore is already saved.
    let is_ours = ENTERED.swap(true, Ordering::SeqCst);
    let mut out = if is_ours { &[] } else { title::SAVE_TITLE }.to_vec();
    out.extend_from_slice(REPORTS_OFF);
    execute!(
        out,
        terminal::EnterAlternateScreen,
        cursor::Hide,
        event::EnableBracketedPaste
    )?;
    write_whole(&out)?;
    Ok(size)
}

/// Replaces cells with characters that control a terminal or change the direction of the text.
pub(super) fn mask_unsafe(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().contains(is_unsafe) {
            let kept: String = cell.symbol().chars().filter(|c| !is_unsafe(*c)).collect();
            cell.set_symbol(if kept.is_empty() { "?" } else { &kept });
        }
    }
}

/// An empty ratatui terminal of a fixed size, so that ratatui never queries it.
fn blank(
    canvas: &FrameBuffer,
    columns: u16,
    rows: u16,
) -> io::Result<Terminal<ErasingBackend<FrameBuffer>>> {
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, columns, rows)),
    };
    Terminal::with_options(ErasingBackend::new(canvas.clone()), options)
}

/// Restores the terminal; has no effect if it is not entered.
pub fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    shut();
    let mut out = io::stdout();
    let _gone = out.write_all(END);
    let _gone = out.write_all(title::RESTORE_TITLE);
    let _gone = execute!(
        out,
        event::DisableMouseCapture,
        event::DisableBracketedPaste,
        cursor::Show,
        style::ResetColor,
        terminal::LeaveAlternateScreen
    );
    discard_input();
    let _gone = terminal::disable_raw_mode();
    print_held();
}

/// Discards pending input, so that it is not typed into the shell. Mouse reports may still be in
/// flight, so they are waited for.
fn discard_input() {
    let _gone = rustix::termios::tcflush(rustix::stdio::stdin(), QueueSelector::IFlush);
    if !MOUSE.swap(false, Ordering::SeqCst) {
        return;
    }
    for _ in 0..MAX_REPORTS {
        let stdin = rustix::stdio::stdin();
        let mut waited = [PollFd::new(&stdin, PollFlags::IN)];
        if !matches!(poll(&mut waited, Some(&MOUSE_SETTLE)), Ok(1..)) {
            return;
        }
        if rustix::termios::tcflush(stdin, QueueSelector::IFlush).is_err() {
            return;
        }
    }
}

/// Returns whether the dashboard has the terminal.
pub(super) fn is_ours() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

/// Sets the state of [`is_ours`] in tests, which have no terminal.
#[cfg(test)]
pub(super) fn pretend(on: bool) {
    ENTERED.store(on, Ordering::SeqCst);
}

/// Returns whether a frame changes the screen: without changes ratatui still resets the style and
/// hides the cursor.
pub(super) fn changes_screen(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        if first != 0x1b {
            return true;
        }
        let end = tail
            .iter()
            .skip(1)
            .position(|byte| (0x40..=0x7e).contains(byte));
        let Some(end) = end else { return true };
        // Cursor movements and clearing are changes; styles and cursor modes are not.
        if !matches!(tail[end + 1], b'm' | b'l' | b'h') {
            return true;
        }
        rest = &tail[end + 2..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{changes_screen, mask_unsafe};
    use crate::foreign::is_unsafe;
    use ratatui::buffer::{Buffer, Cell};
    use ratatui::layout::Rect;
    use ratatui::text::Line;
    use ratatui::widgets::Widget;

    #[test]
    fn names_cannot_control_the_terminal_or_reorder_the_screen() {
        let area = Rect::new(0, 0, 20, 1);
        let mut buffer = Buffer::empty(area);
        Line::raw("a\u{202e}b\u{1b}[2J\u{9b}c\u{2066}d").render(area, &mut buffer);

        mask_unsafe(&mut buffer);

        let drawn: String = buffer.content.iter().map(Cell::symbol).collect();
        assert!(!drawn.contains(is_unsafe), "{}", drawn.escape_debug());
        assert!(drawn.starts_with("ab") && drawn.contains('d'));
    }

    #[test]
    fn a_frame_of_styles_only_changes_nothing() {
        assert!(!changes_screen(b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m\x1b[?25l"));
        assert!(changes_screen(b"\x1b[1;1H\x1b[0mx"));
        assert!(changes_screen(b"x"));
    }
}
