//! Several tables followed as one: what a message holds, and that its boundaries are moments of the whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use everwire::caller::Caller;
use everwire::changes::{Subscription, plan};
use everwire::error::Error;
use everwire::operation::{Documents, Limits};
use everwire::schema::Schema;
use futures_util::StreamExt;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::{PATIENCE, World, ops};

/// Both tables whole.
const BOTH: [(&str, &str, &str); 2] = [("task", "Task", "{}"), ("plain", "Plain", "{}")];

/// A subscription to these fields, `(response key, type, filter)` each; the response key of one of several of a table
/// begins with another word.
fn document(fields: &[(&str, &str, &str)], since: Option<&str>) -> String {
    let since = since.map(|since| format!("(since: \"{since}\")")).unwrap_or_default();
    let mut text = format!("subscription {{ sync{since} {{ __typename sequence previous reset more transaction");
    for (key, ty, filter) in fields {
        let one = ty.to_lowercase();
        let row = format!("row: {one} {{ id project title }}");
        text += &format!(
            " {key}: {one}s(where: {filter}) {{ __typename op sequence key {{ id }} ... on {ty}Put {{ {row} }}
                ... on {ty}Patch {{ changed patch {{ project title }} {row} }} }}"
        );
    }
    text + " } }"
}

async fn subscribe(world: &World, text: &str) -> Result<Subscription, Error> {
    let schema = Arc::new(Schema::build(Arc::clone(&world.model)).unwrap());
    let documents = Documents::new(Arc::clone(&schema), Limits::default());
    let caller = Caller::default();
    let document = documents.prepare(&caller, text, None).unwrap();
    let variables = document.variables(None).unwrap();
    let (follow, since) = plan(&schema, &caller, &document.fields(&variables).unwrap(), &variables)?;
    world.hub.subscribe(follow, since).await
}

/// Keeps a copy of each field.
struct Client {
    stream: Subscription,
    copies: BTreeMap<String, BTreeMap<String, Value>>,
    held: Option<String>,
    resets: Vec<String>,
}

impl Client {
    async fn new(world: &World, fields: &[(&str, &str, &str)]) -> Self {
        let stream = subscribe(world, &document(fields, None)).await.unwrap();
        Self { stream, copies: BTreeMap::new(), held: None, resets: Vec::new() }
    }

    /// Goes on from what another held.
    async fn resume(world: &World, fields: &[(&str, &str, &str)], before: &Self) -> Self {
        Self::after(world, fields, before.held.as_deref().unwrap(), before.copies.clone()).await
    }

    async fn after(
        world: &World,
        fields: &[(&str, &str, &str)],
        held: &str,
        copies: BTreeMap<String, BTreeMap<String, Value>>,
    ) -> Self {
        let stream = subscribe(world, &document(fields, Some(held))).await.unwrap();
        Self { stream, copies, held: Some(held.to_owned()), resets: Vec::new() }
    }

    async fn raw(&mut self) -> Bytes {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message in time");
        next.expect("a stream that goes on").expect("no error")
    }

    /// The next message, applied.
    async fn next(&mut self) -> Value {
        let mut message: Value = serde_json::from_slice(&self.raw().await).unwrap();
        let message = message["sync"].take();
        self.apply(&message);
        message
    }

    /// The next message that says something, applied.
    async fn change(&mut self) -> Value {
        loop {
            let message = self.next().await;
            let said = lists(&message).any(|(_, list)| !list.is_empty());
            if said || !message["reset"].is_null() {
                return message;
            }
        }
    }

