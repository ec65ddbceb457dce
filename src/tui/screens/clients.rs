//! Who calls: a row for each client token, and below what the one under the cursor spent.
//!
//! ```text
//! ── CLIENTS 15m: 3, 12.8k requests ──
//!   CLIENT  SHARE            REQ   OK%  SUCCESS       P50   P95    COST  TOKENS  LEFT TODAY
//!  >app-7     62% ━━━━━━     7.9k 99.8  ▇▇▇▇▇▅▇▇▇▇▇▇  612  1.9s  ~$6.40   2.1M  $37.60
//!   batch     31% ━━━        4.0k  100  ▇▇▇▇▇▇▇▇▇▇▇▇  580  1.7s   $2.10   1.2M  no limit
//! ── app-7 ──
//! ```

use super::listing::{plain as plain_text, rows};
use crate::contract::{ClientReport, ClientsReport, SpendingReport, Status};
use crate::tui::format;
use crate::tui::keymap::{Action, SortOrder};
use crate::tui::model::{Model, is_troubled};
use crate::tui::panels::{self, no_match, share_bar, success_style};
use crate::tui::theme::Theme;
use crate::tui::widgets::grid::{self, Align, GridCell, GridColumn, plain};
use crate::tui::widgets::line::{line, rule};
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Rows about the client under the cursor, with their title.
const DETAILS: u16 = 5;
/// Height from which they are shown.
const DETAILS_FROM: u16 = 12;
/// Shown for requests whose client is unknown.
const UNKNOWN: &str = "(unknown)";

const COLUMNS: &[GridColumn<ClientReport>] = &[
    GridColumn {
        head: "CLIENT",
        width: 13,
        from: 0,
        align: Align::Grows,
        cell: |row, model, _| {
            let theme = model.theme();
            let style = if is_troubled(row) {
                theme.warn()
            } else {
                theme.strong()
            };
            GridCell::Text(named(row, theme), style)
        },
    },
    GridColumn {
        head: "SHARE",
        width: 5,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format!("{}%", format::share(row.share))),
    },
    GridColumn {
        head: "",
        width: 16,
        from: 112,
        align: Align::Left,
        cell: |row, model, width| {
            let theme = model.theme();
            let style = if row.share > 0.0 {
                theme.accent()
            } else {
                theme.dim()
            };
            GridCell::Text(share_bar(row.share, width, model), style)
        },
    },
    GridColumn {
        head: "REQ",
        width: 6,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::count(row.requests)),
    },
    GridColumn {
        head: "FAILED",
        width: 6,
        from: 140,
        align: Align::Right,
        cell: |row, _, _| plain(format::count(row.failed)),
    },
    GridColumn {
        head: "OK%",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, model, _| {
            let style = success_style(row.success_rate, model.theme());
            GridCell::Text(format::percent(row.success_rate), style)
        },
    },
    GridColumn {
        head: "SUCCESS",
        width: 12,
        from: 96,
        align: Align::Left,
        cell: |row, model, width| GridCell::Spans(success(row, model, width)),
    },
    GridColumn {
        head: "REQUESTS",
        width: 30,
        from: 160,
        align: Align::Left,
        cell: |row, model, width| GridCell::Spans(requests(row, model, width)),
    },
    GridColumn {
        head: "P50",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::latency(row.latency_ms.p50)),
    },
    GridColumn {
        head: "P95",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::latency(row.latency_ms.p95)),
    },
    GridColumn {
        head: "COST",
        width: 8,
        from: 0,
        align: Align::Right,
        cell: |row, model, _| {
            plain(format::sum(
                row.total_cost_usd,
                row.cost_basis,
                model.theme(),
            ))
        },
    },
    GridColumn {
        head: "TOKENS",
        width: 6,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::count(row.total_tokens)),
    },
    GridColumn {
        head: "LEFT TODAY",
        width: 10,
        from: 0,
        align: Align::Right,
        cell: |row, model, _| left(row, model.theme()),
    },
    GridColumn {
        head: "SPENT TODAY",
        width: 22,
        from: 140,
        align: Align::Left,
        cell: |row, model, width| spent(row, model, width),
    },
];

fn named(client: &ClientReport, theme: Theme) -> String {
    match client.name.as_str() {
        "" => UNKNOWN.to_owned(),
        name => theme.secret(plain_text(name, theme)),
    }
}

/// What is left of the budget of the day.
fn left(client: &ClientReport, theme: Theme) -> GridCell {
    let Some(left) = client.left_usd() else {
        return GridCell::Text("no limit".to_owned(), theme.dim());
    };
    let limit = client.budget.as_ref().and_then(|budget| budget.limit_usd);
    let style = match limit {
        Some(limit) if left <= 0.05 * limit => theme.bad(),
        Some(limit) if left <= 0.2 * limit => theme.warn(),
        _ => ratatui::style::Style::default(),
    };
    GridCell::Text(format::usd(Some(left), theme), style)
}

/// The used part of the budget of the day, as a bar.
fn spent(client: &ClientReport, model: &Model, width: usize) -> GridCell {
    let theme = model.theme();
    let part = client.budget.as_ref().and_then(|budget| {
        let limit = budget.limit_usd.filter(|limit| *limit > 0.0)?;
        Some(budget.spent_usd / limit)
    });
    let Some(part) = part else {
        let spent = client.budget.as_ref().and_then(SpendingReport::known_usd);
        let spent = spent.map(|spent| format::usd(Some(spent), theme));
        return GridCell::Text(spent.unwrap_or_default(), theme.dim());
    };
    let number = format::right(&format!("{}%", format::share(part)), 4);
    let bar = share_bar(part, width.saturating_sub(5), model);
    GridCell::Text(format!("{number} {bar}"), theme.accent())
}

