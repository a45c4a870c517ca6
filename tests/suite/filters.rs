//! Filters of subscriptions: what a row alone decides is followed, what it does not is refused by name.

use serde_json::{Value, json};

use crate::client::Client;
use crate::target::Target;
use crate::world::{Server, World};

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

/// A filter, and the same in SQL.
const ENTRIES: [(&str, &str); 9] = [
    ("contains: {a: \"1\"}", "tags OPERATOR(extensions.@>) 'a=>1'"),
    ("contains: {b: null}", "tags OPERATOR(extensions.@>) 'b=>NULL'"),
    ("contains: {}", "tags OPERATOR(extensions.@>) ''"),
    ("containedBy: {a: \"1\", b: null, c: \"3\"}", "tags OPERATOR(extensions.<@) 'a=>1, b=>NULL, c=>3'"),
    ("hasKey: \"b\"", "tags OPERATOR(extensions.?) 'b'"),
    ("hasAnyKey: [\"b\", \"c, \\\"d\\\"\"]", "tags OPERATOR(extensions.?|) ARRAY['b', 'c, \"d\"']"),
    ("hasAnyKey: []", "tags OPERATOR(extensions.?|) '{}'"),
    ("hasAllKeys: [\"a\", \"b\"]", "tags OPERATOR(extensions.?&) '{a,b}'"),
    ("hasAllKeys: []", "tags OPERATOR(extensions.?&) '{}'"),
];

#[tokio::test]
async fn what_is_in_an_hstore_is_found_and_followed_wherever_the_extension_is() {
    let target = Target::serving(
        "CREATE SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions;
         CREATE DOMAIN labels AS extensions.hstore;
         CREATE TABLE device (id int PRIMARY KEY, tags extensions.hstore, labels labels);
         INSERT INTO device SELECT id, tags, tags FROM (VALUES (1, ''::extensions.hstore), (2, 'a=>1'), (3, 'a=>2, b=>NULL'),
             (4, 'a=>1, b=>NULL'), (5, '\"c, \\\"d\\\"\"=>\"x\"'), (6, NULL)) AS v(id, tags)",
        &["--progress-interval", "3600"],
    )
    .await;
    let mut client = Client::ready(&target.server.base).await;
    for (number, (filter, condition)) in ENTRIES.into_iter().enumerate() {
        let wanted = target.ask(&format!("SELECT id::text FROM device WHERE {condition} ORDER BY id")).await;
        let wanted: Vec<Value> = wanted.iter().map(|id| json!({ "id": id.parse::<i32>().expect("an id") })).collect();
        for column in ["tags", "labels"] {
            let found =
                target.data(&format!("{{ devices(where: {{{column}: {{{filter}}}}}) {{ nodes {{ id }} }} }}")).await;
            assert_eq!(found["devices"]["nodes"], json!(wanted), "{column}: {filter}");
            let id = format!("{column} {number}");
            let query = format!(
                "subscription {{ devices(where: {{{column}: {{{filter}}}}}) {{ changes {{ key {{ id }} }} }} }}"
            );
            client.subscribe(&id, &query).await;
            let changes = client.expect("next", &id).await["data"]["devices"]["changes"].take();
            let wanted: Vec<Value> = wanted.iter().map(|key| json!({ "key": key })).collect();
            assert_eq!(changes, json!(wanted), "{column}: {filter}");
            client.complete(&id).await;
        }
    }
    let query =
        "subscription { devices(where: {tags: {contains: {a: \"1\"}, hasKey: \"b\"}}) { changes { op key { id } } } }";
    client.subscribe("follow", query).await;
    client.expect("next", "follow").await;
    for (tags, op) in [("a: \"1\"", "DELETE"), ("b: \"2\", a: \"1\"", "PUT"), ("b: \"2\", a: null", "DELETE")] {
        target.data(&format!("mutation {{ patchDevice(id: 4, patch: {{tags: {{{tags}}}}}) {{ id }} }}")).await;
        let changes = client.expect("next", "follow").await["data"]["devices"]["changes"].take();
        assert_eq!(changes, json!([{ "op": op, "key": { "id": 4 } }]), "{tags}");
    }
}

