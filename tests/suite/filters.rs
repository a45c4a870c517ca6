//! Filters of subscriptions: what a row alone decides is followed, what it does not is refused by name.

use serde_json::{Value, json};

use crate::client::Client;
use crate::world::Server;

/// A task with `tags: ["screen", "start"]` and `meta: {"sketches": 3}`.
const TASK: &str = "30000000-0000-4000-8000-000000000002";

async fn changes(client: &mut Client) -> Value {
    client.expect("next", "1").await["data"]["tasks"]["changes"].take()
}

#[tokio::test]
async fn parts_of_text_lists_and_documents_are_followed() {
    let server = Server::start(&["--progress-interval", "3600"]).await;
    let pool = server.world.pool().await;
    let mut client = Client::ready(&server.base).await;
    let subscription = r#"subscription { tasks(where: {
        title: {startsWith: "Draw", contains: "new", endsWith: "screen"},
        tags: {contains: "start", overlaps: ["screen", null], containedBy: ["screen", "start", "new"]},
        meta: {hasKey: "sketches", hasAllKeys: []}
    }) { changes { op key { id } } } }"#;
    client.subscribe("1", subscription).await;
    assert_eq!(changes(&mut client).await, json!([{ "op": "PUT", "key": { "id": TASK } }]));
    // Each takes the row out of the filter, or back into it.
    for (change, op) in [
        ("title = 'Draw the new start page'", "DELETE"),
        ("title = 'Draw the new screen'", "PUT"),
        ("tags = '{start,screen,old}'", "DELETE"),
        ("tags = '{start,screen,new}'", "PUT"),
        ("meta = '{\"votes\": {\"sketches\": 3}}'", "DELETE"),
        ("meta = '{\"sketches\": null}'", "PUT"),
    ] {
        let update = format!("UPDATE task SET {change} WHERE id = '{TASK}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(update)).execute(&pool).await.expect("a change");
        assert_eq!(changes(&mut client).await, json!([{ "op": op, "key": { "id": TASK } }]), "{change}");
    }
}

#[tokio::test]
async fn what_only_the_database_can_tell_is_refused_by_name() {
    let server = Server::start(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let cases = [
        (r#"title: {regex: "^a"}"#, "`title: {regex: …}`"),
        (r#"title: {iregex: "^a"}"#, "`title: {iregex: …}`"),
        (r#"meta: {path: "$.a"}"#, "`meta: {path: …}`"),
        ("meta: {contains: {a: 1}}", "`meta: {contains: …}`"),
        (r#"or: [{priority: {eq: 1}}, {not: {project: {slug: {eq: "a"}}}}]"#, "`project: {…}`"),
        ("comments: {none: {}}", "Follow `tasks` and `comments` together with `sync`"),
    ];
    for (number, (filter, named)) in cases.into_iter().enumerate() {
        let id = number.to_string();
        client.subscribe(&id, &format!("subscription {{ tasks(where: {{{filter}}}) {{ sequence }} }}")).await;
        let errors = client.expect("error", &id).await;
        assert_eq!(errors[0]["extensions"]["code"], "UNSUPPORTED", "{filter}: {errors}");
        assert!(errors[0]["message"].as_str().is_some_and(|message| message.contains(named)), "{filter}: {errors}");
    }
}
