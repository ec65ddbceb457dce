//! Names and words that the code no longer uses.

use super::source::Source;

/// Identifiers that were renamed, with the new name.
pub const RETIRED_NAMES: &[(&str, &str)] = &[
    ("Abilities", "ModelCapabilities"),
    ("Allowances", "GlobalLimits"),
    ("Ask", "RequestProfile` or `SimulatedRequest"),
    ("Asked", "PreparedCall"),
    ("BIG_SHIFT", "MAX_SILENT_SHIFT"),
    ("BODY_BYTES_MAX", "MAX_BODY_BYTES"),
    ("BODY_MOST", "MAX_BODY_BYTES"),
    ("Bads", "Penalties"),
    ("BadsReport", "PenaltiesReport"),
    ("Blueprint", "InstanceConfig"),
    ("Bodies", "BodyBuffer"),
    ("BodyForm", "JsonFields"),
    ("Booking", "BudgetReservation"),
    ("BudgetPicture", "BudgetSnapshot"),
    ("BudgetTerms", "BudgetConfig"),
    ("CANDIDATES_KEPT", "MAX_CANDIDATES"),
    ("CHANGES_TOLD", "MAX_LISTED_CHANGES"),
    ("COMPRESSED_FROM", "MIN_COMPRESS_BYTES"),
    ("CROWD_NEWS", "REJECTION_EVENT_INTERVAL"),
    ("CRUMB", "NEGLIGIBLE_UNITS"),
    ("CacheGauge", "CacheCountsFn"),
    ("Cast", "VendorList"),
    ("ChatFront", "ChatApi"),
    ("Circumstance", "FailureContext"),
    ("Circumstances", "DryRunContext"),
    ("CostBasis", "CostBasisCounts"),
    ("Course", "PlannedResponse"),
    ("Crowd", "ConnectionTracker` or `InFlightLimiter"),
    ("DECISIONS_KEPT", "MAX_DECISIONS"),
    ("DEMO_PLACES", "DEMO_MAX_IN_FLIGHT"),
    ("DEMO_PROBES", "DEMO_PROBE_INTERVAL"),
    ("DEPTH_MAX", "MAX_DEPTH"),
    ("DOUBT", "PROMPT_ESTIMATE_MARGIN"),
    ("Denial", "AuthError"),
    ("EVENTS_KEPT", "MAX_EVENTS"),
    ("EVENTS_MOST", "MAX_EVENTS"),
    ("Elasticity", "LoadSensitivity"),
    ("EmbeddingPassage", "EmbeddingAdapter"),
    ("Environs", "EnvVars"),
    ("Errand", "ClientRequest` or `Operation"),
    (
        "FAREWELL",
        "CLOSE_GRACE` or `CLOSE_TIMEOUT` or `FINAL_FRAME_TIMEOUT` or `TAIL_DRAIN_TIMEOUT",
    ),
    ("FAR_MORE", "MAX_EXTRAPOLATION"),
    ("FIRST_ANSWER", "FIRST_REPLY_TIMEOUT"),
    ("FIRST_WORD", "FIRST_USER_TEXT"),
    ("Finding", "ProbeResult"),
    ("Fleet", "BalancerState"),
    ("Flip", "Counterfactual"),
    ("FlipReport", "CounterfactualReport"),
    ("GIVE_BACK", "RESTORE_TITLE"),
    ("GaugeAction", "ExternalLoadAction"),
    ("GaugeChange", "ExternalLoadChange"),
    ("GaugeReading", "ExternalLoadReading"),
    ("Granted", "TokenResponse"),
    ("Guest", "ActiveRequestGuard"),
    ("HALF_TRUST", "HALF_TRUST_SAMPLES"),
    ("HEALTHY_LEAST", "MIN_HEALTHY"),
    ("HELD_UP", "COALESCE_WAIT"),
    ("HOURS_MOST", "MAX_HOURS"),
    ("HOURS_USUAL", "DEFAULT_HOURS"),
    ("Holding", "ActiveConfig"),
    ("ILL", "UNHEALTHY_WAIT_S"),
    ("IN_FLIGHT_MAX", "MAX_IN_FLIGHT"),
    ("ITSELF", "SYSTEM_ACTOR"),
    ("InForce", "CurrentSettings"),
    ("Journey", "FailoverLoop"),
    ("KEEPSAKES", "PERSIST_QUEUE"),
    ("Keepsakes", "PersistQueue"),
    (
        "Kept",
        "BodyOwnership` or `BufferedBody` or `CachedResponse",
    ),
    ("LAG_MAX", "MAX_LAG"),
    ("LARGEST_ANSWER", "MAX_RESPONSE_BYTES"),
    ("LARGEST_ERROR", "MAX_ERROR_BYTES"),
    ("LARGEST_FILE", "MAX_FILE_BYTES"),
    ("LARGEST_HEAD", "MAX_HEAD_BYTES"),
    ("LARGEST_HEAD_LIST", "MAX_HEADER_LIST_BYTES"),
    ("LAST_WORD", "FINAL_WRITE_TIMEOUT"),
    ("LATENCY_MOST", "MAX_LATENCY_MS"),
    ("LEAST_ANSWERS", "MIN_SAMPLES"),
    ("LEAST_BUDGET", "MIN_THINKING_TOKENS"),
    ("LEAST_THOUGHT", "MIN_THINKING_TOKENS"),
    ("LEAST_VARIANCE", "MIN_VARIANCE"),
    ("LIMIT_USUAL", "DEFAULT_LIMIT"),
    ("LINE_MOST", "MAX_LINE_BYTES"),
    ("LOAD_MEMORY", "LOAD_MEMORY_S"),
    ("LONGEST_BACKOFF", "COOLDOWN_MAX"),
    ("LONGEST_DELAY", "MAX_RETRY_AFTER"),
    ("LONGEST_EVENT", "MAX_EVENT_BYTES"),
    ("LONGEST_HELD", "MAX_HELD_BYTES"),
    ("LONGEST_NEED", "LAST_RESORT_MAX_WAIT_S"),
    ("LONGEST_PAUSE", "MAX_BACKOFF"),
    ("LONGEST_WAIT", "MAX_RETRY_AFTER"),
    ("LOOKS_MOST", "MAX_DEBOUNCE_LOOKS"),
    ("Lack", "MissingCapability"),
    ("Losses", "DropCounters` or `DroppedFields"),
    ("LostLines", "DroppedLines"),
    ("Luck", "RandomDraw` or `RequestRandom"),
    ("MISTRAL_READS", "MISTRAL_MESSAGE_FIELDS"),
    ("MISTRAL_TAKES", "MISTRAL_REQUEST_FIELDS"),
    (
        "MOST",
        "HIGHLIGHT_FROM_SHARE` or another of its new names, such as `MAX_LOG_FACTOR",
    ),
    ("MOST_CLIENTS", "MAX_CLIENTS"),
    ("MOST_HELD", "MAX_TOTAL_HELD_BYTES"),
    ("MOST_PROVIDERS", "MAX_DEMO_PROVIDERS"),
    ("MOST_REQUESTS", "MAX_DEMO_RPS"),
    ("MOST_SAVED", "MAX_BALANCE"),
    ("MOST_STREAMS", "MAX_STREAMS` or `MAX_STREAMS_PER_CLIENT"),
    ("MOST_TRIPS", "MAX_DOUBLINGS"),
    ("Manner", "WriteQuirks"),
    ("Meaning", "SequenceKind` or `StreamEventKind"),
    ("MessagesFront", "MessagesApi"),
    ("Mistake", "SettingError` or `TranslationError"),
    ("NAME_MOST", "MAX_NAME"),
    ("NEAR_LEAST", "MIN_SIMILARITY"),
    ("NEAR_MOST", "MAX_SUGGESTIONS"),
    ("NOTICE_MOST", "MAX_NOTICE"),
    ("NOWHERE", "NO_ENDPOINT"),
    ("OUTPUT_MEMORY", "OUTPUT_MEMORY_S"),
    ("OUTSIDE_MOST", "MAX_EXTERNAL_LOAD"),
    ("OUTSIDE_PLACE", "EXTERNAL_LOAD_TTL"),
    ("Occasion", "ReloadTrigger` or `SelectionContext"),
    ("OnLimit", "OverBudgetPolicy"),
    ("Outgoing", "OutboundRequest"),
    ("Outlook", "ProviderPreview` or `TargetWhatIf"),
    ("PARTS_MOST", "MAX_PARTS"),
    ("PART_OF_TIME", "ATTEMPT_TIME_SHARE"),
    ("PASTE_MOST", "MAX_PASTE"),
    ("PATIENT", "SLOW_LINK_INTERVAL"),
    ("PICTURES_LEAST", "MIN_SAMPLES"),
    ("PIN_MOST", "MAX_PIN_S"),
    ("PROBES_TO_DOWN", "PROBE_FAILURES_TO_DOWN"),
    ("PULL_TO_PEERS", "PEER_PRIOR_WEIGHT"),
    ("PULL_TO_SLOW", "FAST_PRIOR_WEIGHT"),
    ("Paced", "MinRateBody"),
    ("Passage", "ResponseAdapter"),
    ("Patience", "TimeoutDefaults"),
    ("Payer", "BudgetScope"),
    ("Peculiarities", "ModelQuirks"),
    ("PipeEnd", "WriterGuard"),
    ("Prober", "ProbeCallback"),
    ("Prospect", "TrafficForecast"),
    ("ProspectReport", "TrafficForecastReport"),
    ("ProviderOutlook", "ProviderForecastReport"),
    ("ProviderRecord", "ProviderState"),
    ("Purse", "PeriodBudget"),
    ("PurseView", "BudgetUsage"),
    ("QueryForm", "QueryFields"),
    ("RATE_MEMORY", "RATE_MEMORY_S"),
    ("RECENT_MOST", "MAX_RECENT_LINES"),
    ("REFUSAL_PRIOR", "RATE_LIMIT_PRIOR"),
    ("REPORTS_MOST", "MAX_REPORTS"),
    ("REQUEST_NEWS", "REQUEST_EVENT_INTERVAL"),
    ("REVISIONS_KEPT", "MAX_REVISIONS"),
    ("ROWS_MOST", "MAX_CANDIDATES_PER_ROUND"),
    ("Ranked", "RankedTarget"),
    ("RateMeter", "RateLimiter"),
    ("RatesLeft", "RateLimitRemaining"),
    ("Reconfiguration", "ConfigUpdate"),
    ("Refrain", "ChunkTemplate"),
    ("RefusedReport", "RejectionReport"),
    ("Rehearsal", "TestDashboard"),
    ("ReloadWish", "ReloadRequest"),
    ("Remainder", "SharedBodyState"),
    ("Renewal", "EndpointChange"),
    ("RequestNews", "RequestEventThrottle"),
    ("Residence", "EndpointIdentity"),
    ("ResponsesFront", "ResponsesApi"),
    ("Roster", "ModelList"),
    ("RoundReport", "SelectionRoundReport"),
    ("Rupture", "StreamFault"),
    ("SAVING_TIME", "BALANCE_WINDOW_S"),
    ("SECONDS_LEAST", "MIN_SECONDS"),
    ("SELECTIONS_KEPT", "MAX_SELECTIONS"),
    ("SEQUENCE_MOST", "MAX_SEQUENCE"),
    ("SHORTEST_FRAME", "MIN_FRAME"),
    ("SHORTEST_LIMIT", "MIN_LIMIT"),
    ("SHORTEST_WATCH", "MIN_WATCH_INTERVAL"),
    ("SILENCES_MOST", "MAX_SILENCES"),
    ("SKIPPED_SEAL", "SKIP_SIGNATURE"),
    ("SLOPE_MEMORY", "SLOPE_MEMORY_S"),
    ("SLOW_START", "SLOW_START_S"),
    ("SLOW_START_LEAST", "SLOW_START_MIN_SHARE"),
    ("Scarcity", "RejectionReason"),
    ("Seated", "ClientPermit"),
    ("Setback", "AttemptFailure"),
    ("Shaping", "FormatStrategy"),
    ("Shelf", "ByteBudget"),
    ("Shortfall", "BudgetExceeded"),
    ("SideReport", "WhatIfTotalsReport"),
    ("Standing", "RoutingState"),
    ("Succession", "CatalogueMerge"),
    ("Supposed", "PreviewSettings"),
    ("SupposedProvider", "ProviderOverride"),
    ("Supposition", "WhatIfSettings"),
    ("Surroundings", "ProviderContext"),
    ("TEXTS_MAX", "MAX_TEXTS"),
    ("TEXT_MOST", "MAX_TEXT"),
    ("TOKENS_MOST", "MAX_TOKENS"),
    ("TOKENS_TO_TIME", "MIN_TOKENS_FOR_PACE"),
    ("TOLD", "SHOWN_FROM_MS"),
    ("TOLD_ALL", "NOTIFIED_SPENT"),
    ("TOLD_MOST", "MAX_LISTED_CHANGES` or `NOTIFIED_NEARLY_SPENT"),
    ("TOLD_NOTHING", "NOTIFIED_NONE"),
    ("TOOL_NAME_MAX", "MAX_TOOL_NAME"),
    ("TRIAL_MOST", "MAX_REVERT_AFTER_S"),
    ("TRIAL_WAIT", "PROBE_EXTRA_WAIT"),
    ("Tale", "StreamedResponse"),
    ("Tame", "EscapeControls"),
    ("TargetLimits", "TargetTimeouts"),
    ("TargetOutlook", "TargetWhatIfReport"),
    ("TargetRecord", "TargetState"),
    ("Telling", "StreamTiming"),
    ("TotalOutlook", "TotalWhatIfReport"),
    ("UNBUILT", "UNSUPPORTED"),
    ("UNDO_MOST", "MAX_UNDO"),
    ("UNTOLD", "HELD_MESSAGES"),
    ("UNTOLD_MOST", "MAX_HELD_MESSAGES"),
    ("USUAL_PERIOD", "DEFAULT_PERIOD_S"),
    ("USUAL_PORT", "DEFAULT_PORT"),
    ("USUAL_TAG", "DEFAULT_TAG"),
    ("Unanswered", "TransportError"),
    ("Unbuilt", "UnsupportedSetting"),
    ("UnixSeconds", "UnixClock"),
    ("Unkept", "NotCacheable"),
    ("Untranslatable", "TranslationError"),
    ("Upkeep", "ConfigTask"),
    ("Upset", "UpstreamError"),
    ("Upstreams", "UpstreamSet"),
    ("VALUES_MAX", "MAX_VALUES"),
    ("Victim", "FaultTarget"),
    ("WHILE_DOWN", "DOWN_PROBE_INTERVAL"),
    ("WISHED_RISK", "PREFERRED_MAX_RISK"),
    ("WISHES", "COMMAND_QUEUE` or `ROUTING_HEADERS"),
    ("WORDS_MAX", "MAX_WORDS"),
    ("WORST_LATENCY", "MAX_LATENCY_PENALTY"),
    (
        "Wish",
        "DialogAction` or `DraftedProvider` or `EngineRequest",
    ),
    ("WishError", "EngineError"),
    ("conductor", "scenario_runner"),
    ("error_words", "error_payload"),
    ("feeding", "events"),
    ("guarding", "auth"),
    ("inquiry", "queries"),
    ("intake", "handler"),
    ("reconfiguring", "apply_config"),
    ("rehearsal", "test_dashboard"),
    ("steering", "commands` or `mutations"),
];

