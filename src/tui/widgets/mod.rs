//! Small pictures of our own.

pub mod chart;
pub mod strip;
