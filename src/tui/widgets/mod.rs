//! Small pictures of our own.

pub mod area;
pub mod chart;
pub mod heat;
pub mod line;
pub mod stack;
pub mod strip;