    fn apply(&mut self, message: &Value) {
        let sequence = message["sequence"].as_str().unwrap();
        match (&self.held, message["previous"].as_str()) {
            (Some(held), Some(previous)) => {
                assert!(sequence > held.as_str(), "{sequence} does not come after {held}");
                assert!(previous <= held.as_str(), "missed what is between {held} and {previous}");
            }
            (_, None) => assert!(!message["reset"].is_null(), "only a first message has none before it"),
            (None, Some(_)) => panic!("the first message has one before it"),
        }
        if let Some(reset) = message["reset"].as_str() {
            self.copies.clear();
            self.resets.push(reset.to_owned());
        }
        self.held = Some(sequence.to_owned());
        for (field, list) in lists(message) {
            let copy = self.copies.entry(field.clone()).or_default();
            for change in list {
                let key = change["key"]["id"].to_string();
                match change["op"].as_str().unwrap() {
                    "DELETE" => drop(copy.remove(&key)),
                    "PATCH" => {
                        let row = copy.get_mut(&key).expect("a PATCH of a row that is held");
                        for column in change["changed"].as_array().unwrap() {
                            let column = column.as_str().unwrap();
                            row[column] = change["patch"][column].clone();
                        }
                        assert_eq!(*row, change["row"]);
                    }
                    _ => drop(copy.insert(key, change["row"].clone())),
                }
            }
        }
    }

    fn total(&self) -> i64 {
        self.copies.values().flat_map(BTreeMap::values).map(|row| row["project"].as_i64().unwrap()).sum()
    }
}

fn lists(message: &Value) -> impl Iterator<Item = (&String, &Vec<Value>)> {
    message.as_object().unwrap().iter().filter_map(|(field, value)| Some((field, value.as_array()?)))
}

