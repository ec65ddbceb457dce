//! Exports the screen as text and its data as JSON.

use super::model::Model;
use super::state_folder::state_folder;
use super::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::fs;

/// Writes both files; returns their path, or the error.
pub fn write(model: &Model, size: Rect) -> Result<String, String> {
    let folder = state_folder().unwrap_or_else(std::env::temp_dir);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let time = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let path = folder.join(format!("screen-{time}"));
    let numbers =
        serde_json::to_string_pretty(&model.shown()).map_err(|error| error.to_string())?;
    for (ending, content) in [("txt", text(model, size)), ("json", numbers)] {
        let path = path.with_extension(ending);
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(format!("{}.txt and .json", path.display()))
}

/// The screen without styles.
fn text(model: &Model, size: Rect) -> String {
    let mut buffer = Buffer::empty(size);
    view::draw(model, size, &mut buffer);
    let row = |y: u16| -> String {
        let cells = (size.left()..size.right()).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    (size.top()..size.bottom()).map(row).collect()
}
