//! Sends a frame in few bytes, for slow lines: the shortest movement of the cursor and the shortest
//! change of the style, empty cells as one erase command, and nothing for what looks as before.

use super::style_codes::CellStyle;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Shorter runs cost less as spaces: erasing them, and moving the cursor behind them, takes up to ten
/// bytes.
const MIN_RUN: u16 = 11;
/// The same at the end of a row, behind which the cursor need not go.
const MIN_TAIL: u16 = 4;

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

/// One thing to send.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Draw(Change<'a>),
    /// Empty cells in a row, from a place on.
    Erase {
        at: (u16, u16),
        cells: u16,
    },
    /// The same, and nothing follows in the row.
    EraseRest {
        at: (u16, u16),
        cells: u16,
    },
}

/// Where the terminal writes next, and how.
#[derive(Debug)]
struct Pen {
    /// Column and row; `None` where that is not known for sure.
    at: Option<(u16, u16)>,
    style: CellStyle,
    bytes: Vec<u8>,
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

/// A cell without what is not visible: a space is a space, whatever its colour.
fn visible(cell: &Cell) -> &Cell {
    if cell.symbol() == " " && CellStyle::of(cell).is_blank() {
        &EMPTY
    } else {
        cell
    }
}

fn looks_as(one: &Cell, other: &Cell) -> bool {
    one.symbol() == other.symbol() && CellStyle::of(one) == CellStyle::of(other)
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
        let is_empty = |cell: &Cell| looks_as(cell, &EMPTY);
        (from..until).all(|x| self.get(x, y).is_some_and(is_empty))
    }

    /// Whether all cells of a row from a column on are empty.
    fn is_empty_from(&self, from: u16, y: u16) -> bool {
        let length = self.0.get(usize::from(y)).map_or(0, Vec::len);
        self.is_empty(from, u16::try_from(length).unwrap_or(u16::MAX), y)
    }

    /// What is to be sent for changed cells, which come row by row. Cells that are empty already do not
    /// interrupt a run of empty ones.
    fn steps<'a>(&self, content: impl Iterator<Item = Change<'a>>) -> Vec<Step<'a>> {
        let changes = content.map(|(x, y, cell)| (x, y, visible(cell)));
        let is_new = |&(x, y, cell): &Change<'_>| {
            let shown = self.get(x, y);
            !shown.is_some_and(|shown| looks_as(shown, cell))
        };
        let changes: Vec<Change<'a>> = changes.filter(is_new).collect();
        let mut steps = Vec::with_capacity(changes.len());
        let mut rest = &changes[..];
        while let Some(&(x, y, first)) = rest.first() {
            let (run, last) = if looks_as(first, &EMPTY) {
                self.empty_run(rest)
            } else {
                (1, x)
            };
            let (cells, at) = (last + 1 - x, (x, y));
            let ends_row = rest.get(run).is_none_or(|&(_, row, _)| row != y);
            if ends_row && cells >= MIN_TAIL && self.is_empty_from(last + 1, y) {
                steps.push(Step::EraseRest { at, cells });
            } else if cells >= MIN_RUN {
                steps.push(Step::Erase { at, cells });
            } else {
                steps.extend(rest[..run].iter().map(|&change| Step::Draw(change)));
            }
            rest = &rest[run..];
        }
        steps
    }

    /// The number of changes at the beginning that make cells empty without a visible one between them,
    /// and the column of the last.
    fn empty_run(&self, changes: &[Change<'_>]) -> (usize, u16) {
        let (mut count, mut last) = (0, 0);
        for &(x, y, cell) in changes {
            let continues = count == 0 || (changes[0].1 == y && self.is_empty(last + 1, x, y));
            if !continues || !looks_as(cell, &EMPTY) {
                break;
            }
            (count, last) = (count + 1, x);
        }
        (count, last)
    }

    /// The unchanged cells from one column to before another, if sending them again in this style takes
    /// fewer than `less_than` bytes.
    fn again(
        &self,
        from: u16,
        (x, y): (u16, u16),
        style: CellStyle,
        less_than: usize,
    ) -> Option<String> {
        let mut text = String::new();
        for x in from..x {
            let cell = self.get(x, y)?;
            let is_blank = looks_as(cell, &EMPTY) && style.is_blank();
            let is_narrow = cell.symbol().width() == 1;
            if !is_narrow || !(is_blank || CellStyle::of(cell) == style) {
                return None;
            }
            text.push_str(cell.symbol());
            if text.len() >= less_than {
                return None;
            }
        }
        Some(text)
    }
}

impl Pen {
    fn new() -> Self {
        Self {
            at: None,
            style: CellStyle::DEFAULT,
            bytes: Vec::new(),
        }
    }

    fn send(&mut self, shown: &ShownCells, step: Step<'_>) {
        match step {
            Step::Draw((x, y, cell)) => {
                self.go_to(shown, (x, y));
                let style = CellStyle::of(cell);
                // A space looks the same in many styles.
                let is_same = looks_as(cell, &EMPTY) && self.style.is_blank();
                if !is_same {
                    self.turn(style);
                }
                self.bytes.extend_from_slice(cell.symbol().as_bytes());
                // Terminals differ in the width of wide characters.
                self.at = (cell.symbol().width() == 1).then_some((x + 1, y));
            }
            Step::Erase { at, cells } => self.erase(shown, at, &format!("\x1b[{cells}X")),
            Step::EraseRest { at, .. } => self.erase(shown, at, "\x1b[K"),
        }
    }

    /// Erased cells take over the background.
    fn erase(&mut self, shown: &ShownCells, at: (u16, u16), command: &str) {
        self.go_to(shown, at);
        if !self.style.is_blank() {
            self.turn(CellStyle::DEFAULT);
        }
        self.bytes.extend_from_slice(command.as_bytes());
    }

    fn turn(&mut self, style: CellStyle) {
        let sequence = self.style.sequence_to(style);
        self.bytes.extend_from_slice(sequence.as_bytes());
        self.style = style;
    }

    /// Moves the cursor in the shortest way.
    fn go_to(&mut self, shown: &ShownCells, (x, y): (u16, u16)) {
        let right = |cells: u16| match cells {
            0 => String::new(),
            1 => "\x1b[C".to_owned(),
            cells => format!("\x1b[{cells}C"),
        };
        let mut shortest = format!("\x1b[{};{}H", y + 1, x + 1);
        match self.at {
            Some(at) if at == (x, y) => return,
            Some((from, row)) if row == y && from < x => {
                let step = right(x - from);
                let again = shown.again(from, (x, y), self.style, step.len());
                shortest = again.unwrap_or(step);
            }
            Some((_, row)) if row + 1 == y => {
                let next_row = format!("\r\n{}", right(x));
                if next_row.len() < shortest.len() {
                    shortest = next_row;
                }
            }
            _ => {}
        }
        self.bytes.extend_from_slice(shortest.as_bytes());
        self.at = Some((x, y));
    }
}

impl<W: Write> Backend for ErasingBackend<W> {
    type Error = io::Error;

    /// Begins and ends in the default style.
    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut pen = Pen::new();
        for step in self.shown.steps(content) {
            pen.send(&self.shown, step);
            match step {
                Step::Draw(change) => self.shown.draw(change),
                Step::Erase { at: (x, y), cells } | Step::EraseRest { at: (x, y), cells } => {
                    for x in x..x + cells {
                        self.shown.set(x, y, Some(&EMPTY));
                    }
                }
            }
        }
        pen.turn(CellStyle::DEFAULT);
        self.inner.write_all(&pen.bytes)
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
