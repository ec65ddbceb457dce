//! The forecast of the draft from recorded requests, and the components of its scores.

use crate::contract::{ProviderStatus, Status};
use crate::tui::draft::Draft;
use crate::tui::draft::effective;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::preview::{PreviewBasis, ProviderPreview, own, preview};
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// What the preview is made of, and how far it can be trusted.
pub(super) fn title(model: &Model, basis: PreviewBasis) -> String {
    let known = model.what_if.as_ref();
    let closed = known.and_then(|it| it.report.closed_loop.as_deref());
    match (basis, closed) {
        (PreviewBasis::ClosedLoop, Some(closed)) => {
            let runs = match closed.runs {
                1 => "1 run".to_owned(),
                runs => format!("{runs} runs"),
            };
            let trust = if closed.moving {
                "TRAFFIC IS CHANGING, "
            } else {
                ""
            };
            let points = closed.self_test_points;
            format!(
                "IF APPLIED ({trust}{runs} of {} requests; as it is: {points:.1} points off)",
                closed.requests
            )
        }
        (PreviewBasis::Estimate, _) => {
            "IF APPLIED (estimate from current factors, for typical chat requests)".to_owned()
        }
        _ => "IF APPLIED (too little traffic to run: odds of typical chat requests)".to_owned(),
    }
}

/// The line of the forecast from recorded requests; dim while it is of an older draft.
pub(super) fn predicted<'a>(model: &Model, draft: &Draft) -> Option<Line<'a>> {
    let theme = model.theme();
    let prediction = model.what_if.as_ref()?;
    let report = &prediction.report;
    let (now, then) = (report.total.now, report.total.then);
    let arrow = theme.mark('→', '>');
    let pair = |now: String, then: String| format!("{now}{arrow}{then}");
    let usd = |amount| format::usd(amount, theme);
    let closed = report.closed_loop.as_deref();
    let is_run = closed.is_some_and(|it| !it.too_little_traffic);
    let text = format!(
        "   {} requests of {} {} {} s ago: ok {}%  p95 {}  $/1k {}  $/h {}; {} extrapolated",
        report.decisions,
        prediction.request.window.as_str(),
        if is_run { "run" } else { "replayed" },
        model.now.saturating_sub(prediction.at).as_secs(),
        pair(
            format::percent(now.success_rate),
            format::percent(then.success_rate)
        ),
        pair(
            format::latency(now.p95),
            format::latency_range(then.p95, then.p95_range)
        ),
        pair(usd(now.usd_per_1k_requests), usd(then.usd_per_1k_requests)),
        pair(usd(now.usd_per_hour), usd(then.usd_per_hour)),
        report.extrapolated
    );
    let style = if prediction.is_about(draft) {
        Style::default()
    } else {
        theme.dim()
    };
    Some(Line::styled(text, style))
}

/// Draws the components of the best scores under the draft, as many as fit.
pub(super) fn scores(
    model: &Model,
    status: &Status,
    draft: &Draft,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height < 3 {
        return;
    }
    let title = "SCORE COMPONENTS: Cost Latency Reliability lOad Priority, now and drafted";
    rule(title, model.theme(), area, buffer);
    let mut best: Vec<(&ProviderStatus, ProviderPreview)> = status
        .providers
        .iter()
        .zip(preview(status, draft, model.what_if.as_ref()).then)
        .collect();
    best.sort_by(|a, b| {
        b.1.score
            .unwrap_or(0.0)
            .total_cmp(&a.1.score.unwrap_or(0.0))
    });
    let width = usize::from(area.width).saturating_sub(28).min(100);
    let lines = best.iter().flat_map(|(provider, _)| {
        let name = &provider.performance.provider;
        let factors = provider.factors.unwrap_or_default();
        let mut drafted = factors;
        if let Some(points) = draft.priority(name) {
            drafted.priority = f64::from(points) / 100.0;
        }
        let current = effective(&status.weights, provider.weights.as_ref());
        let after = effective(&draft.weights(), own(provider, draft).as_ref());
        let now = strip::score_bar(&factors, &current, width);
        let then = strip::score_bar(&drafted, &after, width);
        [
            format!("   {} now   {now}", format::left(name, 14)),
            format!("   {} draft {then}", format::left("", 14)),
        ]
    });
    for (y, text) in (1..area.height).zip(lines) {
        line(Line::raw(text), area, y, buffer);
    }
}
