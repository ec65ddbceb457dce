//! What is promised of speed. Run with `cargo bench --bench limits`.
//!
//! A selection among 5, 50, 1000 candidates: ≤ 1 µs, 6 µs, 120 µs, and no allocation. One request's
//! place, first token and end: ≤ 1 µs together with what the engine learns at once, and ≤ 0.5 µs for
//! its money; admission by one of 1,000 tokens in 50 groups: ≤ 2 µs. Ten thousand
//! decisions under other weights: ≤ 100 ms. An update of the numbers ≤ 5 µs, a frame ≤ 3 ms.

use aibal_tui::access::{Permission, Token, TokenAuth};
use aibal_tui::domain::{
    AttemptEnd, AttemptStart, BalancerState, BudgetConfig, BudgetHeadroom, Budgets, CandidateKey,
    CandidateSet, Capabilities, Catalogue, ClientLimits, ClientTerms, DecisionId, FirstToken,
    GroupTerms, MeasuredUsage, ModelType, ModelTypes, Money, Objective, Observation, Outcome,
    OverBudgetPolicy, Price, Provider, RandomDraw, RateLimits, RequestEnd, RequestOutcome,
    RequestProfile, Role, SelectionContext, SelectionRound, SpendingLimits, SplitMix64, Strategy,
    Target, TargetId, TokenDefinition, UnixTime, UpstreamLimits, UpstreamQuota, Usage, Weights,
    prompt_tokens, select_target, what_if,
};
use aibal_tui::tui::{self, Model, Options, Theme, fixture};
use aws_lc_rs::digest::{SHA256, digest};
use divan::{Bencher, black_box};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::sync::Arc;
use std::time::Duration;

/// Shows what each allocates; a selection must not.
#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

fn at(milliseconds: u64) -> UnixTime {
    UnixTime::from_micros(1_000_000_000_000 + milliseconds * 1_000)
}

/// So many providers with a busy quarter of an hour behind them.
fn fleet(providers: usize, busy: bool) -> BalancerState {
    let mut catalogue = Catalogue::default();
    for place in 0..providers {
        let name = format!("provider-{place}");
        catalogue.targets.push(Target {
            id: TargetId::new(&name, "model"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(1.0 + place as f64 * 0.01, 5.0)),
            max_concurrent: None,
        });
        catalogue.providers.push(Provider {
            max_concurrent: Some(64),
            ..Provider::new(&name, "openai")
        });
    }
    let mut fleet = BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at(0));
    if busy {
        for step in 0..18_000_u64 {
            fleet.observe(
                &attempt(usize::try_from(step).unwrap_or(0) % providers, step * 50),
                at(step * 50),
            );
            fleet.observe(&request(step * 50), at(step * 50));
        }
    }
    fleet
}

fn attempt(target: usize, milliseconds: u64) -> Observation {
    Observation::Attempt(AttemptEnd {
        decision: DecisionId(0),
        identity: Arc::default(),
        target: target.into(),
        started: at(milliseconds),
        ended: at(milliseconds + 900 + milliseconds % 700),
        outcome: Outcome::Success,
        first_token: Some(0.3),
        usage: Some(MeasuredUsage::exact(Usage {
            input: 400,
            output: 120,
            ..Usage::default()
        })),
        cost: Some(Money::per_token(900.0)),
        streamed: true,
        trial: false,
        number: 1,
        status: None,
        message: None,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    })
}

fn request(milliseconds: u64) -> Observation {
    ended(DecisionId(milliseconds), milliseconds)
}

fn ended(decision: DecisionId, milliseconds: u64) -> Observation {
    Observation::Request(RequestEnd {
        decision,
        identity: Arc::default(),
        request_id: "req".to_owned(),
        started: at(milliseconds),
        ended: at(milliseconds + 900),
        outcome: RequestOutcome::Ok,
        target: Some(0.into()),
        score: Some(0.8),
        reason: "drawn by share".to_owned(),
        attempts: 1,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage: None,
        cost: None,
        status: None,
        message: None,
        dropped_fields: Vec::new(),
    })
}

