//! The picture of a model, pure: the same model gives the same cells.
//!
//! ```text
//! header     where am I, is it live, since when         never scrolls
//! service    are callers hurt                            never scrolls
//! trouble    what is broken                              never scrolls
//! table      one row for each provider, trouble first
//! panels     latency, success, cost, events             (or the weights view below the trouble)
//! notice     what came of the last wish
//! footer     what may I do here
//! ```

mod header;
mod small;

use super::format;
use super::input_context::Screen;
use super::keymap::Action;
use super::model::{Dialog, LinkState, Model, trouble};
use super::panels::{self, boxes};
use super::screens;
use crate::contract::{ProviderStatus, Status};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Smaller than this there is room for one line per trouble and no more.
const MIN_SIZE: (u16, u16) = (60, 15);

/// Draws everything.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.width == 0 || area.height == 0 {
        return;
    }
    let Some(status) = model.shown() else {
        waiting(model, area, buffer);
        boxes::draw(model, area, buffer);
        return;
    };
    line(header::header(model, status, area.width), area, 0, buffer);
    line(header::service(model, status, area.width), area, 1, buffer);
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        small::draw(model, status, area, buffer);
    } else {
        // Trouble is never frozen.
        let now = model.status.as_ref().unwrap_or(status);
        line(trouble_line(model, now), area, 2, buffer);
        let body = Rect {
            y: area.y + 3,
            height: area.height.saturating_sub(5),
            ..area
        };
        match model.screen {
            Screen::Overview => panels::draw(model, status, body, buffer),
            Screen::Detail => screens::detail(model, status, body, buffer),
            Screen::Weights => screens::weights(model, status, body, buffer),
            Screen::Decisions => screens::decisions(model, body, buffer),
            Screen::Alerts => screens::alerts(model, status, body, buffer),
            Screen::Revisions => screens::revisions(model, status, body, buffer),
            Screen::Log => screens::log(model, body, buffer),
        }
        line(notice(model, status), area, area.height - 2, buffer);
    }
    if area.height > 3 {
        line(footer(model, area.width), area, area.height - 1, buffer);
    }
    boxes::draw(model, area, buffer);
    if !model.is_live() {
        fade(area, buffer);
    }
}

/// What is not live does not look as if it were; the header stays as it is.
fn fade(area: Rect, buffer: &mut Buffer) {
    let old = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(2),
        ..area
    };
    buffer.set_style(
        old,
        ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::DIM),
    );
}

/// A line of the screen, by its distance from the top.
pub(super) fn line(text: Line<'_>, area: Rect, y: u16, buffer: &mut Buffer) {
    if y < area.height {
        let too_long = text.width() > usize::from(area.width);
        text.render(
            Rect {
                y: area.y + y,
                height: 1,
                ..area
            },
            buffer,
        );
        if too_long && let Some(cell) = buffer.cell_mut((area.x + area.width - 1, area.y + y)) {
            cell.set_char('~');
        }
    }
}

fn waiting(model: &Model, area: Rect, buffer: &mut Buffer) {
    let place = model.theme().secret(&model.options.place);
    let text = match &model.link {
        LinkState::Lost(why) => format!(
            " {place} does not answer: {}; trying again",
            model.theme().secret(why)
        ),
        _ => format!(" waiting for {place}"),
    };
    line(Line::raw(text), area, 0, buffer);
    line(footer(model, area.width), area, area.height - 1, buffer);
}

fn trouble_line<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    let mut spans = Vec::new();
    if status.dropped.total() > 0 {
        spans.push(Span::styled(
            format!(" {} DROPPED ", status.dropped.total()),
            theme.bad(),
        ));
    }
    let troubled = troubled(status);
    if troubled.is_empty() && spans.is_empty() {
        return Line::styled(" no provider in trouble", theme.dim());
    }
    if !troubled.is_empty() {
        spans.push(Span::styled(format!(" !!{} ", troubled.len()), theme.bad()));
    }
    for provider in troubled {
        let performance = &provider.performance;
        spans.push(Span::styled(
            theme.state_word(performance.state),
            theme.state(performance.state),
        ));
        spans.push(Span::raw(format!(
            " {}{}: {}   ",
            performance.provider,
            since(provider, status),
            provider.why
        )));
    }
    Line::from(spans)
}

/// For how long it has been in trouble: ` 4m`.
fn since(provider: &ProviderStatus, status: &Status) -> String {
    let since = provider.trouble_since.as_ref();
    since.map_or_else(String::new, |since| {
        format!(" {}", format::between(since, &status.generated_at))
    })
}

fn troubled(status: &Status) -> Vec<&ProviderStatus> {
    let mut troubled: Vec<&ProviderStatus> = status
        .providers
        .iter()
        .filter(|provider| trouble(provider.performance.state) > 1)
        .collect();
    troubled.sort_by_key(|provider| std::cmp::Reverse(trouble(provider.performance.state)));
    troubled
}

fn notice<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    if let Some(pending) = &model.pending {
        let elapsed = model.now.saturating_sub(pending.at).as_secs();
        let text = format!(" {}: sent {elapsed} s ago, not answered yet", pending.what);
        return Line::styled(text, theme.warn());
    }
    match &model.notice {
        Some(notice) if notice.bad => Line::styled(
            format!(" {} {}  (Esc)", theme.mark('✗', 'X'), notice.text),
            theme.bad(),
        ),
        Some(notice) => Line::styled(
            format!(" {} {}", theme.mark('✓', '+'), notice.text),
            theme.good(),
        ),
        None => standing(model, status),
    }
}

/// What stays to be said where there is no news: a line that is lost, a trial that runs.
fn standing<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    match &model.link {
        // It names the instance, as does the header.
        LinkState::Lost(why) => {
            let why = theme.secret(why);
            Line::styled(format!(" {why}; trying again"), theme.warn())
        }
        _ => match &status.reverts_at {
            Some(at) => Line::styled(
                format!(
                    " on trial: the change goes back at {}Z unless {} keeps it",
                    format::clock(at),
                    model.key(Action::Keep)
                ),
                theme.warn(),
            ),
            None => Line::default(),
        },
    }
}

/// Whether an action has something to do in the question that is open, if one is.
fn answers(model: &Model, action: Action) -> bool {
    match &model.dialog {
        Some(Dialog::Question(question)) if action == Action::Yes => {
            question.answers.iter().any(|answer| answer.key == 'y')
        }
        _ => true,
    }
}

fn footer<'a>(model: &Model, width: u16) -> Line<'a> {
    let theme = model.theme();
    let keys = model.options.keymap.at(model.place(), theme.ascii);
    let hints: Vec<(String, &str)> = keys
        .filter(|(binding, _)| !binding.short.is_empty() && answers(model, binding.action))
        .map(|(binding, keys)| (keys[0].clone(), binding.short))
        .collect();
    let cells = |(key, short): &(String, &str)| key.chars().count() + short.chars().count() + 3;
    // The last, which is the way out, is always there.
    let mut room = usize::from(width).saturating_sub(hints.last().map_or(0, cells));
    let last = hints.len().saturating_sub(1);
    let mut spans = Vec::new();
    for (place, hint) in hints.iter().enumerate() {
        if place < last && cells(hint) > room {
            room = 0;
            continue;
        }
        room = room.saturating_sub(cells(hint));
        spans.push(Span::styled(format!(" {}", hint.0), theme.strong()));
        spans.push(Span::styled(format!(" {} ", hint.1), theme.dim()));
    }
    Line::from(spans)
}
