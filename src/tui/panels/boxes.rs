//! Boxes on top of the view: help, the action menu, and what must be confirmed.

use crate::tui::draft::NAMES;
use crate::tui::format;
use crate::tui::keymap::BINDINGS;
use crate::tui::model::{Dialog, Model, Place};
use crate::tui::view::shown_key;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

const PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Draws the box that is open, if one is.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let Some(dialog) = &model.dialog else { return };
    let (title, lines) = match dialog {
        Dialog::Help => (
            " HELP: what works here, then what the signs mean ".to_owned(),
            help(model),
        ),
        Dialog::Menu { provider } => (format!(" {provider} "), keys(Place::Menu, model)),
        Dialog::Confirm { provider, what, .. } => {
            let mut lines = vec![
                String::new(),
                format!(" {provider}: {what}?"),
                String::new(),
            ];
            lines.extend(keys(Place::Confirm, model));
            (" CONFIRM ".to_owned(), lines)
        }
        Dialog::Review => (" APPLY THE DRAFT? ".to_owned(), review(model)),
        Dialog::Leave => {
            let mut lines = vec![
                String::new(),
                " The gateway runs in this process.".to_owned(),
                String::new(),
            ];
            lines.extend(keys(Place::Leave, model));
            (" LEAVE ".to_owned(), lines)
        }
    };
    frame(model, &title, &lines, area, buffer);
}

fn frame(model: &Model, title: &str, lines: &[String], area: Rect, buffer: &mut Buffer) {
    let widest = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
        .max(title.chars().count() + 2);
    let width = u16::try_from(widest + 3)
        .unwrap_or(u16::MAX)
        .min(area.width);
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(place, buffer);
    let set = if model.theme().ascii {
        PLAIN
    } else {
        border::PLAIN
    };
    let block = Block::bordered()
        .border_set(set)
        .title(title.to_owned())
        .title_style(model.theme().strong());
    let inside = block.inner(place);
    block.render(place, buffer);
    for (y, text) in (0..inside.height).zip(lines) {
        let text = format::cut(text, usize::from(inside.width));
        Line::raw(text).render(
            Rect {
                y: inside.y + y,
                height: 1,
                ..inside
            },
            buffer,
        );
    }
}

/// The keys of a place, and the way back.
fn keys(place: Place, model: &Model) -> Vec<String> {
    let rows = BINDINGS
        .iter()
        .filter(|binding| binding.places.contains(&place));
    let mut lines: Vec<String> = rows
        .map(|binding| {
            let keys: Vec<&str> = binding
                .keys
                .iter()
                .map(|key| shown_key(key, model.theme().ascii))
                .collect();
            format!(" {} {}", format::left(&keys.join(" "), 10), binding.text)
        })
        .collect();
    if !matches!(place, Place::Overview | Place::Weights) {
        lines.push(format!(
            " {} leave everything as it is",
            format::left("Esc", 10)
        ));
    }
    lines
}

fn help(model: &Model) -> Vec<String> {
    let ascii = model.theme().ascii;
    let mut lines = keys(model.view(), model);
    lines.push(String::new());
    if ascii {
        lines.push(
            " STATES  + OK  ! SLOW 429 ERR  X OPEN DOWN  ~ HALF  - DRAIN OFF  ? NODAT".to_owned(),
        );
        lines.push(" SUCCESS # >=99.9  + >=99  : >=95  _ below  blank: nothing asked".to_owned());
    } else {
        lines.push(
            " STATES  ● OK  ▲ SLOW 429 ERR  ✗ OPEN DOWN  ◐ HALF  ◌ DRAIN OFF  ? NODAT".to_owned(),
        );
        lines.push(
            " SUCCESS █ ≥99.9  ▆ ≥99  ▃ ≥95  ▁ below  · nothing asked, nothing known".to_owned(),
        );
    }
    lines.push(" TIMES   in milliseconds, or seconds with s; clock in UTC".to_owned());
    lines.push(" Esc, ? or q closes this".to_owned());
    lines
}

fn review(model: &Model) -> Vec<String> {
    let arrow = model.theme().mark('→', '>');
    let mut lines = vec![String::new()];
    if let (Some(draft), Some(status)) = (&model.draft, &model.status) {
        for (row, name) in NAMES.iter().enumerate() {
            let (from, to) = (draft.from()[row], draft.points()[row]);
            if from != to {
                lines.push(format!(
                    " {} {from:>3} {arrow} {to}",
                    format::left(name, 12)
                ));
            }
        }
        lines.push(String::new());
        lines.push(format!(
            " to {} on {}, as rev {}",
            status.environment,
            model.options.place,
            draft.revision + 1
        ));
        lines.push(" It holds from the next request on.".to_owned());
        lines.push(String::new());
    }
    lines.extend(keys(Place::Review, model));
    lines
}
