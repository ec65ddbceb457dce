//! Streams cut in two at every byte yield the same events.

use super::case::cases;
use aibal_tui::protocols::{Framing, Splitter};

/// A response adapter depends only on the events, so it is enough to compare these.
#[test]
fn a_stream_yields_the_same_events_wherever_it_is_cut() {
    let mut streams = 0;
    for case in cases() {
        let files = case.files.iter().filter(|file| file.starts_with("stream"));
        for file in files {
            streams += 1;
            let framing = if file.contains("ndjson") {
                Framing::Lines
            } else {
                Framing::Events
            };
            let bytes = case.bytes(file);
            let whole = events(framing, &[&bytes]);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(events(framing, &single), whole, "{} byte by byte", case.id);
            for cut in 1..bytes.len() {
                let parts = [&bytes[..cut], &bytes[cut..]];
                assert_eq!(events(framing, &parts), whole, "{} cut at {cut}", case.id);
            }
        }
    }
    assert_eq!(streams, 34);
}

fn events(framing: Framing, parts: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut splitter = Splitter::new(framing);
    let mut events = Vec::new();
    for part in parts {
        splitter.push(part);
        while let Some(event) = splitter.next_event().unwrap() {
            events.push(event);
        }
    }
    events.extend(splitter.rest());
    let data = |event: &aibal_tui::protocols::Event| match framing {
        Framing::Events => event.data().map(|data| data.to_vec()),
        Framing::Lines => Some(event.raw.to_vec()),
    };
    events.iter().map(data).collect()
}