#[divan::bench(args = [5, 50, 1000])]
fn selection(bencher: Bencher, candidates: usize) {
    let table = fleet(candidates, true).routing_table(at(900_000));
    let (ask, luck) = (
        RequestProfile::usual(ModelType::Chat),
        RandomDraw::without_exploration(0.37),
    );
    let mut field = CandidateSet::default();
    bencher.bench_local(|| {
        select_target(
            black_box(&table),
            black_box(&ask),
            at(900_000),
            luck,
            &mut field,
        )
    });
}

/// The same where every provider has limits per minute and a budget is kept.
#[divan::bench(args = [5, 50, 1000])]
fn selection_within_limits(bencher: Bencher, candidates: usize) {
    let mut table = fleet(candidates, true).routing_table(at(900_000));
    for candidate in &mut table.candidates {
        candidate.rates = RateLimits {
            requests: Some(500),
            tokens: Some(200_000),
        };
    }
    let means = BudgetHeadroom {
        left: Money::from_usd(1.0),
        on_limit: OverBudgetPolicy::Reject,
    };
    let ask = RequestProfile {
        means: Some(means),
        ..RequestProfile::usual(ModelType::Chat)
    };
    let (luck, mut field) = (
        RandomDraw::without_exploration(0.37),
        CandidateSet::default(),
    );
    bencher.bench_local(|| {
        select_target(
            black_box(&table),
            black_box(&ask),
            at(900_000),
            luck,
            &mut field,
        )
    });
}

/// The same among five providers with so many keys each; 0 is a provider with a single key, which
/// must cost what it costs above.
#[divan::bench(args = [0, 2, 8])]
fn selection_among_keys(bencher: Bencher, keys: u16) {
    let mut table = fleet(5, true).routing_table(at(900_000));
    for candidate in &mut table.candidates {
        let key = |_| CandidateKey {
            weight: 1.0,
            blocked: None,
            quota: UpstreamQuota::default(),
            sent: Arc::default(),
        };
        candidate.keys.keys = (0..keys).map(key).collect();
    }
    let (ask, luck) = (
        RequestProfile::usual(ModelType::Chat),
        RandomDraw::without_exploration(0.37),
    );
    let mut field = CandidateSet::default();
    bencher.bench_local(|| {
        select_target(
            black_box(&table),
            black_box(&ask),
            at(900_000),
            luck,
            &mut field,
        )
    });
}

/// What a budget costs one attempt: money reserved and settled, in a day, a month and a token's day.
#[divan::bench]
fn booking(bencher: Bencher) {
    let terms = BudgetConfig {
        per_day: Some(Money::from_usd(1e6)),
        ..BudgetConfig::default()
    };
    let mut app = TokenDefinition::new("app", Role::Client).terms;
    app.spending.per_day = Some(Money::from_usd(1e6));
    let clients = ClientTerms {
        tokens: vec![app],
        groups: Vec::new(),
    };
    let budgets = Budgets::new(&terms, at(0)).with_config(&terms, &clients, at(0));
    let budgets = Arc::new(budgets);
    let payer = budgets.scope_of(Some("app"));
    let (most, cost) = (Money::from_pico(9), Money::from_pico(4));
    bencher.bench_local(|| {
        if let Some(mut booking) = black_box(&payer).reserve(Some(most), cost, true, ("a", at(1))) {
            booking.settle(Some(cost));
        }
    });
}