/// Words that leave the subject of a sentence open.
pub const VAGUE_WORDS: &[&str] = &["whoever", "somebody", "nobody", "whom", "anybody"];

/// These rules name what they forbid.
const RULES: &str = "tests/architecture";

/// Retired names in the code and between backticks in comments.
pub fn retired_names(source: &Source) -> Vec<String> {
    use_of_names(source, RETIRED_NAMES)
}

pub fn use_of_names(source: &Source, retired: &[(&str, &str)]) -> Vec<String> {
    if source.path.starts_with(RULES) {
        return Vec::new();
    }
    let new_name = |word: &str| {
        let row = retired.binary_search_by(|(old, _)| (*old).cmp(word));
        row.ok().map(|row| retired[row].1)
    };
    let mut found: Vec<(usize, &str)> = words(&source.code).collect();
    for (start, comment) in source.comments() {
        // Every second part is between backticks.
        let mut at = start;
        for (part, text) in comment.split('`').enumerate() {
            if part % 2 == 1 {
                found.extend(words(text).map(|(step, word)| (at + step, word)));
            }
            at += text.len() + 1;
        }
    }
    let mut violations = Vec::new();
    for (at, word) in found {
        if let Some(new) = new_name(word) {
            violations.push(format!(
                "{}: write `{new}` instead of `{word}`.",
                source.place(at)
            ));
        }
    }
    violations
}

/// The vague words in a file's comments and string literals, with their places.
pub fn vague_words(source: &Source) -> Vec<(usize, &str)> {
    if source.path.starts_with(RULES) {
        return Vec::new();
    }
    let texts = source.comments().chain(source.literals());
    let in_text = |(start, text)| words(text).map(move |(step, word)| (start + step, word));
    let is_vague = |(_, word): &(usize, &str)| {
        let mut words = VAGUE_WORDS.iter();
        words.any(|vague| vague.eq_ignore_ascii_case(word))
    };
    texts.flat_map(in_text).filter(is_vague).collect()
}

/// Comments and string literals that leave the subject of a sentence open.
pub fn vague_prose(source: &Source) -> Vec<String> {
    let sentence = |(at, word): (usize, &str)| {
        format!(
            "{}: name the subject instead of `{word}`: request, client, target, operator.",
            source.place(at)
        )
    };
    vague_words(source).into_iter().map(sentence).collect()
}

/// The words of a text with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let parts = text.split(move |c| !is_word(c));
    let base = text.as_ptr().addr();
    parts
        .filter(|part| !part.is_empty())
        .map(move |part| (part.as_ptr().addr() - base, part))
}
