//! Worlds besides the scenarios of trouble: answers in one piece, short answers and embeddings,
//! mixed traffic, several keys, long prompts, prompt caches, outliers, few requests, flapping at
//! several speeds, small and large fleets. A name that ends in `u` is the world with every answer in
//! one piece.

use super::keys::KeyPool;
use super::scenario::{Scenario, Trouble};
use super::traffic::{Demand, PromptLengths, Sessions, Work};
use super::vendor::{GOOGLE, Profile, VENDORS, cloud};

/// The seconds that most worlds last.
const LENGTH: f64 = 1_200.0;
const LABELS: Demand = Demand::new(Work::Label, 1.0, false);
const LABEL_STREAMS: Demand = Demand::new(Work::Label, 1.0, true);
const TOOL_CALLS: Demand = Demand::new(Work::ToolCall, 1.0, false);
const EMBEDDINGS: Demand = Demand::new(Work::Embedding, 1.0, false);
const CHAT: Demand = Demand::new(Work::Chat, 1.0, true);

/// A world by its name; a scenario of trouble where it has that name.
pub fn world(name: &'static str) -> Scenario {
    if let Some(streamed) = name.strip_suffix('u') {
        return world_of(streamed).whole(name);
    }
    world_of(name)
}

fn world_of(name: &'static str) -> Scenario {
    let mut world = Scenario::named(name);
    if name.starts_with('S') || name == "K" {
        return world;
    }
    (world.length, world.day) = (LENGTH, LENGTH);
    match name.as_bytes()[0] {
        b'E' | b'L' | b'T' => short(&mut world),
        b'M' => mixed(&mut world),
        b'P' => prompts(&mut world),
        b'A' => keys(&mut world),
        b'C' => caches(&mut world),
        b'H' => tails(&mut world),
        b'Q' => few(&mut world),
        b'F' => flapping(&mut world),
        b'N' => fleet(&mut world),
        _ => {}
    }
    world
}

/// `1` the usual vendors, `2` one request in two seconds, `3` a brownout of the one that is chosen
/// most.
fn short(world: &mut Scenario) {
    let name = world.name;
    world.mix = match name.as_bytes()[0] {
        b'E' => {
            speed(world, &[0.02, 0.2, 0.4, 0.1, 0.05]);
            vec![EMBEDDINGS]
        }
        b'L' => vec![LABELS],
        _ => vec![TOOL_CALLS],
    };
    if name.ends_with('2') {
        world.rate = 0.5;
    }
    if name.ends_with('3') {
        world.strike(GOOGLE, 400.0, 700.0, Trouble::Slow(5.0));
    }
}

fn speed(world: &mut Scenario, first_token: &[f64]) {
    for (vendor, seconds) in world.vendors.iter_mut().zip(first_token) {
        vendor.first_token = *seconds;
    }
}

/// `1` chat in one piece with labels and tool calls, `2` the same streamed, `3` the same at one
/// request in two seconds, `4` labels and long artifacts, `5` embeddings beside chat streams, `6`
/// all the kinds of work, half of them streamed.
fn mixed(world: &mut Scenario) {
    let part = |work, share, streamed| Demand::new(work, share, streamed);
    let talk = |streamed| {
        vec![
            part(Work::Chat, 0.34, streamed),
            part(Work::Label, 0.33, streamed),
            part(Work::ToolCall, 0.33, streamed),
        ]
    };
    world.mix = match world.name {
        "M2" => talk(true),
        "M4" => vec![
            part(Work::Label, 0.7, false),
            part(Work::Artifact, 0.3, false),
        ],
        "M5" => vec![
            part(Work::Embedding, 0.5, false),
            part(Work::Chat, 0.5, true),
        ],
        "M6" => vec![
            part(Work::Chat, 0.2, true),
            part(Work::Chat, 0.2, false),
            part(Work::Label, 0.2, false),
            part(Work::ToolCall, 0.1, true),
            part(Work::Embedding, 0.1, false),
            part(Work::Artifact, 0.1, true),
            part(Work::Reasoning, 0.05, false),
            part(Work::Vision, 0.05, true),
        ],
        _ => talk(false),
    };
    if world.name == "M3" {
        world.rate = 0.5;
    }
}

/// `1` prompts around 8000 tokens, `2` around 30 000, `3` around 8000 with short answers.
fn prompts(world: &mut Scenario) {
    let (mean, rate) = match world.name {
        "P2" => (30_000.0, 1.5),
        _ => (8_000.0, 4.0),
    };
    world.rate = rate;
    world.prompts = Some(PromptLengths { mean, sigma: 1.2 });
    world.mix = match world.name {
        "P3" => vec![Demand::new(Work::ToolCall, 1.0, true)],
        _ => vec![CHAT],
    };
    let per_prompt = [0.05, 0.08, 0.03, 0.15, 0.30];
    for (vendor, seconds) in world.vendors.iter_mut().zip(per_prompt) {
        vendor.per_prompt = seconds;
    }
}

