//! What a write leaves behind, beyond what its answer says: which transaction, and in tables of other shapes than
//! the example's. The answers themselves stand in `tests/golden/mutations`.

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, raw_sql};

use crate::world::{Server, World};

struct Target {
    server: Server,
    http: Client,
    pool: PgPool,
}

impl Target {
    /// Over the example database with some tables more.
    async fn start(tables: &'static str) -> Self {
        let world = World::start().await;
        let pool = world.pool().await;
        raw_sql(tables).execute(&pool).await.expect("tables");
        Self { server: Server::over(world, &[]).await, http: Client::new(), pool }
    }

    async fn send(&self, query: &str) -> Value {
        let request = self.http.post(format!("{}/graphql", self.server.base)).json(&json!({ "query": query }));
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn data(&self, query: &str) -> Value {
        let mut answer = self.send(query).await;
        assert!(answer.get("errors").is_none(), "{answer} for {query}");
        answer["data"].take()
    }

    async fn ask(&self, sql: String) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.pool).await.expect("rows")
    }
}

#[tokio::test]
async fn the_transaction_named_is_the_one_that_wrote() {
    let target = Target::start("SELECT").await;
    let task = "30000000-0000-4000-8000-000000000001";
    let patch = format!("patchTask(id: \"{task}\", patch: {{note: \"x\"}})");
    let queries = [
        // One statement, a statement and a read, and several.
        format!("mutation {{ {patch} {{ id }} }}"),
        format!("mutation {{ {patch} {{ id project {{ name }} }} }}"),
        format!(
            "mutation {{ a: {patch} {{ id }} b: {patch} {{ id project {{ name }} }} c: deleteLabel(id: \"{task}\") {{ id }} }}"
        ),
    ];
    let mut seen = Vec::new();
    for query in queries {
        let answer = target.send(&query).await;
        let transaction = answer["extensions"]["transaction"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let writer = target.ask(format!("SELECT xmin::text FROM task WHERE id = '{task}'")).await;
        assert_eq!(writer, [transaction]);
        assert!(!seen.contains(&writer), "each has a transaction of its own");
        seen.push(writer);
    }
}

#[tokio::test]
async fn rows_with_unusual_keys_are_written_and_read_again() {
    let target = Target::start(
        "CREATE TABLE host (address inet PRIMARY KEY, name char(6));
         CREATE TABLE port (host inet REFERENCES host ON UPDATE CASCADE, number smallint, note text, PRIMARY KEY (host, number));
         CREATE TABLE day (at timestamptz PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
                           twice bigint GENERATED ALWAYS AS (number * 2) STORED, t5 text);",
    )
    .await;
    let created = target.data("mutation { createHost(host: {address: \"192.168.1.1/32\", name: \"ab\"}) { address name ports { totalCount } } }").await;
    assert_eq!(
        created["createHost"],
        json!({ "address": "192.168.1.1", "name": "ab    ", "ports": { "totalCount": 0 } })
    );
    let put = "mutation { putPort(port: {host: \"192.168.1.1\", number: 80}) { number host note } }";
    for _ in 0..2 {
        let port = target.data(put).await;
        assert_eq!(port["putPort"], json!({ "number": 80, "host": "192.168.1.1", "note": null }));
    }
    let found = target
        .data("{ host(address: \"192.168.1.1\") { name ports { nodes { number } pageInfo { endCursor } } } }")
        .await;
    assert_eq!(found["host"]["ports"]["nodes"], json!([{ "number": 80 }]));
    let padded = target.data("{ hosts(where: {name: {eq: \"ab    \"}}) { totalCount } }").await;
    assert_eq!(padded["hosts"]["totalCount"], 1);
    let moved = target.data("mutation { patchHost(address: \"192.168.1.1\", patch: {address: \"::1\"}) { address ports { nodes { host } } } }").await;
    assert_eq!(moved["patchHost"], json!({ "address": "::1", "ports": { "nodes": [{ "host": "::1" }] } }));
    let gone = target.data("mutation { a: deletePort(host: \"::1\", number: 80) { number } b: deleteHost(address: \"::1\") { address } }").await;
    assert_eq!(gone, json!({ "a": { "number": 80 }, "b": { "address": "::1" } }));

    let day = target
        .data("mutation { putDay(day: {at: \"2026-01-31T12:00:00+01:00\", number: 7}) { at number twice } }")
        .await;
    assert_eq!(day["putDay"], json!({ "at": "2026-01-31T11:00:00+00:00", "number": "7", "twice": "14" }));
    let again = target
        .data("mutation { putDay(day: {at: \"2026-01-31T11:00:00Z\", number: 7, t5: \"x\"}) { twice t5 } }")
        .await;
    assert_eq!(again["putDay"], json!({ "twice": "14", "t5": "x" }));
    // A column that has the name of an alias.
    let list =
        target.data("{ days { nodes { t5 t1: at } edges { node { t5 } } totalCount pageInfo { hasNextPage } } }").await;
    assert_eq!(list["days"]["edges"], json!([{ "node": { "t5": "x" } }]));
}

#[tokio::test]
async fn keys_are_not_mixed_up_where_tables_have_names_like_those_of_a_statement() {
    let target = Target::start(
        "CREATE TABLE written (id int PRIMARY KEY, t text, written_id int REFERENCES written, \"#1\" text, \"everwire number\" int);
         CREATE TABLE \"we\"\"ird; -- table\" (\"i\"\"d\" int PRIMARY KEY, \"select\" text, \"Ünï\" text);",
    )
    .await;
    let query = "mutation { a: createWritten(written: {id: 1, t: \"x\"}) { id t writtenId }
         b: createWritten(written: {id: 2, t: \"y\", writtenId: 1}) { t written { t writtens: t } }
         c: deleteWritten(id: 2) { written { id } t } }";
    let answer = target.send(query).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    assert_eq!(answer["data"]["c"], json!({ "written": { "id": 1 }, "t": "y" }));
    let types = target.data("{ __schema { mutationType { fields { name } } } }").await;
    let names = types["__schema"]["mutationType"]["fields"].as_array().expect("fields");
    let create = names.iter().filter_map(|field| field["name"].as_str()).find(|name| name.starts_with("createWe"));
    let create = create.unwrap_or_else(|| panic!("{types}"));
    let stem = create.trim_start_matches("create");
    let one = format!("{}{}", stem[..1].to_lowercase(), &stem[1..]);
    let input = target.data(&format!("{{ __type(name: \"{stem}CreateInput\") {{ inputFields {{ name }} }} }}")).await;
    let fields: Vec<&str> =
        input["__type"]["inputFields"].as_array().expect("fields").iter().filter_map(|f| f["name"].as_str()).collect();
    let [id, rest @ ..] = fields.as_slice() else { panic!("{input}") };
    let values: String = rest.iter().map(|field| format!(", {field}: \"'; \\\"\"")).collect();
    let row =
        target.data(&format!("mutation {{ {create}({one}: {{{id}: 1{values}}}) {{ {} }} }}", fields.join(" "))).await;
    assert_eq!(row[create][rest[0]], "'; \"");
}
