//! Latency and rate of all client requests, with the events of all providers. A provider's own chart
//! is on its screen.

use super::event_marks::all_marks;
use super::panel::Panel;
use crate::contract::Status;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::widgets::chart::{self, Measure};
use crate::tui::widgets::line::{line, rule};
use crate::tui::widgets::{heat, strip};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Cells for the numbers on the right, with the space before them.
const NUMBERS: u16 = 12;
/// Cells of the name of a number.
const NAME: usize = 5;
/// Rows from which the rate has a row below the chart.
const RATE_FROM: u16 = 8;
/// Rows from which the distribution is below that, and its rows with the title.
const SPREAD_FROM: u16 = 24;
const SPREAD: u16 = 6;

#[derive(Debug)]
pub struct Latency;

impl Panel for Latency {
    fn title(&self, model: &Model) -> String {
        let window = model.shown_window().as_str();
        format!("LATENCY OF ALL REQUESTS {window}")
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        let spread = if area.height >= SPREAD_FROM {
            SPREAD
        } else {
            0
        };
        let rate = u16::from(area.height >= RATE_FROM);
        let plot = Rect {
            width: area.width.saturating_sub(NUMBERS),
            height: area.height - spread - rate,
            ..area
        };
        let shown = (&status.series, Measure::Whole);
        chart::draw(shown, &all_marks(model), theme, plot, buffer);
        let numbers = Rect {
            x: area.x + plot.width + 1,
            width: NUMBERS.min(area.width).saturating_sub(1),
            height: area.height - spread,
            ..area
        };
        draw_numbers(status, theme, numbers, buffer);
        if rate > 0 {
            let row = rates(status, usize::from(plot.width), theme);
            line(row, area, plot.height, buffer);
        }
        if spread > 0 {
            let below = Rect {
                y: area.y + area.height - spread,
                height: spread,
                ..area
            };
            let title = "DISTRIBUTION: the darker, the larger the part of the responses";
            rule(title, theme, below, buffer);
            let map = Rect {
                y: below.y + 1,
                height: spread - 1,
                width: plot.width,
                ..below
            };
            heat::draw(&status.series, theme, map, buffer);
        }
    }
}

fn draw_numbers(status: &Status, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let latency = &status.totals.latency_ms;
    let first = status.totals.time_to_first_token_ms.p50;
    let rows = [
        ("p99", format::latency(latency.p99), theme.dim()),
        ("p95", format::latency(latency.p95), theme.warn()),
        ("p50", format::latency(latency.p50), theme.good()),
        (
            "req/s",
            format::rate(status.requests_per_second),
            theme.dim(),
        ),
        ("1st", format::latency(first), theme.dim()),
    ];
    for (y, (name, value, style)) in (0..area.height).zip(rows) {
        let text = Line::from(vec![
            Span::styled(format::left(name, NAME), style),
            Span::raw(format::right(&value, usize::from(NUMBERS) - 1 - NAME)),
        ]);
        line(text, area, y, buffer);
    }
}

/// Requests per second over time, on the time axis of the chart above, and the peak.
fn rates<'a>(status: &Status, width: usize, theme: Theme) -> Line<'a> {
    let series = &status.series;
    let count = series.buckets.len();
    let available = width.saturating_sub(usize::from(chart::AXIS));
    let seconds = series.bucket_seconds.max(1) as f64;
    let rate = |at: usize| {
        let bucket = series.buckets.get(at)?;
        (bucket.requests > 0).then(|| f64::from(bucket.requests) / seconds)
    };
    let most = (0..count).filter_map(rate).fold(0.0, f64::max);
    let cells: Vec<Option<f64>> = (0..available)
        .map(|cell| rate(cell * count / available.max(1)))
        .collect();
    Line::from(vec![
        Span::styled(format::left("req/s", usize::from(chart::AXIS)), theme.dim()),
        Span::styled(strip::bars(&cells, most, theme), Style::default()),
        Span::styled(format!(" {}", format::left("peak", NAME)), theme.dim()),
        Span::raw(format::right(
            &format::rate(most),
            usize::from(NUMBERS) - 1 - NAME,
        )),
    ])
}