/// Conversations, and providers with prompt caches. `1` six deployments that are nearly equal, `2` the
/// same for agents with long prompts and short pauses, `3` as the first with one that fails for some
/// minutes, `4` as the first with pauses around the lifetime of the caches, `5` the usual vendors.
fn caches(world: &mut Scenario) {
    let (mean, rate, (turns, pause, growth)) = match world.name {
        "C2" => (20_000.0, 0.25, ((8.0, 24.0), 6.0, 1_500.0)),
        "C4" => (8_000.0, 1.0, ((3.0, 10.0), 150.0, 1_200.0)),
        _ => (8_000.0, 1.0, ((3.0, 10.0), 30.0, 1_200.0)),
    };
    (world.rate, world.burst) = (rate, 1.0);
    world.prompts = Some(PromptLengths { mean, sigma: 0.7 });
    world.sessions = Some(Sessions {
        turns,
        pause,
        growth,
    });
    world.mix = vec![CHAT];
    let per_prompt = [0.05, 0.08, 0.03, 0.15, 0.30];
    if world.name == "C5" {
        for (vendor, seconds) in world.vendors.iter_mut().zip(per_prompt) {
            vendor.per_prompt = seconds;
            vendor.cache = Some((vendor.price.0 * 0.1, 300.0));
        }
    } else {
        world.vendors = (0..6).map(|at| deployment(at * 3)).collect();
    }
    if world.name == "C3" {
        world.strike(0, 400.0, 700.0, Trouble::Down);
    }
}

/// One of several that are nearly equal, with a prompt cache.
fn deployment(at: usize) -> Profile {
    Profile {
        per_prompt: 0.06,
        cache: Some((0.05, 300.0)),
        ..alike(at % FLEET.len())
    }
}

/// A cheap vendor with several keys, and a dear one without limits; more is asked than the cheap one
/// may serve. `1` two keys of 60 requests a minute each, `2` the same with one that is not accepted
/// for some minutes, `3` two keys that share 120 a minute, `4` one key with 120.
fn keys(world: &mut Scenario) {
    world.mix = vec![LABELS];
    (world.rate, world.burst, world.day) = (3.0, 1.0, 0.0);
    let (limit, shares_quota) = match world.name {
        "A1" | "A2" => (60.0, false),
        _ => (120.0, true),
    };
    let pool = KeyPool {
        keys: 2,
        shares_quota,
    };
    world.vendors = vec![
        Profile {
            limits: Some((limit, 1e6)),
            keys: (world.name != "A4").then_some(pool),
            ..cloud(FLEET[0], (0.2, 1.0), (0.2, 0.005), 0.0)
        },
        cloud(FLEET[1], (4.0, 20.0), (1.2, 0.03), 0.0),
    ];
    if world.name == "A2" {
        world.strike(0, 400.0, 700.0, Trouble::DeniedKey(0));
    }
}

/// Outliers among labels: `1` 5 % take ten times as long, `2` 2 % take thirty times, `3` 5 % in
/// chat; `4` 5 % at one request in two seconds.
fn tails(world: &mut Scenario) {
    world.mix = vec![if world.name == "H3" {
        CHAT
    } else {
        LABEL_STREAMS
    }];
    world.tail = Some(match world.name {
        "H2" => (0.02, 30.0),
        _ => (0.05, 10.0),
    });
    if world.name == "H4" {
        world.rate = 0.5;
    }
}

/// `1` one request in ten seconds, `2` one in thirty; `3` one in ten and a brownout.
fn few(world: &mut Scenario) {
    (world.length, world.day, world.burst) = (14_400.0, 14_400.0, 1.0);
    world.mix = vec![CHAT];
    world.rate = if world.name == "Q2" { 0.033 } else { 0.1 };
    if world.name == "Q3" {
        world.strike(GOOGLE, 3_600.0, 7_200.0, Trouble::Slow(5.0));
    }
}

/// Down for 3, 10 or 30 s, and up for a little more than twice as long.
fn flapping(world: &mut Scenario) {
    let (down, up) = match world.name {
        "F3" => (3.0, 7.0),
        "F10" => (10.0, 20.0),
        _ => (30.0, 60.0),
    };
    world.mix = vec![CHAT];
    world.strike(GOOGLE, 200.0, 1_000.0, Trouble::Flapping(down, up));
}

const FLEET: [&str; 20] = [
    "v00", "v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08", "v09", "v10", "v11", "v12",
    "v13", "v14", "v15", "v16", "v17", "v18", "v19",
];

/// `2` two unlike vendors, `8` eight unlike ones, `20` twenty that are nearly equal.
fn fleet(world: &mut Scenario) {
    world.mix = vec![CHAT];
    let unlike = |at: usize| {
        let Profile {
            price,
            first_token,
            per_token,
            limits,
            errors,
            phase,
            ..
        } = VENDORS[at % 4];
        let step = 1.0 + 0.15 * (at / 4) as f64;
        Profile {
            limits,
            errors,
            ..cloud(
                FLEET[at],
                (price.0 / step, price.1 / step),
                (first_token * step, per_token * step),
                phase,
            )
        }
    };
    world.vendors = match world.name {
        "N2" => vec![VENDORS[0], VENDORS[GOOGLE]],
        "N8" => (0..8).map(unlike).collect(),
        _ => (0..20).map(alike).collect(),
    };
}

/// One of twenty that are nearly equal.
fn alike(at: usize) -> Profile {
    let step = 0.9 + 0.2 * (at * 7 % 20) as f64 / 19.0;
    let price = 0.9 + 0.2 * (at * 3 % 20) as f64 / 19.0;
    Profile {
        errors: 0.005,
        ..cloud(
            FLEET[at],
            (0.5 * price, 3.0 * price),
            (0.7 * step, 0.013 * step),
            at as f64 / 20.0,
        )
    }
}
