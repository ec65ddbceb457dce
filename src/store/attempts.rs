//! Attempts that the store holds, for the balancer to learn from again.

use super::database::Row;
use super::error::StoreError;
use super::store::Store;
use crate::domain::{
    AttemptEnd, AttemptStart, Catalogue, DecisionId, Failure, KeyIdx, MeasuredUsage, Money,
    Outcome, RequestClass, UnixTime, UpstreamLimits, Usage, UsageBasis,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const COLUMNS: &str = "at, latency_us, provider, model, outcome, failure, first_token_us, \
                       input_tokens, output_tokens, cached_tokens, streamed, load, prompt, class, \
                       trial, client_deadline, silent_us, cost_pico, cost_basis, dropped_fields, \
                       decision, attempt";

/// Keys by the decision and the number of their attempt.
pub(super) type KeysOfAttempts = BTreeMap<(DecisionId, u32), KeyIdx>;

/// One attempt as it was observed, with the names of its target.
#[derive(Debug)]
pub(super) struct PastAttempt {
    provider: String,
    model: String,
    end: AttemptEnd,
    /// What the balancer does not learn from.
    counted: CountedAttempt,
}

/// What only the sums count of an attempt.
#[derive(Debug, Clone, Copy)]
struct CountedAttempt {
    cost: Option<Money>,
    is_exact: bool,
    dropped_fields: u32,
}

impl PastAttempt {
    /// Sets the key that it used, where the decisions tell which.
    pub(super) fn find_key(&mut self, keys: &KeysOfAttempts) {
        let attempt = (self.end.decision, self.end.number);
        self.end.ticket.key = keys.get(&attempt).copied();
    }

    /// The attempt, if its target is configured.
    pub(super) fn at_target(self, catalogue: &Catalogue) -> Option<AttemptEnd> {
        let target = catalogue.target(&self.provider, &self.model)?;
        Some(AttemptEnd { target, ..self.end })
    }

    /// The attempt as it was counted, if it ended since a time and its target is configured.
    pub(super) fn counted_since(
        &self,
        from: UnixTime,
        catalogue: &Catalogue,
    ) -> Option<AttemptEnd> {
        if self.end.ended < from {
            return None;
        }
        let usage = self.end.usage.map(|measured| MeasuredUsage {
            basis: if self.counted.is_exact {
                UsageBasis::Exact
            } else {
                UsageBasis::Estimated
            },
            ..measured
        });
        Some(AttemptEnd {
            target: catalogue.target(&self.provider, &self.model)?,
            cost: self.counted.cost,
            usage,
            dropped_fields: self.counted.dropped_fields,
            ..self.end.clone()
        })
    }
}

impl Store {
    /// The newest attempts of this instance since a time, newest first.
    pub(super) async fn load_attempts(
        &self,
        since: UnixTime,
        limit: u64,
    ) -> Result<Vec<PastAttempt>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE instance = $1 AND at >= $2 \
             ORDER BY at DESC, seq DESC LIMIT $3"
        );
        let values = vec![self.instance().into(), since.micros().into(), limit.into()];
        let rows = self.database()?.fetch(&sql, values).await?;
        rows.iter().map(attempt).collect()
    }
}

fn attempt(row: &Row) -> Result<PastAttempt, StoreError> {
    let ended = UnixTime::from_micros(row.count(0)?);
    let started = ended.minus(Duration::from_micros(row.count(1)?));
    let seconds =
        |micros: Option<u64>| micros.map(|micros| Duration::from_micros(micros).as_secs_f64());
    let usage = row
        .optional_count(7)?
        .zip(row.optional_count(8)?)
        .map(|(input, output)| Usage {
            input,
            output,
            ..Usage::default()
        });
    let cached = row.optional_count(9)?.unwrap_or_default();
    let class = usize::try_from(row.count(13)?).ok();
    let outcome = match &*row.string(4)? {
        "ok" => Outcome::Success,
        "cancelled" => Outcome::Cancelled,
        _ => Outcome::Failed(Failure::parse(&row.string(5)?).unwrap_or(Failure::Server)),
    };
    let exact = UsageBasis::as_str(Some(UsageBasis::Exact));
    Ok(PastAttempt {
        provider: row.string(2)?,
        model: row.string(3)?,
        counted: CountedAttempt {
            cost: row.optional_count(17)?.map(Money::from_pico),
            is_exact: row.string(18)? == exact,
            dropped_fields: u32::try_from(row.count(19)?).unwrap_or(u32::MAX),
        },
        end: AttemptEnd {
            decision: row.string(20)?.parse().unwrap_or(DecisionId(0)),
            identity: Arc::default(),
            target: 0.into(),
            started,
            ended,
            outcome,
            first_token: seconds(row.optional_count(6)?),
            usage: usage.map(|usage| MeasuredUsage::exact(Usage { cached, ..usage })),
            cost: None,
            streamed: row.count(10)? > 0,
            trial: row.count(14)? > 0,
            number: u32::try_from(row.count(21)?).unwrap_or(0),
            status: None,
            message: None,
            dropped_fields: 0,
            ticket: AttemptStart {
                started,
                load: row.real(11)?.unwrap_or_default(),
                class: class.and_then(RequestClass::from_index).unwrap_or_default(),
                prompt: row.real(12)?.unwrap_or_default(),
                ..AttemptStart::default()
            },
            limits: UpstreamLimits::default(),
            client_deadline_hit: row.count(15)? > 0,
            abandoned_after: seconds(row.optional_count(16)?),
        },
    })
}
