//! Widgets that ratatui has no equal of: log-scale charts with gaps and marks, strips of success,
//! stacks of shares, heat maps. They draw in few bytes and need no colour.

pub mod area;
pub mod chart;
pub mod grid;
pub mod heat;
pub mod line;
pub mod stack;
pub mod strip;
