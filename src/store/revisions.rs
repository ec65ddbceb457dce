//! Revisions that the store holds.

use super::effect_shape::EffectShape;
use super::error::StoreError;
use super::held_changes::{WeightValues, values, weights};
use super::record::RevisionRow;
use super::store::Store;
use crate::domain::{Revision, UnixTime};
use serde::{Deserialize, Serialize};

/// Global weights before and after, and what the change did.
#[derive(Debug, Serialize, Deserialize)]
struct WeightsShape {
    before: WeightValues,
    after: WeightValues,
    /// Missing in rows of versions that measured none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<EffectShape>,
}

impl From<&Revision> for RevisionRow {
    fn from(revision: &Revision) -> Self {
        let shape = WeightsShape {
            before: values(revision.before),
            after: values(revision.after),
            effect: revision.effect.as_ref().map(EffectShape::from),
        };
        Self {
            number: revision.number,
            at: revision.at,
            who: revision.who.clone(),
            reason: revision.reason.clone().unwrap_or_default(),
            what: revision.what.clone(),
            json: serde_json::to_string(&shape).unwrap_or_default(),
        }
    }
}

impl Store {
    /// The newest revisions of this instance, oldest first.
    pub(super) async fn load_revisions(&self, limit: u64) -> Result<Vec<Revision>, StoreError> {
        let sql = "SELECT number, at, who, reason, what, json FROM revisions \
                   WHERE instance = $1 ORDER BY number DESC LIMIT $2";
        let values = vec![self.instance().into(), limit.into()];
        let rows = self.database()?.fetch(sql, values).await?;
        let mut revisions = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            let Ok(shape) = serde_json::from_str::<WeightsShape>(&row.string(5)?) else {
                continue;
            };
            let reason = row.string(3)?;
            revisions.push(Revision {
                number: row.count(0)?,
                at: UnixTime::from_micros(row.count(1)?),
                who: row.string(2)?,
                reason: Some(reason).filter(|reason| !reason.is_empty()),
                what: row.string(4)?,
                before: weights(shape.before),
                after: weights(shape.after),
                effect: shape.effect.map(Into::into),
            });
        }
        Ok(revisions)
    }
}
