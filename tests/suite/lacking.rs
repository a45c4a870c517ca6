//! Databases that cannot be followed: they are served all the same, a subscription says why it cannot be and what to
//! do about it, and so does `everwire check`.

use everwire::changes::{Hub, Options};
use everwire::{check, server};
use reqwest::Client as Http;
use serde_json::{Value, json};
use sqlx::raw_sql;

use crate::client::Client;
use crate::world::{Running, World};

const ROLES: &str = "
    CREATE ROLE reader LOGIN PASSWORD 'secret';
    CREATE ROLE follower LOGIN REPLICATION PASSWORD 'secret';
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader, follower;";

/// Serves queries and mutations, and refuses subscriptions with a message that has both of these words.
async fn serves_without_subscriptions(url: &str, reason: &str, cure: &str) {
    let pool = sqlx::PgPool::connect(url).await.expect("Postgres answers");
    let model = server::load_model(&pool, &["public".to_owned()]).await.expect("a model");
    let findings = check::findings(&pool, &model).await.expect("findings");
    let problems: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let said = |text: &str| text.contains(reason) && text.contains(cure);
    assert!(problems.iter().any(|text| text.starts_with("problem: ") && said(text)), "{problems:#?}");
    pool.close().await;

    let server = Running::at(url, &[]).await;
    let ask = async |query: &str| -> Value {
        let request = Http::new().post(format!("{}/graphql", server.base)).json(&json!({ "query": query }));
        request.send().await.expect("an answer").json().await.expect("JSON")
    };
    let answer = ask(r#"mutation { createLabel(label: {name: "new"}) { name } }"#).await;
    assert_eq!(answer["data"]["createLabel"]["name"], "new", "{answer}");
    let answer = ask(r#"{ labels(where: {name: {eq: "new"}}) { nodes { name } } }"#).await;
    assert_eq!(answer["data"]["labels"]["nodes"][0]["name"], "new", "{answer}");
    let mut client = Client::ready(&server.base).await;
    client.subscribe("1", "subscription { labels { sequence } }").await;
    let refusal = client.expect("error", "1").await;
    let message = refusal[0]["message"].as_str().expect("a message");
    assert!(said(message), "{message}");
    assert_eq!(refusal[0]["extensions"]["code"], "UNSUPPORTED");
}

#[tokio::test]
async fn a_log_that_does_not_tell_of_rows() {
    let world = World::with(&[("wal_level", "replica")]).await;
    serves_without_subscriptions(world.url(), "wal_level", "restart Postgres").await;
}

#[tokio::test]
async fn no_free_slot() {
    let world = World::with(&[("max_replication_slots", "1")]).await;
    let taken = "SELECT pg_create_physical_replication_slot('taken')";
    raw_sql(taken).execute(&world.pool().await).await.expect("a slot");
    serves_without_subscriptions(world.url(), "slot", "max_replication_slots").await;
}

/// The address for another role.
async fn with_role(world: &World, role: &str) -> String {
    raw_sql(ROLES).execute(&world.pool().await).await.expect("roles");
    let mut url: url::Url = world.url().parse().expect("an address");
    url.set_username(role).expect("a name");
    url.set_password(Some("secret")).expect("a password");
    url.into()
}

#[tokio::test]
async fn no_right_to_replicate() {
    let world = World::start().await;
    // Someone who may do everything was here once, and made the publication.
    let model = server::load_model(&world.pool().await, &["public".to_owned()]).await.expect("a model");
    Hub::start(model, Options::new(world.url())).await.expect("a feed").stop().await;
    let url = with_role(&world, "reader").await;
    serves_without_subscriptions(&url, "replicat", "ALTER ROLE").await;
}

#[tokio::test]
async fn no_right_to_create_a_publication() {
    let world = World::start().await;
    let url = with_role(&world, "follower").await;
    serves_without_subscriptions(&url, "publication", "GRANT CREATE ON DATABASE").await;
}
