//! What does a subscriber cost that waits?

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::server::{Server, data_folder};
use crate::socket::Socket;
use crate::table;

const ROUNDS: usize = 3;
const SOCKETS: usize = 2_000;

/// For the copies' memory to be given back.
const REST: Duration = Duration::from_secs(3);

const SUBSCRIPTION: &str = "subscription Tasks($project: UUID!) { tasks(where: {projectId: {eq: $project}}) \
    { sequence previous changes { op ... on TaskPatch { task { id title points } } } } }";

pub(crate) async fn measure() {
    let data = data_folder();
    let mut at_rest = Vec::new();
    let [mut equal, mut different] = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (filter, found) in [(same as fn(usize) -> usize, &mut equal), (std::convert::identity, &mut different)] {
            let (rest, each) = round(data.path(), filter).await;
            at_rest.push(rest / 1024.0);
            found.push(each);
        }
    }
    table::heading(
        "memory",
        &format!("resident memory of the server, {SOCKETS} idle sockets with a subscription each"),
    );
    table::line("at rest, after one query (MiB)", &at_rest);
    table::line("equal subscriptions (KiB per subscriber)", &equal);
    table::line("a filter for each (KiB per subscriber)", &different);
}

fn same(_: usize) -> usize {
    0
}

/// At rest in KiB, and KiB more for each subscriber.
async fn round(data: &std::path::Path, filter: fn(usize) -> usize) -> (f64, f64) {
    let (server, _) = Server::start(data, &["--progress-interval", "3600"]).await;
    sleep(REST).await;
    let rest = server.process().memory();
    let mut sockets = Vec::with_capacity(SOCKETS);
    for index in 0..SOCKETS {
        let project = format!("00000000-0000-4000-8000-{:012}", filter(index));
        let subscription = json!({ "query": SUBSCRIPTION, "variables": { "project": project } }).to_string();
        let mut socket = Socket::subscribe(server.address, &subscription).await;
        // The copy, of no row: the subscription waits.
        assert!(socket.next().await.starts_with(br#"{"id":"1","type":"next""#));
        sockets.push(socket);
    }
    sleep(REST).await;
    let each = (server.process().memory() - rest) / SOCKETS as f64;
    drop(sockets);
    server.stop().await;
    (rest, each)
}
