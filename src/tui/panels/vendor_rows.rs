//! The rows of the table where providers are grouped by vendor and do not all fit: a row for each
//! vendor, those in trouble first, and below the one under the cursor its members around the cursor.

use crate::contract::ProviderStatus;
use crate::tui::model::trouble_rank;
use crate::tui::model::vendors::{summary, vendor};

/// Members that are shown around the cursor at least.
const FEWEST_MEMBERS: usize = 3;

/// A row.
#[derive(Debug)]
pub enum TableRow {
    /// This row of the model.
    Provider(usize),
    /// All members of a vendor, of which some or all follow.
    Vendor(Box<ProviderStatus>),
}

/// The rows in at most about `available` lines; `at` is the row under the cursor.
pub fn rows(all: &[&ProviderStatus], at: usize, available: usize) -> Vec<TableRow> {
    let groups = groups(all);
    let fixed: usize = groups.iter().map(|group| group.1.min(1)).sum();
    let free = available.saturating_sub(fixed).max(FEWEST_MEMBERS);
    let mut rows = Vec::new();
    for (first, count) in groups {
        let members = &all[first..first + count];
        let summary = (count > 1).then(|| summary(members)).flatten();
        let Some(summary) = summary else {
            rows.push(TableRow::Provider(first));
            continue;
        };
        rows.push(TableRow::Vendor(Box::new(summary)));
        if (first..first + count).contains(&at) {
            let inside = at - first;
            let from = (inside + 1)
                .saturating_sub(free)
                .min(count.saturating_sub(free));
            let shown = (from..count).take(free);
            rows.extend(shown.map(|member| TableRow::Provider(first + member)));
        }
    }
    rows
}

/// Neighbours of one vendor in equal trouble, or in none, as their first row and their count.
fn groups(all: &[&ProviderStatus]) -> Vec<(usize, usize)> {
    let key = |it: &ProviderStatus| {
        (
            trouble_rank(it),
            vendor(&it.performance.provider).to_owned(),
        )
    };
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (at, row) in all.iter().enumerate() {
        let joins = groups
            .last()
            .is_some_and(|(first, _)| key(all[*first]) == key(row));
        match groups.last_mut().filter(|_| joins) {
            Some((_, count)) => *count += 1,
            None => groups.push((at, 1)),
        }
    }
    groups
}
