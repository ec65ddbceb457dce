//! Parts of a whole over time, stacked, each of its own letter, so that no colour is needed; a column
//! without anything is drawn as absent:
//!
//! ```text
//! 100%│aaaaaaaa··aaaaaaaa a anthropic  41%
//!     │aaaaaaaa··aaaaaaaa
//!     │ooooooaa··aaaaaaaa
//!  50%│oooooooo··oooooooo o openai     38%
//!     │oooooooo··ooooooog
//!     │ggggoogg··gggggggg g google     21%
//!   0%│gggggggg··gggggggg
//!      02:59   03:04
//! ```

use super::chart::{self, AXIS};
use super::{stack, strip};
use crate::contract::Series;
use crate::tui::format;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

/// Cells for the names at the right: a gap, a letter, a name, whole percent.
const NAMES: u16 = 18;
const NAME: usize = 10;
/// More parts than that cannot be told apart; the smallest are drawn as one, but never the chosen.
const MAX_PARTS: usize = 9;
/// Seconds of a column at least: in fewer there are too few requests to compare.
const MIN_SECONDS: u64 = 5;
/// Less room than that shows nothing over time.
const MIN_SIZE: (u16, u16) = (AXIS + NAMES + 10, 4);

/// One part: its requests are what is compared.
#[derive(Debug, Clone, Copy)]
pub struct AreaPart<'a> {
    pub name: &'a str,
    pub series: &'a Series,
    /// It stands out: the one under the cursor.
    pub is_chosen: bool,
}

/// One part as it is drawn, or several in one.
struct Band {
    letter: char,
    name: String,
    columns: Vec<u64>,
    is_chosen: bool,
}

impl Band {
    fn total(&self) -> u64 {
        self.columns.iter().sum()
    }
}

/// Whether there is room for a picture.
pub fn has_room(area: Rect) -> bool {
    area.width >= MIN_SIZE.0 && area.height >= MIN_SIZE.1
}

/// Draws the parts, the first on top; the last row has the times. The newest column, which is not
/// over yet, is dim.
pub fn draw(parts: &[AreaPart<'_>], theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(first) = parts.first().filter(|_| has_room(area)) else {
        return;
    };
    let rows = area.height - 1;
    let room = usize::from(area.width - AXIS - NAMES);
    let (count, cells) = grid(first.series, room);
    let bands = bands(parts, count, usize::from(rows));
    axis(rows, theme, area, buffer);
    let mut last = vec![0; bands.len()];
    for column in 0..count {
        let values: Vec<f64> = bands.iter().map(|it| it.columns[column] as f64).collect();
        let heights = stack::cells(&values, usize::from(rows));
        if heights.iter().sum::<usize>() > 0 {
            last.clone_from(&heights);
        }
        let age = if column + 1 == count {
            Modifier::DIM
        } else {
            Modifier::empty()
        };
        let drawn = column_cells(&bands, &heights, rows, theme);
        for (y, (cell, style)) in (0..rows).zip(drawn) {
            for x in (column * cells..).take(cells) {
                let x = area.x + AXIS + u16::try_from(x).unwrap_or(0);
                if let Some(place) = buffer.cell_mut((x, area.y + y)) {
                    place.set_char(cell).set_style(style.add_modifier(age));
                }
            }
        }
    }
    let width = AXIS + u16::try_from(count * cells).unwrap_or(0);
    chart::times(first.series, &[], theme, Rect { width, ..area }, buffer);
    let names = Rect {
        x: area.x + width + 1,
        width: area.width - width - 1,
        height: rows,
        ..area
    };
    legend(&bands, &last, theme, names, buffer);
}

/// How many columns, and how many cells each is wide: whole ones, so that the picture moves on in
/// one piece.
fn grid(series: &Series, room: usize) -> (usize, usize) {
    let buckets = series.buckets.len().max(1);
    let least = MIN_SECONDS.div_ceil(series.bucket_seconds.max(1));
    let merged = buckets.div_ceil(room.max(1));
    let merged = merged.max(usize::try_from(least).unwrap_or(1));
    let count = buckets.div_ceil(merged);
    (count, (room / count).max(1))
}

