//! The terminal: entered once, given back on every way out, and written to in one piece per frame.

use super::frame_pacer::DSR_QUERY;
use super::held_messages::print_held;
use super::title;
use super::writer::{Writer, shut, write_whole};
use crossterm::{cursor, event, execute, style, terminal};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::QueueSelector;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Around a frame: terminals that know it show the frame at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Whether there is something to give back.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Whether the terminal has been asked to tell of the mouse.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// After this long without a report the mouse has nothing more under way, and so many reports are
/// waited for at most.
const MOUSE_SETTLE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 30_000_000,
};
const MAX_REPORTS: usize = 8;

/// Where ratatui writes a frame before it goes out in one piece.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameBuffer(Rc<RefCell<Vec<u8>>>);

impl FrameBuffer {
    /// Takes what was written since the last time.
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

/// The screen, ours until it is dropped.
#[derive(Debug)]
pub struct TerminalScreen {
    canvas: FrameBuffer,
    terminal: Terminal<CrosstermBackend<FrameBuffer>>,
    /// Nothing only while the screen is being given back.
    writer: Option<Writer>,
    mouse: bool,
    /// What the terminal was told last.
    title: String,
}

impl TerminalScreen {
    /// Takes the terminal. What panics say meanwhile waits until it is given back.
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

    /// Whether a frame is under way; none is drawn meanwhile, so that the newest comes next.
    pub fn is_busy(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::is_busy)
    }

    /// Resolves when the frame under way is out; the error is the end of the terminal.
    pub async fn written(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Some(writer) => writer.written().await,
            None => std::future::pending().await,
        }
    }

    /// Draws what has changed: one write, and none where nothing has. Says whether there was one.
    pub fn draw(&mut self, asks: bool, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        let keep = self.canvas.0.borrow().len();
        self.terminal.draw(picture)?;
        let bytes = self.canvas.take();
        if keep == 0 && !moves_anything(&bytes) {
            return Ok(false);
        }
        let confirm = if asks { DSR_QUERY } else { &[] };
        let frame = [BEGIN, &bytes, END, confirm].concat();
        if let Some(writer) = &mut self.writer {
            writer.send(frame);
        }
        Ok(true)
    }

    /// The cells that there are.
    pub fn size(&mut self) -> Rect {
        self.terminal.get_frame().area()
    }

    /// Goes out with the next frame, before it.
    pub fn queue_escape(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.canvas.write_all(bytes)
    }

    /// Names the terminal where it has another name; goes out with the next frame.
    pub fn set_title(&mut self, title: String) -> io::Result<()> {
        if self.title == title {
            return Ok(());
        }
        self.queue_escape(&title::sequence(&title))?;
        self.title = title;
        Ok(())
    }

    /// Lets the terminal tell of the mouse, or leaves the mouse to the terminal.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        MOUSE.fetch_or(on, Ordering::SeqCst);
        self.queue_escape(if on {
            b"\x1b[?1000h\x1b[?1006h"
        } else {
            b"\x1b[?1006l\x1b[?1000l"
        })
    }

    /// The terminal may have another size: everything is drawn again with the next frame.
    pub fn resize(&mut self) -> io::Result<()> {
        let (columns, rows) = terminal::size()?;
        self.terminal = blank(&self.canvas, columns, rows)?;
        self.repaint()
    }

    /// Everything is drawn again with the next frame.
    pub fn repaint(&mut self) -> io::Result<()> {
        // What ratatui calls clearing asks the terminal for its cursor, and a terminal that does
        // not answer would hold us up: so the screen is emptied here, and the last frame forgotten.
        self.terminal.swap_buffers();
        execute!(
            self.canvas,
            style::ResetColor,
            terminal::Clear(terminal::ClearType::All)
        )
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
        restore();
    }

    /// Takes it again, whatever was done to it meanwhile.
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

/// Raw mode, the other screen, no cursor, pastes in one piece, and the title kept; says how large
/// the screen is.
fn take() -> io::Result<(u16, u16)> {
    let size = terminal::size()?;
    terminal::enable_raw_mode()?;
    // Where it was stopped and goes on, the title to give back is kept already.
    let is_ours = ENTERED.swap(true, Ordering::SeqCst);
    let mut out = if is_ours { &[] } else { title::SAVE_TITLE }.to_vec();
    execute!(
        out,
        terminal::EnterAlternateScreen,
        cursor::Hide,
        event::EnableBracketedPaste
    )?;
    write_whole(&out)?;
    Ok(size)
}

/// A picture of nothing, of a size that we tell and do not ask for.
fn blank(
    canvas: &FrameBuffer,
    columns: u16,
    rows: u16,
) -> io::Result<Terminal<CrosstermBackend<FrameBuffer>>> {
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, columns, rows)),
    };
    Terminal::with_options(CrosstermBackend::new(canvas.clone()), options)
}

/// Gives the terminal back as it was; harmless where it has been already, or never was ours.
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
    throw_away_input();
    let _gone = terminal::disable_raw_mode();
    print_held();
}

/// What a mouse or an impatient hand sent meanwhile is not typed into the shell. Reports of a mouse
/// may still be on their way when it is given back, so they are waited for.
fn throw_away_input() {
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

/// Whether there is a screen on it.
pub(super) fn is_ours() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

/// Makes believe that there is, or no longer is: tests have no terminal.
#[cfg(test)]
pub(super) fn pretend(on: bool) {
    ENTERED.store(on, Ordering::SeqCst);
}

/// Whether a frame puts any character on the screen: with nothing changed ratatui still resets
/// the style and hides the cursor.
pub(super) fn moves_anything(bytes: &[u8]) -> bool {
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
        // A cursor movement or a clearing is a change too; styles and the cursor's look are not.
        if !matches!(tail[end + 1], b'm' | b'l' | b'h') {
            return true;
        }
        rest = &tail[end + 2..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::moves_anything;

    #[test]
    fn a_frame_of_styles_alone_changes_nothing() {
        assert!(!moves_anything(b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m\x1b[?25l"));
        assert!(moves_anything(b"\x1b[1;1H\x1b[0mx"));
        assert!(moves_anything(b"x"));
    }
}
