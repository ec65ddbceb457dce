//! Requests and events that the store holds.

use super::database::{Row, Value};
use super::error::StoreError;
use super::explanation::Explanation;
use super::record::{EventRow, RequestRow};
use super::schema::compared_by_bytes;
use super::store::Store;
use crate::domain::{Event, EventKind, Failure, RejectionReason, UnixTime, UsageBasis};

/// Columns of a request, without its explanation.
const COLUMNS: &str = "seq, started, at, decision, request_id, provider, model, client, tag, \
                       model_asked, outcome, failure, score, reason, attempts, latency_us, \
                       input_tokens, output_tokens, cached_tokens, cost_pico, cost_basis, status, message";
/// Number of them.
const COLUMN_COUNT: usize = 23;
/// Outcomes of requests.
const OUTCOMES: [&str; 4] = ["ok", "error", "cancelled", "refused"];

/// Which requests in trouble to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TroubleFilter {
    /// Those that failed, and those that were saved.
    Any,
    /// Those that failed.
    Failed,
    /// Those that another attempt saved.
    Saved,
}

impl TroubleFilter {
    /// Word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Failed => "failed",
            Self::Saved => "saved",
        }
    }
}

/// Which requests to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only of this client.
    pub client: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only those in trouble.
    pub trouble: Option<TroubleFilter>,
    /// Only those that ended at this time or later.
    pub since: Option<UnixTime>,
    /// Only older than this one: its end, and its number.
    pub before: Option<(UnixTime, u64)>,
    /// Number of requests.
    pub limit: u64,
    /// Whether the explanations are read too.
    pub with_explanation: bool,
}

impl Store {
    /// Requests of this instance, newest first.
    pub async fn load_requests(
        &self,
        filter: &RequestFilter,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let explanation = if filter.with_explanation {
            ", explanation"
        } else {
            ""
        };
        let mut sql = format!("SELECT {COLUMNS}{explanation} FROM requests WHERE instance = $1");
        let mut values: Vec<Value> = vec![self.instance().into()];
        for (column, wanted) in [
            ("provider", &filter.provider),
            ("model", &filter.model),
            ("client", &filter.client),
            ("outcome", &filter.outcome),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.as_str().into());
                sql = format!("{sql} AND {column} = ${}", values.len());
                // The index of outcomes leaves out the usual one.
                if column == "outcome" && wanted != "ok" {
                    sql.push_str(" AND outcome <> 'ok'");
                }
                if column == "client" && !wanted.is_empty() {
                    sql.push_str(" AND client <> ''");
                }
            }
        }
        sql.push_str(match filter.trouble {
            None => "",
            Some(TroubleFilter::Any) => " AND failure <> ''",
            Some(TroubleFilter::Failed) => " AND failure <> '' AND outcome <> 'ok'",
            Some(TroubleFilter::Saved) => " AND failure <> '' AND outcome = 'ok'",
        });
        if let Some(since) = filter.since {
            values.push(since.micros().into());
            sql = format!("{sql} AND at >= ${}", values.len());
        }
        if let Some((at, sequence)) = filter.before {
            values.push(at.micros().into());
            values.push(sequence.into());
            let (at, sequence) = (values.len() - 1, values.len());
            sql = format!("{sql} AND at <= ${at} AND (at < ${at} OR seq < ${sequence})");
        }
        values.push(filter.limit.into());
        sql = format!("{sql} ORDER BY at DESC, seq DESC LIMIT ${}", values.len());
        let rows = self.database()?.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| request(row, filter.with_explanation))
            .collect()
    }

    /// One request by the id of its decision.
    pub async fn load_request(&self, decision: &str) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, explanation FROM requests WHERE decision = $1 \
             ORDER BY at DESC LIMIT 1"
        );
        let rows = self.database()?.fetch(&sql, vec![decision.into()]).await?;
        rows.first().map(|row| request(row, true)).transpose()
    }

    /// Requests whose decision or own id begins so, newest first; decisions by 16 hexadecimal digits.
    pub async fn find_requests(
        &self,
        start: &str,
        limit: u64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let database = self.database()?;
        let mut found = Vec::new();
        // No id that begins so is after these; of hexadecimal digits that holds in every language.
        let ends = [format!("{start}g"), format!("{start}{}", char::MAX)];
        for (column, end) in ["decision", "request_id BYTEWISE"].into_iter().zip(ends) {
            let sql = format!(
                "SELECT {COLUMNS}, explanation FROM requests WHERE {column} >= $1 \
                 AND {column} < $2 ORDER BY at DESC LIMIT $3"
            );
            let values = vec![start.into(), end.as_str().into(), limit.into()];
            let sql = compared_by_bytes(&sql, database.backend());
            let rows = database.fetch(&sql, values).await?;
            for row in &rows {
                found.push(request(row, true)?);
            }
        }
        Ok(found)
    }

    /// The newest events of this instance, newest first.
    pub async fn load_events(&self, limit: u64) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT seq, at, number, kind, bad, provider, text FROM events \
                   WHERE instance = $1 ORDER BY at DESC, seq DESC LIMIT $2";
        let values = vec![self.instance().into(), limit.into()];
        let rows = self.database()?.fetch(sql, values).await?;
        rows.iter().map(event_row).collect()
    }

    /// The events of a period, newest first.
    pub async fn load_past_events(
        &self,
        from: UnixTime,
        until: UnixTime,
        limit: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT seq, at, number, kind, bad, provider, text FROM events \
                   WHERE instance = $1 AND at >= $2 AND at < $3 \
                   ORDER BY at DESC, seq DESC LIMIT $4";
        let values = vec![
            self.instance().into(),
            from.micros().into(),
            until.micros().into(),
            limit.into(),
        ];
        let rows = self.database()?.fetch(sql, values).await?;
        let mut events: Vec<Event> = Vec::with_capacity(rows.len());
        for row in &rows {
            let event = event(event_row(row)?);
            // One that is updated while it lasts has several rows; the newest tells all.
            if events.iter().all(|known| known.id != event.id) {
                events.push(event);
            }
        }
        Ok(events)
    }
}

