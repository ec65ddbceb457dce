//! The models of one provider: the breaker of one may be open while the others serve.
//!
//! ```text
//! ── MODELS ──
//!   STATE   MODEL                     REQ   OK%  MEAN   $/1M  WHY
//!   ✗OPEN   gpt-5.1                  2.1k  87.6  9.8s   3.10  breaker open for 12 s more
//! ```

use super::listing::{plain, rows};
use crate::contract::{ModelPerformance, ProviderStatus};
use crate::tui::format;
use crate::tui::model::{Model, trouble};
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Maximum rows of models on a tall screen, and on a small one.
const ROWS_TALL: usize = 6;
const ROWS_SMALL: usize = 2;

/// Rows of the models with their title, on a screen of this height.
pub(super) fn height(provider: &ProviderStatus, screen: u16) -> u16 {
    let count = provider.performance.models.len();
    let rows = match screen {
        30.. => count.min(ROWS_TALL) + 2,
        18.. => count.min(ROWS_SMALL) + 1,
        _ => 0,
    };
    u16::try_from(rows).unwrap_or(0)
}

pub(super) fn draw(model: &Model, provider: &ProviderStatus, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let theme = model.theme();
    let mut models: Vec<&ModelPerformance> = provider.performance.models.iter().collect();
    let severity = |it: &ModelPerformance| if it.idle { 0 } else { trouble(it.state) };
    models.sort_by_key(|it| std::cmp::Reverse((severity(it), it.requests)));
    // The head is left out if only the models fit.
    let has_head = usize::from(area.height) > models.len().min(ROWS_SMALL) + 1;
    let first = if has_head { 2 } else { 1 };
    let available = usize::from(area.height) - usize::from(first);
    let hidden = models.len().saturating_sub(available);
    let title = match hidden {
        0 => "MODELS".to_owned(),
        hidden => format!("MODELS, {hidden} more below"),
    };
    rule(&title, model.theme(), area, buffer);
    if has_head {
        let head = format!(
            "   {} {} {} {} {} {}  WHY",
            format::left("STATE", 7),
            format::left("MODEL", names(area.width)),
            format::right("REQ", 6),
            format::right("OK%", 5),
            format::right("MEAN", 5),
            format::right("$/1M", 6)
        );
        line(Line::styled(head, theme.dim()), area, 1, buffer);
    }
    let list = rows(area, first, area.height - first);
    for (y, it) in (0..list.height).zip(models) {
        line(row(model, it, names(list.width)), list, y, buffer);
    }
}

/// Cells for the name of a model; fewer on a narrow screen, where the reason needs them.
fn names(width: u16) -> usize {
    if width < 100 { 18 } else { 24 }
}

fn row<'a>(model: &Model, it: &ModelPerformance, names: usize) -> Line<'a> {
    let theme = model.theme();
    let price = it.cost_per_token.map_or_else(
        || "n/a".to_owned(),
        |usd| theme.secret(format::plain_usd(usd * 1e6)),
    );
    // A breaker that waits for a request that does not come is no trouble.
    let (state, dim) = if it.idle {
        (theme.dim(), theme.dim())
    } else {
        (theme.state(it.state), Style::default())
    };
    let success = match it.success_rate {
        Some(rate) if rate < 0.95 => theme.bad(),
        Some(rate) if rate < 0.99 => theme.warn(),
        _ => Style::default(),
    };
    Line::from(vec![
        Span::styled(
            format!("   {} ", format::left(&theme.state_word(it.state), 7)),
            state,
        ),
        Span::styled(
            format!(
                "{} {} ",
                format::left(&it.model, names),
                format::right(&format::count(it.requests), 6)
            ),
            dim,
        ),
        Span::styled(format::right(&format::percent(it.success_rate), 5), success),
        Span::raw(format!(
            " {} {}  {}",
            format::right(&format::latency(it.average_latency_ms), 5),
            format::right(&price, 6),
            plain(&it.why, theme)
        )),
    ])
}
