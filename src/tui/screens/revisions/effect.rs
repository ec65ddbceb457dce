//! What a change did, before beside after:
//!
//! ```text
//!               SHARE  OK%   P95   $/1K     $/H | SHARE  OK%   P95   $/1K     $/H
//!  all requests        99.6 1.9s  $0.52   $4.12 |       99.8 1.7s  $0.48   $3.90
//!  anthropic      41%  99.5 2.0s  $0.61   $2.20 |   27% too few: 7
//! ```

use crate::contract::{EffectFiguresReport, EffectReport, RevisionReport, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Time after which the figures that follow a change are known.
const MEASURED_AFTER_S: i64 = 121;
/// Narrower screens leave the money out.
const WIDTH_OF_MONEY: u16 = 79;
/// Cells of a name.
const NAME: usize = 12;
/// A worse success than before by this much is marked; so is a p95 longer by this part.
const WORSE_SUCCESS: f64 = 0.01;
const WORSE_LATENCY: f64 = 0.25;

/// The comparison, or why there is none.
pub(super) fn lines<'a>(
    model: &Model,
    status: &Status,
    revision: &RevisionReport,
    width: u16,
) -> Vec<Line<'a>> {
    let theme = model.theme();
    let Some(effect) = &revision.effect else {
        let text = " before and after: not measured by the version that made this change";
        return vec![Line::styled(text, theme.dim())];
    };
    let mut lines: Vec<Line<'a>> = notes(model, status, revision, effect)
        .into_iter()
        .map(|text| Line::styled(format!(" {text}"), theme.accent()))
        .collect();
    let has_money = width >= WIDTH_OF_MONEY;
    let predicted = predicted(model, revision.revision).filter(|_| width >= WIDTH_OF_MONEY + 12);
    let head = side_head(has_money);
    let head = format!(
        " {} {head} {} {head}{}",
        " ".repeat(NAME),
        bar(theme),
        if predicted.is_some() {
            "  PREDICTED"
        } else {
            ""
        }
    );
    lines.push(Line::styled(head, theme.dim()));
    let side = |figures, is_all| side(figures, is_all, has_money, theme);
    let all = effect.before.requests;
    let after = effect.after.as_ref();
    lines.push(join(
        "all requests",
        (
            side(Some(all), true),
            side(after.map(|it| it.requests), true),
        ),
        worse(all, after.map(|it| it.requests), theme),
        String::new(),
        theme,
    ));
    for name in names(effect, status) {
        let find = |period: &crate::contract::PeriodReport| {
            let mut providers = period.providers.iter();
            let found = providers.find(|it| it.provider == name);
            // One without attempts has a share of nothing.
            found.map_or_else(EffectFiguresReport::default, |it| it.figures)
        };
        let (old, new) = (find(&effect.before), after.map(find));
        let expected = predicted.as_ref().and_then(|shares| {
            let found = shares.iter().find(|(known, _)| *known == name)?;
            Some(format!("  {:>9}", found.1))
        });
        lines.push(join(
            &name,
            (side(Some(old), false), side(new, false)),
            worse(old, new, theme),
            expected.unwrap_or_default(),
            theme,
        ));
    }
    lines
}

/// What a reader must know to judge the figures.
fn notes(
    model: &Model,
    status: &Status,
    revision: &RevisionReport,
    effect: &EffectReport,
) -> Vec<String> {
    let mut notes = Vec::new();
    let rows = &model.revisions.rows;
    let apart = |from: &str, to: &str| format::seconds_between(from, to).unwrap_or(i64::MAX);
    let earlier = rows.iter().find(|it| it.revision < revision.revision);
    if let Some(earlier) = earlier {
        let seconds = apart(&earlier.at, &revision.at);
        if seconds < i64::try_from(effect.before.seconds).unwrap_or(i64::MAX) {
            let number = earlier.revision;
            notes.push(format!(
                "BEFORE has rev {number} in it, {seconds} s earlier"
            ));
        }
    }
    match &effect.after {
        None => {
            let age = apart(&revision.at, &status.generated_at);
            let left = MEASURED_AFTER_S.saturating_sub(age);
            notes.push(if left > 0 {
                format!("AFTER is measured: {left} s more")
            } else if age > 2 * MEASURED_AFTER_S {
                "AFTER was not measured: the gateway was not running then".to_owned()
            } else {
                "AFTER comes at once".to_owned()
            });
        }
        Some(after) if after.seconds + 1 < effect.before.seconds.min(120) => {
            let later = rows.iter().rev().find(|it| it.revision > revision.revision);
            let by = later.map_or_else(
                || "another change".to_owned(),
                |it| format!("rev {}", it.revision),
            );
            notes.push(format!("AFTER was ended after {} s by {by}", after.seconds));
        }
        Some(_) => {}
    }
    notes
}

