//! One row for each provider, trouble first, then by traffic. Wider screens show more columns.

use super::vendor_rows::{self, TableRow};
use crate::contract::{ProviderStatus, Series};
use crate::tui::format;
use crate::tui::model::{Model, trouble};
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// From this screen width on, some columns are wider.
const WIDE: u16 = 194;

/// One column: its head, its width, its width on a wide screen, the screen width from which it is
/// shown, and its cell.
struct TableColumn {
    head: &'static str,
    width: usize,
    wide: usize,
    from: u16,
    numeric: bool,
    cell: TableCell,
}

/// The content of a column.
enum TableCell {
    Text(fn(&ProviderStatus, &Model, usize) -> String),
    Strip(fn(&Series, usize, Theme) -> Vec<Span<'static>>),
    /// The same in the hue of the provider.
    Identity(fn(&Series, usize, Theme) -> Vec<Span<'static>>),
}

const COLUMNS: &[TableColumn] = &[
    TableColumn {
        head: "STATE",
        width: 7,
        wide: 7,
        from: 0,
        numeric: false,
        cell: TableCell::Text(|p, m, _| m.theme().state_word(p.performance.state)),
    },
    TableColumn {
        head: "PROVIDER",
        width: 13,
        wide: 13,
        from: 0,
        numeric: false,
        cell: TableCell::Text(|p, _, _| p.performance.provider.clone()),
    },
    TableColumn {
        head: "MODEL",
        width: 22,
        wide: 22,
        from: 143,
        numeric: false,
        cell: TableCell::Text(|p, _, _| models(p)),
    },
    TableColumn {
        head: "SHARE",
        width: 5,
        wide: 5,
        from: 0,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format!("{}%", format::share(p.share))),
    },
    TableColumn {
        head: "",
        width: 9,
        wide: 9,
        from: 101,
        numeric: false,
        cell: TableCell::Text(|p, m, width| share_bar(p.share, width, m)),
    },
    TableColumn {
        head: "REQ/S",
        width: 5,
        wide: 5,
        from: 0,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::rate(p.requests_per_second)),
    },
    TableColumn {
        head: "REQ",
        width: 6,
        wide: 6,
        from: 91,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::count(p.performance.requests)),
    },
    TableColumn {
        head: "RUN",
        width: 4,
        wide: 4,
        from: 78,
        numeric: true,
        cell: TableCell::Text(|p, _, _| p.performance.in_flight.to_string()),
    },
    TableColumn {
        head: "OK%",
        width: 5,
        wide: 5,
        from: 0,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::percent(p.performance.success_rate)),
    },
    TableColumn {
        head: "SUCCESS",
        width: 12,
        wide: 30,
        from: 73,
        numeric: false,
        cell: TableCell::Strip(strip::success),
    },
    TableColumn {
        head: "P50",
        width: 5,
        wide: 5,
        from: 0,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::latency(p.performance.latency_ms.p50)),
    },
    TableColumn {
        head: "P95",
        width: 5,
        wide: 5,
        from: 0,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::latency(p.performance.latency_ms.p95)),
    },
    TableColumn {
        head: "TTFT",
        width: 5,
        wide: 5,
        from: 120,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::latency(p.performance.time_to_first_token_ms.p50)),
    },
    TableColumn {
        head: "P95 TREND",
        width: 12,
        wide: 20,
        from: 120,
        numeric: false,
        cell: TableCell::Identity(strip::latency),
    },
    TableColumn {
        head: "$/H",
        width: 6,
        wide: 6,
        from: 67,
        numeric: true,
        cell: TableCell::Text(per_hour),
    },
    TableColumn {
        head: "SCORE",
        width: 5,
        wide: 5,
        from: 85,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::score(p.score)),
    },
    TableColumn {
        head: "COST LAT  REL  LOAD PRIO",
        width: 24,
        wide: 24,
        from: 168,
        numeric: false,
        cell: TableCell::Text(|p, _, _| factors(p)),
    },
];

