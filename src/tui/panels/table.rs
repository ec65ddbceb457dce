//! One row for each provider, trouble first, then by traffic. Wider screens show more columns.

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
        width: 12,
        wide: 12,
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
        width: 10,
        wide: 10,
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
        from: 90,
        numeric: true,
        cell: TableCell::Text(|p, _, _| format::count(p.performance.requests)),
    },
    TableColumn {
        head: "RUN",
        width: 4,
        wide: 4,
        from: 77,
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
        from: 72,
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
        cell: TableCell::Strip(strip::latency),
    },
    TableColumn {
        head: "$/H",
        width: 6,
        wide: 6,
        from: 66,
        numeric: true,
        cell: TableCell::Text(per_hour),
    },
    TableColumn {
        head: "SCORE",
        width: 5,
        wide: 5,
        from: 84,
        numeric: true,
        cell: TableCell::Text(|p, _, _| score(p)),
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
    let available = usize::from(area.height.saturating_sub(1));
    let selected = model
        .selected()
        .map(|selected| selected.performance.provider.as_str());
    let at = rows
        .iter()
        .position(|row| Some(row.performance.provider.as_str()) == selected)
        .unwrap_or(0);
    let cut = rows.len() > available;
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
    let longest = names.max().unwrap_or(0);
    for (column, cells) in &mut columns {
        if column.head == "PROVIDER" {
            *cells = longest.clamp(*cells, *cells + spare);
        }
    }
    columns
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
    let mut spans = vec![Span::styled(
        if selected { " >" } else { "  " },
        theme.accent(),
    )];
    for (index, &(column, cells)) in columns.iter().enumerate() {
        match column.cell {
            TableCell::Strip(draw) => spans.extend(draw(&provider.series, cells, theme)),
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
        "OK%" => success_style(model, provider),
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

fn success_style(model: &Model, provider: &ProviderStatus) -> Style {
    let theme = model.theme();
    match provider.performance.success_rate {
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the width, 0..=1"
)]
fn share_bar(share: f64, width: usize, model: &Model) -> String {
    let filled = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    let theme = model.theme();
    if filled == 0 && share > 0.0 {
        return theme.mark('▏', '|').to_string();
    }
    theme.mark('█', '#').to_string().repeat(filled)
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

fn score(provider: &ProviderStatus) -> String {
    provider.score.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |score| format!("{:.0}", score * 100.0),
    )
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
