//! What a stream says, change by change.

use futures_util::{FutureExt, StreamExt};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::world::{Client, World, ops};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_and_then_each_change() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a', 'doing', true, 'n', 1.50)").await;
    world.run("INSERT INTO task VALUES (2, 8, 'b')").await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    let copy = client.next().await;
    assert_eq!((&copy["reset"], &copy["more"], &copy["transaction"]), (&json!("START"), &json!(false), &Value::Null));
    assert_eq!(copy["__typename"], "TaskChanges");
    let row =
        json!({"id": 1, "project": 7, "title": "a", "status": "DOING", "done": true, "note": "n", "estimate": "1.50"});
    assert_eq!(copy["changes"][0]["row"], row);
    assert_eq!(copy["changes"][0]["__typename"], "TaskPut");
    assert_eq!(ops(&copy), ["PUT 1"]);

    world.run("INSERT INTO task VALUES (3, 7, 'c')").await;
    assert_eq!(ops(&client.change().await), ["PUT 3"]);
    world.run("UPDATE task SET title = 'C', done = true WHERE id = 3").await;
    let patch = client.change().await;
    assert_eq!(ops(&patch), ["PATCH 3"]);
    assert_eq!(patch["changes"][0]["changed"], json!(["title", "done"]));
    assert_eq!(patch["changes"][0]["patch"]["title"], "C");
    assert_eq!(patch["changes"][0]["patch"]["project"], Value::Null);
    world.run("UPDATE task SET project = 7 WHERE id = 2").await;
    assert_eq!(ops(&client.change().await), ["PUT 2"]);
    world.run("UPDATE task SET project = 9 WHERE id = 1").await;
    assert_eq!(ops(&client.change().await), ["DELETE 1"]);
    world.run("UPDATE task SET id = 20 WHERE id = 2").await;
    assert_eq!(ops(&client.change().await), ["DELETE 2", "PUT 20"]);
    world.run("DELETE FROM task WHERE project = 7").await;
    assert_eq!(ops(&client.change().await).len(), 2);
    assert!(client.copy.is_empty());
    world.hub.stop().await;
    assert_eq!(client.error().await.code.as_str(), "UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_what_does_not_concern() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let follow = world.follow_columns("task", &json!({"project": {"eq": 7}}), &["id", "title"]);
    let mut client = Client::new(world.hub.subscribe(follow, None).await.unwrap());
    client.next().await;
    world.run("UPDATE task SET note = 'not covered' WHERE id = 1").await;
    world.run("INSERT INTO task VALUES (2, 8, 'another project')").await;
    world.run("INSERT INTO plain VALUES (1, 7, 'another table')").await;
    world.run("BEGIN; INSERT INTO task VALUES (3, 7, 'rolled back'); ROLLBACK").await;
    world
        .run(
            "BEGIN; INSERT INTO task VALUES (4, 7, 'in'); SAVEPOINT s; INSERT INTO task VALUES (5, 7, 'out');
              ROLLBACK TO s; INSERT INTO task VALUES (6, 7, 'in too'); COMMIT",
        )
        .await;
    let message = client.change().await;
    assert_eq!(ops(&message), ["PUT 4", "PUT 6"]);
    let xid: String =
        sqlx::query_scalar("SELECT xmin::text FROM task WHERE id = 4").fetch_one(&world.pool).await.unwrap();
    assert_eq!(message["transaction"], xid);
    let sequences: Vec<&Value> = message["changes"].as_array().unwrap().iter().map(|c| &c["sequence"]).collect();
    assert!(sequences[0].as_str() < sequences[1].as_str() && *sequences[1] == message["sequence"]);
    let moment: String =
        sqlx::query_scalar("SELECT to_json(pg_xact_commit_timestamp(xmin)) #>> '{}' FROM task WHERE id = 4")
            .fetch_one(&world.pool)
            .await
            .unwrap_or_default();
    assert!(moment.is_empty() || message["committedAt"] == moment);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_that_did_not_change_are_whole() {
    let world = World::new().await;
    let mut full = world.client("task", json!({})).await;
    let mut plain = world.client("plain", json!({})).await;
    full.next().await;
    plain.next().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a', 'todo', false, repeat('x', 20000))").await;
    world.run("INSERT INTO plain VALUES (1, 7, 'a', repeat('x', 20000))").await;
    full.change().await;
    plain.change().await;
    world.run("UPDATE task SET title = 'b'; UPDATE plain SET title = 'b'").await;
    let patch = full.change().await;
    assert_eq!(patch["changes"][0]["changed"], json!(["title"]));
    assert_eq!(patch["changes"][0]["row"]["note"].as_str().unwrap().len(), 20_000);
    // The log of a table with its default identity lacks the value: a fresh copy, not a guess.
    let copy = plain.change().await;
    assert_eq!(copy["reset"], "EXPIRED");
    assert_eq!(copy["changes"][0]["row"]["note"].as_str().unwrap().len(), 20_000);
    assert_eq!(copy["changes"][0]["row"]["title"], "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_table_starts_anew() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a'), (2, 7, 'b')").await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("BEGIN; INSERT INTO task VALUES (3, 7, 'gone'); TRUNCATE task; INSERT INTO task VALUES (4, 7, 'd'), (5, 8, 'e'); COMMIT").await;
    let message = client.change().await;
    assert_eq!(message["reset"], "TRUNCATED");
    assert_eq!(ops(&message), ["PUT 4"]);
    assert_eq!(client.copy.len(), 1);
    world.run("TRUNCATE task").await;
    let message = client.change().await;
    assert_eq!((message["reset"].as_str(), client.copy.len()), (Some("TRUNCATED"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_old_row_a_change_is_a_put() {
    let world = World::new().await;
    world.run("INSERT INTO plain VALUES (1, 7, 'a'), (2, 8, 'b')").await;
    let mut client = world.client("plain", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("UPDATE plain SET title = 'A' WHERE id = 1").await;
    assert_eq!(ops(&client.change().await), ["PUT 1"]);
    world.run("UPDATE plain SET project = 8 WHERE id = 1").await;
    assert_eq!(ops(&client.change().await), ["DELETE 1"]);
    world.run("UPDATE plain SET project = 7, id = 3 WHERE id = 2").await;
    assert_eq!(ops(&client.change().await), ["DELETE 2", "PUT 3"]);
    world.run("DELETE FROM plain WHERE id = 3").await;
    assert_eq!(ops(&client.change().await), ["DELETE 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_key_is_left_alone() {
    let world = World::new().await;
    world.run("INSERT INTO keyless VALUES (1); UPDATE keyless SET a = 2; DELETE FROM keyless").await;
    let unpublished = world.hub.status().unpublished;
    assert_eq!(unpublished.iter().map(|table| table.table).collect::<Vec<_>>(), [world.table("keyless")]);
    let mut follow = world.follow("task", &json!({}));
    follow.rows[0].table = world.table("keyless");
    let refused = world.hub.subscribe(follow, None).await.err().unwrap();
    assert_eq!(refused.code.as_str(), "UNSUPPORTED");
    assert!(refused.message.contains("primary key"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_subscriptions_share_every_byte() {
    let world = World::new().await;
    world.run("INSERT INTO task (id, project, estimate) VALUES (1, 7, 2)").await;
    // Written differently, the same: the operands are brought into one form.
    let mut one = world.client("task", json!({"estimate": {"eq": "2.0"}})).await;
    let mut two = world.client("task", json!({"estimate": {"eq": "2.0"}})).await;
    one.raw().await;
    two.raw().await;
    assert_eq!((world.hub.status().groups, world.hub.status().subscribers), (1, 2));
    world.run("UPDATE task SET title = 'x'").await;
    let (a, b) = (one.raw().await, two.raw().await);
    assert_eq!(a.as_ptr(), b.as_ptr());
    drop(two);
    assert_eq!(world.hub.status().subscribers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_with_no_value_of_the_column_is_refused() {
    let world = World::new().await;
    let follow = world.follow("task", &json!({"estimate": {"eq": "two"}}));
    let refused = world.hub.subscribe(follow, None).await.err().unwrap();
    assert_eq!((refused.code.as_str(), refused.path.as_deref()), ("DATA_INVALID", Some("tasks")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_keeps_nobody_from_a_copy() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let follow = world.follow("task", &json!({"project": {"eq": 7}}));
    let mut stopped = world.hub.subscribe(follow, None).await.unwrap();
    // Its copy is under way, and it never asks for it again.
    assert!(stopped.next().now_or_never().is_none());
    let mut other = world.client("task", json!({"project": {"eq": 7}})).await;
    assert_eq!(ops(&other.next().await), ["PUT 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_a_position() {
    let world = World::new().await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    let start = client.next().await["sequence"].as_str().unwrap().to_owned();
    for id in 1..=5 {
        world.run(format!("INSERT INTO task VALUES ({id}, 7, 'a')")).await;
        client.change().await;
    }
    let middle = client.held.clone().unwrap();
    world.run("UPDATE task SET title = 'b' WHERE id < 3").await;
    client.change().await;
    // The same group, from its log; and another, from the history, on whose log earlier positions come later.
    let mut same = world.resume("task", json!({"project": {"eq": 7}}), &start).await;
    same.until(&client.copy).await;
    let filter = json!({"project": {"in": [7, 70]}});
    let mut late = world.resume("task", filter.clone(), &middle).await;
    assert_eq!(ops(&late.change().await), ["PATCH 1", "PATCH 2"]);
    let mut early = world.resume("task", filter, &start).await;
    early.until(&client.copy).await;
    world.run("INSERT INTO task VALUES (9, 7, 'z')").await;
    for client in [&mut same, &mut late, &mut early] {
        assert_eq!(ops(&client.change().await), ["PUT 9"]);
        assert!(client.resets.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_over_where_the_history_does_not_reach() {
    let world = World::with(|options| options.history_bytes = 2_000).await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    client.next().await;
    let old = client.held.clone().unwrap();
    for id in 1..=30 {
        world.run(format!("INSERT INTO task VALUES ({id}, 7, repeat('a', 100))")).await;
    }
    // The client read nothing meanwhile.
    let lagged = client.change().await;
    assert_eq!(lagged["reset"], "LAGGED");
    assert_eq!(client.copy.len(), 30);
    let mut expired = world.resume("task", json!({"project": {"eq": 7}}), &old).await;
    assert_eq!(expired.change().await["reset"], "EXPIRED");
    let mut other = world.resume("task", json!({"project": {"eq": 7}}), "00000000.0000000000000009.00000001").await;
    assert_eq!(other.change().await["reset"], "EPOCH");
    assert_eq!(other.copy.len(), 30);
    assert!(world.hub.status().history_bytes <= 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_copy_and_a_large_commit_come_in_parts() {
    let world = World::new().await;
    world.run("INSERT INTO task SELECT n, 7, 'a' FROM generate_series(1, 2500) n").await;
    let mut client = world.client("task", json!({})).await;
    let mut mores = Vec::new();
    for _ in 0..3 {
        mores.push(client.next().await["more"].as_bool().unwrap());
    }
    assert_eq!((mores, client.copy.len()), (vec![true, true, false], 2500));
    let held = client.held.clone().unwrap();
    world.run("UPDATE task SET title = 'b'").await;
    let whole = async |client: &mut Client| {
        let mut parts = 1;
        while client.change().await["more"] == true {
            parts += 1;
        }
        parts
    };
    assert_eq!(whole(&mut client).await, 4);
    assert_eq!(client.strays, 0);
    let mut resumed = world.resume("task", json!({}), &held).await;
    assert_eq!(whole(&mut resumed).await, 4);
    assert_eq!(resumed.strays, 2500);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_positions_grow() {
    let world = World::with(|options| options.progress_interval = std::time::Duration::from_millis(100)).await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("INSERT INTO task VALUES (1, 8, 'another project')").await;
    let idle = client.next().await;
    assert_eq!((idle["changes"].clone(), idle["transaction"].clone()), (json!([]), Value::Null));
    assert!(idle["sequence"].as_str().unwrap().ends_with(".00000000"));
    world.run("INSERT INTO task VALUES (2, 7, 'a')").await;
    client.change().await;
    let held = client.held.clone().unwrap();
    let mut resumed = world.resume("task", json!({"project": {"eq": 7}}), &held).await;
    world.run("INSERT INTO task VALUES (3, 7, 'a')").await;
    assert_eq!(ops(&resumed.change().await), ["PUT 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stream_starts_everyone_over() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active").await;
    world.run("INSERT INTO task VALUES (2, 7, 'meanwhile')").await;
    let message = client.change().await;
    assert_eq!((message["reset"].as_str(), client.copy.len()), (Some("EXPIRED"), 2));
    world.run("INSERT INTO task VALUES (3, 7, 'after')").await;
    assert_eq!(ops(&client.change().await), ["PUT 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_starts_everyone_over() {
    let mut world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.postgres.stop(Signal::SIGQUIT);
    world.postgres.start_again().await;
    world.pool = world.postgres.pool().await;
    world.run("INSERT INTO task VALUES (2, 7, 'after')").await;
    while client.copy.len() < 2 {
        client.change().await;
    }
    assert!(client.resets.len() <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_table_ends_its_subscriptions() {
    let world = World::new().await;
    let mut client = world.client("task", json!({})).await;
    client.next().await;
    world.run("ALTER TABLE task ADD COLUMN more text; INSERT INTO task VALUES (1, 7, 'a')").await;
    assert_eq!(ops(&client.change().await), ["PUT 1"]);
    world.run("ALTER TABLE task DROP COLUMN title; INSERT INTO task VALUES (2, 7)").await;
    let error = client.error().await;
    assert_eq!(error.to_string(), "SCHEMA_CHANGED: the column `title` of `Task` is gone");
    assert!(world.hub.subscribe(world.follow("task", &json!({})), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_is_gone_after_a_stop() {
    let world = World::new().await;
    let slots = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM pg_replication_slots").fetch_one(&world.pool);
    assert_eq!(slots().await.unwrap(), 1);
    world.hub.stop().await;
    assert!(world.hub.ready().is_err());
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while slots().await.unwrap() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the slot is still there");
    }
}