/// Draws head and rows, scrolled so that the row under the cursor is visible.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let columns = columns(model, area.width);
    let heads = columns
        .iter()
        .map(|&(column, cells)| fit(column.head, column, cells))
        .collect::<Vec<_>>()
        .join(" ");
    line(
        Line::styled(format!("  {heads}"), theme.dim()),
        area,
        0,
        buffer,
    );
    let rows = model.rows();
    if rows.is_empty() && !model.filter.is_empty() {
        let all = model.shown().map_or(0, |status| status.providers.len());
        let text = format!("  {}", no_match(all, theme));
        line(Line::styled(text, theme.warn()), area, 1, buffer);
    }
    let available = usize::from(area.height.saturating_sub(1));
    let selected = model
        .selected()
        .map(|selected| selected.performance.provider.as_str());
    let at = rows
        .iter()
        .position(|row| Some(row.performance.provider.as_str()) == selected)
        .unwrap_or(0);
    let cut = rows.len() > available;
    if cut && model.shown().is_some_and(|status| model.is_grouped(status)) {
        let grouped = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        };
        vendors(model, (&rows, at), &columns, grouped, buffer);
        return;
    }
    let available = if cut {
        available.saturating_sub(1)
    } else {
        available
    };
    let first = (at + 1).saturating_sub(available);
    let mut y = 1;
    for (index, provider) in rows.iter().enumerate().skip(first).take(available) {
        row(model, provider, &columns, index == at, area, y, buffer);
        y += 1;
    }
    if cut {
        let hidden = rows.len().saturating_sub(available);
        let bad = rows.iter().enumerate().filter(|(index, row)| {
            (*index < first || *index >= first + available) && trouble(row.performance.state) > 1
        });
        let text = format!("  +{hidden} more, {} of them in trouble", bad.count());
        line(Line::styled(text, theme.dim()), area, y, buffer);
    }
}

/// Draws rows grouped by vendor, scrolled so that the row under the cursor is visible.
fn vendors(
    model: &Model,
    (all, at): (&[&ProviderStatus], usize),
    columns: &[(&TableColumn, usize)],
    area: Rect,
    buffer: &mut Buffer,
) {
    let available = usize::from(area.height);
    let shown = vendor_rows::rows(all, at, available);
    let is_selected = |it: &TableRow| matches!(it, TableRow::Provider(index) if *index == at);
    let selected = shown.iter().position(is_selected).unwrap_or(0);
    let first = (selected + 1).saturating_sub(available);
    for (y, item) in (0..area.height).zip(shown.iter().skip(first)) {
        match item {
            TableRow::Provider(index) => {
                row(model, all[*index], columns, *index == at, area, y, buffer);
            }
            TableRow::Vendor(summary) => row(model, summary, columns, false, area, y, buffer),
        }
    }
}

/// The columns of a screen of this width, each with its cells. The names take the cells that are
/// left, as far as the longest name needs them. The result does not depend on the visible rows, so
/// that columns do not move while scrolling.
fn columns(model: &Model, screen: u16) -> Vec<(&'static TableColumn, usize)> {
    let mut columns: Vec<(&TableColumn, usize)> = COLUMNS
        .iter()
        .filter(|column| column.from <= screen)
        .map(|column| (column, column.cells(screen)))
        .collect();
    let used: usize = columns.iter().map(|(_, cells)| cells + 1).sum();
    // One more cell is left of the first column.
    let spare = usize::from(screen).saturating_sub(used + 1);
    let providers = model.shown().into_iter().flat_map(|it| &it.providers);
    let names = providers.map(|it| it.performance.provider.width());
    // The hue stands before the name.
    let mark = usize::from(model.theme().hue(0).is_some());
    let longest = names.max().unwrap_or(0) + mark;
    for (column, cells) in &mut columns {
        if column.head == "PROVIDER" {
            *cells = longest.clamp(*cells, *cells + spare);
        }
    }
    columns
}

/// What a list says whose filter hides every row.
pub fn no_match(all: usize, theme: Theme) -> String {
    format!("0 of {all} match {} Esc clears", theme.mark('·', '-'))
}

