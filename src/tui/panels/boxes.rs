//! Boxes on top of the screen: help, menus, fields, and what must be confirmed.

use super::excerpt::{excerpt, fits, inside};
use crate::tui::confirm_dialog::{ConfirmDialog, DialogFocus};
use crate::tui::format;
use crate::tui::input_context::InputContext;
use crate::tui::keymap::{Action, Binding, matches};
use crate::tui::model::{Dialog, Model, Subject};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

/// Matches that the command line shows.
const MATCHES: usize = 8;

/// Cells left of the text of a row of help.
const TEXT: usize = 12;

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

/// Draws the box that is open, if one is. Where one is stays on the screen above it, however small
/// that is.
pub fn draw(model: &Model, screen: Rect, buffer: &mut Buffer) {
    let Some(dialog) = &model.dialog else { return };
    let above = u16::from(screen.height > 3);
    let area = Rect {
        y: screen.y + above,
        height: screen.height - above,
        ..screen
    };
    let room = usize::from(area.width.saturating_sub(3));
    let wrapped = |lines: Vec<String>, indent: usize| -> Vec<String> {
        let line = |line: &String| format::wrap(line, room, indent);
        lines.iter().flat_map(line).collect()
    };
    let plain = |lines: Vec<String>| -> Vec<(String, Style)> {
        lines
            .into_iter()
            .map(|line| (line, Style::default()))
            .collect()
    };
    let (title, lines) = match dialog {
        Dialog::Help(first) => {
            let title = format!("HELP: {}, here and now", model.screen.as_str());
            let (title, lines) = scrolled(
                model,
                &title,
                &wrapped(help(model), TEXT),
                *first,
                area.height,
            );
            (title, plain(lines))
        }
        Dialog::Report {
            title,
            lines,
            first,
        } => {
            let said = |line: &String| format!(" {}", self::plain(line, model.theme().ascii));
            let lines = wrapped(lines.iter().map(said).collect(), 3);
            let (title, lines) = scrolled(model, title, &lines, *first, area.height);
            (title, plain(lines))
        }
        Dialog::Menu(Subject::Provider(name)) => (format!(" {name} "), plain(menu(model, false))),
        Dialog::Menu(Subject::Revision(number)) => {
            (format!(" rev {number} "), plain(menu(model, true)))
        }
        Dialog::Sort => (
            " SORT BY ".to_owned(),
            plain(keys(InputContext::Sort, model)),
        ),
        Dialog::Presets => (
            " PRESETS ".to_owned(),
            plain(keys(InputContext::Presets, model)),
        ),
        Dialog::Filter(text) => (
            " FILTER: state:slow  az  p95>2s  ok<99  share>10  -name ".to_owned(),
            plain(vec![
                format!(" /{text}_"),
                hint(InputContext::Filter, model),
            ]),
        ),
        Dialog::Palette { text, row } => (" COMMAND ".to_owned(), palette(model, text, *row)),
        Dialog::Confirm(confirm) => {
            let title = format!(" {} ", confirm.kind);
            (title, asked(model, confirm, screen, room))
        }
    };
    frame(model, &title, &lines, area, buffer);
}

/// The lines from the first on that have room, and a title that says how to see the others.
fn scrolled(
    model: &Model,
    title: &str,
    lines: &[String],
    first: usize,
    height: u16,
) -> (String, Vec<String>) {
    let room = usize::from(height.saturating_sub(2)).max(1);
    let first = first.min(lines.len().saturating_sub(room));
    let key = |step| {
        let keymap = &model.options.keymap;
        keymap.hint(
            InputContext::Help,
            Action::Scroll(step),
            model.theme().ascii,
        )
    };
    let more = if lines.len() > room {
        format!(" ({} {} scroll)", key(1), key(-1))
    } else {
        String::new()
    };
    (format!(" {title}{more} "), lines[first..].to_vec())
}

