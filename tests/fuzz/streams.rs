//! Fuzzes provider streams: any bytes, through every protocol to every client.
#![no_main]

mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::stream(bytes));