fn row(
    model: &Model,
    provider: &ProviderStatus,
    columns: &[(&TableColumn, usize)],
    selected: bool,
    area: Rect,
    y: u16,
    buffer: &mut Buffer,
) {
    let theme = model.theme();
    let identity = model.identity(&provider.performance.provider);
    let mut spans = vec![Span::styled(
        if selected { " >" } else { "  " },
        theme.accent(),
    )];
    for (index, &(column, cells)) in columns.iter().enumerate() {
        match column.cell {
            TableCell::Strip(draw) => spans.extend(draw(&provider.series, cells, theme)),
            TableCell::Identity(draw) => {
                let drawn = draw(&provider.series, cells, theme).into_iter();
                spans.extend(drawn.map(|span| span.patch_style(identity)));
            }
            TableCell::Text(text) if column.head == "PROVIDER" => {
                let style = cell_style(model, provider, column, selected);
                let mut cells = cells;
                // The hue stands before the name, which stays as readable as any other word.
                if theme.hue(0).is_some() {
                    spans.push(Span::styled("▌", identity));
                    cells -= 1;
                }
                let cell = fit(&text(provider, model, cells), column, cells);
                spans.push(Span::styled(cell, style));
            }
            TableCell::Text(text) if column.head.is_empty() => {
                let cell = fit(&text(provider, model, cells), column, cells);
                let style = if provider.share > 0.0 {
                    identity
                } else {
                    theme.dim()
                };
                spans.push(Span::styled(cell, style));
            }
            TableCell::Text(text) => {
                let cell = fit(&text(provider, model, cells), column, cells);
                spans.push(Span::styled(
                    cell,
                    cell_style(model, provider, column, selected),
                ));
            }
        }
        if index + 1 < columns.len() {
            spans.push(Span::raw(" "));
        }
    }
    line(Line::from(spans), area, y, buffer);
}

fn cell_style(
    model: &Model,
    provider: &ProviderStatus,
    column: &TableColumn,
    selected: bool,
) -> Style {
    match column.head {
        "STATE" => model.theme().state(provider.performance.state),
        "OK%" => success_style(provider.performance.success_rate, model.theme()),
        "PROVIDER" if selected => model.theme().strong(),
        _ => Style::default(),
    }
}

impl TableColumn {
    fn cells(&self, screen: u16) -> usize {
        if screen >= WIDE {
            self.wide
        } else {
            self.width
        }
    }
}

fn fit(text: &str, column: &TableColumn, cells: usize) -> String {
    if column.numeric {
        format::right(text, cells)
    } else {
        format::left(text, cells)
    }
}

/// The style of a success rate.
pub fn success_style(rate: Option<f64>, theme: Theme) -> Style {
    match rate {
        Some(rate) if rate < 0.95 => theme.bad(),
        Some(rate) if rate < 0.99 => theme.warn(),
        _ => Style::default(),
    }
}

fn models(provider: &ProviderStatus) -> String {
    match provider.performance.models.as_slice() {
        [] => String::new(),
        [one] => one.model.clone(),
        [first, rest @ ..] => format!("{} +{}", first.model, rest.len()),
    }
}

/// A thin bar to half a cell, so that bars in neighbouring rows do not merge; dotted without a
/// share.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the width, 0..=1"
)]
pub fn share_bar(share: f64, width: usize, model: &Model) -> String {
    let theme = model.theme();
    if share <= 0.0 {
        return theme.mark('┄', '.').to_string().repeat(width);
    }
    let halves = ((share.min(1.0) * width as f64 * 2.0).round() as usize).max(1);
    let whole = theme.mark('━', '=').to_string().repeat(halves / 2);
    let half = match halves % 2 {
        0 => String::new(),
        _ => theme.mark('╸', '-').to_string(),
    };
    whole + &half
}

/// The cost per hour, marked if it is estimated or incomplete.
fn per_hour(provider: &ProviderStatus, model: &Model, width: usize) -> String {
    let Some(rate) = provider.usd_per_hour else {
        return "n/a".to_owned();
    };
    if model.theme().masked {
        return model.theme().secret("");
    }
    let mark = format::mark(rate, provider.performance.cost_basis, model.theme());
    let available = width.saturating_sub(usize::from(!mark.is_empty()));
    let mut amount = format::plain_usd(rate);
    // Decimals are cut before the mark is.
    if amount.len() > available && amount.contains('.') {
        amount.truncate(available);
    }
    format!("{mark}{amount}")
}

fn factors(provider: &ProviderStatus) -> String {
    let Some(factors) = &provider.factors else {
        return format::EMPTY_CELL.to_owned();
    };
    let parts = [
        factors.cost,
        factors.latency,
        factors.reliability,
        factors.load,
        factors.priority,
    ];
    parts.map(|part| format!("{part:.2}")).join(" ")
}