fn success(client: &ClientReport, model: &Model, width: usize) -> Vec<Span<'static>> {
    let report = model.clients.report.as_ref();
    report.map_or_else(Vec::new, |report| {
        strip::success(&report.series(client), width, model.theme())
    })
}

/// Requests over time, on one scale for all clients.
fn requests(client: &ClientReport, model: &Model, width: usize) -> Vec<Span<'static>> {
    let Some(report) = &model.clients.report else {
        return Vec::new();
    };
    let count = client.rated.len();
    let all = report.clients.iter().flat_map(|it| &it.rated);
    let most = all.max().copied().unwrap_or(0);
    let cells: Vec<Option<f64>> = (0..width)
        .map(|cell| {
            let rated = client.rated.get(cell * count / width.max(1))?;
            (*rated > 0).then(|| f64::from(*rated))
        })
        .collect();
    vec![Span::raw(strip::bars(
        &cells,
        f64::from(most),
        model.theme(),
    ))]
}

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let view = &model.clients;
    let list = model.client_rows();
    rule(&title(model, list.len()), theme, area, buffer);
    let Some(report) = &view.report else {
        let text = match &view.error {
            Some(why) => format!("  no reply: {why}"),
            None => "  loading …".to_owned(),
        };
        let text = plain_text(&text, theme);
        line(Line::styled(text, theme.dim()), area, 1, buffer);
        return;
    };
    let mut used = 2;
    let mut details = 0;
    if list.is_empty() {
        let (text, style) = match report.clients.len() {
            0 => ("no requests in this window".to_owned(), theme.dim()),
            all => (no_match(all, theme), theme.warn()),
        };
        line(Line::styled(format!("  {text}"), style), area, 1, buffer);
    } else {
        if area.height >= DETAILS_FROM {
            details = DETAILS;
        }
        let at = model.client_at(&list);
        let table = rows(area, 1, area.height.saturating_sub(1 + details));
        used = 1 + grid::draw(COLUMNS, &list, Some(at), model, table, buffer);
        describe(model, &list[at], rows(area, used, details), buffer);
    }
    let rest = rows(area, used + details, area.height);
    panels::charts(model, status, rest, buffer);
}

fn title(model: &Model, shown: usize) -> String {
    let view = &model.clients;
    let Some(report) = &view.report else {
        return "CLIENTS".to_owned();
    };
    let order = match view.order {
        SortOrder::Trouble => String::new(),
        order => format!(", by {}", order.as_str()),
    };
    let since = since(report);
    format!(
        "CLIENTS {}: {shown}, {} requests{since}{order}; {} shows the decisions of one",
        report.window.as_str(),
        format::count(report.requests),
        model.key(Action::Open),
    )
}

/// When the figures begin, where that is within the window.
fn since(report: &ClientsReport) -> String {
    let age = format::seconds_between(&report.since, &report.generated_at);
    let is_whole = age.and_then(|age| u64::try_from(age).ok());
    match is_whole {
        // The first bucket begins within the window.
        Some(age) if age + report.bucket_seconds < report.window.seconds() => {
            format!(" since {}Z", format::clock(&report.since))
        }
        _ => String::new(),
    }
}

fn describe(model: &Model, client: &ClientReport, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let theme = model.theme();
    rule(&named(client, theme), theme, area, buffer);
    let per = |amount: f64, count: u64| (count > 0).then(|| amount / count as f64);
    let cost = client.total_cost_usd;
    let per_1k = cost.and_then(|cost| per(cost * 1e3, client.requests));
    let each = per(client.total_tokens as f64, client.attempts);
    let first = format!(
        " requests {}, {} failed, {} over budget; {} attempts",
        format::count(client.requests),
        format::count(client.failed),
        format::count(client.over_budget),
        format::count(client.attempts),
    );
    let latency = format!(
        " latency p50 {} p95 {} p99 {}",
        format::latency(client.latency_ms.p50),
        format::latency(client.latency_ms.p95),
        format::latency(client.latency_ms.p99),
    );
    let second = format!(
        " cost {}, {} per 1k requests   {} tokens, {} an attempt",
        format::sum(cost, client.cost_basis, theme),
        format::usd(per_1k, theme),
        format::count(client.total_tokens),
        each.map_or_else(
            || format::EMPTY_CELL.to_owned(),
            |each| format!("{each:.0}")
        ),
    );
    let third = client
        .budget
        .as_ref()
        .map_or_else(|| " no budget".to_owned(), |budget| today(budget, theme));
    for (y, text) in (1..area.height).zip([first, latency, second, third]) {
        line(Line::raw(plain_text(&text, theme)), area, y, buffer);
    }
}

/// The budget of the day in a sentence.
fn today(budget: &SpendingReport, theme: Theme) -> String {
    let usd = |amount| format::usd(Some(amount), theme);
    let limit = budget.limit_usd.map_or_else(
        || ", no limit".to_owned(),
        |limit| format!(" of {}", usd(limit)),
    );
    let reserved = budget.limit_usd.map_or_else(String::new, |_| {
        let reserved = usd(budget.reserved_usd);
        format!("; {reserved} reserved by running requests")
    });
    let end = match (&budget.exhausted_at, budget.projected_usd) {
        (Some(at), _) => format!("; used up at {}Z at this rate", format::clock(at)),
        (None, Some(projected)) => format!("; {} expected by its end", usd(projected)),
        (None, None) => String::new(),
    };
    format!(
        " today {}{limit}{end}; begins anew at {}Z{reserved}",
        format::usd(budget.known_usd(), theme),
        format::clock(&budget.resets_at)
    )
}
