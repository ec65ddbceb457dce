//! Recorded streams and requests with random damage: nothing panics, and a broken stream never
//! looks complete.

use super::case::cases;
use crate::exercise;
use aibal_tui::protocols::kinds;
use proptest::prelude::*;
use std::sync::LazyLock;

static STREAMS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| recorded("stream"));
static REQUESTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| recorded("request"));

fn recorded(prefix: &str) -> Vec<Vec<u8>> {
    let of = |case: super::case::Case| {
        let files = case.files.clone().into_iter();
        let files = files.filter(|file| file.starts_with(prefix));
        files.map(|file| case.bytes(&file)).collect::<Vec<_>>()
    };
    cases().into_iter().flat_map(of).collect()
}

/// Overwrites bytes at some positions, and truncates at `cut`.
fn damaged(
    mut bytes: Vec<u8>,
    positions: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    for (position, byte) in positions {
        let position = position.index(bytes.len());
        bytes[position] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()) + 1);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_damaged_stream_never_looks_whole(
        stream in any::<prop::sample::Index>(),
        choice in any::<[u8; 3]>(),
        positions in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let stream = stream.get(&STREAMS[..]).clone();
        exercise::stream(&[&choice[..], &damaged(stream, &positions, Some(cut))].concat());
    }

    #[test]
    fn a_damaged_request_is_sent_as_json_or_not_at_all(
        request in any::<prop::sample::Index>(),
        choice in any::<u8>(),
        positions in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let request = request.get(&REQUESTS[..]).clone();
        exercise::request(&[&[choice][..], &damaged(request, &positions, None)].concat());
    }
}

#[test]
fn an_undamaged_stream_is_translated_from_every_provider_to_every_client() {
    for kind in kinds() {
        for (position, stream) in STREAMS.iter().enumerate() {
            let choice = u8::try_from(position % 3).unwrap();
            let number = kinds().iter().position(|known| *known == kind).unwrap();
            let number = u8::try_from(number).unwrap();
            exercise::stream(&[&[number, choice, 64][..], stream].concat());
        }
    }
}
