//! Fuzzes client requests: any JSON, from every protocol into every other.
#![no_main]

mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::request(bytes));
