//! One model across providers: a row for each model of each provider, grouped by model or by route,
//! and below how the providers of the group under the cursor compare.
//!
//! ```text
//! ── MODELS: 9 at 5 providers, grouped by model ──
//!   STATE   MODEL    PROVIDER  SHARE            ODDS  REQ   OK%  P50   P95  $/1M  $/1K  WHY
//!  >✗OPEN   gpt-5.1  openai       0% ┄┄┄┄┄┄┄┄┄    0%  812  87.6  1.2s  9.8s  3.10  4.20  breaker open
//!   ●OK     gpt-5.1  azure      100% ━━━━━━━━━  100%  2.1k 99.9  980   1.9s  3.10  4.40
//! ── gpt-5.1 ──
//! ```

use super::listing::{plain as plain_text, rows};
use crate::contract::Status;
use crate::tui::format;
use crate::tui::keymap::{Action, SortOrder};
use crate::tui::model::{Grouping, Model, ModelRow};
use crate::tui::panels::{self, no_match, share_bar, success_style};
use crate::tui::widgets::grid::{self, Align, GridCell, GridColumn, plain};
use crate::tui::widgets::line::{line, rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Members of the group under the cursor that are compared below the table.
const MEMBERS: usize = 6;
/// Height from which they are.
const COMPARED_FROM: u16 = 15;

const COLUMNS: &[GridColumn<ModelRow>] = &[
    GridColumn {
        head: "STATE",
        width: 7,
        from: 0,
        align: Align::Left,
        cell: |row, model, _| {
            let it = &row.performance;
            let theme = model.theme();
            let style = if it.idle {
                theme.dim()
            } else {
                theme.state(it.state)
            };
            GridCell::Text(theme.state_word(it.state), style)
        },
    },
    GridColumn {
        head: "MODEL",
        width: 17,
        from: 0,
        align: Align::Grows,
        cell: |row, model, _| {
            let theme = model.theme();
            let style = if row.is_first {
                theme.strong()
            } else {
                theme.dim()
            };
            GridCell::Text(row.group.clone(), style)
        },
    },
    GridColumn {
        head: "PROVIDER",
        width: 11,
        from: 0,
        align: Align::Grows,
        cell: |row, model, _| GridCell::Text(row.provider.clone(), model.identity(&row.provider)),
    },
    GridColumn {
        head: "TARGET MODEL",
        width: 18,
        from: 180,
        align: Align::Left,
        cell: |row, model, _| GridCell::Text(row.performance.model.clone(), model.theme().dim()),
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
        width: 9,
        from: 112,
        align: Align::Left,
        cell: |row, model, width| {
            let style = if row.share > 0.0 {
                model.identity(&row.provider)
            } else {
                model.theme().dim()
            };
            GridCell::Text(share_bar(row.share, width, model), style)
        },
    },
    GridColumn {
        head: "ODDS",
        width: 5,
        from: 90,
        align: Align::Right,
        cell: |row, _, _| plain(format!("{}%", format::share(row.odds))),
    },
    GridColumn {
        head: "REQ",
        width: 5,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::count(row.performance.requests)),
    },
    GridColumn {
        head: "OK%",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, model, _| {
            let rate = row.performance.success_rate;
            GridCell::Text(format::percent(rate), success_style(rate, model.theme()))
        },
    },
    GridColumn {
        head: "P50",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::latency(row.performance.latency_ms.p50)),
    },
    GridColumn {
        head: "P95",
        width: 4,
        from: 0,
        align: Align::Right,
        cell: |row, _, _| plain(format::latency(row.performance.latency_ms.p95)),
    },
    GridColumn {
        head: "$/1M",
        width: 6,
        from: 0,
        align: Align::Right,
        cell: |row, model, _| {
            let price = row.performance.cost_per_token.map(|usd| usd * 1e6);
            amount(price, model)
        },
    },
    GridColumn {
        head: "$/1K",
        width: 6,
        from: 100,
        align: Align::Right,
        cell: |row, model, _| amount(row.usd_per_1k(), model),
    },
    GridColumn {
        head: "BREAKER",
        width: 9,
        from: 130,
        align: Align::Left,
        cell: |row, model, _| {
            let theme = model.theme();
            let breaker = row.performance.breaker.clone();
            let style = match breaker.as_str() {
                "open" => theme.bad(),
                "half-open" if !row.performance.idle => theme.warn(),
                _ => theme.dim(),
            };
            GridCell::Text(breaker, style)
        },
    },
    GridColumn {
        head: "WHY",
        width: 8,
        from: 100,
        align: Align::Grows,
        cell: |row, model, _| plain(plain_text(&row.performance.why, model.theme())),
    },
];

