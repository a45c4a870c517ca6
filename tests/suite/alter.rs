//! The database is altered while clients are connected: nothing is restarted, what is not concerned goes on, and
//! what is concerned ends or starts over and says why.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::client::Client;
use crate::world::{Server, World};

const TABLES: &str = "
    CREATE TYPE mood AS ENUM ('low', 'high');
    CREATE TABLE item (id int PRIMARY KEY, name text, amount int, mood mood, note text);
    CREATE TABLE other (id int PRIMARY KEY, name text);
    INSERT INTO item VALUES (1, 'one', 10, 'low', 'n');
    INSERT INTO other VALUES (1, 'one');";

const ITEMS: &str = "subscription { items { sequence reset more changes { op key { id }
    ... on ItemPut { item { id name amount } } ... on ItemPatch { item { id name amount } } } } }";
const OTHERS: &str = "subscription { others { sequence reset changes { op key { id } } } }";

struct Altered {
    server: Server,
    pool: PgPool,
    client: Client,
}

impl Altered {
    async fn start(flags: &[&str]) -> Self {
        let world = World::start().await;
        let pool = world.pool().await;
        sqlx::raw_sql(TABLES).execute(&pool).await.expect("tables");
        let server = Server::over(world, &[&["--progress-interval", "3600"], flags].concat()).await;
        let client = Client::ready(&server.base).await;
        Self { server, pool, client }
    }

    async fn watching() -> Self {
        Self::start(&["--watch-schema", "on"]).await
    }

    async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.expect("SQL that runs");
    }

    /// Subscribes and takes the first message.
    async fn follow(&mut self, id: &str, query: &str) -> Value {
        self.client.subscribe(id, query).await;
        self.client.expect("next", id).await
    }

    async fn ask(&self, query: &str) -> Value {
        let body = json!({ "query": query });
        let response = reqwest::Client::new().post(format!("{}/graphql", self.server.base)).json(&body).send().await;
        response.expect("an answer").json().await.expect("JSON")
    }

    /// Asks until there is no error: the schema becomes another a moment after the database did.
    async fn ask_until_known(&self, query: &str) -> Value {
        for _ in 0..500 {
            let answer = self.ask(query).await;
            if answer.get("errors").is_none() {
                return answer["data"].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never answered: {query}: {}", self.ask(query).await);
    }

    /// The error that ends an operation: its code and message.
    async fn ended(&mut self, id: &str) -> (String, String) {
        let errors = self.client.expect("error", id).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&errors[0]["extensions"]["code"]), text(&errors[0]["message"]))
    }

    /// A change of the other table arrives next and as a change: nothing was said before it, and nothing was lost.
    async fn other_goes_on(&mut self, id: &str) {
        self.run("UPDATE other SET name = name || '!'").await;
        let message = self.client.expect("next", id).await;
        assert_eq!(
            (&message["data"]["others"]["reset"], &message["data"]["others"]["changes"][0]["op"]),
            (&Value::Null, &json!("PATCH"))
        );
    }
}

