//! A commit that waits for its synchronous standby stands in the log but is not visible, for as long as that takes.

use std::sync::Arc;
use std::time::Duration;

use everwire::changes::{Hub, Options};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::world::World;

impl World {
    async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.postgres.url()).await.unwrap()
    }

    async fn waits_for(&self, condition: &str) {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity a LEFT JOIN pg_locks l USING (pid) WHERE {condition})"
        );
        let held = async {
            while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.clone())).fetch_one(&self.pool).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), held).await.unwrap_or_else(|_| panic!("never {condition}"));
    }
}

/// Writes a task, in a transaction that stays open; gives its id.
async fn open_transaction(connection: &mut PgConnection, id: u32) -> String {
    let sql = format!("BEGIN; INSERT INTO task (id, project) VALUES ({id}, 1)");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    sqlx::query_scalar("SELECT pg_current_xact_id()::text").fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_before_the_stream_that_becomes_visible_after_it_began_is_not_lost() {
    let mut world = World::new().await;
    world.hub.stop().await;
    world.run("ALTER ROLE postgres SET synchronous_commit = local").await;
    world.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    world.run("SELECT pg_reload_conf()").await;
    world.pool = world.postgres.pool().await;
    // A slot is made in two phases, each of which waits for what runs at its beginning. What begins and commits
    // meanwhile is before the stream.
    let (mut first, mut second, mut late) =
        (world.connection().await, world.connection().await, world.connection().await);
    let xid = open_transaction(&mut first, 1).await;
    let mut options = Options::new(world.postgres.url());
    options.progress_interval = Duration::from_millis(200);
    let started = tokio::spawn(Hub::start(Arc::clone(&world.model), options));
    world.waits_for(&format!("backend_type = 'walsender' AND transactionid = '{xid}' AND NOT granted")).await;
    let xid = open_transaction(&mut second, 2).await;
    sqlx::raw_sql("COMMIT").execute(&mut first).await.unwrap();
    world.waits_for(&format!("backend_type = 'walsender' AND transactionid = '{xid}' AND NOT granted")).await;
    let late = tokio::spawn(async move {
        let sql = "SET synchronous_commit = on; INSERT INTO task (id, project) VALUES (3, 1)";
        sqlx::raw_sql(sql).execute(&mut late).await.unwrap();
    });
    world.waits_for("wait_event = 'SyncRep'").await;
    sqlx::raw_sql("COMMIT").execute(&mut second).await.unwrap();
    world.hub = started.await.unwrap().unwrap_or_else(|error| panic!("{error}"));

    let mut client = world.client("task", json!({})).await;
    let followed = tokio::spawn(async move {
        while !client.copy.contains_key("4") {
            client.next().await;
        }
        client
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").await;
    late.await.unwrap();
    world.run("INSERT INTO task (id, project) VALUES (4, 1)").await;
    let client = followed.await.unwrap();
    assert_eq!(client.copy.keys().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}
