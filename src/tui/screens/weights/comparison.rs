//! Odds, score and rank of the providers, now and under the draft.

use crate::contract::{Factors, ProviderStatus, Status};
use crate::tui::draft::{CurrentSettings, Draft, DraftRow, NAMES};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::preview::{PreviewBasis, ProviderPreview};
use crate::tui::screens::listing::plain;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::stack::stack;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A smaller shift of the traffic gets no arrow.
const MIN_SHOWN_SHIFT: f64 = 0.005;

/// The names of the columns.
pub(super) fn head(basis: PreviewBasis, wide: bool) -> String {
    let share = if basis == PreviewBasis::ClosedLoop {
        "SHARE%"
    } else {
        "ODDS%"
    };
    let factors = if wide {
        "  COST LAT  REL  LOAD PRIO  (factors, 1 is best)"
    } else {
        ""
    };
    format!(
        "   {} {} {} {:>13}    {:>11} {:>8}{factors}",
        format::left("PROVIDER", 12),
        format::left("STATE", 7),
        format::left("PRIORITY", 9),
        share,
        "SCORE",
        "RANK"
    )
}

/// Draws the odds of the providers, now and under the draft.
pub(super) fn shares(
    status: &Status,
    (now, then): (&[ProviderPreview], &[ProviderPreview]),
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width = usize::from(area.width).saturating_sub(11).min(120);
    for (y, (name, preview)) in (0..area.height).zip([("now  ", now), ("draft", then)]) {
        let parts: Vec<(&str, f64)> = status
            .providers
            .iter()
            .zip(preview)
            .map(|(provider, preview)| (provider.performance.provider.as_str(), preview.share))
            .collect();
        let row = plain(&stack(&parts, width), theme);
        line(Line::raw(format!("   {name} {row}")), area, y, buffer);
    }
}

/// Rank by score among the providers that requests go to, 1 is the best; `None` for another one.
fn rank(status: &Status, preview: &[ProviderPreview], at: usize) -> Option<usize> {
    let serves = |at: usize| status.providers[at].may_serve();
    let own = preview[at].score.filter(|_| serves(at))?;
    let others = preview.iter().enumerate();
    let better = others.filter(|(other, it)| serves(*other) && it.score > Some(own));
    Some(better.count() + 1)
}

/// The line of a row; `None` if its provider is gone.
pub(super) fn row<'a>(
    model: &Model,
    status: &Status,
    draft: &Draft,
    (now, then): (&[ProviderPreview], &[ProviderPreview]),
    (row, width): (&DraftRow, u16),
) -> Option<Line<'a>> {
    let name = row.provider()?;
    let is_meant = |it: &ProviderStatus| it.performance.provider == name;
    let at = status.providers.iter().position(is_meant)?;
    let provider = &status.providers[at];
    let arrow = model.theme().mark('→', '>');
    if let DraftRow::Own(_, objective) = row {
        let current = CurrentSettings::new(provider, &status.weights);
        return Some(own_weight(model, draft, current, (row, *objective), width));
    }
    Some(provider_row(
        model,
        (provider, draft),
        (now[at], then[at]),
        (rank(status, now, at), rank(status, then, at)),
        (width >= 100, arrow),
    ))
}

/// The row of one of a provider's own weights.
fn own_weight<'a>(
    model: &Model,
    draft: &Draft,
    current: CurrentSettings,
    (row, objective): (&DraftRow, usize),
    width: u16,
) -> Line<'a> {
    let theme = model.theme();
    let before = current.own.map(|own| own.points);
    let drafted = row.provider().and_then(|name| draft.own(name, &current));
    let points = |own: Option<[u8; 3]>| own.map(|own| own[objective]);
    let (from, to) = (points(before), points(drafted).unwrap_or(0));
    let is_selected = draft.row == *row;
    let numbers = match from {
        Some(from) if from == to => format!("{to:>3}      "),
        Some(from) => format!("{from:>3} {} {to:<3}", theme.mark('→', '>')),
        None => format!("  - {} {to:<3}", theme.mark('→', '>')),
    };
    let style = if from == Some(to) {
        Style::default()
    } else {
        theme.accent()
    };
    let available = usize::from(width.saturating_sub(40)).min(40);
    let filled = usize::from(to) * available / 100;
    let bar: String = (0..available)
        .map(|cell| {
            if cell < filled {
                theme.mark('█', '#')
            } else {
                theme.mark('·', '.')
            }
        })
        .collect();
    Line::from(vec![
        Span::styled(if is_selected { " > " } else { "   " }, theme.accent()),
        Span::styled(
            format!("   own {}", format::left(NAMES[objective], 13)),
            if is_selected {
                theme.strong()
            } else {
                Style::default()
            },
        ),
        Span::styled(format!("{numbers}  {bar}"), style),
    ])
}

