//! All exported metrics: their names, types and meanings.

use prometheus_client::metrics::MetricType;

/// One metric, with all its series.
#[derive(Debug)]
pub(super) struct Family {
    /// Name without the ending that its type adds.
    pub name: &'static str,
    pub kind: MetricType,
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    let kind = MetricType::Counter;
    Family { name, kind, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    let kind = MetricType::Gauge;
    Family { name, kind, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Family {
    let kind = MetricType::Histogram;
    Family { name, kind, help }
}

pub(super) const TOKEN_USAGE: Family = histogram(
    "gen_ai_client_token_usage",
    "Tokens of attempts with known usage, by type of token.",
);
pub(super) const REQUEST_DURATION: Family = histogram(
    "gen_ai_server_request_duration_seconds",
    "Time of client requests, from their arrival to the last byte.",
);
pub(super) const FIRST_TOKEN: Family = histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "Time of streams that succeeded, from the arrival of the request to the first content.",
);
pub(super) const PER_OUTPUT_TOKEN: Family = histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "Time of streams that succeeded for each output token after the first.",
);
pub(super) const OPERATION_DURATION: Family = histogram(
    "gen_ai_client_operation_duration_seconds",
    "Time of attempts at providers: one call each, without the gateway's own time.",
);
pub(super) const REQUESTS: Family = counter(
    "aibal_requests",
    "Client requests by outcome; errors by type. Only ok, error, no_target and max_in_flight count \
     in the success rate.",
);
pub(super) const ATTEMPTS: Family = counter(
    "aibal_attempts",
    "Attempts at providers by outcome; errors by type. Only ok and error count in the success rate.",
);
pub(super) const RETRIES: Family = counter(
    "aibal_retries",
    "Attempts after the first of a client request, at the same target or another.",
);
pub(super) const FALLBACKS: Family = counter(
    "aibal_fallbacks",
    "Takeovers of a request by another target after a failure, by the last target and the outcome.",
);
pub(super) const HEDGES: Family = counter(
    "aibal_hedges",
    "Second attempts beside a late one, by their target and by which of the two began first.",
);
pub(super) const HEDGES_REFUSED: Family = counter(
    "aibal_hedges_refused",
    "Late streams without a second attempt, because too many were late or of the cost.",
);
pub(super) const HEDGE_COST: Family = counter(
    "aibal_hedge_cost_usd",
    "Known cost in USD of attempts that were cancelled because the one beside them began first.",
);
pub(super) const COOLDOWNS: Family = counter(
    "aibal_cooldowns",
    "Pauses of a target after a failure or an opened circuit breaker, by reason.",
);
pub(super) const COST: Family = counter("aibal_cost_usd", "Known cost of attempts in USD.");
pub(super) const UNKNOWN_COSTS: Family = counter(
    "aibal_unknown_costs",
    "Attempts whose cost is unknown, because the price or the usage is.",
);
pub(super) const DROPPED_FIELDS: Family = counter(
    "aibal_dropped_fields",
    "Fields of requests that the provider's protocol has no place for.",
);
pub(super) const DROPPED: Family = counter(
    "aibal_dropped",
    "Items that a full queue or a slow reader lost, by queue.",
);
pub(super) const GATEWAY_OVERHEAD: Family = histogram(
    "aibal_gateway_overhead_seconds",
    "Time that the gateway itself took for the beginning of a response.",
);
pub(super) const PROBE_DURATION: Family = histogram(
    "aibal_probe_duration_seconds",
    "Time of probes by verdict: good, inconclusive or bad.",
);
pub(super) const SHARE: Family = gauge(
    "aibal_share",
    "Part of all attempts of the last minute that went to the provider, 0 to 1.",
);
pub(super) const ODDS: Family = gauge(
    "aibal_odds",
    "Probability that the next usual chat request goes to the provider, 0 to 1.",
);
pub(super) const SCORE: Family = gauge(
    "aibal_score",
    "Score of the provider's best model for a usual chat request, 0 to 1.",
);
pub(super) const UPSTREAM_STATE: Family = gauge(
    "aibal_upstream_state",
    "State of a model: 0 healthy, 1 usable with problems, 2 not used.",
);
pub(super) const IN_FLIGHT: Family = gauge(
    "aibal_inflight_requests",
    "Attempts that run at the provider now.",
);
pub(super) const CLIENT_IN_FLIGHT: Family = gauge(
    "aibal_client_inflight_requests",
    "Client requests that are being served now.",
);
pub(super) const EXPECTED_IN_FLIGHT: Family = gauge(
    "aibal_expected_in_flight",
    "Mean number of client requests in flight to expect in this hour and the next.",
);
pub(super) const RATE_LIMIT_REMAINING: Family = gauge(
    "aibal_ratelimit_remaining",
    "Requests or tokens that a rate limit leaves: a configured one, or one that the provider states.",
);
pub(super) const BUDGET_LIMIT: Family = gauge(
    "aibal_budget_limit_usd",
    "Limit of a budget in USD; token or provider names whose own budget it is.",
);
pub(super) const BUDGET_SPENT: Family = gauge(
    "aibal_budget_spent_usd",
    "Amount in USD that was spent in the present period of a budget.",
);
pub(super) const STORE_STATE: Family = gauge(
    "aibal_store_state",
    "State of the store: 0 rows are written within seconds, 1 they wait, 2 the last write failed.",
);
pub(super) const STORE_QUEUED: Family = gauge(
    "aibal_store_queued_rows",
    "Rows that wait to be written to the store.",
);
pub(super) const STORE_WRITTEN: Family =
    counter("aibal_store_written_rows", "Rows written to the store.");
pub(super) const WEIGHT: Family = gauge("aibal_weight", "Weight of an objective in points.");
pub(super) const REVISION: Family = gauge(
    "aibal_revision",
    "Revision of weights and providers in force.",
);
pub(super) const START_TIME: Family = gauge(
    "aibal_start_time_seconds",
    "Start of the counts as seconds since 1970.",
);
pub(super) const BUILD: Family = Family {
    name: "aibal_build",
    kind: MetricType::Info,
    help: "Version of the program.",
};

/// All metrics, in the order of the exposition.
pub(super) const FAMILIES: &[&Family] = &[
    &TOKEN_USAGE,
    &REQUEST_DURATION,
    &FIRST_TOKEN,
    &PER_OUTPUT_TOKEN,
    &OPERATION_DURATION,
    &REQUESTS,
    &ATTEMPTS,
    &RETRIES,
    &FALLBACKS,
    &HEDGES,
    &HEDGES_REFUSED,
    &HEDGE_COST,
    &COOLDOWNS,
    &COST,
    &UNKNOWN_COSTS,
    &DROPPED_FIELDS,
    &DROPPED,
    &GATEWAY_OVERHEAD,
    &PROBE_DURATION,
    &SHARE,
    &ODDS,
    &SCORE,
    &UPSTREAM_STATE,
    &IN_FLIGHT,
    &CLIENT_IN_FLIGHT,
    &EXPECTED_IN_FLIGHT,
    &RATE_LIMIT_REMAINING,
    &BUDGET_LIMIT,
    &BUDGET_SPENT,
    &STORE_STATE,
    &STORE_QUEUED,
    &STORE_WRITTEN,
    &WEIGHT,
    &REVISION,
    &START_TIME,
    &BUILD,
];

/// Lists the names of all series, as queries write them.
pub fn series_names() -> Vec<String> {
    let mut names = Vec::new();
    for Family { name, kind, .. } in FAMILIES {
        let endings: &[&str] = match kind {
            MetricType::Counter => &["_total"],
            MetricType::Histogram => &["_bucket", "_sum", "_count"],
            MetricType::Info => &["_info"],
            MetricType::Gauge | MetricType::Unknown => &[""],
        };
        names.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    names
}