fn frame(model: &Model, title: &str, lines: &[(String, Style)], area: Rect, buffer: &mut Buffer) {
    let widest = lines
        .iter()
        .map(|(line, _)| line.width())
        .max()
        .unwrap_or(0)
        .max(title.width() + 2);
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
    for (y, (text, style)) in (0..inside.height).zip(lines) {
        let text = format::cut(text, usize::from(inside.width));
        Line::styled(text, *style).render(
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
fn keys(place: InputContext, model: &Model) -> Vec<String> {
    let rows = model.options.keymap.at(place, model.theme().ascii);
    let mut lines: Vec<String> = rows
        .map(|(binding, keys)| row(model, binding, &keys))
        .collect();
    if !matches!(place, InputContext::On(_)) {
        lines.push(format!(
            " {} leave everything as it is",
            format::left("Esc", 10)
        ));
    }
    lines
}

fn row(model: &Model, binding: &Binding, keys: &[String]) -> String {
    let changed = if model.options.keymap.is_changed(binding) {
        "*"
    } else {
        " "
    };
    format!(
        "{changed}{} {}",
        format::left(&keys.join(" "), 10),
        binding.text
    )
}

/// What may be done to a provider, or to a revision.
fn menu(model: &Model, is_revision: bool) -> Vec<String> {
    let rows = model
        .options
        .keymap
        .at(InputContext::Menu, model.theme().ascii);
    let mut lines: Vec<String> = rows
        .filter(|(binding, _)| (binding.id == "act.rollback") == is_revision)
        .map(|(binding, keys)| row(model, binding, &keys))
        .collect();
    lines.push(format!(
        " {} leave everything as it is",
        format::left("Esc", 10)
    ));
    lines
}

/// The keys of a place in one line.
fn hint(place: InputContext, model: &Model) -> String {
    let rows = model.options.keymap.at(place, model.theme().ascii);
    let mut words: Vec<String> = rows
        .filter(|(binding, _)| !binding.short.is_empty())
        .map(|(binding, keys)| format!("{} {}", keys[0], binding.short))
        .collect();
    words.push("Esc closes".to_owned());
    format!(" {}", words.join("   "))
}

fn palette(model: &Model, text: &str, row: usize) -> Vec<(String, Style)> {
    let theme = model.theme();
    let mut lines = vec![(format!(" :{text}_"), theme.strong())];
    let found = matches(model.screen, text);
    let first = (row + 1).saturating_sub(MATCHES);
    for (at, binding) in found.iter().enumerate().skip(first).take(MATCHES) {
        let mark = if at == row { '>' } else { ' ' };
        let style = if at == row {
            theme.accent()
        } else {
            Style::default()
        };
        let line = format!("{mark}{} {}", format::left(binding.id, 17), binding.text);
        lines.push((line, style));
    }
    if found.is_empty() {
        let also = " window 1h | goto NAME | theme NAME | filter WORDS | rollback N";
        lines.push((also.to_owned(), theme.dim()));
    }
    lines.push((hint(InputContext::Palette, model), theme.dim()));
    lines
}

/// A question on a screen of this size, with so many cells a line: what would change, its fields, its answers, its keys.
fn asked(
    model: &Model,
    confirm: &ConfirmDialog,
    screen: Rect,
    room: usize,
) -> Vec<(String, Style)> {
    let theme = model.theme();
    let usual = Style::default();
    if !fits(confirm, screen) {
        let text = " no room for the answers: Esc leaves everything as it is";
        return vec![(text.to_owned(), theme.warn())];
    }
    let lines = confirm.lines.iter();
    let lines = lines.flat_map(|line| format::wrap(line, room.saturating_sub(1), 3));
    let lines: Vec<String> = lines.collect();
    let excerpt = excerpt(confirm, &lines, inside(screen.height));
    let blank = excerpt.is_loose.then(|| (String::new(), usual));
    let mut lines: Vec<(String, Style)> = blank.iter().cloned().collect();
    let text = |line: &String| (format!(" {}", plain(line, theme.ascii)), usual);
    lines.extend(excerpt.lines.iter().map(text));
    lines.extend(blank.clone());
    let stop = |focus: DialogFocus, text: String| {
        if confirm.focus == focus {
            (format!(" >{text}"), theme.cursor())
        } else {
            (format!("  {text}"), usual)
        }
    };
    if let Some(reason) = &confirm.reason {
        let caret = if confirm.focus == DialogFocus::Reason {
            "_"
        } else {
            ""
        };
        let text = format!("reason, for the record of changes: {reason}{caret}");
        lines.push(stop(DialogFocus::Reason, text));
    }
    if let Some(word) = &confirm.phrase {
        let caret = if confirm.focus == DialogFocus::Phrase {
            "_"
        } else {
            ""
        };
        let (expected, typed, why) = (&word.expected, &word.typed, &word.why);
        lines.push(stop(
            DialogFocus::Phrase,
            format!("type {expected} to allow it: {typed}{caret}  ({why})"),
        ));
    }
    lines.push(stop(DialogFocus::Cancel, "[ Cancel ]".to_owned()));
    for (at, choice) in confirm.choices.iter().enumerate() {
        lines.push(stop(
            DialogFocus::Choice(at),
            format!("[ {} ]  {}", choice.label, hint_of(model, choice.key)),
        ));
    }
    if !excerpt.has_keys {
        return lines;
    }
    lines.extend(blank);
    let key = |action| hint_of(model, action);
    let keys = format!(
        " {} and {} choose, {} presses; Esc leaves everything as it is",
        key(Action::Focus(1)),
        key(Action::Focus(-1)),
        key(Action::Press)
    );
    lines.push((keys, theme.dim()));
    lines
}

fn hint_of(model: &Model, action: Action) -> String {
    let keymap = &model.options.keymap;
    keymap.hint(InputContext::Confirm, action, model.theme().ascii)
}

/// Text of ours in characters that every terminal has.
fn plain(text: &str, ascii: bool) -> String {
    if ascii {
        text.replace('→', ">")
            .replace('·', "-")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

/// What the signs mean, then the keys: at three in the morning the signs come first.
fn help(model: &Model) -> Vec<String> {
    let signs = if model.theme().ascii {
        [
            " STATES  + OK  ! SLOW 429 ERR  X OPEN DOWN  ~ HALF  - DRAIN OFF  ? NODAT",
            " SUCCESS # >=99.9  + >=99  : >=95  _ below  blank: nothing asked",
        ]
    } else {
        [
            " STATES  ● OK  ▲ SLOW 429 ERR  ✗ OPEN DOWN  ◐ HALF  ◌ DRAIN OFF  ? NODAT",
            " SUCCESS █ ≥99.9  ▆ ≥99  ▃ ≥95  ▁ below  · nothing asked, nothing known",
        ]
    };
    let mut lines = signs.map(str::to_owned).to_vec();
    lines.push(" TIMES   in milliseconds, or seconds with s; clock in UTC".to_owned());
    lines.push(" KEYS    a * marks one that the configuration has changed".to_owned());
    lines.push(String::new());
    lines.extend(keys(InputContext::On(model.screen), model));
    lines
}
