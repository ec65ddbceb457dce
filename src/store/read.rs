//! What the store reads back as a whole: state and ledger.

use super::error::StoreError;
use super::record::LedgerRow;
use super::store::Store;
use crate::domain::UnixTime;

impl Store {
    /// The newest state of a name that this instance stored, and its time.
    pub async fn load_state(&self, name: &str) -> Result<Option<(String, UnixTime)>, StoreError> {
        let sql = "SELECT json, at FROM state WHERE instance = $1 AND name = $2";
        let values = vec![self.instance().into(), name.into()];
        let rows = self.database()?.fetch(sql, values).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some((row.string(0)?, UnixTime::from_micros(row.count(1)?))))
    }

    /// All rows of the ledger over a period, of every instance, with the name of the instance.
    pub async fn load_ledger(&self, period: &str) -> Result<Vec<(String, LedgerRow)>, StoreError> {
        let sql = "SELECT instance, epoch, budget, period, spent_pico, leased_pico, at \
                   FROM ledger WHERE period = $1 ORDER BY instance, epoch, budget";
        let rows = self.database()?.fetch(sql, vec![period.into()]).await?;
        rows.iter()
            .map(|row| {
                let ledger = LedgerRow {
                    epoch: row.count(1)?,
                    budget: row.string(2)?,
                    period: row.string(3)?,
                    spent_pico: row.count(4)?,
                    leased_pico: row.count(5)?,
                    at: UnixTime::from_micros(row.count(6)?),
                };
                Ok((row.string(0)?, ledger))
            })
            .collect()
    }
}
