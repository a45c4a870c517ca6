//! One reader that hardly reads among a thousand brisk ones.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::world::{Client, World};

const GROUPS: usize = 20;
const BRISK: usize = 1_000;
const ROWS: usize = 40;
const COMMITS: usize = 25;
/// Of the history, and of all messages.
const BYTES: usize = 200_000;
/// More than an empty message has, less than one with all rows.
const EMPTY: usize = 1_000;

/// Reads until it has a message of every commit; nothing else may come than those and empty ones.
async fn read(mut client: Client, received: Arc<Semaphore>) {
    let mut commits = 0;
    while commits < COMMITS {
        let message = client.raw().await;
        let head = String::from_utf8_lossy(&message[..message.len().min(EMPTY)]).into_owned();
        assert!(head.contains(r#""reset":null,"more":false"#), "{head}");
        if message.len() > EMPTY {
            commits += 1;
            received.add_permits(1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_costs_the_others_nothing_and_memory_is_bounded() {
    let world = World::with(|options| {
        options.history_bytes = BYTES;
        options.messages_bytes = BYTES;
    })
    .await;
    world.run(format!("INSERT INTO task SELECT n, 0, '0' FROM generate_series(1, {ROWS}) n")).await;
    let mut slow = world.client("task", json!({})).await;
    slow.next().await;
    let received = Arc::new(Semaphore::new(0));
    let mut brisk = Vec::new();
    for number in 0..BRISK {
        let mut client = world.client("task", json!({"project": {"in": [0, 1 + number % GROUPS]}})).await;
        client.raw().await;
        brisk.push(tokio::spawn(read(client, Arc::clone(&received))));
    }
    let (mut message, mut most) = (0, 0);
    for commit in 1..=COMMITS {
        world.run(format!("UPDATE task SET title = '{commit}'")).await;
        let everyone = received.acquire_many(BRISK as u32);
        timeout(Duration::from_secs(60), everyone).await.expect("everyone has it in time").unwrap().forget();
        let status = world.hub.status();
        assert!(status.history_bytes <= BYTES, "{status:?}");
        most = most.max(status.log_bytes);
        if commit == 5 {
            message = slow.raw().await.len();
        }
    }
    for client in brisk {
        client.await.unwrap();
    }
    // Beside the messages there are only the names of the commits that are told when they are wanted.
    let names = (GROUPS + 1) * COMMITS * 128;
    assert!(most > BYTES && most < BYTES + message + names, "{most}");
    while slow.copy["1"]["title"] != COMMITS.to_string().as_str() {
        slow.next().await;
    }
    assert_eq!(slow.resets, ["START", "LAGGED"]);
}
