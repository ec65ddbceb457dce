//! What an attached dashboard showed last of each instance: screen, window, order and filters, in one
//! file of the user. An all-in-one dashboard keeps nothing, so that a demo always opens the same.

use super::filter::Filter;
use super::input_context::{InputContext, SCREENS, Screen};
use super::keymap::SortOrder;
use super::model::{Grouping, Model};
use crate::contract::Window;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "views.json";
/// Instances that are kept, the latest first.
const MAX_INSTANCES: usize = 50;
/// A larger file is not one of this program.
const MAX_BYTES: u64 = 256 * 1024;
/// Characters of a filter or name.
const MAX_TEXT: usize = 200;

/// What was shown of one instance. What a later version writes and this one does not know is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeptView {
    address: String,
    screen: String,
    window: Option<Window>,
    /// The provider under the cursor.
    provider: Option<String>,
    overview: KeptList,
    decisions: KeptList,
    models: KeptList,
    by_route: bool,
    clients: KeptList,
    log: KeptList,
}

/// Order and filter of one list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct KeptList {
    order: String,
    filter: String,
}

impl KeptList {
    fn of(filter: &Filter, order: SortOrder) -> Self {
        Self {
            order: order.as_str().to_owned(),
            filter: filter.as_str().chars().take(MAX_TEXT).collect(),
        }
    }

    fn order(&self) -> SortOrder {
        let mut orders = SortOrder::ALL.into_iter();
        orders
            .find(|it| it.as_str() == self.order)
            .unwrap_or_default()
    }
}

impl KeptView {
    /// What the dashboard shows now.
    pub fn of(model: &Model) -> Self {
        let unordered = SortOrder::default();
        Self {
            address: model.options.address.clone(),
            screen: model.screen.as_str().to_owned(),
            window: Some(model.window),
            provider: model.cursor.clone(),
            overview: KeptList::of(&model.filter, model.order_by),
            decisions: KeptList::of(&model.decisions_filter, unordered),
            models: KeptList::of(&model.models.filter, model.models.order),
            by_route: model.models.grouping == Grouping::Route,
            clients: KeptList::of(&model.clients.filter, model.clients.order),
            log: KeptList::of(&model.log.filter, unordered),
        }
    }

    /// Shows the same again. The screen follows with the first status, because some need one.
    pub fn show(&self, model: &mut Model) {
        model.window = self.window.unwrap_or(model.window);
        model.cursor.clone_from(&self.provider);
        model.filter = Filter::new(&self.overview.filter);
        model.order_by = self.overview.order();
        model.decisions_filter = Filter::of_decisions(&self.decisions.filter);
        model.models.filter = Filter::new(&self.models.filter);
        model.models.order = self.models.order();
        if self.by_route {
            model.models.grouping = Grouping::Route;
        }
        model.clients.filter = Filter::new(&self.clients.filter);
        model.clients.order = self.clients.order();
        model.log.filter = Filter::of_log(&self.log.filter);
        model.opens_on = SCREENS.iter().find_map(|context| match context {
            InputContext::On(screen) if screen.as_str() == self.screen => Some(*screen),
            _ => None,
        });
        model.opens_on.take_if(|screen| *screen == Screen::Overview);
    }
}

/// Reads what was shown of an instance; `None` where that is unknown, or the file is broken.
pub(super) fn load(folder: &Path, address: &str) -> Option<KeptView> {
    let mut all = read(folder).into_iter();
    all.find(|view| view.address == address)
}

/// Keeps what is shown of an instance, beside what is kept of others.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn save(folder: &Path, view: KeptView) -> io::Result<()> {
    let mut all = read(folder);
    all.retain(|it| it.address != view.address);
    all.insert(0, view);
    all.truncate(MAX_INSTANCES);
    fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    let new = path.with_extension(format!("json.{}", std::process::id()));
    let written = write(&new, &all).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        let _may_not_exist = fs::remove_file(&new);
    }
    written
}

/// Only the user may read the file: filters may name clients.
fn write(path: &Path, views: &[KeptView]) -> io::Result<()> {
    // What an earlier process with this number left behind.
    let _may_not_exist = fs::remove_file(path);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&serde_json::to_vec_pretty(views)?)?;
    file.sync_all()
}

fn read(folder: &Path) -> Vec<KeptView> {
    let mut text = String::new();
    let file = File::open(folder.join(FILE));
    let is_read = file.and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    let views: Vec<Value> = match is_read {
        Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let views = views.into_iter().map(serde_json::from_value);
    views.filter_map(Result::ok).take(MAX_INSTANCES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn view(address: &str, screen: &str) -> KeptView {
        KeptView {
            address: address.to_owned(),
            screen: screen.to_owned(),
            window: Some(Window::Hour),
            ..KeptView::default()
        }
    }

    #[test]
    fn each_instance_has_its_own_view_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        assert_eq!(load(&folder, "a:1"), None);
        save(&folder, view("a:1", "log")).unwrap();
        save(&folder, view("b:1", "clients")).unwrap();
        save(&folder, view("a:1", "models")).unwrap();
        assert_eq!(load(&folder, "a:1"), Some(view("a:1", "models")));
        assert_eq!(load(&folder, "b:1"), Some(view("b:1", "clients")));

        for number in 0..MAX_INSTANCES {
            save(&folder, view(&format!("c:{number}"), "log")).unwrap();
        }
        assert_eq!(load(&folder, "a:1"), None);
        assert_eq!(read(&folder).len(), MAX_INSTANCES);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert_eq!(files.len(), 1, "no temporary file is left: {files:?}");
        let mode = fs::metadata(folder.join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_broken_in_the_file_is_left_out_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let broken = [
            "",
            "{",
            "[1, {\"address\": 7}]",
            "{\"address\": \"a:1\"}",
            "\u{0}\u{1}",
        ];
        for text in broken {
            fs::write(folder.join(FILE), text).unwrap();
            assert_eq!(load(folder, "a:1"), None, "{text:?}");
            save(folder, view("a:1", "log")).unwrap();
            assert_eq!(load(folder, "a:1"), Some(view("a:1", "log")), "{text:?}");
        }
        let part = r#"[{"address": "a:1", "window": "2h"}, {"address": "b:1", "screen": "log", "new": 1}]"#;
        fs::write(folder.join(FILE), part).unwrap();
        assert_eq!(load(folder, "a:1"), None);
        assert_eq!(load(folder, "b:1").unwrap().screen, "log");
    }
}
