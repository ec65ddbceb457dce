//! A stacked area chart of parts over time. With colours, each part has its own hue, in half rows;
//! without, its own letter. A column without requests is drawn as absent:
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
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

/// Cells for the legend on the right: a gap, a letter, a name, whole percent.
const NAMES: u16 = 18;
const NAME: usize = 10;
/// Maximum number of parts; the smallest are merged into one, but never the selected part.
const MAX_PARTS: usize = 9;
/// Minimum seconds per column; a shorter one has too few requests to compare.
const MIN_SECONDS: u64 = 5;
/// Minimum size of the chart.
const MIN_SIZE: (u16, u16) = (AXIS + NAMES + 10, 4);

/// One part; parts are compared by their requests.
#[derive(Debug, Clone, Copy)]
pub struct AreaPart<'a> {
    pub name: &'a str,
    pub series: &'a Series,
    /// The part under the cursor, which is highlighted.
    pub is_selected: bool,
    /// Its hue; `None` without colours.
    pub hue: Option<Color>,
}

/// A drawn part, or several merged ones.
struct Band {
    letter: char,
    name: String,
    columns: Vec<u64>,
    is_selected: bool,
    hue: Option<Color>,
}

impl Band {
    fn total(&self) -> u64 {
        self.columns.iter().sum()
    }
}

/// Returns whether the chart fits.
pub fn fits(area: Rect) -> bool {
    area.width >= MIN_SIZE.0 && area.height >= MIN_SIZE.1
}

/// Draws the parts, the first on top, and the times in the last row. The newest column, which is
/// not over, is dim.
pub fn draw(parts: &[AreaPart<'_>], theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(first) = parts.first().filter(|_| fits(area)) else {
        return;
    };
    let rows = area.height - 1;
    let available = usize::from(area.width - AXIS - NAMES);
    let (count, used) = used(first.series, available);
    let bands = bands(parts, count, usize::from(rows));
    axis(rows, theme, area, buffer);
    let mut last = vec![0; bands.len()];
    for column in 0..count {
        let values: Vec<f64> = bands.iter().map(|it| it.columns[column] as f64).collect();
        let heights = stack::cells(&values, usize::from(rows));
        if heights.iter().sum::<usize>() > 0 {
            last.clone_from(&heights);
        }
        let is_open = column + 1 == count;
        let hues: Option<Vec<Color>> = bands.iter().map(|band| band.hue).collect();
        let age = if is_open && hues.is_none() {
            Modifier::DIM
        } else {
            Modifier::empty()
        };
        let drawn = match hues {
            Some(hues) => {
                let halves = stack::cells(&values, usize::from(rows) * 2);
                half_rows(&hues, &halves, is_open, (rows, theme))
            }
            None => column_cells(&bands, &heights, rows, theme),
        };
        for (y, (cell, style)) in (0..rows).zip(drawn) {
            for x in column * used / count..(column + 1) * used / count {
                let x = area.x + AXIS + u16::try_from(x).unwrap_or(0);
                if let Some(drawn) = buffer.cell_mut((x, area.y + y)) {
                    drawn.set_char(cell).set_style(style.add_modifier(age));
                }
            }
        }
    }
    let width = AXIS + u16::try_from(used).unwrap_or(0);
    chart::times(first.series, &[], theme, Rect { width, ..area }, buffer);
    let names = Rect {
        x: area.x + width + 1,
        width: area.width - width - 1,
        height: rows,
        ..area
    };
    legend(&bands, &last, theme, names, buffer);
}

/// Part of the cells that whole columns may leave unused, as one in so many.
const UNUSED: usize = 4;

/// The number of columns, and the cells of all of them: whole ones each, unless that leaves much of
/// the area unused.
fn used(series: &Series, available: usize) -> (usize, usize) {
    let (count, cells) = grid(series, available);
    let used = count * cells;
    if available.saturating_sub(used) > available / UNUSED {
        (count, available)
    } else {
        (count, used)
    }
}

/// The number of columns and the whole cells of each, so that the chart moves by whole columns.
fn grid(series: &Series, available: usize) -> (usize, usize) {
    let buckets = series.buckets.len().max(1);
    let least = MIN_SECONDS.div_ceil(series.bucket_seconds.max(1));
    let merged = buckets.div_ceil(available.max(1));
    let merged = merged.max(usize::try_from(least).unwrap_or(1));
    let count = buckets.div_ceil(merged);
    (count, (available / count).max(1))
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
        is_selected: part.is_selected,
        hue: part.hue,
    };
    let mut bands: Vec<Band> = parts.iter().map(band).collect();
    bands.retain(|band| band.total() > 0);
    let most = MAX_PARTS.min(rows);
    if bands.len() > most {
        let mut ranked: Vec<usize> = (0..bands.len()).collect();
        ranked.sort_by_key(|&at| std::cmp::Reverse((bands[at].is_selected, bands[at].total())));
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

/// The smallest parts as one.
fn merged(small: &[Band], count: usize) -> Band {
    let sum = |at: usize| small.iter().map(|band| band.columns[at]).sum();
    Band {
        letter: '+',
        name: format!("{} others", small.len()),
        columns: (0..count).map(sum).collect(),
        is_selected: false,
        hue: small
            .first()
            .and_then(|band| band.hue)
            .map(|_| Color::DarkGray),
    }
}

/// The first letter of a name that is not taken, else any free letter.
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
            (band.letter, style(band, at, theme)),
            height,
        ));
    }
    if cells.is_empty() {
        cells = vec![(theme.absent(), theme.dim()); usize::from(rows)];
    }
    cells
}