/// Operation and key of each change in a field.
fn said(message: &Value, field: &str) -> Vec<String> {
    ops(&json!({ "changes": message[field] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_is_one_message() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a'); INSERT INTO plain VALUES (1, 7, 'p'), (2, 8, 'q')").await;
    let fields = [("task", "Task", "{project: {eq: 7}}"), ("plain", "Plain", "{}")];
    let mut client = Client::new(&world, &fields).await;
    let copy = client.next().await;
    assert_eq!((&copy["__typename"], &copy["reset"], &copy["more"]), (&json!("Sync"), &json!("START"), &json!(false)));
    assert_eq!((said(&copy, "task"), said(&copy, "plain").len()), (vec!["PUT 1".to_owned()], 2));
    assert_eq!(copy["plain"][0]["__typename"], "PlainPut");

    world
        .run(
            "BEGIN; INSERT INTO plain VALUES (3, 1, 'r'); UPDATE task SET title = 'A' WHERE id = 1;
             INSERT INTO task VALUES (2, 7, 'b'), (3, 8, 'not covered'); DELETE FROM plain WHERE id = 1; COMMIT",
        )
        .await;
    let message = client.change().await;
    assert_eq!(said(&message, "task"), ["PATCH 1", "PUT 2"]);
    assert_eq!(said(&message, "plain"), ["PUT 3", "DELETE 1"]);
    // The order across the tables is told too: by the positions of the changes.
    let position = |field: &str, index: usize| message[field][index]["sequence"].as_str().unwrap();
    let order = [position("plain", 0), position("task", 0), position("task", 1), position("plain", 1)];
    assert!(order.is_sorted() && order[3] == message["sequence"].as_str().unwrap(), "{order:?}");

    world.run("INSERT INTO task VALUES (4, 8, 'not covered')").await;
    world.run("UPDATE task SET note = 'not selected' WHERE id = 1").await;
    world.run("UPDATE task SET project = 7 WHERE id = 3").await;
    let message = client.change().await;
    assert_eq!((said(&message, "task"), &message["plain"]), (vec!["PUT 3".to_owned()], &json!([])));
    world.run("BEGIN; UPDATE task SET project = 9 WHERE id = 1; UPDATE task SET id = 20 WHERE id = 2; COMMIT").await;
    assert_eq!(said(&client.change().await, "task"), ["DELETE 1", "DELETE 2", "PUT 20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table_can_stand_there_twice() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a'), (2, 8, 'b')").await;
    let fields = [("seven", "Task", "{project: {eq: 7}}"), ("low", "Task", "{id: {lte: 2}}")];
    let mut client = Client::new(&world, &fields).await;
    let copy = client.next().await;
    assert_eq!((said(&copy, "seven").len(), said(&copy, "low").len()), (1, 2));
    world.run("UPDATE task SET project = 7 WHERE id = 2").await;
    let message = client.change().await;
    assert_eq!((said(&message, "seven"), said(&message, "low")), (vec!["PUT 2".into()], vec!["PATCH 2".into()]));
    assert_eq!(message["seven"][0]["sequence"], message["low"][0]["sequence"]);
    world.run("TRUNCATE task").await;
    let message = client.change().await;
    // Nothing that is covered was left: the commit itself says all, without another copy.
    assert_eq!((message["reset"].as_str(), message["transaction"].is_string()), (Some("TRUNCATED"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_a_position() {
    let world = World::new().await;
    let mut client = Client::new(&world, &BOTH).await;
    client.next().await;
    let (start, nothing) = (client.held.clone().unwrap(), client.copies.clone());
    world.run("INSERT INTO task VALUES (1, 7, 'a')").await;
    client.change().await;
    let middle = Client::resume(&world, &BOTH, &client).await;
    world.run("BEGIN; INSERT INTO plain VALUES (1, 7, 'p'); DELETE FROM task; COMMIT").await;
    client.change().await;
    let mut middle = middle;
    let message = middle.change().await;
    assert_eq!((said(&message, "task"), said(&message, "plain")), (vec!["DELETE 1".into()], vec!["PUT 1".into()]));
    // Another group has no log of what was: it comes from the history.
    let other = [("task", "Task", "{id: {gte: 0}}"), ("plain", "Plain", "{}")];
    let mut early = Client::after(&world, &other, &start, nothing).await;
    assert_eq!(said(&early.change().await, "task"), ["PUT 1"]);
    assert_eq!(said(&early.change().await, "plain"), ["PUT 1"]);
    assert_eq!((early.copies, early.resets), (client.copies, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_table_starts_all_of_them_anew() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 7, 'a'); INSERT INTO plain VALUES (1, 7, 'p')").await;
    let mut client = Client::new(&world, &BOTH).await;
    client.next().await;
    let (start, copies) = (client.held.clone().unwrap(), client.copies.clone());
    world
        .run("BEGIN; INSERT INTO plain VALUES (2, 7, 'q'); TRUNCATE task; INSERT INTO task VALUES (9, 7, 'z'); COMMIT")
        .await;
    let message = client.change().await;
    assert_eq!(message["reset"], "TRUNCATED");
    assert_eq!(said(&message, "task"), ["PUT 9"]);
    assert_eq!(said(&message, "plain").len(), 2);
    world.run("INSERT INTO plain VALUES (3, 7, 'r')").await;
    assert_eq!(said(&client.change().await, "plain"), ["PUT 3"]);
    // The same group, and one that has to ask the history.
    for fields in [BOTH, [("task", "Task", "{id: {gte: 0}}"), BOTH[1]]] {
        let mut late = Client::after(&world, &fields, &start, copies.clone()).await;
        assert_eq!(late.change().await["reset"], "TRUNCATED");
        assert_eq!(late.copies, client.copies);
    }
    world.run("TRUNCATE plain, task").await;
    let message = client.change().await;
    assert_eq!((message["reset"].as_str(), message["transaction"].is_string()), (Some("TRUNCATED"), true));
    assert_eq!(client.total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_copy_and_a_large_commit_come_in_parts() {
    let world = World::new().await;
    world.run("ALTER TABLE plain REPLICA IDENTITY FULL").await;
    for table in ["task", "plain"] {
        world.run(format!("INSERT INTO {table} SELECT n, 7, 'a' FROM generate_series(1, 1500) n")).await;
    }
    let mut client = Client::new(&world, &BOTH).await;
    let mut sizes = Vec::new();
    for more in [true, true, false] {
        let message = client.next().await;
        assert_eq!(message["more"], more);
        sizes.push((said(&message, "task").len(), said(&message, "plain").len()));
    }
    assert_eq!(sizes, [(1000, 0), (500, 500), (0, 1000)]);
    world.run("BEGIN; UPDATE plain SET title = 'b'; UPDATE task SET title = 'b'; COMMIT").await;
    let mut parts = 1;
    while client.change().await["more"] == true {
        parts += 1;
    }
    assert!(parts > 1);
    assert!(client.copies.values().flat_map(BTreeMap::values).all(|row| row["title"] == "b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ones_share_every_byte_and_others_go_beside_them() {
    let world = World::new().await;
    let mut one = Client::new(&world, &BOTH).await;
    let mut two = Client::new(&world, &BOTH).await;
    let mut single = world.client("task", json!({})).await;
    one.next().await;
    two.next().await;
    single.next().await;
    assert_eq!((world.hub.status().groups, world.hub.status().subscribers), (2, 3));
    world.run("BEGIN; INSERT INTO task VALUES (1, 7, 'a'); INSERT INTO plain VALUES (1, 7, 'p'); COMMIT").await;
    let (a, b) = (one.raw().await, two.raw().await);
    assert_eq!(a.as_ptr(), b.as_ptr());
    // A position is the commit's, whoever is told.
    let message: Value = serde_json::from_slice(&a).unwrap();
    assert_eq!(message["sync"]["sequence"], single.change().await["sequence"]);
    one.apply(&message["sync"]);
    world.run("INSERT INTO plain VALUES (2, 7, 'q')").await;
    assert_eq!(said(&one.change().await, "plain"), ["PUT 2"]);
    world.run("INSERT INTO task VALUES (2, 7, 'b')").await;
    assert_eq!(ops(&single.change().await), ["PUT 2"]);
    drop((one, two));
    assert_eq!(world.hub.status().subscribers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_table_ends_what_follows_it() {
    let world = World::new().await;
    let mut client = Client::new(&world, &BOTH).await;
    client.next().await;
    world.run("ALTER TABLE plain DROP COLUMN title; INSERT INTO plain VALUES (1, 7)").await;
    let ended = tokio::time::timeout(PATIENCE, client.stream.next()).await.unwrap().unwrap().err().unwrap();
    assert_eq!((ended[0].code.as_str(), ended[0].path.as_deref()), ("SCHEMA_CHANGED", Some("sync")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_is_refused() {
    let world = World::new().await;
    let refused = async |text: &str| {
        let error = subscribe(&world, text).await.err().unwrap();
        (error.code.as_str(), error.message)
    };
    let (code, message) = refused("subscription { sync { sequence } }").await;
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{message}");
    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    let fields: Vec<_> = many.iter().map(|key| (key.as_str(), "Task", "{}")).collect();
    assert_eq!(refused(&document(&fields, None)).await.0, "TABLES_LIMIT_EXCEEDED");
    assert!(subscribe(&world, &document(&fields[1..], None)).await.is_ok());
    let (code, message) = refused(&document(&[BOTH[0], ("plain", "Plain", "{id: {eq: null}}")], None)).await;
    assert_eq!(code, "BAD_USER_INPUT", "{message}");
    let (code, message) = refused(&document(&[BOTH[0], ("plain", "Plain", "{title: {lt: \"a\"}}")], None)).await;
    assert_eq!(code, "UNSUPPORTED", "{message}");
}

/// Rows in each table at the start, each of this value.
const ROWS: i64 = 20;
const VALUE: i64 = 1_000;
const COMMITS: usize = 3_000;

/// Moves value, and at times whole rows, between the tables. The total stays.
async fn move_value(pool: PgPool, seed: u64, commits: Arc<AtomicUsize>) {
    let mut dice = seed;
    let mut roll = |sides: u64| {
        // xorshift (Marsaglia 2003): a run can be repeated.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut connection = pool.acquire().await.unwrap();
    while commits.load(Ordering::Relaxed) < COMMITS {
        let (from, to) = if roll(2) == 0 { ("task", "plain") } else { ("plain", "task") };
        let (id, amount) = (roll(ROWS as u64), roll(50));
        let taken = match roll(3) {
            0 => format!("DELETE FROM {from} WHERE id = {id} RETURNING project"),
            _ => format!("UPDATE {from} SET project = project - {amount} WHERE id = {id} RETURNING {amount}"),
        };
        let sql = format!(
            "WITH taken (value) AS ({taken})
             INSERT INTO {to} AS t (id, project, title) SELECT {}, value, 'moved' FROM taken
             ON CONFLICT (id) DO UPDATE SET project = t.project + excluded.project",
            roll(ROWS as u64)
        );
        // A deadlock ends one of two that cross.
        if sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Joins after so many commits and holds every message against the total; half of them leave and come back.
async fn watch(world: Arc<World>, number: usize, commits: Arc<AtomicUsize>) -> Client {
    let joins = number * 97 % COMMITS;
    while commits.load(Ordering::Relaxed) < joins {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A filter of its own is a group, and so a copy, of its own; three go together.
    let filter = format!("{{id: {{gte: -{}}}}}", number / 3);
    let fields = [("task", "Task", filter.as_str()), ("plain", "Plain", filter.as_str())];
    let mut client = Client::new(&world, &fields).await;
    let mut messages = 0;
    loop {
        let done = commits.load(Ordering::Relaxed) >= COMMITS;
        match tokio::time::timeout(Duration::from_millis(if done { 3_000 } else { 50 }), client.stream.next()).await {
            Ok(message) => {
                let mut message: Value = serde_json::from_slice(&message.unwrap().unwrap()).unwrap();
                let message = message["sync"].take();
                client.apply(&message);
                if message["more"] == false {
                    assert_eq!(client.total(), 2 * ROWS * VALUE, "after {message}");
                }
            }
            Err(_) if done && client.held.is_some() => return client,
            Err(_) => {}
        }
        messages += 1;
        if number.is_multiple_of(2) && messages % 150 == 0 {
            let resets = client.resets;
            client = Client::after(&world, &fields, &client.held.unwrap(), client.copies).await;
            client.resets = resets;
        }
    }
}

async fn every_boundary_is_a_moment(world: World) -> Vec<String> {
    world.run("ALTER TABLE plain REPLICA IDENTITY FULL").await;
    for table in ["task", "plain"] {
        world
            .run(format!("INSERT INTO {table} (id, project) SELECT n, {VALUE} FROM generate_series(0, {}) n", ROWS - 1))
            .await;
    }
    let world = Arc::new(world);
    let commits = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..30).map(|n| tokio::spawn(watch(Arc::clone(&world), n, Arc::clone(&commits)))).collect();
    let writers: Vec<_> =
        (1..=6).map(|n| tokio::spawn(move_value(world.pool.clone(), n * 104_729, Arc::clone(&commits)))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut resets = Vec::new();
    let mut copies = Vec::new();
    for client in clients {
        let client = client.await.unwrap();
        resets.extend(client.resets);
        copies.push(client.copies);
    }
    assert!(copies.windows(2).all(|pair| pair[0] == pair[1]), "all hold the same in the end");
    let count: i64 = sqlx::query_scalar("SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM plain)")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(copies[0].values().map(BTreeMap::len).sum::<usize>() as i64, count);
    world.hub.stop().await;
    resets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_message_ends_at_a_moment_of_the_whole() {
    let resets = every_boundary_is_a_moment(World::new().await).await;
    assert!(resets.iter().all(|reset| reset == "START"), "{resets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn also_with_hardly_any_history() {
    every_boundary_is_a_moment(World::with(|options| options.history_bytes = 20_000).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn also_with_hardly_any_memory() {
    let world = World::with(|options| (options.spool_after, options.messages_bytes) = (300, 10_000)).await;
    every_boundary_is_a_moment(world).await;
}
