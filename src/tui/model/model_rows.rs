//! The rows of the models view: one for each model of each provider, grouped by model or by route.

use super::views::Grouping;
use super::{Model, trouble};
use crate::contract::{HealthState, ModelPerformance, Status};
use crate::tui::filter::{FilterField, FilteredRow, state_words};
use crate::tui::keymap::SortOrder;
use std::cmp::Ordering;

/// Name of the group of what no route names.
const NO_ROUTE: &str = "(no route)";

/// One model of one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// Name of the model or route that it is listed under.
    pub group: String,
    /// It is the first of its group.
    pub is_first: bool,
    pub provider: String,
    pub performance: ModelPerformance,
    /// Part of the attempts of its group in the last 60 s, 0..1.
    pub share: f64,
    /// Probability that the next request for its group goes there, 0..1.
    pub odds: f64,
}

impl ModelRow {
    pub fn key(&self) -> [String; 3] {
        let model = &self.performance.model;
        [self.group.clone(), self.provider.clone(), model.clone()]
    }

    /// Its state; that of a breaker that waits for a request that does not come is no trouble.
    pub fn trouble(&self) -> u8 {
        match self.performance.state {
            HealthState::HalfOpen if self.performance.idle => trouble(HealthState::Ok),
            state => trouble(state),
        }
    }

    /// Cost of a thousand attempts in USD, where known.
    pub fn usd_per_1k(&self) -> Option<f64> {
        let requests = self.performance.requests;
        let cost = self.performance.total_cost_usd.filter(|_| requests > 0)?;
        Some(cost / requests as f64 * 1e3)
    }

    /// What it is sorted by, larger values first, and its requests.
    fn rank(&self, order: SortOrder) -> (f64, f64) {
        let it = &self.performance;
        let value = match order {
            SortOrder::Trouble | SortOrder::Name => Some(f64::from(self.trouble())),
            SortOrder::Share => Some(it.share),
            SortOrder::Latency => it.latency_ms.p95,
            SortOrder::Success => it.success_rate.map(|rate| 1.0 - rate),
            SortOrder::Cost => it.total_cost_usd,
        };
        (value.unwrap_or(f64::NEG_INFINITY), it.requests as f64)
    }
}

impl FilteredRow for ModelRow {
    fn names(&self) -> Vec<&str> {
        vec![&self.group, &self.provider, &self.performance.model]
    }

    fn is_in(&self, state: &str) -> bool {
        state_words(self.performance.state).contains(&state)
    }

    fn number(&self, field: FilterField) -> Option<f64> {
        let it = &self.performance;
        match field {
            FilterField::P50 => it.latency_ms.p50,
            FilterField::P95 => it.latency_ms.p95,
            FilterField::P99 => it.latency_ms.p99,
            FilterField::Success => it.success_rate.map(|rate| rate * 100.0),
            FilterField::Share => Some(self.share * 100.0),
            FilterField::Rate => None,
            FilterField::Cost => self.usd_per_1k(),
        }
    }
}

impl Model {
    /// The rows of the models view in display order, without those that its filter hides.
    pub fn model_rows(&self) -> Vec<ModelRow> {
        let view = &self.models;
        let Some(status) = self.shown() else {
            return Vec::new();
        };
        let mut groups = match view.grouping {
            Grouping::Model => by_model(status),
            Grouping::Route => by_route(status),
        };
        for group in &mut groups {
            group.retain(|row| view.filter.shows_row(row));
            group.sort_by(|a, b| compare(a.rank(view.order), b.rank(view.order)));
        }
        groups.retain(|group| !group.is_empty());
        if view.order == SortOrder::Name {
            groups.sort_by(|a, b| a[0].group.cmp(&b[0].group));
        } else {
            groups.sort_by(|a, b| compare(whole(a, view.order), whole(b, view.order)));
        }
        for first in groups.iter_mut().filter_map(|group| group.first_mut()) {
            first.is_first = true;
        }
        groups.into_iter().flatten().collect()
    }

