//! What a start does to the database, and refuses to do.

use std::sync::Arc;

use everwire::changes::{Hub, Options};
use everwire::config::ReplicaIdentityPolicy;
use everwire::model;
use serde_json::json;

use crate::postgres::Postgres;
use crate::world::{World, ops};

async fn published(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'everwire' ORDER BY 1")
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

async fn another_hub(world: &World, policy: ReplicaIdentityPolicy) -> Arc<Hub> {
    let model = Arc::new(model::load(&world.pool, &["public".to_owned()]).await.unwrap());
    let mut options = Options::new(world.postgres.url());
    options.replica_identity = policy;
    Hub::start(model, options).await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn publishes_what_it_serves_and_no_more() {
    let world = World::new().await;
    assert_eq!(published(&world).await, ["plain", "task"]);
    let oid = || {
        sqlx::query_scalar::<_, i64>("SELECT oid::bigint FROM pg_publication WHERE pubname = 'everwire'")
            .fetch_one(&world.pool)
    };
    let before = oid().await.unwrap();
    world
        .run(
            "CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
              CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);
              CREATE TABLE other (id int PRIMARY KEY, slug int NOT NULL UNIQUE);
              ALTER TABLE other REPLICA IDENTITY USING INDEX other_slug_key;
              CREATE TABLE good (id int PRIMARY KEY);
              DROP TABLE plain",
        )
        .await;
    let hub = another_hub(&world, ReplicaIdentityPolicy::Keep).await;
    assert_eq!(published(&world).await, ["good", "task"]);
    assert_eq!(oid().await.unwrap(), before);
    assert_eq!(hub.status().unpublished.len(), 4);
    // What is not published can still be written by everyone.
    for table in ["nothing", "late", "other", "good"] {
        let columns = if table == "other" { "(1, 1)" } else { "(1)" };
        world
            .run(format!("INSERT INTO {table} VALUES {columns}; UPDATE {table} SET id = 2; DELETE FROM {table}"))
            .await;
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repairs_a_publication_that_says_something_else() {
    let world = World::new().await;
    world
        .run("DROP PUBLICATION everwire; CREATE PUBLICATION everwire FOR TABLE task WHERE (id > 5) WITH (publish = 'insert')")
        .await;
    let hub = another_hub(&world, ReplicaIdentityPolicy::Keep).await;
    assert_eq!(published(&world).await, ["plain", "task"]);
    let filters: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_publication_rel WHERE prqual IS NOT NULL")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(filters, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_the_replica_identity_where_it_is_told_to() {
    let world = World::with(|options| options.replica_identity = ReplicaIdentityPolicy::Full).await;
    let identities: Vec<String> = sqlx::query_scalar(
        "SELECT relreplident::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert_eq!(identities, ["f", "f", "f"]);
    let mut client = world.client("plain", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("INSERT INTO plain VALUES (1, 7, 'a', 'b')").await;
    client.change().await;
    world.run("UPDATE plain SET title = 'b'").await;
    assert_eq!(ops(&client.change().await), ["PATCH 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_told_as_their_table() {
    let world = World::new().await;
    world
        .run(
            "CREATE TABLE part (id int, project int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
              CREATE TABLE low PARTITION OF part FOR VALUES FROM (0) TO (100);
              CREATE TABLE high PARTITION OF part FOR VALUES FROM (100) TO (200)",
        )
        .await;
    let model = Arc::new(model::load(&world.pool, &["public".to_owned()]).await.unwrap());
    let mut options = Options::new(world.postgres.url());
    options.replica_identity = ReplicaIdentityPolicy::Full;
    let hub = Hub::start(Arc::clone(&model), options).await.unwrap_or_else(|error| panic!("{error}"));
    let world = World { hub, model, ..world };
    let mut client = world.client("part", json!({"project": {"eq": 7}})).await;
    client.next().await;
    world.run("INSERT INTO part VALUES (1, 7), (101, 8)").await;
    assert_eq!(ops(&client.change().await), ["PUT 1"]);
    world.run("UPDATE part SET id = 102 WHERE id = 1").await;
    assert_eq!(ops(&client.change().await), ["DELETE 1", "PUT 102"]);
    world.run("UPDATE part SET project = 7 WHERE id = 101").await;
    assert_eq!(ops(&client.change().await), ["PUT 101"]);
    // A partition that came later has the default identity: its old rows hold the key alone.
    world
        .run("CREATE TABLE top PARTITION OF part FOR VALUES FROM (200) TO (300); INSERT INTO part VALUES (200, 7)")
        .await;
    client.change().await;
    world.run("DELETE FROM part WHERE id = 200").await;
    assert_eq!(ops(&client.change().await), ["DELETE 200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_is_missing() {
    let postgres = Postgres::start().await;
    let pool = postgres.pool().await;
    sqlx::raw_sql("CREATE ROLE poor LOGIN PASSWORD 'p w'; GRANT CREATE ON DATABASE test TO poor")
        .execute(&pool)
        .await
        .unwrap();
    let model = Arc::new(model::load(&pool, &["public".to_owned()]).await.unwrap());
    let url = postgres.url().replace("postgres@", "poor:p%20w@");
    let refused = Hub::start(model, Options::new(url)).await.err().unwrap().to_string();
    assert!(refused.contains("REPLICATION") && refused.contains("DATABASE_URL"), "{refused}");
}