fn items(message: &Value) -> &Value {
    &message["data"]["items"]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_column_is_there_and_nobody_notices() {
    let mut it = Altered::watching().await;
    it.follow("a", ITEMS).await;
    it.run("ALTER TABLE item ADD COLUMN extra text DEFAULT 'x'; UPDATE item SET amount = 11").await;
    let message = it.client.expect("next", "a").await;
    assert_eq!((&items(&message)["reset"], &items(&message)["changes"][0]["op"]), (&Value::Null, &json!("PATCH")));
    assert_eq!(it.ask_until_known("{ item(id: 1) { extra } }").await, json!({ "item": { "extra": "x" } }));
    let held = items(&message)["sequence"].as_str().expect("a position");
    let extra = "changes { op key { id } ... on ItemPut { item { extra } } ... on ItemPatch { item { extra } } }";
    // A position from before the column does not lead to its values.
    let first = it.follow("b", &format!("subscription {{ items(since: \"{held}\") {{ reset {extra} }} }}")).await;
    assert_eq!(items(&first)["reset"], "SCHEMA");
    assert_eq!(items(&first)["changes"][0]["item"]["extra"], "x");
    it.run("UPDATE item SET extra = 'y'").await;
    let message = it.client.expect("next", "b").await;
    assert_eq!(items(&message)["changes"][0], json!({ "op": "PATCH", "key": { "id": 1 }, "item": { "extra": "y" } }));
    it.client.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_table_can_be_queried_and_followed() {
    let mut it = Altered::watching().await;
    it.follow("o", OTHERS).await;
    it.run("CREATE TABLE thing (id int PRIMARY KEY, item_id int REFERENCES item); INSERT INTO thing VALUES (1, 1)")
        .await;
    let answer = it.ask_until_known("{ things { nodes { id item { name } } } }").await;
    assert_eq!(answer["things"]["nodes"], json!([{ "id": 1, "item": { "name": "one" } }]));
    let known = it.ask("{ __type(name: \"Thing\") { fields { name } } }").await;
    assert_eq!(known["data"]["__type"]["fields"].as_array().map(Vec::len), Some(3));
    let first = it.follow("t", "subscription { things { reset changes { op key { id } } } }").await;
    assert_eq!(first["data"]["things"]["changes"], json!([{ "op": "PUT", "key": { "id": 1 } }]));
    it.run("INSERT INTO thing VALUES (2, 1)").await;
    let message = it.client.expect("next", "t").await;
    assert_eq!(message["data"]["things"]["changes"], json!([{ "op": "PUT", "key": { "id": 2 } }]));
    it.other_goes_on("o").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_value_of_an_enum_is_read_by_those_who_are_there() {
    let mut it = Altered::watching().await;
    let moods = "changes { op key { id } ... on ItemPut { item { mood } } ... on ItemPatch { item { mood } } }";
    it.follow("a", &format!("subscription {{ items {{ reset {moods} }} }}")).await;
    it.follow("b", &format!("subscription {{ items(where: {{ mood: {{ ne: HIGH }} }}) {{ reset {moods} }} }}")).await;
    it.run("ALTER TYPE mood ADD VALUE 'fair' BEFORE 'high'").await;
    it.run("UPDATE item SET mood = 'fair'").await;
    for _ in 0..2 {
        let message = it.client.next_message().await;
        let items = items(&message["payload"]);
        let row = json!([{ "op": "PATCH", "key": { "id": 1 }, "item": { "mood": "FAIR" } }]);
        assert_eq!((&items["reset"], &items["changes"]), (&Value::Null, &row));
    }
    assert_eq!(
        it.ask("{ items(where: { mood: { eq: FAIR } }) { totalCount } }").await["data"]["items"]["totalCount"],
        1
    );
    // A renamed value reads otherwise in every row.
    it.run("ALTER TYPE mood RENAME VALUE 'fair' TO 'fine'").await;
    for _ in 0..2 {
        let message = it.client.next_message().await;
        let items = items(&message["payload"]);
        assert_eq!((&items["reset"], &items["changes"][0]["item"]["mood"]), (&json!("SCHEMA"), &json!("FINE")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_what_vanished_is_told_what() {
    let mut it = Altered::watching().await;
    it.follow("o", OTHERS).await;
    let code = "SCHEMA_CHANGED".to_owned();
    it.follow("1", ITEMS).await;
    let notes = "subscription { items { reset changes { op ... on ItemPut { item { note } } } } }";
    it.follow("n", notes).await;
    it.run("ALTER TABLE item DROP COLUMN amount").await;
    let (ended, why) = it.ended("1").await;
    assert!(ended == code && why.contains("the column `amount` of `Item` is gone"), "{why}");
    it.run("ALTER TABLE item RENAME COLUMN note TO remark").await;
    let (ended, why) = it.ended("n").await;
    assert!(ended == code && why.contains("`note` of `Item` was renamed: it is `remark` now"), "{why}");
    let names = "subscription { items { reset changes { op ... on ItemPut { item { name } } } } }";
    it.follow("r", names).await;
    it.run("ALTER TABLE item RENAME TO entry").await;
    let (ended, why) = it.ended("r").await;
    assert!(ended == code && why.contains("the table of `Item` was renamed: it is `Entry` now"), "{why}");
    assert_eq!(it.ask("{ entries { nodes { name } } }").await["data"]["entries"]["nodes"][0]["name"], "one");
    it.follow("d", "subscription { entries { reset changes { op } } }").await;
    it.run("DROP TABLE entry").await;
    let (ended, why) = it.ended("d").await;
    assert!(ended == code && why.contains("the table of `Entry` is gone"), "{why}");
    assert_eq!(
        it.ask("{ entries { totalCount } }").await["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    it.other_goes_on("o").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_what_was_altered_starts_over() {
    let mut it = Altered::watching().await;
    it.follow("o", OTHERS).await;
    let first = it.follow("a", ITEMS).await;
    let held = items(&first)["sequence"].as_str().expect("a position").to_owned();
    // The log tells nothing of the values that this computes.
    it.run("ALTER TABLE item ALTER amount TYPE int USING amount * 2").await;
    let message = it.client.expect("next", "a").await;
    let changes = json!([{ "op": "PUT", "key": { "id": 1 }, "item": { "id": 1, "name": "one", "amount": 20 } }]);
    assert_eq!((&items(&message)["reset"], &items(&message)["changes"]), (&json!("SCHEMA"), &changes));
    it.run("ALTER TABLE item ALTER amount TYPE bigint").await;
    let message = it.client.expect("next", "a").await;
    assert_eq!(
        (&items(&message)["reset"], &items(&message)["changes"][0]["item"]["amount"]),
        (&json!("SCHEMA"), &json!("20"))
    );
    it.run("UPDATE item SET amount = 21").await;
    let message = it.client.expect("next", "a").await;
    assert_eq!((&items(&message)["reset"], &items(&message)["changes"][0]["op"]), (&Value::Null, &json!("PATCH")));
    let again = it.follow("s", &ITEMS.replace("items {", &format!("items(since: \"{held}\") {{"))).await;
    assert_eq!(items(&again)["reset"], "SCHEMA");
    it.other_goes_on("o").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_triggers_the_first_change_tells() {
    let mut it = Altered::start(&[]).await;
    it.follow("o", OTHERS).await;
    it.follow("a", ITEMS).await;
    it.run("ALTER TABLE item ADD COLUMN extra int; INSERT INTO item VALUES (2, 'two', 2, 'low', 'n', 7)").await;
    let message = it.client.expect("next", "a").await;
    assert_eq!((&items(&message)["reset"], &items(&message)["changes"][0]["op"]), (&Value::Null, &json!("PUT")));
    assert_eq!(it.ask("{ item(id: 2) { extra } }").await["data"]["item"]["extra"], 7);
    it.run("ALTER TYPE mood ADD VALUE 'fair'").await;
    it.run("UPDATE item SET mood = 'fair', amount = 3 WHERE id = 2").await;
    it.client.expect("next", "a").await;
    assert_eq!(it.ask("{ item(id: 2) { mood } }").await["data"]["item"]["mood"], "FAIR");
    // A query that the database no longer understands tells as well.
    it.run("ALTER TABLE item DROP COLUMN amount").await;
    let refused = it.ask("{ item(id: 2) { amount } }").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "SCHEMA_CHANGED");
    let (code, why) = it.ended("a").await;
    assert!(code == "SCHEMA_CHANGED" && why.contains("`amount`"), "{why}");
    it.run("CREATE TABLE thing (id int PRIMARY KEY)").await;
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).expect("a signal");
    it.ask_until_known("{ things { totalCount } }").await;
    it.follow("t", "subscription { things { reset } }").await;
    it.other_goes_on("o").await;
    let triggers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_event_trigger").fetch_one(&it.pool).await.expect("a count");
    assert_eq!(triggers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_finishes() {
    let it = Altered::watching().await;
    it.run(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    .await;
    let mut holder = it.pool.acquire().await.expect("a connection");
    sqlx::raw_sql("SELECT pg_advisory_lock(7)").execute(&mut *holder).await.expect("the lock");
    let asked = it.ask("mutation { createOther(other: { id: 2, name: \"two\" }) { id name } }");
    let altered = async {
        it.run("ALTER TABLE item ADD COLUMN extra text").await;
        it.ask_until_known("{ items { nodes { extra } } }").await;
        sqlx::raw_sql("SELECT pg_advisory_unlock(7)").execute(&mut *holder).await.expect("no lock");
    };
    let (answer, ()) = tokio::join!(asked, altered);
    assert_eq!(answer["data"]["createOther"], json!({ "id": 2, "name": "two" }));
}

/// Applies a message to a copy.
fn apply(copy: &mut BTreeMap<String, Value>, message: &Value, resets: &mut Vec<String>) {
    let items = items(message);
    if let Some(reset) = items["reset"].as_str() {
        copy.clear();
        resets.push(reset.to_owned());
    }
    for change in items["changes"].as_array().expect("changes") {
        let key = change["key"]["id"].to_string();
        match change["item"].is_null() {
            true => copy.remove(&key),
            false => copy.insert(key, change["item"].clone()),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_stay_exact_while_tables_are_altered_under_load() {
    let mut it = Altered::watching().await;
    it.client.subscribe("a", ITEMS).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let pool = it.pool.clone();
            tokio::spawn(async move {
                for round in 0..150 {
                    let id = (writer * 31 + round * 7) % 40;
                    let sql = format!(
                        "INSERT INTO item (id, name, amount) VALUES ({id}, 'w{writer}', {round})
                         ON CONFLICT (id) DO UPDATE SET name = excluded.name, amount = excluded.amount;
                         DELETE FROM item WHERE id = {}",
                        (id + 13) % 40
                    );
                    // A deadlock ends one transaction, as anywhere.
                    let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await;
                }
            })
        })
        .collect();
    for round in 0..6 {
        it.run(&format!("ALTER TABLE item ADD COLUMN extra{round} int DEFAULT {round}")).await;
        it.run("ALTER TABLE item ALTER amount TYPE int USING amount + 1000").await;
        it.run(&format!("ALTER TABLE item DROP COLUMN extra{round}; CREATE TABLE new{round} (id int PRIMARY KEY)"))
            .await;
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let rows: Vec<(i32, String)> =
        sqlx::query_as("SELECT id, json_build_object('id', id, 'name', name, 'amount', amount)::text FROM item")
            .fetch_all(&it.pool)
            .await
            .expect("rows");
    let wanted: BTreeMap<String, Value> =
        rows.into_iter().map(|(id, row)| (id.to_string(), serde_json::from_str(&row).expect("JSON"))).collect();
    let (mut copy, mut resets) = (BTreeMap::new(), Vec::new());
    while copy != wanted {
        let message = it.client.expect("next", "a").await;
        apply(&mut copy, &message, &mut resets);
    }
    assert!(resets.iter().any(|reset| reset == "SCHEMA"), "{resets:?}");
    assert!(resets.iter().all(|reset| ["START", "SCHEMA", "EXPIRED"].contains(&reset.as_str())), "{resets:?}");
}