/// An amount in USD without its sign, which stands in the head.
fn amount(usd: Option<f64>, model: &Model) -> GridCell {
    plain(usd.map_or_else(
        || "n/a".to_owned(),
        |usd| model.theme().secret(format::plain_usd(usd)),
    ))
}

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let list = model.model_rows();
    rule(&title(model, status, list.len()), theme, area, buffer);
    let at = model.model_at(&list);
    let group: Vec<&ModelRow> = list.get(at).map_or_else(Vec::new, |selected| {
        let same = list.iter().filter(|row| row.group == selected.group);
        same.collect()
    });
    let compared = if area.height >= COMPARED_FROM && !list.is_empty() {
        u16::try_from(group.len().min(MEMBERS)).unwrap_or(0) + 2
    } else {
        0
    };
    let table = rows(area, 1, area.height.saturating_sub(1 + compared));
    if list.is_empty() {
        let all = status.providers.iter();
        let all: usize = all.map(|it| it.performance.models.len()).sum();
        let text = format!("  {}", no_match(all, theme));
        line(Line::styled(text, theme.warn()), table, 0, buffer);
        return;
    }
    let used = 1 + grid::draw(COLUMNS, &list, Some(at), model, table, buffer);
    compare(model, &group, &list[at], rows(area, used, compared), buffer);
    let rest = rows(area, used + compared, area.height);
    panels::charts(model, status, rest, buffer);
}

fn title(model: &Model, status: &Status, shown: usize) -> String {
    let view = &model.models;
    let (by, other) = (view.grouping.as_str(), view.grouping.other().as_str());
    let providers = status.providers.len();
    let order = match view.order {
        SortOrder::Trouble => String::new(),
        order => format!(", by {}", order.as_str()),
    };
    let routes = match (view.grouping, status.routes.is_empty()) {
        (Grouping::Route, true) => ": no route is configured",
        _ => "",
    };
    let key = model.key(Action::Group);
    format!(
        "MODELS {}: {shown} at {providers} providers, grouped by {by}{order}; {key} groups by {other}{routes}",
        model.shown_window().as_str()
    )
}

/// The providers of a group, with bars of their shares and latencies on one scale, and why the one
/// under the cursor is in its state.
fn compare(
    model: &Model,
    group: &[&ModelRow],
    selected: &ModelRow,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height < 2 {
        return;
    }
    let theme = model.theme();
    let requests: u64 = group.iter().map(|row| row.performance.requests).sum();
    let title = format!(
        "{}: {} requests, {}; latency p50 and p95",
        selected.group,
        format::count(requests),
        match group.len() {
            1 => "at one provider".to_owned(),
            count => format!("at {count} providers"),
        }
    );
    rule(&plain_text(&title, theme), theme, area, buffer);
    let p95 = |row: &&ModelRow| row.performance.latency_ms.p95;
    let most = group.iter().filter_map(p95).fold(1.0, f64::max);
    for (y, row) in (1..area.height - 1).zip(group) {
        line(member(model, row, most, area.width), area, y, buffer);
    }
    let it = &selected.performance;
    let why = match it.why.as_str() {
        "" => format!("breaker {}", it.breaker),
        why => why.to_owned(),
    };
    let text = format!(
        "  {}/{} {}: {why}; serves {}",
        selected.provider,
        it.model,
        theme.state_word(it.state),
        it.types.join(" "),
    );
    let text = Line::styled(plain_text(&text, theme), theme.dim());
    line(text, area, area.height - 1, buffer);
}

fn member<'a>(model: &Model, row: &ModelRow, most: f64, width: u16) -> Line<'a> {
    let theme = model.theme();
    let identity = model.identity(&row.provider);
    let latency = &row.performance.latency_ms;
    // Name, share, two latencies, and the spaces between them.
    let bars = usize::from(width).saturating_sub(2 + 14 + 6 + 7 + 7 + 4);
    let (shares, latencies) = (bars / 3, bars - bars / 3);
    let cells = |milliseconds: Option<f64>| {
        let part = milliseconds.unwrap_or(0.0) / most;
        (0..latencies)
            .take_while(|cell| (*cell as f64) < part * latencies as f64)
            .count()
    };
    let (middle, high) = (cells(latency.p50), cells(latency.p95));
    let bar =
        |glyph: char, plain: char, count: usize| theme.mark(glyph, plain).to_string().repeat(count);
    Line::from(vec![
        Span::styled(format!("  {} ", format::left(&row.provider, 13)), identity),
        Span::raw(format::right(&format!("{}%", format::share(row.share)), 5)),
        Span::styled(
            format!(
                " {}",
                format::left(&share_bar(row.share, shares, model), shares)
            ),
            if row.share > 0.0 {
                identity
            } else {
                theme.dim()
            },
        ),
        Span::raw(format::right(&format::latency(latency.p50), 7)),
        Span::raw(format!(
            "{} ",
            format::right(&format::latency(latency.p95), 7)
        )),
        Span::styled(bar('━', '=', middle), theme.good()),
        Span::styled(bar('─', '-', high.saturating_sub(middle)), theme.warn()),
    ])
}
