//! The command line: what may be typed, as INTERFACES promises it.

pub mod arguments;
