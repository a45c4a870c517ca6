//! Which of the queries that the tests know takes longest, from the request to the whole answer?

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::server::{Server, data_folder};
use crate::{http, table};

const ROUNDS: usize = 20;
/// Until documents, statements and the database's pages are known.
const WARMING: usize = 5;
const SLOWEST: usize = 5;

/// Each folder of `tests/golden/queries` is asked by itself, on one connection.
pub(crate) async fn measure() {
    let data = data_folder();
    let (server, _) = Server::start(data.path(), &[]).await;
    let mut connection = http::Connection::open(server.address).await.expect("the server listens");
    let mut cases: Vec<(String, Vec<f64>)> = Vec::new();
    for (name, request) in requests() {
        for _ in 0..WARMING {
            connection.ask(&request).await;
        }
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            connection.ask(&request).await;
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        cases.push((name, times));
    }
    cases.sort_by(|(_, one), (_, other)| middle(other).total_cmp(&middle(one)));
    table::heading("golden", &format!("ms for each of {} queries, {ROUNDS} times; the slowest", cases.len()));
    for (name, times) in cases.iter().take(SLOWEST) {
        table::line(name, times);
    }
    let medians: Vec<f64> = cases.iter().map(|(_, times)| middle(times)).collect();
    table::line("the medians of all", &medians);
    server.stop().await;
}

fn middle(sorted: &[f64]) -> f64 {
    table::percentile(sorted, 50.0)
}

/// By name.
fn requests() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/queries");
    let entries = fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("a case"));
    let request = |entry: fs::DirEntry| {
        let read = |file: &str| fs::read_to_string(entry.path().join(file));
        let query = read("request.graphql").expect("a request");
        let variables = read("variables.json").map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
        let body = json!({ "query": query, "variables": variables }).to_string();
        (entry.file_name().to_string_lossy().into_owned(), http::post(&body))
    };
    entries.map(request).collect()
}
