//! What the answer to a change says about its file.

use super::{Entry, SPARE, TestInstance, configuration};
use serde_json::{Value, json};

async fn change(instance: &TestInstance, cost: f64) -> Value {
    let url = format!("{}/api/weights", instance.url);
    let change = json!({"cost": cost, "latency": 40, "reliability": 60.0 - cost});
    let answer = instance.client.put(url).json(&change).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_change_is_saved_before_the_answer_says_so() {
    let spare = Entry {
        name: "spare",
        base_url: SPARE,
        more: "api_key = \"k\"\n",
    };
    let instance = TestInstance::open(&configuration("", &[spare]));

    let saved = change(&instance, 20.0).await;
    let text = std::fs::read_to_string(instance.file()).unwrap();
    assert!(text.contains("cost = 20"), "{text}");
    assert!(
        saved["saved"].as_str().unwrap().starts_with("in /"),
        "{saved}"
    );

    std::fs::remove_file(instance.file()).unwrap();
    std::fs::create_dir(instance.file()).unwrap();
    let unsaved = change(&instance, 25.0).await;
    let place = unsaved["saved"].as_str().unwrap();
    assert!(place.starts_with("in memory: could not write"), "{unsaved}");
    assert_eq!(instance.get("/api/weights").await["cost"], 25.0);
}