/// Those that had any part, in the order in which they came, with a letter each.
fn bands(parts: &[AreaPart<'_>], count: usize, rows: usize) -> Vec<Band> {
    let columns = |part: &AreaPart<'_>| -> Vec<u64> {
        let columns = strip::columns(part.series, count);
        columns
            .iter()
            .map(|it| u64::from(it.bucket.requests))
            .collect()
    };
    let band = |part: &AreaPart<'_>| Band {
        letter: ' ',
        name: part.name.to_owned(),
        columns: columns(part),
        is_chosen: part.is_chosen,
    };
    let mut bands: Vec<Band> = parts.iter().map(band).collect();
    bands.retain(|band| band.total() > 0);
    let most = MAX_PARTS.min(rows);
    if bands.len() > most {
        let mut ranked: Vec<usize> = (0..bands.len()).collect();
        ranked.sort_by_key(|&at| std::cmp::Reverse((bands[at].is_chosen, bands[at].total())));
        let kept = &ranked[..most - 1];
        let (large, small): (Vec<_>, Vec<_>) = bands
            .into_iter()
            .enumerate()
            .partition(|(at, _)| kept.contains(at));
        bands = large.into_iter().map(|(_, band)| band).collect();
        let small: Vec<Band> = small.into_iter().map(|(_, band)| band).collect();
        bands.push(merged(&small, count));
    }
    let mut taken = Vec::new();
    for band in &mut bands {
        if band.letter == ' ' {
            band.letter = letter(&band.name, &taken);
        }
        taken.push(band.letter);
    }
    bands
}

/// All of the smallest as one.
fn merged(small: &[Band], count: usize) -> Band {
    let sum = |at: usize| small.iter().map(|band| band.columns[at]).sum();
    Band {
        letter: '+',
        name: format!("{} others", small.len()),
        columns: (0..count).map(sum).collect(),
        is_chosen: false,
    }
}

/// The first of a name that nobody has yet, else any.
fn letter(name: &str, taken: &[char]) -> char {
    let own = name.chars().map(|c| c.to_ascii_lowercase());
    let own = own.filter(char::is_ascii_alphanumeric);
    let mut letters = own.chain('a'..='z');
    letters.find(|c| !taken.contains(c)).unwrap_or('?')
}

/// The cells of one column from top to bottom.
fn column_cells(bands: &[Band], heights: &[usize], rows: u16, theme: Theme) -> Vec<(char, Style)> {
    let mut cells = Vec::with_capacity(usize::from(rows));
    for (at, (band, &height)) in bands.iter().zip(heights).enumerate() {
        cells.extend(std::iter::repeat_n(
            (band.letter, look(band, at, theme)),
            height,
        ));
    }
    if cells.is_empty() {
        cells = vec![(theme.absent(), theme.dim()); usize::from(rows)];
    }
    cells
}

/// The chosen part stands out, and of the others every second one is dim.
fn look(band: &Band, at: usize, theme: Theme) -> Style {
    if band.is_chosen {
        theme.accent()
    } else if at.is_multiple_of(2) {
        Style::default()
    } else {
        theme.dim()
    }
}

fn axis(rows: u16, theme: Theme, area: Rect, buffer: &mut Buffer) {
    for y in 0..rows {
        let label = match y {
            0 => "100%",
            _ if y + 1 == rows => "0%",
            _ if y == rows / 2 => "50%",
            _ => "",
        };
        let label = format::right(label, usize::from(AXIS) - 1);
        let text = format!("{label}{}", theme.mark('│', '|'));
        buffer.set_string(area.x, area.y + y, text, theme.dim());
    }
}