fn event_row(row: &Row) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        sequence: row.count(0)?,
        at: UnixTime::from_micros(row.count(1)?),
        number: row.count(2)?,
        kind: EventKind::parse(&row.string(3)?)
            .unwrap_or(EventKind::Info)
            .as_str(),
        bad: row.count(4)? > 0,
        provider: row.string(5)?.into(),
        text: row.string(6)?,
    })
}

/// The event of a row; what it told of an alert or a trouble is in its text.
pub(super) fn event(row: EventRow) -> Event {
    Event {
        id: row.number,
        at: row.at,
        kind: EventKind::parse(row.kind).unwrap_or(EventKind::Info),
        bad: row.bad,
        provider: Some(row.provider).filter(|name| !name.is_empty()),
        text: row.text,
        alert: None,
        trouble: None,
    }
}

fn request(row: &Row, has_explanation: bool) -> Result<RequestRow, StoreError> {
    let tokens = match (row.optional_count(16)?, row.optional_count(17)?) {
        (Some(input), Some(output)) => Some([input, output, row.optional_count(18)?.unwrap_or(0)]),
        _ => None,
    };
    let failure = row.string(11)?;
    let rejection = RejectionReason::ALL
        .into_iter()
        .map(RejectionReason::as_str);
    let basis = [Some(UsageBasis::Exact), Some(UsageBasis::Estimated), None];
    Ok(RequestRow {
        sequence: row.count(0)?,
        started: UnixTime::from_micros(row.count(1)?),
        at: UnixTime::from_micros(row.count(2)?),
        decision: row.string(3)?,
        request_id: row.string(4)?,
        provider: row.string(5)?.into(),
        model: row.string(6)?.into(),
        client: row.string(7)?.into(),
        tag: row.string(8)?.into(),
        model_asked: row.string(9)?.into(),
        outcome: known(OUTCOMES.into_iter(), &row.string(10)?),
        failure: match Failure::parse(&failure) {
            Some(failure) => failure.as_str(),
            None => known(rejection, &failure),
        },
        status: u16::try_from(row.count(21)?).unwrap_or(0),
        message: row.string(22)?,
        score: row.real(12)?,
        reason: row.string(13)?,
        attempts: u32::try_from(row.count(14)?).unwrap_or(u32::MAX),
        latency_us: row.count(15)?,
        tokens,
        cost_pico: row.optional_count(19)?,
        cost_basis: known(basis.map(UsageBasis::as_str).into_iter(), &row.string(20)?),
        explanation: if has_explanation {
            Explanation::Json(row.string(COLUMN_COUNT)?)
        } else {
            Explanation::default()
        },
    })
}

/// The known word that a stored one is; empty for an unknown one.
fn known(mut words: impl Iterator<Item = &'static str>, stored: &str) -> &'static str {
    words.find(|word| *word == stored).unwrap_or_default()
}
