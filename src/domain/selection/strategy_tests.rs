use super::tests::{NOW, ask, choose, three};
use super::{RequestProfile, TargetScope};
use crate::domain::{Price, RoutingTable, Strategy, UnixTime};

#[test]
fn every_strategy_compares_its_own_criterion() {
    let mut table = three();
    let chosen = |strategy, table: &mut RoutingTable| {
        table.strategy = strategy;
        choose(table, &ask(), 0.0).unwrap().target.get()
    };
    // Only `best` reads the window.
    table.candidates[0].window.first_token = 0.001;
    assert_eq!(chosen(Strategy::Best, &mut table), 0);
    assert_eq!(chosen(Strategy::LowestLatency, &mut table), 2);
    assert_eq!(chosen(Strategy::LowestCost, &mut table), 0);
    table.candidates[2].price = Some(Price::flat(0.0, 0.0));
    table.candidates[0].price = None;
    assert_eq!(
        chosen(Strategy::LowestCost, &mut table),
        2,
        "free is a price, and unknown is not free"
    );

    let busy = |table: &RoutingTable, target: usize| {
        let only = [target.into()];
        let ask = RequestProfile {
            scope: TargetScope::Only(&only),
            ..ask()
        };
        choose(table, &ask, 0.0)
            .unwrap()
            .acquire_lease(table, NOW)
            .unwrap()
    };
    let held = [busy(&table, 0), busy(&table, 2)];
    assert_eq!(chosen(Strategy::LeastBusy, &mut table), 1);
    drop(held);
    table.strategy = Strategy::RoundRobin;
    let turn: Vec<usize> = (0..6)
        .map(|second| {
            let choice = choose(&table, &ask(), 0.7).unwrap();
            drop(choice.acquire_lease(&table, UnixTime::from_seconds(2_000 + second)));
            choice.target.get()
        })
        .collect();
    assert_eq!(turn[..3], turn[3..]);
    assert_eq!(turn.iter().sum::<usize>(), 6, "each twice: {turn:?}");
}
