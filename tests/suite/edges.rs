//! Values at the edges: lists within lists, text that is long or that Postgres cannot hold, numbers that do not fit, and
//! columns that Postgres writes itself.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::client::Client;
use crate::seed;
use crate::target::Target;

const SILENT: [&str; 2] = ["--progress-interval", "3600"];

#[tokio::test]
async fn lists_within_lists_are_written_as_they_were_declared() {
    let tables = "CREATE TABLE grid (id int PRIMARY KEY, cells int[][], names text[][][], prices numeric[][]);";
    let target = Target::serving(tables, &SILENT).await;
    let mut client = Client::ready(&target.server.base).await;
    let row = "cells names prices";
    client
        .subscribe("1", &format!("subscription {{ grids {{ changes {{ ... on GridPut {{ grid {{ {row} }} }} }} }} }}"))
        .await;
    client.expect("next", "1").await;
    let cases = [
        (
            json!({ "cells": [[1, null], [3, 4]], "names": [[["a,b", null]], [["\"", ""]]], "prices": [["1.10"]] }),
            "{{1,NULL},{3,4}} {{{\"a,b\",NULL}},{{\"\\\"\",\"\"}}} {{1.10}}",
        ),
        (json!({ "cells": [], "names": null, "prices": [] }), "{} - {}"),
    ];
    for (id, (values, printed)) in cases.into_iter().enumerate() {
        let query = "mutation($grid: GridCreateInput!) { createGrid(grid: $grid) { cells names prices } }";
        let mut grid = values.clone();
        grid["id"] = json!(id);
        let created = target.send_with(query, &json!({ "grid": grid })).await;
        assert_eq!(created["data"]["createGrid"], values, "{created}");
        let read = target.data(&format!("{{ grid(id: {id}) {{ {row} }} }}")).await;
        assert_eq!(read["grid"], values);
        assert_eq!(client.expect("next", "1").await["data"]["grids"]["changes"][0]["grid"], values);
        let sql = format!("SELECT concat_ws(' ', cells, coalesce(names::text, '-'), prices) FROM grid WHERE id = {id}");
        assert_eq!(target.ask(&sql).await, [printed]);
        let found = "query($cells: [[Int]]) { grids(where: {cells: {eq: $cells}}) { nodes { id } } }";
        let found = target.send_with(found, &json!({ "cells": values["cells"] })).await;
        assert_eq!(found["data"]["grids"]["nodes"], json!([{ "id": id }]), "{found}");
    }
    for (cells, code) in [
        ("[[1], [2, 3]]", "DATA_INVALID"),
        ("[[1], null]", "BAD_USER_INPUT"),
        ("[[\"a\"]]", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let refused =
            target.send(&format!("mutation {{ createGrid(grid: {{id: 9, cells: {cells}}}) {{ id }} }}")).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], code, "{refused}");
    }
}

/// A filter, and the same in SQL.
const HELD: [(&str, &str); 8] = [
    ("cells: {contains: [4]}", "cells @> '{4}'"),
    ("cells: {contains: [4, 1]}", "cells @> '{4,1}'"),
    ("cells: {contains: []}", "cells @> '{}'"),
    ("cells: {containedBy: [1, 2, 3, 4]}", "cells <@ '{1,2,3,4}'"),
    ("cells: {overlaps: [null, 2]}", "cells && '{NULL,2}'"),
    ("names: {contains: \"a,b\"}", "names @> '{\"a,b\"}'"),
    ("names: {overlaps: [\"\", \"b\"]}", "names && '{\"\",b}'"),
    ("prices: {contains: [1.1, \"2\"]}", "prices @> '{1.1,2}'"),
];

#[tokio::test]
async fn lists_within_lists_are_found_and_followed_by_what_they_hold() {
    let target = Target::serving(
        "CREATE TABLE grid (id int PRIMARY KEY, cells int[][], names text[][][], prices numeric[][]);
         INSERT INTO grid VALUES (1, '{{1,2},{3,4}}', '{{{\"a,b\"},{b}}}', '{{1.10,2.0}}'), (2, '{{4},{NULL}}', '{{{\"\"}}}', '{{1.1},{2}}'),
             (3, '{}', '{}', '{}'), (4, NULL, NULL, NULL), (5, '[0:1]={1,4}', '{a,b}', '{2}')",
        &SILENT,
    )
    .await;
    let mut client = Client::ready(&target.server.base).await;
    target.filters_mean(&mut client, ("grids", "grid"), &HELD).await;
    client.subscribe("1", "subscription { grids(where: {cells: {contains: [7, 8]}}) { changes { op } } }").await;
    client.expect("next", "1").await;
    for (cells, op) in [("[[7, 8]]", "PUT"), ("[[8], [8]]", "DELETE"), ("[[8], [7]]", "PUT"), ("[]", "DELETE")] {
        target.data(&format!("mutation {{ patchGrid(id: 3, patch: {{cells: {cells}}}) {{ id }} }}")).await;
        let changes = client.expect("next", "1").await["data"]["grids"]["changes"].take();
        assert_eq!(changes, json!([{ "op": op }]), "{cells}");
    }
    let code = target.code("{ grids(where: {cells: {contains: [[1]]}}) { nodes { id } } }").await;
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn what_a_type_cannot_hold_is_refused_and_leaves_nothing_behind() {
    let tables = "CREATE EXTENSION hstore; CREATE TYPE pair AS (a int, b text);
        CREATE TABLE narrow (id int PRIMARY KEY, t text, v varchar(3), c char(3), n name, ts text[], s smallint, b bigint,
            p numeric(4,2), d date, z timestamptz, u uuid, i inet, r int4range, m money, x xml, h hstore, pair pair, bits bit(3));";
    let target = Target::serving(tables, &SILENT).await;
    let nul = "\\u0000";
    let wrong = [
        format!("t: \"{nul}\""),
        format!("ts: [\"a\", \"{nul}\"]"),
        format!("h: {{a: \"{nul}\"}}"),
        format!("pair: {{b: \"{nul}\"}}"),
        format!("x: \"{nul}\""),
        "v: \"four\"".to_owned(),
        "s: 32768".to_owned(),
        "b: 9223372036854775808".to_owned(),
        "b: \"1.5\"".to_owned(),
        "p: \"100\"".to_owned(),
        "d: \"2026-02-30\"".to_owned(),
        "z: \"yesterday noon o'clock\"".to_owned(),
        "u: \"1\"".to_owned(),
        "i: \"256.0.0.1\"".to_owned(),
        "r: \"[5,1]\"".to_owned(),
        "m: \"much\"".to_owned(),
        "x: \"<a>\"".to_owned(),
        "bits: \"102\"".to_owned(),
    ];
    for value in wrong {
        let refused = target.send(&format!("mutation {{ createNarrow(narrow: {{id: 1, {value}}}) {{ id }} }}")).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "DATA_INVALID", "{value}: {refused}");
    }
    assert_eq!(target.ask("SELECT count(*)::text FROM narrow").await, ["0"]);
}

