//! The program with a store, for tests that restart it.

use super::TestDatabase;
use crate::program::{Running, program, run, serving};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use tempfile::TempDir;

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// The program with one provider, always on the same port, because that names the instance.
pub struct Gateway {
    home: TempDir,
    pub url: String,
    running: Option<Running>,
    pub client: reqwest::Client,
    port: u16,
}

impl Gateway {
    pub async fn start(database: &TestDatabase, base_url: &str) -> Self {
        Self::start_with(database, base_url, "").await
    }

    /// With more tables in its configuration.
    pub async fn start_with(database: &TestDatabase, base_url: &str, tables: &str) -> Self {
        let home = TempDir::new().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut gateway = Self {
            home,
            url: String::new(),
            running: None,
            client: reqwest::Client::new(),
            port,
        };
        gateway.configure(database, base_url, tables);
        gateway.begin().await;
        gateway
    }

    /// Writes the configuration.
    pub fn configure(&self, database: &TestDatabase, base_url: &str, tables: &str) {
        let text = format!(
            "{}{tables}[probe]\nmode = \"off\"\n[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
             base_url = {base_url:?}\n[[providers.models]]\nid = \"m\"\ninput_usd_per_1m = 1.0\n\
             output_usd_per_1m = 2.0\n",
            database.table()
        );
        std::fs::write(self.path("aibal.toml"), text).unwrap();
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Number of its process.
    pub fn process(&self) -> u32 {
        self.running.as_ref().unwrap().0.id()
    }

    pub fn signal(&self, name: &str) {
        self.running.as_ref().unwrap().signal(name);
    }

    /// Runs a command of the program beside it: exit code, stdout, stderr.
    pub fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = program(&self.home);
        command.args(arguments);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        tokio::task::block_in_place(|| run(&mut command))
    }

    pub async fn begin(&mut self) {
        let mut command = program(&self.home);
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        let started = tokio::task::spawn_blocking(move || serving(&mut command));
        let (running, url) = started.await.unwrap();
        self.url = url;
        self.running = Some(running);
    }

    pub async fn stop(&mut self) {
        let mut running = self.running.take().unwrap();
        let stopped = tokio::task::spawn_blocking(move || {
            running.signal("TERM");
            running.code()
        });
        assert_eq!(stopped.await.unwrap(), 0);
    }

    /// Sends a request; false if no whole response came.
    pub async fn asked(client: &reqwest::Client, url: &str) -> bool {
        let request = client.post(format!("{url}/v1/chat/completions")).body(ASK);
        match request.send().await {
            Ok(response) => response.status() == 200 && response.bytes().await.is_ok(),
            Err(_) => false,
        }
    }

    pub async fn ask(&self) {
        let request = self
            .client
            .post(format!("{}/v1/chat/completions", self.url));
        let response = request.body(ASK).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Ends it without a chance to write anything.
    pub async fn kill(&mut self) {
        let mut running = self.running.take().unwrap();
        let killed = tokio::task::spawn_blocking(move || {
            running.signal("KILL");
            assert_eq!(running.code(), -1);
        });
        killed.await.unwrap();
    }

    /// Waits until nothing waits for the store.
    pub async fn until_stored(&self) {
        let written = self.get("/api/status").await["store"]["written"].clone();
        loop {
            let store = self.get("/api/status").await["store"].clone();
            if store["queued"] == 0 && store["written"] != written {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits until the day has so much spent, in USD.
    pub async fn until_spent(&self, usd: f64) {
        loop {
            let day = self.get("/api/status").await["budget"]["day"].clone();
            if day["spentUsd"].as_f64().unwrap() >= usd - 1e-9 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.url));
        request
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The figures of the last hour, without what is about this moment.
    pub async fn hour(&self) -> Value {
        let mut hour = self.get("/api/monitoring/performance?hours=1").await;
        hour.as_object_mut().unwrap().remove("generatedAt");
        for provider in hour["providers"].as_array_mut().unwrap() {
            let provider = provider.as_object_mut().unwrap();
            provider.remove("state");
            // It grows while the program looks.
            provider.remove("availability");
            for model in provider["models"].as_array_mut().unwrap() {
                model.as_object_mut().unwrap().remove("state");
                model.as_object_mut().unwrap().remove("why");
            }
        }
        hour
    }
}
