//! Sends a frame in fewer bytes, for slow lines: empty cells as one erase command, and short unchanged
//! pieces again instead of a movement of the cursor over them. A screen that gives way to another is
//! mostly that, and costs half.

use crossterm::QueueableCommand;
use crossterm::cursor::MoveTo;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Shorter runs cost less as spaces: moving the cursor and erasing take up to 13 bytes.
const MIN_RUN: u16 = 14;
/// Longer gaps cost more than a movement of the cursor, which takes up to 8 bytes.
const MAX_GAP: u16 = 7;

/// A cell without a character.
const EMPTY: Cell = Cell::EMPTY;

/// A changed cell: column, row, content.
type Change<'a> = (u16, u16, &'a Cell);

/// A backend for terminals that know ECH (`ESC [ n X`), as all since the VT220 do.
#[derive(Debug)]
pub(super) struct ErasingBackend<W: Write> {
    inner: CrosstermBackend<W>,
    shown: ShownCells,
}

/// What the terminal shows, by row and column: nothing where nothing was drawn since it was cleared, and
/// `None` where that is not known for sure.
#[derive(Debug, Default)]
struct ShownCells(Vec<Vec<Option<Cell>>>);

/// Empty cells in a row.
#[derive(Debug, Clone, Copy)]
struct EmptyRun {
    at: (u16, u16),
    cells: u16,
}

impl<W: Write> ErasingBackend<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            inner: CrosstermBackend::new(writer),
            shown: ShownCells::default(),
        }
    }

    /// The terminal was cleared.
    pub(super) fn cleared(&mut self) {
        self.shown = ShownCells::default();
    }
}

impl ShownCells {
    fn get(&self, x: u16, y: u16) -> Option<&Cell> {
        let row = self.0.get(usize::from(y));
        match row.and_then(|row| row.get(usize::from(x))) {
            Some(cell) => cell.as_ref(),
            None => Some(&EMPTY),
        }
    }

    fn set(&mut self, x: u16, y: u16, cell: Option<&Cell>) {
        let (x, y) = (usize::from(x), usize::from(y));
        if self.0.len() <= y {
            self.0.resize_with(y + 1, Vec::new);
        }
        if self.0[y].len() <= x {
            self.0[y].resize(x + 1, Some(EMPTY));
        }
        self.0[y][x] = cell.cloned();
    }

    fn draw(&mut self, (x, y, cell): Change<'_>) {
        self.set(x, y, Some(cell));
        if cell.symbol().width() != 1 {
            // Its other half has no cell of its own.
            self.set(x + 1, y, None);
        }
    }

    /// Whether the cells of a row from one column to before another are empty.
    fn is_empty(&self, from: u16, until: u16, y: u16) -> bool {
        (from..until).all(|x| self.get(x, y) == Some(&EMPTY))
    }

    /// Takes the long runs of empty cells out of changed cells, which come row by row. Cells that are
    /// empty already do not interrupt a run.
    fn split<'a>(
        &self,
        content: impl Iterator<Item = Change<'a>>,
    ) -> (Vec<Change<'a>>, Vec<EmptyRun>) {
        let (mut kept, mut runs) = (Vec::new(), Vec::new());
        let mut run: Vec<Change<'a>> = Vec::new();
        let mut end = |run: &mut Vec<Change<'a>>, kept: &mut Vec<Change<'a>>| {
            if let (Some(&(from, y, _)), Some(&(last, _, _))) = (run.first(), run.last()) {
                let cells = last + 1 - from;
                if cells >= MIN_RUN {
                    runs.push(EmptyRun {
                        at: (from, y),
                        cells,
                    });
                    run.clear();
                }
            }
            kept.append(run);
        };
        for (x, y, cell) in content {
            let continues = run
                .last()
                .is_none_or(|&(last, row, _)| row == y && self.is_empty(last + 1, x, y));
            if !continues {
                end(&mut run, &mut kept);
            }
            if *cell == EMPTY {
                run.push((x, y, cell));
            } else {
                end(&mut run, &mut kept);
                kept.push((x, y, cell));
            }
        }
        end(&mut run, &mut kept);
        (kept, runs)
    }

    /// The unchanged cells between two changed ones, if it is cheaper to send them again than to move
    /// over them: one byte each, in the style of the first.
    fn gap<'s>(&'s self, from: Change<'_>, to: Change<'_>) -> Vec<Change<'s>> {
        let (x, y, before) = from;
        if to.1 != y || to.0 <= x + 1 || to.0 - x - 1 > MAX_GAP {
            return Vec::new();
        }
        let looks_so = |cell: &&Cell| {
            let style = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
            cell.symbol().len() == 1 && style(cell) == style(before)
        };
        let cells = (x + 1..to.0).map(|x| {
            let cell = self.get(x, y).filter(looks_so)?;
            Some((x, y, cell))
        });
        // A wide character leaves the cursor further right.
        let is_narrow = before.symbol().width() == 1;
        let cells: Option<Vec<Change<'s>>> = cells.collect();
        cells.filter(|_| is_narrow).unwrap_or_default()
    }
}

impl<W: Write> Backend for ErasingBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let (kept, runs) = self.shown.split(content);
        let mut sent: Vec<Change<'_>> = Vec::with_capacity(kept.len());
        for (index, &change) in kept.iter().enumerate() {
            if let Some(&before) = index.checked_sub(1).and_then(|index| kept.get(index)) {
                sent.extend(self.shown.gap(before, change));
            }
            sent.push(change);
        }
        // It leaves the default style, which erased cells take over.
        self.inner.draw(sent.into_iter())?;
        for change in kept {
            self.shown.draw(change);
        }
        for EmptyRun { at, cells } in runs {
            self.inner.queue(MoveTo(at.0, at.1))?;
            write!(self.inner, "\x1b[{cells}X")?;
            for x in at.0..at.0 + cells {
                self.shown.draw((x, at.1, &EMPTY));
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.cleared();
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.cleared();
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}