#[tokio::test]
async fn long_text_arrives_whole_and_is_not_written_again_by_a_patch_of_another_column() {
    let tables = "CREATE TABLE book (id int PRIMARY KEY, title text, body text, pages text[]);";
    let target = Target::serving(tables, &["--progress-interval", "3600", "--max-body-bytes", "33554432"]).await;
    let mut random = StdRng::seed_from_u64(seed::take());
    let mut client = Client::ready(&target.server.base).await;
    let row = "title body pages";
    let query = format!(
        "subscription {{ books {{ changes {{ ... on BookPut {{ book {{ {row} }} }}
            ... on BookPatch {{ changed patch {{ {row} }} book {{ {row} }} }} }} }} }}"
    );
    client.subscribe("1", &query).await;
    client.expect("next", "1").await;
    for (id, length) in [(1, 5_000), (2, 5_000_000)] {
        let body = text(length, &mut random);
        let values = json!({ "title": "🌙", "body": body, "pages": [body, null, "é"] });
        let mut book = values.clone();
        book["id"] = json!(id);
        let create = format!("mutation($book: BookCreateInput!) {{ createBook(book: $book) {{ {row} }} }}");
        let created = target.send_with(&create, &json!({ "book": book })).await;
        assert!(created["data"]["createBook"] == values, "{length}");
        assert!(client.expect("next", "1").await["data"]["books"]["changes"][0]["book"] == values, "{length}");
        assert_eq!(
            target.ask(&format!("SELECT length(body)::text FROM book WHERE id = {id}")).await,
            [length.to_string()]
        );

        let patched =
            target.data(&format!("mutation {{ patchBook(id: {id}, patch: {{title: \"👩‍👩‍👧\"}}) {{ {row} }} }}")).await;
        let mut expected = values;
        expected["title"] = json!("👩‍👩‍👧");
        assert!(patched["patchBook"] == expected, "{length}");
        let change = client.expect("next", "1").await["data"]["books"]["changes"][0].take();
        assert_eq!(change["changed"], json!(["title"]), "{length}");
        assert_eq!((&change["patch"]["body"], &change["patch"]["pages"]), (&Value::Null, &Value::Null), "{length}");
        assert!(change["book"] == expected, "{length}");
    }
}

/// Text that does not compress to nothing, so that it is stored outside of its row.
fn text(length: usize, random: &mut StdRng) -> String {
    const LETTERS: [char; 8] = ['é', '🌙', '"', '\\', '\n', '田', ' ', '\u{1}'];
    let letter = |random: &mut StdRng| match random.random_range(0..70) {
        special @ 0..8 => LETTERS[special],
        plain => char::from(b'0' + u8::try_from(plain).unwrap_or_default()),
    };
    (0..length).map(|_| letter(random)).collect()
}

#[tokio::test]
async fn columns_that_postgres_writes_are_read_but_not_given() {
    let tables = "CREATE TABLE counted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            number int GENERATED BY DEFAULT AS IDENTITY, serial serial, width numeric, double numeric GENERATED ALWAYS AS (width * 2) STORED);";
    let target = Target::serving(tables, &SILENT).await;
    let created =
        target.data("mutation { createCounted(counted: {width: \"1.50\"}) { id number serial double } }").await;
    assert_eq!(created["createCounted"], json!({ "id": "1", "number": 1, "serial": 1, "double": "3.00" }));
    let given =
        target.data("mutation { createCounted(counted: {number: 7, serial: 9}) { id number serial double } }").await;
    assert_eq!(given["createCounted"], json!({ "id": "2", "number": 7, "serial": 9, "double": null }));
    for refused in ["id: 5", "double: 1"] {
        let answer = target.send(&format!("mutation {{ createCounted(counted: {{{refused}}}) {{ id }} }}")).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{answer}");
    }
    let found = target.data("{ counteds(where: {double: {eq: 3}}) { nodes { id } } }").await;
    assert_eq!(found["counteds"]["nodes"], json!([{ "id": "1" }]));
}