/// Letter, name and part of the whole picture, each where its part ends in the newest column, as
/// far as they do not push each other away.
fn legend(bands: &[Band], last: &[usize], theme: Theme, area: Rect, buffer: &mut Buffer) {
    let all: u64 = bands.iter().map(Band::total).sum();
    if bands.is_empty() {
        line(Line::styled("nothing asked", theme.dim()), area, 0, buffer);
        return;
    }
    let rows = usize::from(area.height);
    let (mut edge, mut free) = (0, 0);
    for (at, (band, height)) in bands.iter().zip(last).enumerate() {
        let below = bands.len() - 1 - at;
        let y = edge.max(free).min(rows.saturating_sub(1 + below));
        (edge, free) = (edge + height, y + 1);
        let part = format::share(band.total() as f64 / all as f64);
        let text = format!(
            "{} {} {}",
            band.letter,
            format::left(&band.name, NAME),
            format::right(&format!("{part}%"), 4)
        );
        let y = u16::try_from(y).unwrap_or(0);
        let style = if band.is_chosen {
            theme.accent()
        } else {
            Style::default()
        };
        line(Line::styled(text, style), area, y, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::TimeBucket;
    use proptest::prelude::*;

    fn series(requests: &[u32]) -> Series {
        let bucket = |&requests: &u32| TimeBucket {
            requests,
            ..TimeBucket::default()
        };
        Series {
            bucket_seconds: 60,
            last_start: 1_795_489_200,
            buckets: requests.iter().map(bucket).collect(),
        }
    }

    fn picture(parts: &[(&str, Series)], theme: Theme, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let parts: Vec<AreaPart<'_>> = parts
            .iter()
            .map(|(name, series)| AreaPart {
                name,
                series,
                is_chosen: false,
            })
            .collect();
        draw(&parts, theme, area, &mut buffer);
        let row = |y: u16| -> String {
            let cells = (0..width).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }

    fn shifting() -> Vec<(&'static str, Series)> {
        vec![
            ("anthropic", series(&[2, 2, 3, 0, 5, 6, 8, 8, 8, 9, 9, 9])),
            ("azure", series(&[0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0])),
            ("openai", series(&[8, 8, 7, 0, 5, 3, 1, 1, 1, 1, 1, 1])),
            ("idle", series(&[0; 12])),
        ]
    }

    #[test]
    fn parts_are_told_apart_without_colours_and_a_gap_is_a_gap() {
        insta::assert_snapshot!("share_area", picture(&shifting(), Theme::default(), 48, 11));
        let ascii = Theme {
            ascii: true,
            ..Theme::default()
        };
        insta::assert_snapshot!("share_area_ascii", picture(&shifting(), ascii, 48, 11));
    }

    #[test]
    fn the_smallest_of_many_are_one_part() {
        let names: Vec<String> = (0..30).map(|at| format!("vendor-{at}")).collect();
        let parts: Vec<(&str, Series)> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let requests = if at % 5 == 0 { 40 } else { 2 };
                (name.as_str(), series(&[requests; 12]))
            })
            .collect();
        insta::assert_snapshot!(
            "share_area_of_many",
            picture(&parts, Theme::default(), 60, 21)
        );
    }

    #[test]
    fn the_newest_column_is_dim_and_the_chosen_part_stands_out() {
        let series = series(&[4; 12]);
        let part = |name, is_chosen| AreaPart {
            name,
            series: &series,
            is_chosen,
        };
        let area = Rect::new(0, 0, AXIS + NAMES + 12, 9);
        let mut buffer = Buffer::empty(area);
        let parts = [part("one", false), part("two", true)];
        draw(&parts, Theme::default(), area, &mut buffer);
        let is_dim = |x: u16| buffer[(AXIS + x, 0)].modifier.contains(Modifier::DIM);
        assert_eq!([is_dim(10), is_dim(11)], [false, true]);
        let accent = Theme::default().accent().fg.unwrap();
        assert_eq!(buffer[(AXIS, 4)].symbol(), "t");
        assert_eq!(buffer[(AXIS, 4)].fg, accent);
        assert_ne!(buffer[(AXIS, 0)].fg, accent);
    }

    #[test]
    fn columns_are_as_long_as_it_takes_to_compare() {
        let grid = |bucket_seconds, room| {
            let series = Series {
                bucket_seconds,
                ..series(&[1; 60])
            };
            grid(&series, room)
        };
        assert_eq!(
            [grid(1, 61), grid(1, 24), grid(1, 9)],
            [(12, 5), (12, 2), (9, 1)]
        );
        assert_eq!(
            [grid(15, 61), grid(15, 59), grid(15, 130)],
            [(60, 1), (30, 1), (60, 2)]
        );
    }

    proptest! {
        #[test]
        fn every_column_is_filled_or_absent_at_any_size(
            values in prop::collection::vec(prop::collection::vec(0_u32..50, 60), 1..14),
            width in 1_u16..120, height in 1_u16..40,
        ) {
            let parts: Vec<(&str, Series)> =
                values.iter().map(|it| ("名name", series(it))).collect();
            let seen = picture(&parts, Theme::default(), width, height);
            let rows: Vec<Vec<char>> = seen.lines().map(|row| row.chars().collect()).collect();
            if !has_room(Rect::new(0, 0, width, height)) {
                return Ok(());
            }
            let (count, cells) = grid(&parts[0].1, usize::from(width - AXIS - NAMES));
            prop_assert!(count * cells <= usize::from(width - AXIS - NAMES));
            for x in 0..count * cells {
                for y in 0..height - 1 {
                    let cell = rows[usize::from(y)].get(usize::from(AXIS) + x);
                    prop_assert!(cell.is_some_and(|cell| *cell != ' '), "column {x} of\n{seen}");
                }
            }
        }
    }
}
