//! Who decides, and what a player learns of its decisions.

use super::traffic::Request;
use super::vendor::Headers;
use aibal_tui::domain::{SettingsDraft, TrafficData};

/// An attempt as the player knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Answered {
        tokens: f64,
        first_token: f64,
        /// Tokens of the prompt that were read from the cache.
        cached: f64,
    },
    Failed,
    Refused {
        retry_after: f64,
    },
    /// The key was not accepted.
    Denied,
    /// No first token in the attempt's time.
    Silent,
    /// The client's time was over.
    Late {
        first_token: Option<f64>,
    },
}

/// What a balancer knew when its settings changed.
pub struct Known {
    pub data: TrafficData,
    /// The share of each vendor under the new settings, had every recorded request been decided by
    /// itself: the open loop.
    pub open_loop: Vec<f64>,
}

/// A balancer under test.
pub trait Player {
    /// A vendor that was not tried, if any; `earlier` are those that were.
    fn choose(
        &mut self,
        request: &Request,
        earlier: &[usize],
        attempt: AttemptId,
        t: f64,
    ) -> Option<usize>;
    /// The key of an attempt, where it chose one of several.
    fn key(&self, _attempt: AttemptId) -> Option<usize> {
        None
    }
    /// Seconds after which an attempt without a first token is late, where that matters.
    fn hedge_delay(&self, _attempt: AttemptId) -> Option<f64> {
        None
    }
    /// A vendor for a second attempt beside the one that is late, if there is one.
    fn hedge(
        &mut self,
        _request: &Request,
        _earlier: &[usize],
        _second: AttemptId,
        _t: f64,
    ) -> Option<usize> {
        None
    }
    /// The attempt beside it had its first token before.
    fn lose(&mut self, _attempt: AttemptId, _vendor: usize, _t: f64) {}
    /// Whether one more attempt may be made.
    fn may_retry(&mut self, _t: f64) -> bool {
        true
    }
    fn first_token(
        &mut self,
        attempt: AttemptId,
        vendor: usize,
        seconds: f64,
        headers: Option<Headers>,
        t: f64,
    );
    fn end(
        &mut self,
        attempt: AttemptId,
        vendor: usize,
        end: End,
        headers: Option<Headers>,
        t: f64,
    );
    /// Four times a second.
    fn tick(&mut self, _t: f64) {}
    /// The client got its answer.
    fn answered(&mut self, _request: &Request, _tokens: f64) {}
    /// The settings change; returns what was known before.
    fn change(&mut self, _draft: &SettingsDraft, _t: f64) -> Option<Known> {
        None
    }
    /// A vendor that was not there is there now.
    fn appears(&mut self, _vendor: usize, _t: f64) {}
}