/// What a token costs one request: found among a thousand of fifty groups by its secret, with limits
/// per minute and budgets of its own and of its group.
#[divan::bench]
fn admission(bencher: Bencher) {
    let limits = RateLimits {
        requests: Some(1_000_000_000),
        tokens: Some(1_000_000_000),
    };
    let spending = SpendingLimits {
        per_day: Some(Money::from_usd(1e6)),
        per_week: None,
        per_month: Some(Money::from_usd(1e6)),
    };
    let groups: Vec<GroupTerms> = (0..50)
        .map(|group| GroupTerms {
            name: format!("team-{group}").into(),
            spending,
            rates: limits,
        })
        .collect();
    let definitions = (0..1_000).map(|token| {
        let mut definition = TokenDefinition::new(&format!("token-{token}"), Role::Client);
        definition.terms.group = Some(format!("team-{}", token % 50).into());
        definition.terms.spending = spending;
        definition.terms.rates = limits;
        definition
    });
    let definitions: Vec<TokenDefinition> = definitions.collect();
    let clients = ClientTerms {
        tokens: definitions.iter().map(|it| it.terms.clone()).collect(),
        groups,
    };
    let config = BudgetConfig::default();
    let budgets = Budgets::new(&config, at(0)).with_config(&config, &clients, at(0));
    let (budgets, rates) = (
        Arc::new(budgets),
        ClientLimits::default().with_terms(&clients),
    );
    let tokens = definitions.into_iter().map(|definition| {
        let hash = digest(&SHA256, definition.name().as_bytes());
        Token::new(
            definition,
            hash.as_ref().try_into().unwrap_or_default(),
            &[],
        )
    });
    let access = TokenAuth::new(tokens.collect());
    let mut request = http::Request::new(());
    let secret = http::HeaderValue::from_static("Bearer token-777");
    request
        .headers_mut()
        .insert(http::header::AUTHORIZATION, secret);
    bencher.bench_local(|| {
        let client = access.admit(black_box(&request), Permission::Use).ok()?;
        let mut permit = rates.scope_of(&client.who)?.acquire(500, at(1)).ok()?;
        let scope = budgets.scope_of(Some(&client.who));
        let (most, cost) = (Money::from_pico(9), Money::from_pico(4));
        let mut money = scope.reserve(Some(most), cost, true, ("a", at(1)))?;
        money.settle(Some(cost));
        permit.settle(400, at(1));
        Some(client)
    });
}

/// What one request costs the gateway's own task besides the choice: a place taken, its first
/// token told, the place given back.
#[divan::bench]
fn place(bencher: Bencher) {
    let table = fleet(5, true).routing_table(at(900_000));
    let (ask, luck) = (
        RequestProfile::usual(ModelType::Chat),
        RandomDraw::without_exploration(0.37),
    );
    let Ok(choice) = select_target(
        &table,
        &ask,
        at(900_000),
        luck,
        &mut CandidateSet::default(),
    ) else {
        return;
    };
    bencher.bench_local(|| {
        if let Some(mut lease) = choice.acquire_lease(black_box(&table), at(900_000)) {
            lease.on_first_token();
        }
    });
}

/// What its first token and its end cost the engine.
#[divan::bench(args = [5, 50])]
fn first_token_and_end(bencher: Bencher, providers: usize) {
    let mut fleet = fleet(providers, true);
    let first = Observation::FirstToken(FirstToken {
        target: 1.into(),
        ticket: AttemptStart::default(),
        seconds: 0.3,
        trial: false,
        limits: UpstreamLimits::default(),
    });
    let end = attempt(1, 900_000);
    bencher.bench_local(|| {
        fleet.observe(black_box(&first), at(901_000));
        fleet.observe(black_box(&end), at(901_000))
    });
}

/// Bytes of a body: text alone, a picture alone, a picture whose slashes are escaped.
#[divan::bench(args = ["text", "picture", "escaped"])]
fn prompt_of_2_mb(bencher: Bencher, what: &str) {
    let unit = match what {
        "text" => "some words of a prompt, and ",
        "picture" => "iVBORw0KGgoAAAANSUhEUgAA",
        _ => "iVBORw0KGgoAAAANSUhEUg\\/A",
    };
    let body = unit.repeat(2 * 1024 * 1024 / unit.len());
    bencher.bench(|| prompt_tokens(black_box(body.as_bytes())));
}

