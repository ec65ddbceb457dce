//! A world to prove the balancer in: five vendors with their moods, a day of traffic, scripts of
//! trouble, an oracle that knows everything, and rivals. One seed gives one world, no matter who
//! balances in it, so that two strategies differ by what they decide and by nothing else.
//!
//! Reading order: `vendor` (what a vendor does), `keys` (those of a vendor with several), `traffic` (what is asked), `scenario` (what goes
//! wrong and when), `worlds` (other traffic and other fleets), `player` (who decides: `ours` by its public calls, in the catalogue of `fleet`; rivals, the oracle), `run`
//! (the clock that drives them), `report` (what it came to).

pub mod fleet;
pub mod futures;
pub mod hedging;
pub mod keys;
pub mod luck;
pub mod oracle;
pub mod ours;
pub mod peak_ewma;
pub mod player;
pub mod report;
pub mod run;
pub mod scenario;
pub mod traffic;
pub mod vendor;
pub mod worlds;
