//! The one table of the management API: each call with the permission that it needs, what it takes,
//! what it answers, and what serves it.

use super::query::{
    AuditQuery, DecisionsQuery, ForecastQuery, LogQuery, PerformanceQuery, StatusQuery, UsageQuery,
    WindowQuery,
};
use super::state::ApiState;
use super::{
    alerts, audit, balancing, events, external_load, health, metrics, monitoring, mutations, tokens,
};
use crate::access::{Permission, RouteDescription};
use crate::contract::{
    AdviceReport, AdviceRequest, AlertList, AlertReport, AlertTestReport, AuditCheckReport,
    AuditList, ClientsReport, DecisionDetail, DecisionList, ExternalLoadChange,
    ExternalLoadReading, HourlyForecast, LogList, MuteRequest, NewToken, Performance, ProbeReport,
    ProviderChange, ProviderReport, ReloadReport, RevisionList, SelectRequest, Selection,
    SettingsChange, SettingsReport, Status, TokenList, TokenReport, TokenRequest, UsageReport,
    WeightsChange, WeightsReport, WhatIfReport, WhatIfRequest,
};
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use schemars::JsonSchema;
use std::sync::Arc;

/// A call and what serves it.
pub(super) struct ApiRoute {
    pub description: RouteDescription,
    pub handler: MethodRouter<Arc<ApiState>>,
}

