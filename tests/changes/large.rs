//! Copies and commits that are too large for memory.

use std::sync::Arc;

use everwire::changes::{Hub, Options};
use everwire::config::HistorySlotPolicy;
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::world::{Client, PATIENCE, World, ops};

const ROWS: usize = 5_500;

/// A table of several parts, and hardly any memory.
async fn world() -> World {
    world_with(|_| {}).await
}

/// The same, with other settings.
async fn world_with(change: impl FnOnce(&mut Options)) -> World {
    let world = World::with(|options| {
        options.spool_after = 50_000;
        change(options);
    })
    .await;
    // No commit of these is large.
    for first in (1..=ROWS).step_by(250) {
        let last = first + 249;
        world.run(format!("INSERT INTO task SELECT n, n % 10, 'a' FROM generate_series({first}, {last}) n")).await;
    }
    world
}

/// Reads to the end of a copy or a commit; gives how many messages that took.
async fn whole(client: &mut Client) -> usize {
    let mut messages = 1;
    while client.next().await["more"] == true {
        messages += 1;
    }
    messages
}

/// Waits until nothing is on disk any more.
async fn nothing_on_disk(world: &World) {
    let empty = async {
        while world.hub.status().spool_bytes > 0 {
            yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, empty).await.expect("the room is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_on_disk_for_all_who_read_it() {
    let world = world().await;
    let mut slow = world.client("task", json!({})).await;
    assert_eq!(slow.next().await["reset"], "START");
    let once = world.hub.status().spool_bytes;
    assert!(once > 100_000, "{once}");
    world.run("UPDATE task SET title = 'b' WHERE id = 5; DELETE FROM task WHERE id = 6").await;
    // Another reads the same file, for another reason in its first message, and is not held up.
    let mut other = world.resume("task", json!({}), "00000000.0000000000000009.00000001").await;
    let first = other.next().await;
    assert_eq!(first["reset"], "EPOCH");
    assert_eq!(world.hub.status().spool_bytes, once);
    for client in [&mut other, &mut slow] {
        assert_eq!(1 + whole(client).await, 6);
        assert_eq!(client.copy.len(), ROWS);
        while client.copy.contains_key("6") {
            client.change().await;
        }
        assert_eq!((client.copy["5"]["title"].clone(), client.copy.len()), (json!("b"), ROWS - 1));
    }
    nothing_on_disk(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_cut_starts_over() {
    let world = world().await;
    let mut client = world.client("task", json!({})).await;
    client.next().await;
    client.next().await;
    let half = client.held.clone().unwrap();
    drop(client);
    let mut again = world.resume("task", json!({}), &half).await;
    assert_eq!(again.next().await["reset"], "EXPIRED");
    whole(&mut again).await;
    assert_eq!(again.copy.len(), ROWS);
}

/// What a copy ends with that cannot be taken.
async fn refused(world: &World, filter: Value) -> String {
    let error = world.client("task", filter).await.error().await;
    error.code.as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_for_which_there_is_no_room_is_refused() {
    let world = world_with(|options| options.spool_bytes = 300_000).await;
    assert_eq!(refused(&world, json!({})).await, "SPOOL_LIMIT_EXCEEDED");
    nothing_on_disk(&world).await;
    let mut smaller = world.client("task", json!({"project": {"eq": 1}})).await;
    whole(&mut smaller).await;
    assert_eq!(smaller.copy.len(), ROWS / 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_no_wrong_copy() {
    let world = world_with(|options| options.spool_dir = Some("/nowhere/at/all".into())).await;
    assert_eq!(refused(&world, json!({})).await, "UNAVAILABLE");
}

/// Wants the end of a large commit, and to have got there without a fresh copy.
async fn ends_with(client: &mut Client, title: &str) -> usize {
    let mut messages = 0;
    while client.copy.len() < ROWS || !client.copy.values().all(|row| row["title"] == title) {
        assert_eq!(client.next().await["reset"], Value::Null);
        messages += 1;
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_comes_in_parts_also_to_those_who_read_slowly() {
    // The log of the group alone holds a fraction of it.
    let world = world_with(|options| options.log_bytes = 100_000).await;
    let mut brisk = world.client("task", json!({})).await;
    let mut slow = world.client("task", json!({})).await;
    let mut few = world.client("task", json!({"id": {"in": [1, 5000]}})).await;
    let mut none = world.client("task", json!({"project": {"eq": 18}})).await;
    for client in [&mut brisk, &mut slow, &mut few, &mut none] {
        whole(client).await;
    }
    let before = brisk.held.clone().unwrap();
    world.run("UPDATE task SET title = 'b'").await;
    assert_eq!(ends_with(&mut brisk, "b").await, 7);
    assert_eq!(ops(&few.change().await), ["PATCH 1", "PATCH 5000"]);
    world.run("INSERT INTO task VALUES (0, 18, 'b')").await;
    assert_eq!(ops(&none.change().await), ["PUT 0"]);
    assert_eq!(ops(&brisk.change().await), ["PUT 0"]);
    world.run("DELETE FROM task WHERE id = 0").await;
    // Cut in the middle, and gone on from there: in the same group, and in one that knows nothing of it.
    slow.next().await;
    slow.next().await;
    let middle = slow.held.clone().unwrap();
    for filter in [json!({}), json!({"project": {"gte": 0}})] {
        let mut again = world.resume("task", filter.clone(), &middle).await;
        again.copy = slow.copy.clone();
        assert_eq!(ends_with(&mut again, "b").await, 5);
        // Who was not there for any of it, after who was.
        let mut behind = world.resume("task", filter, &before).await;
        behind.copy = (1..=ROWS).map(|id| (id.to_string(), brisk.copy[&id.to_string()].clone())).collect();
        behind.copy.values_mut().for_each(|row| row["title"] = json!("a"));
        assert_eq!(ends_with(&mut behind, "b").await, 7);
        for client in [&mut again, &mut behind] {
            while ops(&client.change().await) != ["DELETE 0"] {}
            assert!(client.resets.is_empty());
        }
    }
    assert_eq!(ends_with(&mut slow, "b").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_cut_goes_on_after_a_restart() {
    let mut world = world_with(|options| options.history_slot = HistorySlotPolicy::On).await;
    let mut client = world.client("task", json!({})).await;
    whole(&mut client).await;
    world.run("UPDATE task SET title = 'b'").await;
    client.next().await;
    let middle = client.held.clone().unwrap();
    world.hub.stop().await;
    let mut options = Options::new(world.postgres.url());
    (options.spool_after, options.history_slot) = (60_000, HistorySlotPolicy::On);
    world.hub = Hub::start(Arc::clone(&world.model), options).await.unwrap();
    let mut again = world.resume("task", json!({}), &middle).await;
    again.copy = client.copy;
    assert_eq!(ends_with(&mut again, "b").await, 6);
    assert_eq!(again.strays, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_table_that_is_filled_again_comes_in_parts() {
    let world = world().await;
    let mut client = world.client("task", json!({})).await;
    whole(&mut client).await;
    let sql = format!("INSERT INTO task SELECT n, 7, 'b' FROM generate_series(1, {ROWS}) n");
    world.run(format!("BEGIN; UPDATE task SET title = 'c'; TRUNCATE task; {sql}; COMMIT")).await;
    assert_eq!(client.next().await["reset"], "TRUNCATED");
    assert_eq!(ends_with(&mut client, "b").await, 5);
    assert_eq!(client.resets, ["START", "TRUNCATED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_history_let_go_of_starts_over() {
    let world = world_with(|options| options.spool_bytes = 2_000_000).await;
    let mut slow = world.client("task", json!({})).await;
    whole(&mut slow).await;
    world.run("UPDATE task SET title = 'b'").await;
    slow.next().await;
    for title in ["c", "d", "e"] {
        world.run(format!("UPDATE task SET title = '{title}'")).await;
    }
    let mut other = world.client("task", json!({"id": {"eq": 1}})).await;
    assert_eq!(other.next().await["changes"][0]["row"]["title"], "e");
    while slow.resets.len() < 2 {
        slow.next().await;
    }
    whole(&mut slow).await;
    assert_eq!((slow.copy["9"]["title"].clone(), slow.resets), (json!("e"), vec!["START".into(), "LAGGED".into()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_for_which_there_is_no_room_starts_its_tables_over() {
    let world = world_with(|options| options.spool_bytes = 300_000).await;
    let mut client = world.client("task", json!({"id": {"eq": 1}})).await;
    let mut apart = world.client("plain", json!({})).await;
    apart.next().await;
    let before = client.next().await["sequence"].as_str().unwrap().to_owned();
    world.run("UPDATE task SET title = 'c'").await;
    world.run("UPDATE task SET title = 'b' WHERE id = 1; INSERT INTO plain VALUES (1)").await;
    assert_eq!(client.change().await["reset"], "LAGGED");
    while client.copy["1"]["title"] != "b" {
        client.change().await;
    }
    assert_eq!(ops(&apart.change().await), ["PUT 1"]);
    assert_eq!(apart.resets, ["START"]);
    let mut late = world.resume("task", json!({"id": {"eq": 1}}), &before).await;
    assert_eq!(late.change().await["reset"], "LAGGED");
}
