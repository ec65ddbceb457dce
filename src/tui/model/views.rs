//! The states of views that are more than a list.

use crate::contract::ClientsReport;
use crate::tui::filter::Filter;
use crate::tui::keymap::SortOrder;

/// What the rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    #[default]
    Model,
    Route,
}

impl Grouping {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Route => "route",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Model => Self::Route,
            Self::Route => Self::Model,
        }
    }
}

/// The state of the models view.
#[derive(Debug, Clone, Default)]
pub struct ModelsView {
    /// The row under the cursor, which follows it: group, provider and model.
    pub cursor: Option<[String; 3]>,
    pub filter: Filter,
    pub grouping: Grouping,
    pub order: SortOrder,
}

/// The state of the clients view.
#[derive(Debug, Clone, Default)]
pub struct ClientsView {
    /// The latest report; of another window while a new one is under way.
    pub report: Option<ClientsReport>,
    /// The error of the latest request.
    pub error: Option<String>,
    /// A request is under way.
    pub asked: bool,
    /// Name of the client under the cursor.
    pub cursor: Option<String>,
    pub filter: Filter,
    pub order: SortOrder,
}
