//! Counts of tokens that no call can come to.

use super::clock::Clock;
use super::speech::{ALL, Speech};
use super::wire::{Script, Step, Wire, whole};
use super::{ask, before, head, served_by, usual};
use aibal_tui::gateway::GatewayConfig;

const ODD: [&str; 6] = ["-1", "20.0", "1e15", "18446744073709551615", "\"20\"", "{}"];

#[tokio::test(start_paused = true)]
async fn odd_token_counts_cost_no_client_its_response() {
    let _clock = Clock::stopped();
    for upstream in ALL {
        for client in ALL {
            let a = Wire::start().await;
            let limits = GatewayConfig {
                max_retries: 0,
                ..usual()
            };
            let bench = before(&[(&a, upstream)], limits).await;
            // A provider with the Responses API gets chat requests for clients of other protocols.
            let spoken = match upstream {
                Speech::Responses if client != upstream => Speech::Chat,
                _ => upstream,
            };
            for odd in ODD {
                let odd = format!("\"output_tokens\":{odd}");
                let twist = |text: &str| {
                    let text = text.replace("\"completion_tokens\":20", "\"output_tokens\":20");
                    let text = text.replace("\"output_tokens\":20", &odd);
                    match spoken {
                        Speech::Chat => text.replace("output_tokens", "completion_tokens"),
                        _ => text,
                    }
                };
                let body = twist(spoken.whole());
                assert_ne!(body, spoken.whole());
                a.script([vec![whole(200, &body)]]);
                let answer = ask(&bench, client, false).await;
                assert_eq!(head(&answer), served_by("a", 1), "{upstream:?} {odd}");

                let script: Script = spoken
                    .good()
                    .into_iter()
                    .map(|step| match step {
                        Step::Chunk(text) => Step::Chunk(twist(&text)),
                        other => other,
                    })
                    .collect();
                a.script([script]);
                let answer = ask(&bench, client, true).await;
                assert_eq!(head(&answer), served_by("a", 1), "{upstream:?} {odd}");
                let text = answer.text().await.unwrap();
                assert!(client.is_whole(&text), "{upstream:?} {odd}: {text}");
            }
        }
    }
}
