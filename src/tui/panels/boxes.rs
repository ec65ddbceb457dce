//! Boxes on top of the screen: help, menus, fields and confirm dialogs.

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

/// Matches shown by the command line.
const MATCHES: usize = 8;

/// Column of the description in a row of the help.
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

/// Draws the open box, if any. The first row of the screen stays visible above it at any size.
pub fn draw(model: &Model, screen: Rect, buffer: &mut Buffer) {
    let Some(dialog) = &model.dialog else { return };
    let above = u16::from(screen.height > 3);
    let area = Rect {
        y: screen.y + above,
        height: screen.height - above,
        ..screen
    };
    let width = usize::from(area.width.saturating_sub(3));
    let wrapped = |lines: Vec<String>, indent: usize| -> Vec<String> {
        let line = |line: &String| format::wrap(line, width, indent);
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
            let title = format!("HELP: {}", model.screen.as_str());
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
            let text = |line: &String| format!(" {}", self::plain(line, model.theme().ascii));
            let lines = wrapped(lines.iter().map(text).collect(), 3);
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
        Dialog::Confirm(dialog) => {
            let title = format!(" {} ", dialog.kind);
            (title, confirm(model, dialog, screen, width))
        }
    };
    frame(model, &title, &lines, area, buffer);
}

/// The visible lines from `first` on, and a title with the scroll keys if there are more.
fn scrolled(
    model: &Model,
    title: &str,
    lines: &[String],
    first: usize,
    height: u16,
) -> (String, Vec<String>) {
    let available = usize::from(height.saturating_sub(2)).max(1);
    let first = first.min(lines.len().saturating_sub(available));
    let key = |step| {
        let keymap = &model.options.keymap;
        keymap.hint(
            InputContext::Help,
            Action::Scroll(step),
            model.theme().ascii,
        )
    };
    let more = if lines.len() > available {
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
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(frame, buffer);
    let set = if model.theme().ascii {
        PLAIN
    } else {
        border::PLAIN
    };
    let block = Block::bordered()
        .border_set(set)
        .title(title.to_owned())
        .title_style(model.theme().strong());
    let inside = block.inner(frame);
    block.render(frame, buffer);
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

/// The keys of a context, and how to close it.
fn keys(context: InputContext, model: &Model) -> Vec<String> {
    let rows = model.options.keymap.at(context, model.theme().ascii);
    let mut lines: Vec<String> = rows
        .map(|(binding, keys)| row(model, binding, &keys))
        .collect();
    if !matches!(context, InputContext::On(_)) {
        lines.push(format!(" {} cancel", format::left("Esc", 10)));
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

/// The actions on a provider, or on a revision.
fn menu(model: &Model, is_revision: bool) -> Vec<String> {
    let rows = model
        .options
        .keymap
        .at(InputContext::Menu, model.theme().ascii);
    let mut lines: Vec<String> = rows
        .filter(|(binding, _)| (binding.id == "act.rollback") == is_revision)
        .map(|(binding, keys)| row(model, binding, &keys))
        .collect();
    lines.push(format!(" {} cancel", format::left("Esc", 10)));
    lines
}

/// The keys of a context in one line.
fn hint(context: InputContext, model: &Model) -> String {
    let rows = model.options.keymap.at(context, model.theme().ascii);
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

/// A confirm dialog on a screen of this size, with `width` cells per line: its lines, fields,
/// choices and keys.
fn confirm(
    model: &Model,
    dialog: &ConfirmDialog,
    screen: Rect,
    width: usize,
) -> Vec<(String, Style)> {
    let theme = model.theme();
    let normal = Style::default();
    if !fits(dialog, screen) {
        let text = " too small for this dialog: Esc cancels";
        return vec![(text.to_owned(), theme.warn())];
    }
    let lines = dialog.lines.iter();
    let lines = lines.flat_map(|line| format::wrap(line, width.saturating_sub(1), 3));
    let lines: Vec<String> = lines.collect();
    let excerpt = excerpt(dialog, &lines, inside(screen.height));
    let blank = excerpt.is_loose.then(|| (String::new(), normal));
    let mut lines: Vec<(String, Style)> = blank.iter().cloned().collect();
    let text = |line: &String| (format!(" {}", plain(line, theme.ascii)), normal);
    lines.extend(excerpt.lines.iter().map(text));
    lines.extend(blank.clone());
    let stop = |focus: DialogFocus, text: String| {
        if dialog.focus == focus {
            (format!(" >{text}"), theme.cursor())
        } else {
            (format!("  {text}"), normal)
        }
    };
    if let Some(reason) = &dialog.reason {
        let caret = if dialog.focus == DialogFocus::Reason {
            "_"
        } else {
            ""
        };
        let text = format!("reason, for the change history: {reason}{caret}");
        lines.push(stop(DialogFocus::Reason, text));
    }
    if let Some(phrase) = &dialog.phrase {
        let caret = if dialog.focus == DialogFocus::Phrase {
            "_"
        } else {
            ""
        };
        let (expected, typed, why) = (&phrase.expected, &phrase.typed, &phrase.why);
        lines.push(stop(
            DialogFocus::Phrase,
            format!("type {expected} to allow it: {typed}{caret}  ({why})"),
        ));
    }
    lines.push(stop(DialogFocus::Cancel, "[ Cancel ]".to_owned()));
    for (at, choice) in dialog.choices.iter().enumerate() {
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
        " {} and {} move, {} presses; Esc cancels",
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

/// Text with only ASCII characters, if the theme asks for it.
fn plain(text: &str, ascii: bool) -> String {
    if ascii {
        text.replace('→', ">")
            .replace('·', "-")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

/// The meaning of the signs, then the keys.
fn help(model: &Model) -> Vec<String> {
    let signs = if model.theme().ascii {
        [
            " STATES  + OK  ! SLOW 429 ERR  X OPEN DOWN  ~ HALF  - DRAIN OFF  ? NODAT",
            " SUCCESS # >=99.9  + >=99  : >=95  _ below  blank: no requests",
        ]
    } else {
        [
            " STATES  ● OK  ▲ SLOW 429 ERR  ✗ OPEN DOWN  ◐ HALF  ◌ DRAIN OFF  ? NODAT",
            " SUCCESS █ ≥99.9  ▆ ≥99  ▃ ≥95  ▁ below  · no requests",
        ]
    };
    let mut lines = signs.map(str::to_owned).to_vec();
    lines.push(" TIMES   in milliseconds, or seconds with s; clock in UTC".to_owned());
    lines.push(" KEYS    * marks a key from the configuration".to_owned());
    lines.push(String::new());
    lines.extend(keys(InputContext::On(model.screen), model));
    lines
}