/// The cells of one column from top to bottom, each with two parts above each other. A column that
/// is not over is hatched.
fn half_rows(
    hues: &[Color],
    halves: &[usize],
    is_open: bool,
    (rows, theme): (u16, Theme),
) -> Vec<(char, Style)> {
    let parts = hues.iter().zip(halves);
    let parts: Vec<Color> = parts
        .flat_map(|(&hue, &height)| std::iter::repeat_n(hue, height))
        .collect();
    if parts.is_empty() {
        return vec![(theme.absent(), theme.dim()); usize::from(rows)];
    }
    let cell = |pair: &[Color]| {
        let (upper, lower) = (pair[0], pair[pair.len() - 1]);
        if is_open {
            ('▒', Style::default().fg(lower))
        } else {
            ('▀', Style::default().fg(upper).bg(lower))
        }
    };
    parts.chunks(2).map(cell).collect()
}

/// The style of a part: the selected one is highlighted, every second other one is dim.
fn style(band: &Band, at: usize, theme: Theme) -> Style {
    if band.is_selected {
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

/// Draws letter, name and percentage of each part next to the newest column, as close to the part
/// as the other labels allow.
fn legend(bands: &[Band], last: &[usize], theme: Theme, area: Rect, buffer: &mut Buffer) {
    let all: u64 = bands.iter().map(Band::total).sum();
    if bands.is_empty() {
        line(Line::styled("no requests", theme.dim()), area, 0, buffer);
        return;
    }
    let rows = usize::from(area.height);
    let (mut edge, mut free) = (0, 0);
    for (at, (band, height)) in bands.iter().zip(last).enumerate() {
        let below = bands.len() - 1 - at;
        let y = edge.max(free).min(rows.saturating_sub(1 + below));
        (edge, free) = (edge + height, y + 1);
        let part = format::share(band.total() as f64 / all as f64);
        let letter = match (band.hue, band.is_selected) {
            (None, _) => band.letter,
            (Some(_), true) => '>',
            (Some(_), false) => ' ',
        };
        let text = format!(
            "{letter} {} {}",
            format::left(&band.name, NAME),
            format::right(&format!("{part}%"), 4)
        );
        let y = u16::try_from(y).unwrap_or(0);
        let style = match band.hue {
            // Words are never grey or white.
            Some(Color::DarkGray | Color::Gray | Color::White) if band.is_selected => {
                theme.strong()
            }
            Some(Color::DarkGray | Color::Gray | Color::White) => Style::default(),
            Some(hue) if band.is_selected => theme.strong().fg(hue),
            Some(hue) => Style::default().fg(hue),
            None if band.is_selected => theme.accent(),
            None => Style::default(),
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
                is_selected: false,
                hue: None,
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
    fn parts_differ_without_colours_and_gaps_stay_gaps() {
        insta::assert_snapshot!("share_area", picture(&shifting(), Theme::default(), 48, 11));
        let ascii = Theme {
            ascii: true,
            ..Theme::default()
        };
        insta::assert_snapshot!("share_area_ascii", picture(&shifting(), ascii, 48, 11));
    }

    #[test]
    fn the_smallest_of_many_parts_are_merged() {
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
    fn the_newest_column_is_dim_and_the_selected_part_is_highlighted() {
        let series = series(&[4; 12]);
        let part = |name, is_selected| AreaPart {
            name,
            series: &series,
            is_selected,
            hue: None,
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
    fn with_colours_parts_are_half_rows_of_their_hues() {
        let (one, two) = (series(&[4; 12]), series(&[8; 12]));
        let part = |name, series, hue| AreaPart {
            name,
            series,
            is_selected: false,
            hue: Some(hue),
        };
        let area = Rect::new(0, 0, AXIS + NAMES + 12, 8);
        let mut buffer = Buffer::empty(area);
        let parts = [
            part("one", &one, Color::Blue),
            part("two", &two, Color::Cyan),
        ];
        draw(&parts, Theme::default(), area, &mut buffer);
        // A third of seven rows is four half rows and two thirds of one.
        let cell = |y: u16| {
            let cell = &buffer[(AXIS, y)];
            (cell.symbol().to_owned(), cell.fg, cell.bg)
        };
        let half = "▀".to_owned();
        assert_eq!(cell(1), (half.clone(), Color::Blue, Color::Blue));
        assert_eq!(cell(2), (half.clone(), Color::Blue, Color::Cyan));
        assert_eq!(cell(3), (half, Color::Cyan, Color::Cyan));
        assert_eq!(buffer[(AXIS + 11, 3)].symbol(), "▒", "not over yet");
    }

    #[test]
    fn columns_are_long_enough_to_compare() {
        let grid = |bucket_seconds, available| {
            let series = Series {
                bucket_seconds,
                ..series(&[1; 60])
            };
            grid(&series, available)
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
            if !fits(Rect::new(0, 0, width, height)) {
                return Ok(());
            }
            let (_, cells) = used(&parts[0].1, usize::from(width - AXIS - NAMES));
            prop_assert!(cells <= usize::from(width - AXIS - NAMES));
            for x in 0..cells {
                for y in 0..height - 1 {
                    let cell = rows[usize::from(y)].get(usize::from(AXIS) + x);
                    prop_assert!(cell.is_some_and(|cell| *cell != ' '), "column {x} of\n{seen}");
                }
            }
        }
    }
}
