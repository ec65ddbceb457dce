//! Moves through the log view, and whose lines it shows.

use super::{LogSource, Model};
use crate::contract::{LogLevel, LogLine};

impl Model {
    /// Moves to the next line that matches the filter; without one to the next warning or error.
    pub fn next_log_match(&mut self, step: isize) {
        let view = &self.log;
        let rows = view.rows();
        let at = view.at(&rows);
        let is_wanted = |line: &&LogLine| !view.filter.is_empty() || line.level <= LogLevel::Warn;
        let found = if step > 0 {
            rows.iter().skip(at + 1).find(|line| is_wanted(line))
        } else {
            rows.iter().take(at).rev().find(|line| is_wanted(line))
        };
        if let Some(line) = found {
            self.log.cursor = Some(line.sequence);
            return;
        }
        let what = if view.filter.is_empty() {
            "warning"
        } else {
            "match"
        };
        let where_to = if step > 0 { "after" } else { "before" };
        self.notify(format!("no {what} {where_to} this line"), false);
    }

    /// Returns whether the lines are those of another process.
    pub fn log_is_remote(&self) -> bool {
        !self.options.all_in_one && self.log.source == LogSource::Gateway
    }
}
