//! Everything that needs sockets, in one binary so that it links once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod demo;
mod gateway;
mod remote;
mod program;
mod upstream;