impl ApiRoute {
    /// A call that needs a permission.
    fn needing(
        permission: Permission,
        (method, path): (Method, &'static str),
        handler: MethodRouter<Arc<ApiState>>,
        about: &'static str,
    ) -> Self {
        let description = RouteDescription::new((method, path), Some(permission), about);
        Self {
            description,
            handler,
        }
    }

    fn read(path: &'static str, handler: MethodRouter<Arc<ApiState>>, about: &'static str) -> Self {
        Self::needing(Permission::Read, (Method::GET, path), handler, about)
    }

    fn change(
        (method, path): (Method, &'static str),
        handler: MethodRouter<Arc<ApiState>>,
        about: &'static str,
    ) -> Self {
        Self::needing(Permission::Change, (method, path), handler, about)
    }

    fn query<T: JsonSchema>(self) -> Self {
        self.described(RouteDescription::with_query::<T>)
    }

    fn body<T: JsonSchema>(self) -> Self {
        self.described(RouteDescription::with_body::<T>)
    }

    fn answers<T: JsonSchema>(self) -> Self {
        self.described(RouteDescription::answering::<T>)
    }

    fn described(self, change: impl FnOnce(RouteDescription) -> RouteDescription) -> Self {
        Self {
            description: change(self.description),
            handler: self.handler,
        }
    }
}

/// All calls.
pub(super) fn routes() -> Vec<ApiRoute> {
    [
        selections(),
        figures(),
        records(),
        changes(),
        alert_calls(),
        token_calls(),
        checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn selections() -> Vec<ApiRoute> {
    vec![
        ApiRoute::needing(
            Permission::Select,
            (Method::GET, "/api/load-balancing"),
            get(balancing::by_query),
            "The target that a request would get now; it changes nothing",
        )
        .query::<SelectRequest>()
        .answers::<Selection>(),
        ApiRoute::needing(
            Permission::Select,
            (Method::POST, "/api/load-balancing/select"),
            post(balancing::by_body),
            "The same with a JSON body",
        )
        .body::<SelectRequest>()
        .answers::<Selection>(),
        ApiRoute::needing(
            Permission::Use,
            (Method::POST, "/api/load-balancing"),
            post(external_load::count),
            "Counts a request that does not pass the gateway",
        )
        .body::<ExternalLoadChange>()
        .answers::<ExternalLoadReading>(),
        ApiRoute::needing(
            Permission::Read,
            (Method::POST, "/api/what-if"),
            post(mutations::what_if),
            "Forecasts other settings from recorded traffic",
        )
        .body::<WhatIfRequest>()
        .answers::<WhatIfReport>(),
        ApiRoute::needing(
            Permission::Read,
            (Method::POST, "/api/advise"),
            post(mutations::advise),
            "The cheapest weights that meet a goal",
        )
        .body::<AdviceRequest>()
        .answers::<AdviceReport>(),
    ]
}

fn figures() -> Vec<ApiRoute> {
    vec![
        ApiRoute::read(
            "/api/status",
            get(monitoring::status),
            "Numbers, weights and states over a window",
        )
        .query::<StatusQuery>()
        .answers::<Status>(),
        ApiRoute::read(
            "/api/events",
            get(events::events),
            "A stream of snapshot, deltas and events",
        )
        .query::<WindowQuery>()
        .described(|it| it.answering_text("text/event-stream")),
        ApiRoute::read(
            "/api/monitoring/performance",
            get(monitoring::performance),
            "Requests, rates, latencies and cost per provider and model",
        )
        .query::<PerformanceQuery>()
        .answers::<Performance>(),
        ApiRoute::read(
            "/api/clients",
            get(monitoring::clients),
            "What each client does",
        )
        .query::<WindowQuery>()
        .answers::<ClientsReport>(),
        ApiRoute::read(
            "/api/decisions",
            get(monitoring::decisions),
            "Requests, newest first",
        )
        .query::<DecisionsQuery>()
        .answers::<DecisionList>(),
        ApiRoute::read(
            "/api/decisions/{id}",
            get(monitoring::decision),
            "One request, explained",
        )
        .answers::<DecisionDetail>(),
    ]
}

fn records() -> Vec<ApiRoute> {
    vec![
        ApiRoute::read(
            "/api/usage",
            get(monitoring::usage),
            "Attempts, tokens and cost of a period",
        )
        .query::<UsageQuery>()
        .answers::<UsageReport>(),
        ApiRoute::read(
            "/api/forecast",
            get(monitoring::forecast),
            "Expected load and cost by the hour",
        )
        .query::<ForecastQuery>()
        .answers::<HourlyForecast>(),
        ApiRoute::read(
            "/api/revisions",
            get(monitoring::revisions),
            "Changes of the settings",
        )
        .answers::<RevisionList>(),
        ApiRoute::read(
            "/api/audit",
            get(audit::entries),
            "Entries of the audit log",
        )
        .query::<AuditQuery>()
        .answers::<AuditList>(),
        ApiRoute::read(
            "/api/audit/check",
            get(audit::check),
            "Whether the audit log is whole",
        )
        .answers::<AuditCheckReport>(),
        ApiRoute::read(
            "/api/logs",
            get(monitoring::log),
            "The newest log lines of the gateway",
        )
        .query::<LogQuery>()
        .answers::<LogList>(),
        ApiRoute::read("/metrics", get(metrics::scrape), "Metrics for Prometheus")
            .described(|it| it.answering_text("text/plain")),
    ]
}

fn changes() -> Vec<ApiRoute> {
    vec![
        ApiRoute::read(
            "/api/weights",
            get(mutations::weights),
            "The global weights in force",
        )
        .answers::<WeightsReport>(),
        ApiRoute::change(
            (Method::PUT, "/api/weights"),
            put(mutations::set_weights),
            "Changes global weights; missing ones keep their value",
        )
        .body::<WeightsChange>()
        .answers::<WeightsReport>(),
        ApiRoute::change(
            (Method::POST, "/api/weights/keep"),
            post(mutations::keep_weights),
            "Confirms every change that would revert by itself",
        )
        .answers::<WeightsReport>(),
        ApiRoute::change(
            (Method::POST, "/api/revisions/{number}/rollback"),
            post(mutations::roll_back),
            "Returns to the weights of a revision",
        )
        .answers::<WeightsReport>(),
        ApiRoute::read(
            "/api/settings",
            get(mutations::settings),
            "Strategy, budgets and breakers",
        )
        .answers::<SettingsReport>(),
        ApiRoute::change(
            (Method::PATCH, "/api/settings"),
            patch(mutations::change_settings),
            "Changes strategy, budgets or breakers",
        )
        .body::<SettingsChange>()
        .answers::<SettingsReport>(),
        ApiRoute::change(
            (Method::PATCH, "/api/providers/{name}"),
            patch(mutations::change_provider),
            "Changes, drains or pins a provider",
        )
        .body::<ProviderChange>()
        .answers::<ProviderReport>(),
        ApiRoute::change(
            (Method::POST, "/api/providers/{name}/probe"),
            post(mutations::probe),
            "Probes a provider now",
        )
        .answers::<ProbeReport>(),
        ApiRoute::change(
            (Method::POST, "/api/reload"),
            post(mutations::reload),
            "Reads the configuration again",
        )
        .answers::<ReloadReport>(),
    ]
}

fn alert_calls() -> Vec<ApiRoute> {
    vec![
        ApiRoute::read(
            "/api/alerts",
            get(alerts::list),
            "Active and ended alerts, and webhooks",
        )
        .answers::<AlertList>(),
        ApiRoute::change(
            (Method::POST, "/api/alerts/test"),
            post(alerts::test),
            "Sends a test to all webhooks",
        )
        .answers::<AlertTestReport>(),
        ApiRoute::change(
            (Method::POST, "/api/alerts/{id}/acknowledge"),
            post(alerts::acknowledge),
            "Notes that an operator knows of an alert",
        )
        .answers::<AlertReport>(),
        ApiRoute::change(
            (Method::DELETE, "/api/alerts/{id}/acknowledge"),
            delete(alerts::withdraw),
            "Ends the acknowledgement of an alert",
        )
        .answers::<AlertReport>(),
        ApiRoute::change(
            (Method::POST, "/api/alerts/{id}/mute"),
            post(alerts::mute),
            "Silences an alert for a time",
        )
        .body::<MuteRequest>()
        .answers::<AlertReport>(),
    ]
}

fn token_calls() -> Vec<ApiRoute> {
    vec![
        ApiRoute::change(
            (Method::GET, "/api/tokens"),
            get(tokens::list),
            "All client tokens, without secrets",
        )
        .answers::<TokenList>(),
        ApiRoute::change(
            (Method::POST, "/api/tokens"),
            post(tokens::create),
            "Makes a client token; its secret is in the answer",
        )
        .body::<TokenRequest>()
        .answers::<NewToken>()
        .described(|it| it.with_status(201)),
        ApiRoute::change(
            (Method::DELETE, "/api/tokens/{name}"),
            delete(tokens::revoke),
            "Ends a client token",
        )
        .answers::<TokenReport>(),
        ApiRoute::change(
            (Method::POST, "/api/tokens/{name}/rotate"),
            post(tokens::rotate),
            "Gives a client token a new secret",
        )
        .answers::<NewToken>(),
    ]
}

/// Calls that need no token.
fn checks() -> Vec<ApiRoute> {
    let open = |path, handler, about| ApiRoute {
        description: RouteDescription::new((Method::GET, path), None, about),
        handler,
    };
    vec![
        open(
            "/healthz",
            get(health::alive),
            "Whether the process is alive",
        )
        .answers::<health::HealthAnswer>(),
        open(
            "/readyz",
            get(health::ready),
            "Whether a target is usable and the instance does not stop",
        )
        .answers::<health::HealthAnswer>(),
    ]
}