/// The predicted shares, where the change was applied from here.
fn predicted(model: &Model, revision: u64) -> Option<Vec<(String, String)>> {
    let applied = model.applied.as_ref();
    let applied = applied.filter(|it| it.revision == Some(revision))?;
    let shares = applied.shares.iter().map(|(name, share, range)| {
        let [low, high] = range.unwrap_or([*share; 2]);
        let text = if low == high {
            format!("{}%", format::share(*share))
        } else {
            format!("{}..{}%", format::share(low), format::share(high))
        };
        (name.clone(), text)
    });
    Some(shares.collect())
}

/// The providers of both sides, largest share before first; then those that only came after.
fn names(effect: &EffectReport, status: &Status) -> Vec<String> {
    let mut before: Vec<_> = effect.before.providers.iter().collect();
    before.sort_by(|a, b| b.figures.share.total_cmp(&a.figures.share));
    let mut names: Vec<String> = before.iter().map(|it| it.provider.clone()).collect();
    let after = effect.after.iter().flat_map(|it| &it.providers);
    let after = after.map(|it| it.provider.clone());
    // While nothing is measured yet, those that may take traffic over are listed already.
    let configured = status.providers.iter();
    let configured = configured.map(|it| it.performance.provider.clone());
    let configured: Vec<String> = if effect.after.is_none() && names.is_empty() {
        configured.collect()
    } else {
        Vec::new()
    };
    for name in after.chain(configured) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn bar(theme: Theme) -> char {
    theme.mark('│', '|')
}

fn side_head(has_money: bool) -> String {
    let money = if has_money { "    $/1K     $/H" } else { "" };
    format!("SHARE  OK%  P95{money}")
}

/// One side of a row, as wide as its heading.
fn side(
    figures: Option<EffectFiguresReport>,
    is_all: bool,
    has_money: bool,
    theme: Theme,
) -> String {
    let width = side_head(has_money).len();
    let Some(figures) = figures else {
        return format::left("    -", width);
    };
    let share = if is_all {
        String::new()
    } else {
        format!("{}%", format::share(figures.share))
    };
    let share = format::right(&share, 5);
    if figures.too_few {
        let text = match figures.count {
            0 => format!("{share} none"),
            count => format!("{share} too few: {count}"),
        };
        return format::left(&text, width);
    }
    let mut text = format!(
        "{share} {} {}",
        format::right(&format::percent(figures.success_rate), 4),
        format::right(&format::latency(figures.p95), 4)
    );
    if has_money {
        let money = [figures.usd_per_1k, figures.usd_per_hour];
        for amount in money {
            let amount = format::usd(amount, theme);
            text.push(' ');
            text += &format::right(&amount, 7);
        }
    }
    format::left(&text, width)
}

fn worse(before: EffectFiguresReport, after: Option<EffectFiguresReport>, theme: Theme) -> Style {
    let Some(after) = after else {
        return Style::default();
    };
    let fell = before.success_rate.zip(after.success_rate);
    let fell = fell.is_some_and(|(before, after)| before - after >= WORSE_SUCCESS);
    let slowed = before.p95.zip(after.p95);
    let slowed = slowed.is_some_and(|(before, after)| after > before * (1.0 + WORSE_LATENCY));
    if fell || slowed {
        theme.warn()
    } else {
        Style::default()
    }
}

fn join<'a>(
    name: &str,
    (before, after): (String, String),
    style: Style,
    predicted: String,
    theme: Theme,
) -> Line<'a> {
    Line::from(vec![
        Span::raw(format!(" {} {before} ", format::left(name, NAME))),
        Span::styled(format!("{} ", bar(theme)), theme.dim()),
        Span::styled(after, style),
        Span::styled(predicted, theme.dim()),
    ])
}
