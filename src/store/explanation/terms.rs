//! What a request asked for besides its sizes, as JSON. What is usual is left out.

use super::names::Names;
use crate::domain::{
    ModelType, ProviderIdx, RequestTerms, RequiredCapabilities, RouteOrder, SelectionRound,
    TargetIdx,
};
use serde::{Deserialize, Serialize};

/// The terms of a request, without the name of its client.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredTerms {
    /// Places of the allowed targets; none where all of the type are.
    #[serde(skip_serializing_if = "Option::is_none")]
    o: Option<Vec<usize>>,
    /// Type for which targets are selected, where it is not that of the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<String>,
    /// Weights of the allowed targets, where the route has fixed shares; empty where it is strict.
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<Vec<u32>>,
    /// Images, tools, JSON schema, reasoning, prefill.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<[bool; 5]>,
    /// True if the client named the target.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    p: bool,
    /// Maximum output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<f64>,
    /// Number of choices, if not 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<f64>,
    /// Place of a target of the preferred provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<usize>,
    /// Maximum price, latency and time.
    #[serde(skip_serializing_if = "is_unlimited")]
    l: [Option<f64>; 3],
}

fn is_unlimited(limits: &[Option<f64>; 3]) -> bool {
    limits.iter().all(Option::is_none)
}

impl StoredTerms {
    pub(super) fn of(round: &SelectionRound, names: &mut Names<'_>) -> Option<Self> {
        let terms = round.terms.as_deref()?;
        let needs = terms.needs;
        let only = terms.only.as_ref();
        Some(Self {
            o: only.map(|only| only.iter().map(|target| names.place(*target)).collect()),
            k: (terms.kind != round.class.kind()).then(|| terms.kind.as_str().to_owned()),
            w: match &terms.order {
                RouteOrder::Balanced => None,
                RouteOrder::Strict => Some(Vec::new()),
                RouteOrder::Weighted(weights) => Some(weights.clone()),
            },
            n: (needs != RequiredCapabilities::default()).then_some([
                needs.images,
                needs.tools,
                needs.json_schema,
                needs.reasoning,
                needs.prefill,
            ]),
            p: terms.pinned,
            m: terms.max_tokens,
            c: (terms.choices != 1.0).then_some(terms.choices),
            f: terms.preferred.and_then(|provider| names.one_of(provider)),
            l: [terms.max_cost, terms.max_latency, terms.time_limit],
        })
    }

    /// The terms in another catalogue; `None` if none of the allowed targets is there.
    pub(super) fn terms(
        &self,
        kind: ModelType,
        targets: &[Option<(TargetIdx, ProviderIdx)>],
    ) -> Option<RequestTerms> {
        let known = |place: &usize| targets.get(*place).copied().flatten();
        let mut weights = self.w.clone().unwrap_or_default();
        if let Some(places) = self
            .o
            .as_ref()
            .filter(|places| places.len() == weights.len())
        {
            let mut places = places.iter();
            weights.retain(|_| places.next().and_then(known).is_some());
        }
        let only = self.o.as_ref().map(|places| {
            let known = places.iter().filter_map(known);
            known.map(|(target, _)| target).collect::<Vec<_>>()
        });
        if only.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let [images, tools, json_schema, reasoning, prefill] = self.n.unwrap_or_default();
        let [max_cost, max_latency, time_limit] = self.l;
        Some(RequestTerms {
            only,
            kind: match &self.k {
                Some(kind) => kind.parse().ok()?,
                None => kind,
            },
            order: match &self.w {
                None => RouteOrder::Balanced,
                Some(stored) if stored.is_empty() => RouteOrder::Strict,
                Some(_) => RouteOrder::Weighted(weights),
            },
            needs: RequiredCapabilities {
                images,
                tools,
                json_schema,
                reasoning,
                prefill,
            },
            pinned: self.p,
            max_tokens: self.m,
            choices: self.c.unwrap_or(1.0),
            preferred: self
                .f
                .as_ref()
                .and_then(known)
                .map(|(_, provider)| provider),
            max_cost,
            max_latency,
            time_limit,
            payer: None,
        })
    }
}
