//! The calls of model traffic that the description of the API lists.

use crate::bench::{limits, start};
use crate::upstream::{Behaviour, Upstream};

#[tokio::test]
async fn every_described_call_of_model_traffic_has_a_route() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let base = bench.url.trim_end_matches("/v1");
    for call in aibal_tui::gateway::descriptions() {
        let path = call.path.replace("{id}", "1");
        let path = path.replace("{model}", "shared:generateContent");
        let request = bench
            .client
            .request(call.method.clone(), format!("{base}{path}"));
        let response = request.body("{}").send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        let name = format!("{} {}", call.method, call.path);
        assert!(
            status != 405 && !text.contains("unknown_url"),
            "{name}: {status} {text}"
        );
    }
}
