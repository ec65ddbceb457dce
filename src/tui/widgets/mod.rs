//! Small pictures of our own.

pub mod chart;
pub mod heat;
pub mod stack;
pub mod strip;