/// Ranges of every form, and text to search.
const BOOKINGS: &str = "CREATE TABLE booking (id int PRIMARY KEY, seats int4range, price numrange, days daterange,
        at tstzrange, closed datemultirange, about tsvector);
    INSERT INTO booking VALUES
    (1, '[1,5)', '[1.5,2)', '[2026-01-01,2026-02-01)', '[2026-01-01 10:00+00,2026-01-01 12:00+00)',
     '{[2026-01-05,2026-01-07),[2026-01-20,2026-01-22)}', to_tsvector('A red door of steel')),
    (2, '[5,9)', '(,2]', '[2026-02-01,)', '(,)', '{}', to_tsvector('Blue rust')),
    (3, 'empty', 'empty', 'empty', 'empty', '{(,)}', to_tsvector('')),
    (4, NULL, NULL, NULL, NULL, NULL, NULL),
    (5, '[3,4)', '[2,2]', '[2026-01-06,2026-01-06]', '[2026-01-01 12:00+00,2026-01-01 12:00+00]',
     '{[2026-01-06,2026-01-07)}', to_tsvector('steel doors rusting'))";

/// A filter, and the same in SQL.
const PLACES: [(&str, &str); 19] = [
    ("seats: {contains: 4}", "seats @> 4"),
    ("price: {contains: \"2.0\"}", "price @> 2.0"),
    ("days: {contains: \"2026-01-06\"}", "days @> '2026-01-06'::date"),
    ("at: {contains: \"2026-01-01T12:00:00Z\"}", "at @> '2026-01-01 12:00+00'::timestamptz"),
    ("closed: {contains: \"2026-01-06\"}", "closed @> '2026-01-06'::date"),
    ("seats: {containsRange: \"[3,4)\"}", "seats @> '[3,4)'::int4range"),
    ("closed: {containsRange: \"{[2026-01-06,2026-01-07)}\"}", "closed @> '{[2026-01-06,2026-01-07)}'::datemultirange"),
    ("seats: {containedBy: \"[1,6)\"}", "seats <@ '[1,6)'::int4range"),
    ("price: {overlaps: \"[2,3)\"}", "price && '[2,3)'::numrange"),
    ("closed: {overlaps: \"{[2026-01-21,2026-01-30)}\"}", "closed && '{[2026-01-21,2026-01-30)}'::datemultirange"),
    ("seats: {before: \"[5,6)\"}", "seats << '[5,6)'::int4range"),
    ("days: {after: \"[2025-12-01,2026-01-01)\"}", "days >> '[2025-12-01,2026-01-01)'::daterange"),
    ("days: {adjacent: \"[2026-02-01,2026-02-02)\"}", "days -|- '[2026-02-01,2026-02-02)'::daterange"),
    ("not: {seats: {overlaps: \"[1,9)\"}}", "NOT (seats && '[1,9)'::int4range)"),
    ("about: {matches: \"steel door\"}", "about @@ websearch_to_tsquery('steel door')"),
    ("about: {matches: \"steel -red\"}", "about @@ websearch_to_tsquery('steel -red')"),
    ("about: {matches: \"blue or \\\"red door\\\"\"}", "about @@ websearch_to_tsquery('blue or \"red door\"')"),
    ("about: {matches: \"(((\"}", "about @@ websearch_to_tsquery('(((')"),
    ("about: {matches: \"\"}", "about @@ websearch_to_tsquery('')"),
];

#[tokio::test]
async fn ranges_and_searches_mean_what_they_mean_in_sql() {
    let world = World::start().await;
    let pool = world.pool().await;
    sqlx::raw_sql(BOOKINGS).execute(&pool).await.expect("a table");
    let server = Server::over(world, &[]).await;
    let mut client = Client::ready(&server.base).await;
    for (number, (filter, condition)) in PLACES.into_iter().enumerate() {
        let sql = format!("SELECT id FROM booking WHERE {condition} ORDER BY id");
        let wanted: Vec<i32> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.expect("rows");
        let id = number.to_string();
        client.subscribe(&id, &format!("{{ bookings(where: {{{filter}}}) {{ nodes {{ id }} }} }}")).await;
        let nodes = client.expect("next", &id).await["data"]["bookings"]["nodes"].take();
        let wanted: Vec<Value> = wanted.into_iter().map(|id| json!({ "id": id })).collect();
        assert_eq!(nodes, json!(wanted), "{filter}");
        client.expect("complete", &id).await;
        client.subscribe(&id, &format!("subscription {{ bookings(where: {{{filter}}}) {{ sequence }} }}")).await;
        let errors = client.expect("error", &id).await;
        assert_eq!(errors[0]["extensions"]["code"], "UNSUPPORTED", "{filter}: {errors}");
    }
    client.subscribe("wrong", r#"{ bookings(where: {seats: {overlaps: "[5,1)"}}) { nodes { id } } }"#).await;
    let answer = client.expect("next", "wrong").await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "DATA_INVALID", "{answer}");
}