/// Ten thousand recorded decisions, decided again under other weights.
#[divan::bench(sample_count = 20)]
fn what_if_of_10_000(bencher: Bencher) {
    let (mut fleet, mut field) = (fleet(5, true), CandidateSet::default());
    let table = fleet.routing_table(at(900_000));
    let (ask, mut chance) = (RequestProfile::usual(ModelType::Chat), SplitMix64::new(1));
    for number in 0..10_000 {
        let (luck, now) = (RandomDraw::of(&mut chance), at(900_000 + number * 100));
        let choice = select_target(&table, &ask, now, luck, &mut field);
        // Newer than those of the busy past, which would outlive it.
        let decision = DecisionId((1 << 40) + number);
        let occasion = SelectionContext {
            decision,
            is_dry_run: false,
            attempt: 1,
            class: ask.class,
            input: ask.input,
            luck,
            at: now,
        };
        let round = SelectionRound::of(&table, &field, choice.as_ref().ok(), occasion);
        fleet.observe(&Observation::Selection(Box::new(round)), now);
        fleet.observe(&ended(decision, 900_000 + number * 100), now);
    }
    let decisions: Vec<_> = fleet.decisions().iter().cloned().collect();
    let draft = Weights::default().with_points(Objective::Cost, 60.0);
    bencher.bench_local(|| what_if(black_box(&decisions), &draft));
}

#[divan::bench(args = [5, 50])]
fn metric_update(bencher: Bencher, providers: usize) {
    let mut fleet = fleet(providers, true);
    let (attempt, request) = (attempt(1, 900_000), request(900_000));
    bencher.bench_local(|| {
        fleet.observe(black_box(&attempt), at(901_000));
        fleet.observe(black_box(&request), at(901_000))
    });
}

#[divan::bench(args = [5, 50])]
fn routing_table(bencher: Bencher, providers: usize) {
    let fleet = fleet(providers, true);
    bencher.bench(|| fleet.routing_table(black_box(at(900_000))));
}

#[divan::bench(args = [5, 50])]
fn snapshot_of_15_minutes(bencher: Bencher, providers: usize) {
    let fleet = fleet(providers, true);
    bencher.bench(|| fleet.snapshot(900, black_box(at(900_000))));
}

/// Model → cells → difference → bytes, with numbers that move.
#[divan::bench(args = [(120, 40, 5), (120, 40, 20), (200, 60, 50)])]
fn frame(bencher: Bencher, (width, height, providers): (u16, u16, usize)) {
    let area = Rect::new(0, 0, width, height);
    let options = TerminalOptions {
        viewport: Viewport::Fixed(area),
    };
    let sink = CrosstermBackend::new(std::io::sink());
    let Ok(mut terminal) = Terminal::with_options(sink, options) else {
        return;
    };
    let models: Vec<Model> = (0..8).map(|step| model(providers, step)).collect();
    let mut step = 0;
    bencher.bench_local(|| {
        step = (step + 1) % models.len();
        terminal
            .draw(|frame| tui::draw(&models[step], area, frame.buffer_mut()))
            .is_ok()
    });
}

fn model(providers: usize, step: u64) -> Model {
    let options = Options {
        all_in_one: true,
        read_only: false,
        protection: tui::WriteProtection::default(),
        theme: Theme::default(),
        keymap: tui::Keymap::default(),
        window: aibal_tui::contract::Window::Quarter,
        refresh: Duration::from_secs(1),
        address: "local".to_owned(),
        bell: tui::BellMode::default(),
        process: 4_242,
        over_line: false,
        logs: aibal_tui::logs::RecentLines::default(),
        incidents: None,
    };
    Model::showing(options, fixture::status(providers, step))
}
