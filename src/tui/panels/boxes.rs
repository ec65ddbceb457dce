//! Boxes on top of the screen: help, menus, fields and confirm dialogs.

use super::excerpt::around;
use super::{confirm_box, help, menu};
use crate::tui::filter::Filter;
use crate::tui::format;
use crate::tui::input_context::{InputContext, Screen};
use crate::tui::keymap::{Action, matches};
use crate::tui::model::{Dialog, Model, Subject};
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

/// Matches shown by the command line.
const MATCHES: usize = 8;

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

/// Draws the open box, if any. The first rows of the screen stay visible above it.
pub fn draw(model: &Model, screen: Rect, buffer: &mut Buffer) {
    let Some(dialog) = &model.dialog else { return };
    let (above, below) = around(screen.height);
    let area = Rect {
        y: screen.y + above,
        height: screen.height - above - below,
        ..screen
    };
    let width = usize::from(area.width.saturating_sub(3));
    if let Dialog::Confirm(dialog) = dialog {
        let title = format!(" {} ", dialog.kind);
        let width = width.min(usize::from(confirm_box::WIDTH) - 3);
        let rows = confirm_box::rows(model, dialog, screen, width);
        let fixed = u16::try_from(width + 3).unwrap_or(u16::MAX);
        frame(model, &title, rows, (area, Some(fixed)), buffer);
        return;
    }
    let (title, lines) = content(model, dialog, width, area.height);
    let rows = lines.into_iter().map(|(text, style)| {
        let text = format::cut(&text, usize::from(area.width.saturating_sub(2)));
        Line::styled(text, style)
    });
    frame(model, &title, rows.collect(), (area, None), buffer);
}

/// The title and the lines of a box that is no confirm dialog.
fn content(
    model: &Model,
    dialog: &Dialog,
    width: usize,
    height: u16,
) -> (String, Vec<(String, Style)>) {
    let plain = |lines: Vec<String>| -> Vec<(String, Style)> {
        let lines = lines.into_iter();
        lines.map(|line| (line, Style::default())).collect()
    };
    match dialog {
        Dialog::Help(help) => {
            let (title, lines) = help::rows(model, help, width);
            let (title, lines) = scrolled(model, &title, &lines, help.first, height);
            (title, plain(lines))
        }
        Dialog::Report {
            title,
            lines,
            first,
        } => {
            let text = |line: &String| format!(" {}", format::plain(line, model.theme().ascii));
            let wrapped = |line: String| format::wrap(&line, width, 3);
            let lines: Vec<String> = lines.iter().map(text).flat_map(wrapped).collect();
            let (title, lines) = scrolled(model, title, &lines, *first, height);
            (title, plain(lines))
        }
        Dialog::Menu(Subject::Provider(name)) => (format!(" {name} "), menu::provider(model, name)),
        Dialog::Menu(Subject::Revision(number)) => {
            (format!(" rev {number} "), menu::revision(model))
        }
        Dialog::Menu(Subject::Alert(_)) => (" ALERT ".to_owned(), menu::alert(model)),
        Dialog::Sort => (
            " SORT BY ".to_owned(),
            plain(keys(InputContext::Sort, model)),
        ),
        Dialog::Presets => (
            " PRESETS ".to_owned(),
            plain(keys(InputContext::Presets, model)),
        ),
        Dialog::Filter(text) => (
            filter_title(model).to_owned(),
            plain(filter(model, text, width)),
        ),
        Dialog::Palette { text, row } => (" COMMAND ".to_owned(), palette(model, text, *row)),
        // Drawn by `confirm_box`.
        Dialog::Confirm(_) => (String::new(), Vec::new()),
    }
}

fn filter_title(model: &Model) -> &'static str {
    if model.screen == Screen::Decisions {
        " FILTER: client:ann  model:gpt  result:failed  provider:az  p95>2s "
    } else {
        " FILTER: state:slow  az  p95>2s  ok<99  share>10  -name "
    }
}

fn filter(model: &Model, text: &str, width: usize) -> Vec<String> {
    let mistake = model.filter_here().and_then(Filter::mistake);
    let mistake = mistake.map(|mistake| format::wrap(&format!(" {mistake}"), width, 1));
    let mut lines = vec![format!(" /{text}_")];
    lines.extend(mistake.into_iter().flatten());
    lines.push(hint(InputContext::Filter, model));
    lines
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

/// Draws a box around rows, in the middle of an area; as wide as they are, or of a fixed width.
fn frame(
    model: &Model,
    title: &str,
    rows: Vec<Line<'_>>,
    (area, fixed): (Rect, Option<u16>),
    buffer: &mut Buffer,
) {
    let widest = rows.iter().map(Line::width).max().unwrap_or(0);
    let widest = widest.max(title.width() + 2);
    let width = fixed
        .unwrap_or_else(|| u16::try_from(widest + 3).unwrap_or(u16::MAX))
        .min(area.width);
    let height = u16::try_from(rows.len() + 2)
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
    for (y, row) in (0..inside.height).zip(rows) {
        line(row, inside, y, buffer);
    }
}

/// The keys of a context, and how to close it.
fn keys(context: InputContext, model: &Model) -> Vec<String> {
    let rows = model.options.keymap.at(context, model.theme().ascii);
    let mut lines: Vec<String> = rows
        .map(|(binding, keys)| help::row(model, binding, &keys, binding.text))
        .collect();
    if !matches!(context, InputContext::On(_)) {
        lines.push(format!(" {} cancel", format::left("Esc", 10)));
    }
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
