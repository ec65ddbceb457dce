//! Many records in one transaction.

use super::columns::Columns;
use super::database::{Connection, Value};
use super::error::StoreError;
use super::partitions::KnownDays;
use super::record::{LedgerRow, Record, RollUpKey, RollUpRow};
use super::tables::{
    ALERTS, ATTEMPTS, AUDIT, EVENTS, LEDGER, REQUESTS, REVISIONS, ROLL_UPS, STATE, Table,
};
use crate::domain::UnixTime;
use std::collections::BTreeMap;

/// Rows by table, ready to be written.
#[derive(Debug, Default)]
struct Batch {
    rows: BTreeMap<&'static str, (Option<&'static Table>, Vec<Vec<Value>>)>,
}

impl Batch {
    fn of(records: &[Record], instance: &str) -> Self {
        let mut batch = Self::default();
        let mut roll_ups: BTreeMap<&RollUpKey, &RollUpRow> = BTreeMap::new();
        let mut states: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut ledger: Vec<LedgerRow> = Vec::new();
        let mut alerts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for record in records {
            match record {
                Record::Attempt(row) => batch.add(&ATTEMPTS, row.values(instance)),
                Record::Request(row) => batch.add(&REQUESTS, row.values(instance)),
                Record::Event(row) => batch.add(&EVENTS, row.values(instance)),
                Record::Audit(row) => batch.add(&AUDIT, row.values(instance)),
                Record::Revision(row) => batch.add(&REVISIONS, row.values(instance)),
                Record::Ledger(row) => ledger.push(row.clone()),
                // One statement may change a row only once, so the newest stands for all.
                Record::RollUp(row) => drop(roll_ups.insert(&row.key, row)),
                Record::Alert(row) => drop(alerts.insert(&row.id, row.values(instance))),
                Record::State { name, json, at } => {
                    let values = vec![
                        instance.into(),
                        (*name).into(),
                        json.as_str().into(),
                        at.micros().into(),
                    ];
                    states.insert(name, values);
                }
            }
        }
        batch.extend(&ROLL_UPS, roll_ups.values().map(|row| row.values(instance)));
        batch.extend(&STATE, states.into_values());
        batch.extend(&ALERTS, alerts.into_values());
        batch.extend(&LEDGER, newest_ledger(&ledger, instance));
        batch
    }

    fn add(&mut self, table: &'static Table, values: Vec<Value>) {
        self.extend(table, std::iter::once(values));
    }

    fn extend(&mut self, table: &'static Table, rows: impl Iterator<Item = Vec<Value>>) {
        let entry = self.rows.entry(table.name).or_default();
        entry.0 = Some(table);
        entry.1.extend(rows);
    }
}

/// The newest row of each budget and period.
fn newest_ledger<'r>(
    rows: &'r [LedgerRow],
    instance: &'r str,
) -> impl Iterator<Item = Vec<Value>> + use<'r> {
    let mut newest: BTreeMap<(u64, &str, &str), &LedgerRow> = BTreeMap::new();
    for row in rows {
        newest.insert((row.epoch, &row.budget, &row.period), row);
    }
    newest.into_values().map(|row| row.values(instance))
}

/// Writes all records, or none.
pub(super) async fn write(
    connection: &mut Connection,
    days: &mut KnownDays,
    records: &[Record],
    instance: &str,
) -> Result<(), StoreError> {
    days.ensure(connection, records.iter().filter_map(row_time))
        .await?;
    connection.begin().await?;
    for (table, rows) in Batch::of(records, instance).rows.into_values() {
        if let Some(table) = table {
            table.insert(connection, rows).await?;
        }
    }
    connection.commit().await
}

/// Writes rows of the ledger.
pub(super) async fn write_ledger(
    connection: &mut Connection,
    rows: &[LedgerRow],
    instance: &str,
) -> Result<(), StoreError> {
    let values = newest_ledger(rows, instance).collect();
    connection.begin().await?;
    LEDGER.insert(connection, values).await?;
    connection.commit().await
}

/// Time of a row of a table that has partitions.
fn row_time(record: &Record) -> Option<UnixTime> {
    match record {
        Record::Attempt(row) => Some(row.at),
        Record::Request(row) => Some(row.at),
        Record::Event(row) => Some(row.at),
        _ => None,
    }
}