    /// The place of the row under the cursor; the first if it is on none of the rows.
    pub fn model_at(&self, rows: &[ModelRow]) -> usize {
        let cursor = self.models.cursor.as_ref();
        let at = rows.iter().position(|row| Some(&row.key()) == cursor);
        at.unwrap_or(0)
    }

    /// The provider of the row under the cursor.
    pub(super) fn provider_of_model(&self) -> Option<String> {
        let rows = self.model_rows();
        let row = rows.get(self.model_at(&rows))?;
        Some(row.provider.clone())
    }

    /// Moves the cursor of the models view by `step` rows.
    pub fn move_model(&mut self, step: isize) {
        let rows = self.model_rows();
        let last = rows.len().saturating_sub(1);
        let next = self.model_at(&rows).saturating_add_signed(step).min(last);
        self.models.cursor = rows.get(next).map(ModelRow::key);
    }

    /// Moves the cursor of the models view to the next row in trouble; after the last comes the
    /// first.
    pub fn next_model_in_trouble(&mut self, step: isize) {
        let rows = self.model_rows();
        let (at, count) = (self.model_at(&rows), rows.len());
        let steps = 1..=count;
        let mut places = steps.map(|far| {
            let far = if step > 0 { far } else { count - far };
            (at + far) % count
        });
        match places.find(|&place| rows[place].trouble() > trouble(HealthState::Ok)) {
            Some(place) => self.models.cursor = Some(rows[place].key()),
            None => self.notify("no model in trouble", false),
        }
    }
}

/// Larger values first, then more requests.
fn compare(a: (f64, f64), b: (f64, f64)) -> Ordering {
    b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
}

/// The rank of a group: that of its first member, and the requests of all.
fn whole(group: &[ModelRow], order: SortOrder) -> (f64, f64) {
    let ranks = group.iter().map(|row| row.rank(order));
    ranks.fold((f64::NEG_INFINITY, 0.0), |sum, rank| {
        (sum.0.max(rank.0), sum.1 + rank.1)
    })
}

/// Every model of every provider, in the order of the configuration.
fn all(status: &Status) -> impl Iterator<Item = ModelRow> {
    status.providers.iter().flat_map(|provider| {
        let models = provider.performance.models.iter();
        models.map(|it| ModelRow {
            group: it.model.clone(),
            is_first: false,
            provider: provider.performance.provider.clone(),
            performance: it.clone(),
            share: it.share,
            odds: it.odds,
        })
    })
}

fn by_model(status: &Status) -> Vec<Vec<ModelRow>> {
    let mut groups: Vec<Vec<ModelRow>> = Vec::new();
    for row in all(status) {
        match groups.iter_mut().find(|group| group[0].group == row.group) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.into_iter().map(within).collect()
}

fn by_route(status: &Status) -> Vec<Vec<ModelRow>> {
    let rows: Vec<ModelRow> = all(status).collect();
    let names = |row: &ModelRow, provider: &str, model: &str| {
        row.provider == provider && row.performance.model == model
    };
    let groups = status.routes.iter().map(|route| {
        let targets = route.targets.iter().filter_map(|target| {
            let row = rows
                .iter()
                .find(|row| names(row, &target.provider, &target.model))?;
            Some(ModelRow {
                group: route.model.clone(),
                odds: target.odds,
                ..row.clone()
            })
        });
        within(targets.collect())
    });
    let is_named = |row: &ModelRow| {
        let mut targets = status.routes.iter().flat_map(|route| &route.targets);
        targets.any(|target| names(row, &target.provider, &target.model))
    };
    let rest = rows
        .iter()
        .filter(|row| !is_named(row))
        .map(|row| ModelRow {
            group: NO_ROUTE.to_owned(),
            ..row.clone()
        });
    let rest: Vec<ModelRow> = rest.collect();
    groups.chain([rest]).collect()
}

/// Makes the shares of a group parts of its own attempts.
fn within(mut group: Vec<ModelRow>) -> Vec<ModelRow> {
    let all: f64 = group.iter().map(|row| row.share).sum();
    for row in group.iter_mut().filter(|_| all > 0.0) {
        row.share /= all;
    }
    group
}