/// The row of a provider: current and drafted values.
fn provider_row<'a>(
    model: &Model,
    (provider, draft): (&ProviderStatus, &Draft),
    (now, then): (ProviderPreview, ProviderPreview),
    ranks: (Option<usize>, Option<usize>),
    (wide, arrow): (bool, char),
) -> Line<'a> {
    let name = &provider.performance.provider;
    let is_selected = draft.row == DraftRow::Provider(name.clone());
    let drafted = draft.priority(name).filter(|to| *to != provider.priority);
    let priority = match drafted {
        Some(to) => format!("{:>3} {arrow} {to:<3}", provider.priority),
        None => format!("{:>3}", provider.priority),
    };
    let theme = model.theme();
    let state = provider.performance.state;
    let (mark, style) = if then.share > now.share + MIN_SHOWN_SHIFT {
        (theme.mark('▲', '^'), theme.good())
    } else if then.share + MIN_SHOWN_SHIFT < now.share {
        (theme.mark('▼', 'v'), theme.warn())
    } else {
        (' ', Style::default())
    };
    Line::from(vec![
        Span::styled(if is_selected { " > " } else { "   " }, theme.accent()),
        Span::raw(format!("{} ", format::left(name, 12))),
        Span::styled(
            format::left(&theme.state_word(state), 7),
            theme.state(state),
        ),
        Span::styled(
            format!(" {}", format::left(&priority, 9)),
            if drafted.is_some() {
                theme.accent()
            } else {
                Style::default()
            },
        ),
        Span::styled(
            format!(
                " {:>4} {arrow} {:<7}{mark}  ",
                format::share(now.share),
                range_text(then)
            ),
            style,
        ),
        Span::raw(format!(
            "{:>4} {arrow} {:>3}",
            format::score(now.score),
            format::score(then.score)
        )),
        Span::raw(format!("{:>8}  ", rank_text(ranks, arrow))),
        match note(provider, (now, then), wide, theme) {
            Some(note) => note,
            None => Span::raw(factor_text(provider.factors.as_ref(), wide)),
        },
    ])
}

/// `27`, or `24..27` where several runs differ.
fn range_text(then: ProviderPreview) -> String {
    match then.range.map(|bounds| bounds.map(format::share)) {
        Some([low, high]) if low != high => format!("{low}..{high}"),
        _ => format::share(then.share),
    }
}

/// What is to be known of a provider: that it gets nothing, that its forecast is a guess, or what it
/// can take of what it gains.
fn note<'a>(
    provider: &ProviderStatus,
    (now, then): (ProviderPreview, ProviderPreview),
    wide: bool,
    theme: Theme,
) -> Option<Span<'a>> {
    if let Some(note) = effect(provider, wide, theme) {
        return Some(Span::styled(note, theme.warn()));
    }
    if !wide {
        return None;
    }
    if then.is_extrapolated {
        return Some(Span::styled("extrapolated", theme.warn()));
    }
    let gains = then.share > now.share + MIN_SHOWN_SHIFT;
    let capacity = then.capacity.filter(|_| gains)?;
    let slots = capacity.slots.map(|slots| format!("{slots:.0} slots"));
    let rate = capacity.per_second.map(|rate| format!("{rate:.1}/s"));
    let parts: Vec<String> = slots.into_iter().chain(rate).collect();
    (!parts.is_empty()).then(|| Span::styled(format!("full: {}", parts.join(" = ")), theme.dim()))
}

/// The note on a provider that receives no requests whatever its weights, so that a change there
/// has no visible effect.
fn effect(provider: &ProviderStatus, wide: bool, theme: Theme) -> Option<String> {
    let state = theme.state_word(provider.performance.state);
    let note = if wide {
        format!("no effect while {state}")
    } else {
        "no effect".to_owned()
    };
    (!provider.may_serve()).then_some(note)
}

fn rank_text((now, then): (Option<usize>, Option<usize>), arrow: char) -> String {
    let text = |rank: Option<usize>| {
        rank.map_or_else(|| format::EMPTY_CELL.to_owned(), |rank| rank.to_string())
    };
    if now == then {
        text(now)
    } else {
        format!("{}{arrow}{}", text(now), text(then))
    }
}

/// The factors, on wide screens.
fn factor_text(factors: Option<&Factors>, wide: bool) -> String {
    let Some(factors) = factors.filter(|_| wide) else {
        return String::new();
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
