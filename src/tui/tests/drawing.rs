//! Snapshots of the screens at several sizes.

use super::*;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

#[test]
fn the_overview_at_every_size() {
    for (width, height) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
        let mut model = default_model();
        press(&mut model, "↓");
        insta::assert_snapshot!(
            format!("overview_{width}x{height}"),
            text(&model, width, height)
        );
    }
}

#[test]
fn the_weights_at_every_size() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut model = default_model();
        press(&mut model, "w > > S-Tab ↓ >");
        insta::assert_snapshot!(
            format!("weights_{width}x{height}"),
            text(&model, width, height)
        );
    }
}

#[test]
fn every_screen_at_two_sizes() {
    for (name, keys) in [
        ("cost", "3"),
        ("share", "5"),
        ("provider", "Enter"),
        ("decisions", "d ↓"),
        ("alerts", "a"),
        ("revisions", "v"),
        ("log", "L"),
    ] {
        for (width, height) in [(80, 24), (120, 40)] {
            let mut model = default_model();
            screens::fill(&mut model);
            press(&mut model, keys);
            insta::assert_snapshot!(
                format!("{name}_{width}x{height}"),
                text(&model, width, height)
            );
        }
    }
}

#[test]
fn every_box_on_a_small_screen() {
    for (name, keys) in [
        ("help", "?"),
        ("leave", "q"),
        ("menu", "."),
        ("confirm", ". d"),
        ("review", "w > Enter S-Tab Enter b i g"),
        ("sort", "s"),
        ("presets", "w P"),
        ("filter", "/ o"),
        ("command", ": v i"),
    ] {
        let mut model = default_model();
        press(&mut model, keys);
        insta::assert_snapshot!(format!("box_{name}"), text(&model, 80, 24));
    }
}

#[test]
fn many_providers_scroll_and_none_is_left_out() {
    for providers in [0, 1, 9, 50, 500] {
        let mut model = model(Theme::default(), true, providers);
        press(&mut model, "G");
        let screen = text(&model, 120, 40);
        if let Some(last) = model.order.last() {
            assert!(
                screen.contains(&format!("▌{last}")),
                "{providers}: {last}\n{screen}"
            );
        }
    }
}

#[test]
fn ascii_screens_have_only_ascii_characters() {
    for keys in [
        "",
        "w >",
        "?",
        "q",
        ". d",
        "Enter",
        "d",
        "M",
        "C",
        "a",
        "v",
        "L",
        ": v",
        "/ x",
        "w > Enter",
        "s",
    ] {
        let mut model = model(mono(true), true, 5);
        screens::fill(&mut model);
        press(&mut model, keys);
        let screen = text(&model, 120, 40);
        let strange: Vec<char> = screen
            .chars()
            .filter(|c| !(' '..='~').contains(c) && *c != '\n')
            .collect();
        assert!(strange.is_empty(), "{keys:?}: {strange:?}\n{screen}");
    }
}

#[test]
fn without_colours_no_colour_is_drawn() {
    let area = Rect::new(0, 0, 120, 40);
    let mut buffer = Buffer::empty(area);
    draw(&model(mono(false), true, 5), area, &mut buffer);

    let plain = ratatui::style::Color::Reset;
    assert!(
        buffer
            .content()
            .iter()
            .all(|cell| cell.fg == plain && cell.bg == plain)
    );
}

#[test]
fn a_state_has_its_word_in_every_palette() {
    for palette in [
        "default",
        "light",
        "high-contrast",
        "mono",
        "deuter",
        "true-colour",
    ] {
        let theme = Theme {
            palette: palette.parse().unwrap(),
            ascii: false,
            masked: false,
        };
        let screen = text(&model(theme, true, 5), 120, 40);
        assert!(
            screen.contains("✗OPEN") && screen.contains("▲429"),
            "{palette}"
        );
    }
    assert!("sepia".parse::<Palette>().unwrap_err().contains("sepia"));
}

#[test]
fn wide_names_keep_the_columns() {
    let mut status = fixture::status(5, 7);
    "日本語の長い名前です".clone_into(&mut status.providers[1].performance.provider);
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    let screen = text(&model, 120, 40);
    let column = |word: &str| {
        let row = screen.lines().find(|row| row.contains(word)).unwrap();
        let before = row.split('%').next().unwrap();
        unicode_width::UnicodeWidthStr::width(before)
    };
    assert_eq!(column("日本"), column("google"));
}

#[test]
fn stale_data_is_dim_and_shows_its_age() {
    let mut model = model(Theme::default(), false, 5);
    update(
        &mut model,
        Message::Update(Update::Disconnected("connection refused".to_owned())),
        NOW + Duration::from_secs(12),
    );

    let screen = text(&model, 120, 40);
    assert!(screen.contains("STALE 12s") && screen.contains("connection refused; retrying"));
    let area = Rect::new(0, 0, 120, 40);
    let mut buffer = Buffer::empty(area);
    draw(&model, area, &mut buffer);
    assert!(
        buffer[(10, 8)]
            .modifier
            .contains(ratatui::style::Modifier::DIM)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_size_and_no_number_of_providers_panics(
        width in 1_u16..300, height in 1_u16..100, providers in 0_usize..60,
        keys in prop::collection::vec("[?qwtdavLMCbezsoyxu:/.jkGKPn<>59=rR{]|Enter|Tab|Esc|Space|PgDn", 0..8),
    ) {
        let mut model = model(Theme::default(), true, providers);
        screens::fill(&mut model);
        press(&mut model, &keys.join(" "));
        let area = Rect::new(0, 0, width, height);
        draw(&model, area, &mut Buffer::empty(area));
    }

    #[test]
    fn no_number_panics(
        value in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(0.0), Just(1e12)],
        name in "\\PC{0,30}",
    ) {
        let mut status = fixture::status(5, 7);
        let provider = &mut status.providers[1];
        provider.performance.provider = name;
        provider.performance.latency_ms.p95 = Some(value);
        provider.usd_per_hour = Some(value);
        provider.share = value;
        provider.score = Some(value);
        provider.requests_per_second = value;
        for bucket in &mut provider.series.buckets {
            bucket.cost_usd = value;
            bucket.p95_ms = Some(3e38);
        }
        for keys in ["", "Enter", "w >", "a"] {
            let mut model = Model::new(options(Theme::default(), true));
            receive(&mut model, status.clone());
            press(&mut model, keys);
            let area = Rect::new(0, 0, 120, 40);
            draw(&model, area, &mut Buffer::empty(area));
        }
    }
}
