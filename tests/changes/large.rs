//! Copies that are too large for memory.

use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::world::{Client, PATIENCE, World};

const ROWS: usize = 5_500;

/// A table of several parts, and hardly any memory.
async fn world() -> World {
    let world = World::with(|options| options.spool_after = 50_000).await;
    world.run(format!("INSERT INTO task SELECT n, 7, 'a' FROM generate_series(1, {ROWS}) n")).await;
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
    let world = World::with(|options| {
        options.spool_after = 50_000;
        options.spool_bytes = 300_000;
    })
    .await;
    world.run(format!("INSERT INTO task SELECT n, n % 10, 'a' FROM generate_series(1, {ROWS}) n")).await;
    assert_eq!(refused(&world, json!({})).await, "SPOOL_LIMIT_EXCEEDED");
    nothing_on_disk(&world).await;
    let mut smaller = world.client("task", json!({"project": {"eq": 1}})).await;
    whole(&mut smaller).await;
    assert_eq!(smaller.copy.len(), ROWS / 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_no_wrong_copy() {
    let world = World::with(|options| {
        options.spool_after = 50_000;
        options.spool_dir = Some("/nowhere/at/all".into());
    })
    .await;
    world.run(format!("INSERT INTO task SELECT n, 7, 'a' FROM generate_series(1, {ROWS}) n")).await;
    assert_eq!(refused(&world, json!({})).await, "UNAVAILABLE");
}
