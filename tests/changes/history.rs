//! Nothing is lost, and no copy is sent again, over whatever breaks, as long as the history reaches.

use nix::sys::signal::Signal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everwire::changes::{Hub, Options, slots};
use everwire::config::HistorySlotPolicy;
use everwire::{model, server};
use serde_json::{Value, json};

use crate::world::{Client, TABLES, World, ops};

fn keeping(options: &mut Options) {
    options.history_slot = HistorySlotPolicy::On;
}

fn project() -> Value {
    json!({"project": {"eq": 7}})
}

/// Stops the hub and starts another on the same database.
async fn restart(world: &mut World, options: Options) {
    world.hub.stop().await;
    world.hub = Hub::start(Arc::clone(&world.model), options).await.unwrap_or_else(|error| panic!("{error}"));
}

fn options(world: &World) -> Options {
    let mut options = Options::new(world.postgres.url());
    keeping(&mut options);
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_goes_on() {
    let mut world = World::with(keeping).await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    world.run("UPDATE task SET title = 'b' WHERE id = 1").await;
    client.change().await;
    let position = client.held.clone().unwrap();
    drop(client);
    world.run("INSERT INTO task VALUES (2, 7, 'before')").await;
    world.hub.stop().await;
    world.run("UPDATE task SET project = 8 WHERE id = 1").await;
    let options = options(&world);
    restart(&mut world, options).await;
    world.run("INSERT INTO task VALUES (3, 7, 'after')").await;
    let mut client = world.resume("task", project(), &position).await;
    assert_eq!(ops(&client.change().await), ["PUT 2"]);
    assert_eq!(ops(&client.change().await), ["DELETE 1"]);
    assert_eq!(ops(&client.change().await), ["PUT 3"]);
    assert!(client.resets.is_empty(), "{:?}", client.resets);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_the_same_for_another_server() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    let mut seen = Vec::new();
    for id in 1..=20 {
        world.run(format!("INSERT INTO task VALUES ({id}, 7, 'a'); UPDATE task SET title = 'b' WHERE id = {id}")).await;
        seen.push(client.change().await);
    }
    let options = options(&world);
    restart(&mut world, options).await;
    let mut again = world.resume("task", project(), &position).await;
    for message in seen {
        let repeated = again.change().await;
        assert_eq!((&repeated["sequence"], &repeated["changes"]), (&message["sequence"], &message["changes"]));
        assert_eq!(repeated["transaction"], message["transaction"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_is_taken_up_where_it_broke() {
    let world = World::with(keeping).await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    for id in 10..15 {
        world.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active").await;
        world.run(format!("INSERT INTO task VALUES ({id}, 7, 'meanwhile')")).await;
        assert_eq!(ops(&client.change().await), [format!("PUT {id}")]);
    }
    assert_eq!(client.resets, ["START"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_loses_nothing() {
    let mut world = World::with(keeping).await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    world.run("INSERT INTO task VALUES (2, 7, 'just before')").await;
    world.postgres.stop(Signal::SIGQUIT);
    world.postgres.start_again().await;
    world.pool = world.postgres.pool().await;
    world.run("INSERT INTO task VALUES (3, 7, 'after')").await;
    assert_eq!(ops(&client.change().await), ["PUT 2"]);
    assert_eq!(ops(&client.change().await), ["PUT 3"]);
    assert_eq!(client.resets, ["START"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_the_database_is_not_held_up() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    client.change().await;
    let begin = Instant::now();
    world.postgres.stop(Signal::SIGINT);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    world.postgres.start_again().await;
    world.pool = world.postgres.pool().await;
    world.run("INSERT INTO task VALUES (2, 7, 'after')").await;
    assert_eq!(ops(&client.change().await), ["PUT 2"]);
    assert_eq!(client.resets, ["START"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_history_slot_is_a_new_epoch() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    drop(client);
    world.hub.stop().await;
    world.run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'").await;
    world.run("SELECT pg_reload_conf()").await;
    for _ in 0..4 {
        world.run("INSERT INTO task SELECT n, 8 FROM generate_series(1, 1000) n; DELETE FROM task").await;
        world.run("SELECT pg_switch_wal()").await;
    }
    world.run("CHECKPOINT").await;
    assert_eq!(slots(&world.pool).await.unwrap()[0].status, "lost");
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let options = options(&world);
    restart(&mut world, options).await;
    let mut client = world.resume("task", project(), &position).await;
    let copy = client.next().await;
    assert_eq!((copy["reset"].as_str(), ops(&copy)), (Some("EPOCH"), vec!["PUT 1".to_owned()]));
    assert_ne!(client.held.unwrap()[..8], position[..8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_not_reached_yet_is_of_another_history() {
    let world = World::new().await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    let ahead = format!("{}.0000ffffffffffff.00000001", &position[..8]);
    let mut client = world.resume("task", project(), &ahead).await;
    assert_eq!(client.next().await["reset"], "EPOCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_slot_is_advanced_behind_and_bounded() {
    let world = World::with(|options| {
        keeping(options);
        options.history_wal_bytes = 2 << 20;
        options.history_time = Duration::from_millis(500);
    })
    .await;
    let held = async || slots(&world.pool).await.unwrap().iter().map(|slot| slot.wal_bytes).max().unwrap();
    let deadline = Instant::now() + Duration::from_secs(100);
    let mut most = 0;
    for round in 0.. {
        world.run(format!("INSERT INTO task SELECT {round} * 8000 + n, 8, 'a' FROM generate_series(1, 8000) n")).await;
        most = most.max(held().await);
        if round >= 5 && held().await < most / 2 {
            return;
        }
        assert!(Instant::now() < deadline, "the slot still holds {} bytes", held().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_published_later_has_no_past() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    drop(client);
    world.hub.stop().await;
    // Somebody took the table out of the publication for a while: its changes are not in the log's past.
    world.run("ALTER PUBLICATION everwire DROP TABLE task").await;
    world.run("INSERT INTO task VALUES (1, 7, 'untold')").await;
    for _ in 0..2 {
        let options = options(&world);
        restart(&mut world, options).await;
        let mut client = world.resume("task", project(), &position).await;
        let copy = client.next().await;
        assert_eq!((copy["reset"].as_str(), ops(&copy)), (Some("EXPIRED"), vec!["PUT 1".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_altered_while_no_server_ran_starts_over() {
    let mut world = World::with(keeping).await;
    world.run("INSERT INTO task VALUES (1, 7, 'a'); INSERT INTO plain VALUES (1, 7, 'p')").await;
    // Values computed anew are not in the log; nor is a table made anew under its name told as the one of before.
    let alterations = [
        "ALTER TABLE task ALTER title TYPE text USING title || '!'",
        "INSERT INTO task VALUES (2, 7, 'c'); ALTER TABLE task ADD COLUMN extra int DEFAULT 4",
        "ALTER TYPE status RENAME VALUE 'todo' TO 'open'",
        "CREATE TABLE another (LIKE task INCLUDING ALL); DROP TABLE task; ALTER TABLE another RENAME TO task;
         ALTER TABLE task REPLICA IDENTITY FULL; INSERT INTO task VALUES (5, 7, 'other')",
    ];
    for alteration in alterations {
        let mut client = world.client("task", project()).await;
        client.next().await;
        let position = client.held.clone().unwrap();
        drop(client);
        world.hub.stop().await;
        world.run(alteration).await;
        world.model = Arc::new(model::load(&world.pool, &["public".to_owned()]).await.unwrap());
        let options = options(&world);
        restart(&mut world, options).await;
        let mut client = world.resume("task", project(), &position).await;
        let copy = client.next().await;
        assert_eq!(copy["reset"], "EXPIRED", "{alteration}");
        world.run("INSERT INTO task VALUES (9, 7, 'after'); DELETE FROM task WHERE id = 9").await;
        assert_eq!(ops(&client.change().await), ["PUT 9", "DELETE 9"], "{alteration}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alteration_under_a_broken_stream_concerns_nobody_else() {
    let world = World::with(|options| {
        keeping(options);
        options.watch_schema = true;
    })
    .await;
    let mut task = world.client("task", project()).await;
    task.next().await;
    let mut plain =
        Client::new(world.hub.subscribe(world.follow_columns("plain", &json!({}), &["title"]), None).await.unwrap());
    plain.next().await;
    world
        .run(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL;
             INSERT INTO task VALUES (1, 7, 'a'); INSERT INTO plain (id, title) VALUES (1, 'p')",
        )
        .await;
    world.run("ALTER TABLE plain ADD COLUMN extra int DEFAULT 3; ALTER TABLE plain DROP COLUMN note").await;
    world.run("INSERT INTO task VALUES (2, 7, 'b'); INSERT INTO plain (id, title) VALUES (2, 'q')").await;
    for client in [&mut task, &mut plain] {
        assert_eq!(ops(&client.change().await), ["PUT 1"]);
        assert_eq!(ops(&client.change().await), ["PUT 2"]);
        assert_eq!(client.resets, ["START"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_added_while_streaming_has_no_past() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    world.run("CREATE TABLE late (id int PRIMARY KEY, project int); INSERT INTO late VALUES (1, 7)").await;
    world.hub.reload();
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.hub.model().tables().all(|(_, table)| table.sql.name != "late") {
        assert!(Instant::now() < deadline, "the table is not seen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.model = world.hub.model();
    let mut late = world.resume("late", project(), &position).await;
    let copy = late.next().await;
    assert_eq!((copy["reset"].as_str(), ops(&copy)), (Some("SCHEMA"), vec!["PUT 1".to_owned()]));
    world.run("INSERT INTO late VALUES (2, 7)").await;
    assert_eq!(ops(&late.change().await), ["PUT 2"]);
    drop((client, late));
    for _ in 0..2 {
        world.hub.stop().await;
        world.model = Arc::new(model::load(&world.pool, &["public".to_owned()]).await.unwrap());
        let options = options(&world);
        restart(&mut world, options).await;
        let mut late = world.resume("late", project(), &position).await;
        let copy = late.next().await;
        assert_eq!(
            (copy["reset"].as_str(), ops(&copy)),
            (Some("EXPIRED"), vec!["PUT 1".to_owned(), "PUT 2".to_owned()])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_timeline_is_a_new_epoch() {
    let mut world = World::with(keeping).await;
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    let mut client = world.client("task", project()).await;
    client.next().await;
    let position = client.held.clone().unwrap();
    // As a standby that takes over: it ends its recovery on a timeline of its own.
    let signal = "current_setting('data_directory') || '/recovery.signal'";
    world.run(format!("DO $$ BEGIN EXECUTE format('COPY (SELECT 1 WHERE false) TO %L', {signal}); END $$")).await;
    world.run("ALTER SYSTEM SET restore_command = 'false'").await;
    world.postgres.stop(Signal::SIGINT);
    world.postgres.start_again().await;
    world.pool = world.postgres.pool().await;
    // Who stayed and who comes back alike: what was committed on another server since may not be here.
    assert_eq!(client.change().await["reset"], "EPOCH");
    let mut again = world.resume("task", project(), &position).await;
    assert_eq!(again.change().await["reset"], "EPOCH");
    world.run("INSERT INTO task VALUES (2, 7, 'b')").await;
    for client in [&mut client, &mut again] {
        assert_eq!(ops(&client.change().await), ["PUT 2"]);
        assert_ne!(client.held.as_ref().unwrap()[..8], position[..8]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_database_is_of_another_epoch() {
    let mut world = World::with(keeping).await;
    let mut client = world.client("task", project()).await;
    let position = client.next().await["sequence"].as_str().unwrap().to_owned();
    // As a dump that was restored.
    world.run("CREATE DATABASE restored TEMPLATE template0").await;
    let url = world.postgres.url().replace("/test", "/restored");
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    world.hub.stop().await;
    world.model = Arc::new(model::load(&pool, &["public".to_owned()]).await.unwrap());
    world.hub = Hub::start(Arc::clone(&world.model), Options::new(url)).await.unwrap();
    let mut client = world.resume("task", project(), &position).await;
    assert_eq!(client.next().await["reset"], "EPOCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_left_behind_is_listed_and_dropped() {
    let world = World::with(keeping).await;
    let url = world.postgres.url().to_owned();
    let history = slots(&world.pool).await.unwrap().into_iter().find(|slot| !slot.active).unwrap().name;
    world.hub.stop().await;
    let listed = server::slots(url.clone(), None).await.unwrap();
    assert!(listed.contains(&history), "{listed}");
    assert!(server::slots(url.clone(), Some("another")).await.is_err());
    let left = server::slots(url, Some(&history)).await.unwrap();
    assert!(!left.contains(&history), "{left}");
    assert!(slots(&world.pool).await.unwrap().is_empty());
}
