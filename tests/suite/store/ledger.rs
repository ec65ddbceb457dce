//! The ledger: absolute sums that only grow, written before anything else.

use super::{TestDatabase, now, on_both};
use aibal_tui::store::{LedgerRow, Record};

fn row(epoch: u64, spent: u64, leased: u64) -> LedgerRow {
    LedgerRow {
        epoch,
        budget: "all".to_owned(),
        period: "day:20000".to_owned(),
        spent_pico: spent,
        leased_pico: leased,
        at: now(),
    }
}

on_both! {
    async fn what_was_spent_only_grows(database: TestDatabase) {
        let store = database.open().await;
        store.write_ledger(vec![row(1, 10, 5)]).await.unwrap();
        store.write_ledger(vec![row(1, 30, 5), row(2, 1, 0)]).await.unwrap();
        store.write_ledger(vec![row(1, 20, 9)]).await.unwrap();
        // A clean stop returns the lease.
        store.write_ledger(vec![row(1, 30, 0)]).await.unwrap();
        store.close().await;
        let store = database.open().await;

        let rows = store.load_ledger("day:20000").await.unwrap();
        let sums: Vec<(u64, u64, u64)> = rows
            .iter()
            .map(|(_, row)| (row.epoch, row.spent_pico, row.leased_pico))
            .collect();

        assert_eq!(sums, [(1, 30, 0), (2, 1, 0)]);
        assert!(store.load_ledger("day:1").await.unwrap().is_empty());
    }

    async fn the_ledger_is_written_ahead_of_many_rows(database: TestDatabase) {
        let store = database.open().await;
        for number in 0..20_000 {
            store.record(Record::State {
                name: if number % 2 == 0 { "a" } else { "b" },
                json: "{}".to_owned(),
                at: now(),
            });
        }
        store.write_ledger(vec![row(1, 10, 5)]).await.unwrap();

        assert!(store.status().queued > 0, "the rows still wait");
        assert_eq!(store.load_ledger("day:20000").await.unwrap().len(), 1);
    }
}
