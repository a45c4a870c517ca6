//! Every type through the whole API: a value is created, read, filtered by, ordered by, patched and followed, alone and
//! in arrays, and Postgres says what it is.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use everwire::model::{self, Table};
use everwire::request;
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool, Row, ValueRef, raw_sql};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

mod cases;

use cases::{Case, Offers};

use crate::client;
use crate::spatial;
use crate::world::{Server, World};

#[test]
fn every_type_is_documented() {
    let page = std::fs::read_to_string("docs/types.md").expect("the page");
    for case in cases::all()
        .iter()
        .chain(&cases::spatial())
        .filter(|case| !matches!(case.sql, "mood" | "mood_domain" | "price" | "inet_domain" | "spans" | "place"))
    {
        let sql = case
            .sql
            .trim_start_matches("extensions.")
            .split(['('])
            .next()
            .unwrap_or_default()
            .split(" COLLATE")
            .next()
            .unwrap_or_default();
        let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{sql}`")));
        assert!(row.is_some_and(|row| row.contains(&format!("`{}`", case.graphql))), "{sql}: {}", case.graphql);
    }
}

const PREPARE: &str = "CREATE EXTENSION citext; CREATE SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions; \
     CREATE TYPE mood AS ENUM ('low', 'NULL', 'a,b'); CREATE DOMAIN mood_domain AS mood; \
     CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN inet_domain AS inet; \
     CREATE TYPE spans AS RANGE (subtype = float8)";

/// The server, and ways to speak to it and to its database.
struct Target {
    server: Server,
    http: reqwest::Client,
    pool: PgPool,
}

impl Target {
    /// With a table for each case: a key, a value, an array of values.
    async fn start(cases: &[Case]) -> (Self, Vec<Table>) {
        let world = World::start().await;
        let options: PgConnectOptions = world.url().parse().expect("an address");
        let pool = request::connect(options, 2, std::time::Duration::from_secs(30));
        raw_sql(PREPARE).execute(&pool).await.expect("types");
        if cases.iter().any(|case| case.graphql.starts_with("Geo")) {
            let postgis =
                "CREATE EXTENSION postgis SCHEMA extensions; CREATE DOMAIN place AS extensions.geometry(Point, 3857)";
            raw_sql(postgis).execute(&pool).await.expect("PostGIS");
        }
        for (number, case) in cases.iter().enumerate() {
            let (ty, collation) = case.sql.split_once(" COLLATE").unwrap_or((case.sql, ""));
            let collate = if collation.is_empty() { String::new() } else { format!(" COLLATE{collation}") };
            let columns = format!("v {ty}{collate}, list {ty}[]{collate}");
            let create = format!("CREATE TABLE sample_{number} (id integer PRIMARY KEY, {columns})");
            raw_sql(AssertSqlSafe(create)).execute(&pool).await.unwrap_or_else(|error| panic!("{}: {error}", case.sql));
        }
        let model = model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
        let found: HashMap<String, Table> =
            model.tables().map(|(_, table)| (table.sql.name.clone(), table.clone())).collect();
        let tables = (0..cases.len()).map(|number| found[&format!("sample_{number}")].clone()).collect();
        (Self { server: Server::over(world, &[]).await, http: reqwest::Client::new(), pool }, tables)
    }

    /// The text of an answer without errors.
    async fn ask(&self, query: &str, variables: Value) -> String {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.server.base)).json(&body);
        let text = request.send().await.expect("an answer").text().await.expect("text");
        assert!(!text.contains("\"errors\""), "{text} for {query} {variables}");
        text
    }

    /// The same as JSON.
    async fn answer(&self, query: &str, variables: Value) -> Value {
        serde_json::from_str(&self.ask(query, variables).await).expect("JSON")
    }

    /// The texts of a column as psql shows them.
    async fn printed(&self, sql: String) -> Vec<Option<String>> {
        let rows = raw_sql(AssertSqlSafe(sql)).fetch_all(&self.pool).await.expect("rows");
        let text = |row: &sqlx::postgres::PgRow| {
            let value = row.try_get_raw(0).expect("a column");
            (!value.is_null()).then(|| value.as_str().expect("text").to_owned())
        };
        rows.iter().map(text).collect()
    }
}

/// A socket that gives frames as they came.
struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    async fn open(base: &str) -> Self {
        let mut frames =
            Self(client::open(base, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.expect("a socket"));
        frames.send(json!({ "type": "connection_init" })).await;
        assert!(frames.next().await.contains("connection_ack"));
        frames
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open socket");
    }

    async fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next text frame. One without changes, which only tells a position, is left out.
    async fn next(&mut self) -> String {
        loop {
            let frame = tokio::time::timeout(std::time::Duration::from_secs(30), self.0.next()).await;
            match frame.expect("a frame in time").expect("an open socket").expect("a frame") {
                Message::Text(text) if text.contains("\"reset\":null,\"changes\":[]") => {}
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}

/// The selected row in an answer or a frame, as it is written there.
fn row(text: &str) -> &str {
    let from = text.find("{\"v\":").unwrap_or_else(|| panic!("no row in {text}"));
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (index, character) in text[from..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' if !in_string => depth += 1,
            '}' if !in_string => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[from..=from + index];
        }
    }
    panic!("no end of the row in {text}");
}

#[tokio::test]
async fn numbers_and_texts_go_through_the_whole_api() {
    go_through_the_whole_api(cases::numbers().into_iter().chain(cases::texts()).collect()).await;
}

#[tokio::test]
async fn moments_and_documents_go_through_the_whole_api() {
    go_through_the_whole_api(cases::moments().into_iter().chain(cases::documents()).collect()).await;
}

#[tokio::test]
async fn ranges_and_all_other_types_go_through_the_whole_api() {
    go_through_the_whole_api(cases::ranges().into_iter().chain(cases::others()).collect()).await;
}

#[tokio::test]
async fn geometries_go_through_the_whole_api() {
    if !spatial::is_missing(&World::start().await).await {
        go_through_the_whole_api(cases::spatial()).await;
    }
}

async fn go_through_the_whole_api(cases: Vec<Case>) {
    let (target, tables) = Target::start(&cases).await;
    let mut failed = Vec::new();
    for (number, (case, table)) in cases.iter().zip(&tables).enumerate() {
        let steps = async {
            let mut frames = Frames::open(&target.server.base).await;
            is_of_type(&target, table, case).await;
            is_written_and_followed(&target, &mut frames, number, table, case).await;
            is_found(&target, number, table, case).await;
            is_filtered_while_followed(&target, &mut frames, number, table, case).await;
        };
        // What is wrong with one type hides nothing of the others.
        if AssertUnwindSafe(steps).catch_unwind().await.is_err() {
            failed.push(case.sql);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

async fn is_of_type(target: &Target, table: &Table, case: &Case) {
    let query = format!(
        "{{ __type(name: \"{}\") {{ fields {{ name type {{ name ofType {{ name }} }} }} }} }}",
        table.names.type_name
    );
    let answer: Value = serde_json::from_str(&target.ask(&query, json!({})).await).expect("JSON");
    let fields = answer["data"]["__type"]["fields"].as_array().expect("fields").clone();
    let of = |name: &str| fields.iter().find(|field| field["name"] == name).expect("the field")["type"].clone();
    assert_eq!(of("v")["name"], case.graphql, "{}", case.sql);
    assert_eq!(of("list")["ofType"]["name"], case.graphql, "{}[]", case.sql);
}

/// Each value is created, patched to the next, and read the same in the answer, by a query and in the stream.
async fn is_written_and_followed(target: &Target, frames: &mut Frames, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    let id = format!("follow-{number}");
    let subscription = format!(
        "subscription {{ {many} {{ reset changes {{ ... on {ty}Put {{ {one} {{ v list }} }} \
         ... on {ty}Patch {{ {one} {{ v list }} }} }} }} }}"
    );
    frames.subscribe(&id, &subscription, &json!({})).await;
    assert!(frames.next().await.contains("START"), "{}", case.sql);
    for (turn, (input, text)) in case.values.iter().enumerate() {
        let variables = json!({ "v": input, "list": [input, null, input] });
        let write = if turn == 0 {
            format!("create{ty}({one}: {{id: 1, v: $v, list: $list}})")
        } else {
            format!("patch{ty}(id: 1, patch: {{v: $v, list: $list}})")
        };
        let mutation = format!("mutation($v: {0}, $list: [{0}]) {{ {write} {{ v list }} }}", case.graphql);
        let written = target.ask(&mutation, variables.clone()).await;
        let read = target.ask(&format!("{{ {one}(id: 1) {{ v list }} }}"), json!({})).await;
        assert_eq!(row(&written), row(&read), "{}", case.sql);
        let frame = frames.next().await;
        assert_eq!(row(&frame), row(&read), "{}", case.sql);
        let printed = target.printed(format!("SELECT v FROM sample_{number} WHERE id = 1")).await;
        assert_eq!(printed, [Some((*text).to_owned())], "{}", case.sql);
        // What was read can be written, and is the same.
        let again: Value = serde_json::from_str(row(&read)).expect("JSON");
        assert_eq!(again["list"], json!([again["v"], null, again["v"]]), "{}", case.sql);
        let rewrite = format!(
            "mutation($v: {0}, $list: [{0}]) {{ patch{ty}(id: 1, patch: {{v: $v, list: $list}}) {{ v list }} }}",
            case.graphql
        );
        let rewritten = target.ask(&rewrite, again).await;
        assert_eq!(row(&rewritten), row(&read), "{}", case.sql);
    }
    frames.send(json!({ "type": "complete", "id": id })).await;
    let empty = json!({ "v": null, "list": [] });
    let clear = format!("mutation {{ patch{ty}(id: 1, patch: {{v: null, list: []}}) {{ v list }} }}");
    assert_eq!(row(&target.ask(&clear, json!({})).await), empty.to_string(), "{}", case.sql);
}

/// Each value is found by its own filter, and all of them in their order.
async fn is_found(target: &Target, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    for (index, (input, _)) in case.values.iter().enumerate() {
        let mutation =
            format!("mutation($v: {}) {{ create{ty}({one}: {{id: {}, v: $v}}) {{ id }} }}", case.graphql, 10 + index);
        target.ask(&mutation, json!({ "v": input })).await;
    }
    let list = |condition: &str| {
        format!("query($v: {}) {{ {many}(where: {{v: {condition}}}) {{ nodes {{ id }} }} }}", case.graphql)
    };
    let ids = |ids: &[usize]| {
        let nodes: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "data": { many: { "nodes": nodes } } })
    };
    let all: Vec<usize> = (10..10 + case.values.len()).collect();
    for (index, (input, _)) in case.values.iter().enumerate() {
        let variables = json!({ "v": input });
        let own = ids(&[10 + index]);
        assert_eq!(target.answer(&list("{eq: $v}"), variables.clone()).await, own, "{}", case.sql);
        let others: Vec<usize> = all.iter().copied().filter(|id| *id != 10 + index).collect();
        assert_eq!(target.answer(&list("{ne: $v}"), variables.clone()).await, ids(&others), "{}", case.sql);
        if !matches!(case.sql, "json" | "jsonb") {
            assert_eq!(target.answer(&list("{in: $v}"), variables.clone()).await, own, "{}", case.sql);
            assert_eq!(target.answer(&list("{notIn: $v}"), variables.clone()).await, ids(&others), "{}", case.sql);
        }
        if matches!(case.offers, Offers::Order | Offers::OrderInQueries) {
            let less = &all[..index];
            assert_eq!(target.answer(&list("{lt: $v}"), variables.clone()).await, ids(less), "{}", case.sql);
            assert_eq!(target.answer(&list("{gte: $v}"), variables).await, ids(&all[index..]), "{}", case.sql);
        }
    }
    assert_eq!(
        target.answer(&list("{isNull: true}").replace(&format!("($v: {})", case.graphql), ""), json!({})).await,
        ids(&[1])
    );
    if matches!(case.offers, Offers::Order | Offers::OrderInQueries) || case.sql == "citext" {
        let mut expected = all.clone();
        expected.reverse();
        expected.insert(0, 1);
        let ordered = format!("{{ {many}(orderBy: {{v: DESC}}) {{ nodes {{ id }} }} }}");
        assert_eq!(target.answer(&ordered, json!({})).await, ids(&expected), "{}", case.sql);
        let mut after = Value::Null;
        for id in &expected {
            let page = format!(
                "query($after: Cursor) {{ {many}(orderBy: {{v: DESC}}, first: 1, after: $after) {{ edges {{ cursor node {{ id }} }} }} }}"
            );
            let answer = target.answer(&page, json!({ "after": after })).await;
            let edge = &answer["data"][many]["edges"][0];
            assert_eq!(edge["node"]["id"], *id, "{}", case.sql);
            after = edge["cursor"].clone();
        }
    }
    assert_eq!(
        target.printed(format!("SELECT count(*) FROM sample_{number}")).await,
        [Some((all.len() + 1).to_string())]
    );
}

/// A subscription takes the same filters, or refuses them by name.
async fn is_filtered_while_followed(target: &Target, frames: &mut Frames, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    let Some((input, _)) = case.values.last() else { return };
    let variables = json!({ "v": input });
    let last = 9 + case.values.len();
    for (operator, followed) in
        [("eq", case.offers != Offers::EqualityInQueries), ("gte", case.offers == Offers::Order)]
    {
        if operator == "gte" && matches!(case.offers, Offers::Equality | Offers::EqualityInQueries) {
            continue;
        }
        let id = format!("{operator}-{number}");
        let subscription = format!(
            "subscription($v: {}) {{ {many}(where: {{v: {{{operator}: $v}}}}) {{ reset changes {{ key {{ id }} \
             ... on {ty}Put {{ {one} {{ v }} }} }} }} }}",
            case.graphql
        );
        frames.subscribe(&id, &subscription, &variables).await;
        let frame = frames.next().await;
        if !followed {
            assert!(frame.contains("UNSUPPORTED") && frame.contains(&format!("`v: {{{operator}: …}}`")), "{frame}");
            continue;
        }
        assert!(
            frame.contains("START") && frame.contains(&format!("\"key\":{{\"id\":{last}}}")),
            "{}: {frame}",
            case.sql
        );
        let patch = format!("mutation($v: {}) {{ patch{ty}(id: 1, patch: {{v: $v}}) {{ v }} }}", case.graphql);
        let entered = target.ask(&patch, variables.clone()).await;
        let frame = frames.next().await;
        assert_eq!(row(&frame), row(&entered), "{}", case.sql);
        target.ask(&patch, json!({ "v": null })).await;
        let frame = frames.next().await;
        assert!(frame.contains("\"key\":{\"id\":1}") && !frame.contains("{\"v\":"), "{}: {frame}", case.sql);
        frames.send(json!({ "type": "complete", "id": id })).await;
    }
}
