//! What a write leaves behind, beyond what its answer says: which transaction, and in tables of other shapes than
//! the example's. The answers themselves stand in `tests/golden/mutations`.

use serde_json::{Value, json};

use crate::client::Client;
use crate::target::Target;

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
        let writer = target.ask(&format!("SELECT xmin::text FROM task WHERE id = '{task}'")).await;
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

#[tokio::test]
async fn no_more_rows_are_written_than_can_be_given_back() {
    let target = Target::serving(
        "CREATE TABLE point (id int PRIMARY KEY, x int NOT NULL DEFAULT 0);
         INSERT INTO point SELECT n FROM generate_series(1, 4) AS n;",
        &["--max-rows", "3"],
    )
    .await;
    let untouched = ["1 0", "2 0", "3 0", "4 0"];
    let rows = || target.ask("SELECT id || ' ' || x FROM point ORDER BY id");
    for refused in [
        "mutation { createPoints(points: [{id: 5}, {id: 6}, {id: 7}, {id: 8}]) { count } }",
        "mutation { putPoints(points: [{id: 1, x: 1}, {id: 2}, {id: 3}, {id: 4}]) { count } }",
        "mutation { patchPoints(where: {x: {eq: 0}}, patch: {x: 1}) { count nodes { id } } }",
        "mutation { deletePoints(where: {x: {eq: 0}}) { nodes { id } } }",
        "mutation { a: patchPoint(id: 1, patch: {x: 1}) { id } b: deletePoints(where: {id: {gt: 0}}) { nodes { id } } }",
    ] {
        assert_eq!(target.code(refused).await, "ROWS_LIMIT_EXCEEDED", "{refused}");
        assert_eq!(rows().await, untouched, "{refused}");
    }
    let three = target.data("mutation { patchPoints(where: {id: {gt: 1}}, patch: {x: 2}) { nodes { x } } }").await;
    assert_eq!(three["patchPoints"]["nodes"], json!([{ "x": 2 }, { "x": 2 }, { "x": 2 }]));
    // Without `nodes` there is no bound.
    let all = target.data("mutation { deletePoints(where: {id: {gt: 0}}) { count __typename } }").await;
    assert_eq!(all["deletePoints"], json!({ "count": 4, "__typename": "PointBatch" }));
    assert_eq!(rows().await, [] as [&str; 0]);
}

#[tokio::test]
async fn rows_of_every_shape_are_written_together() {
    let target = Target::start(
        "CREATE TABLE written (a int, b inet, t text, \"#1\" text DEFAULT 'one', \"everwire number\" int, PRIMARY KEY (b, a));
         CREATE TABLE few (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, a int, b inet, few text,
                           FOREIGN KEY (a, b) REFERENCES written (a, b));
         CREATE TABLE bare (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY);",
    )
    .await;
    let created = target
        .data(
            "mutation { createWrittens(writtens: [
                {a: 2, b: \"10.0.0.1\", t: \"NULL\"}, {b: \"10.0.0.1\", a: 1, _1: null}, {a: 3, b: \"9.0.0.1/8\", t: \"\\\"{,}\"}
             ]) { count nodes { a b t _1 everwireNumber fews { totalCount } } } }",
        )
        .await;
    assert_eq!(
        created["createWrittens"]["nodes"],
        json!([
            { "a": 2, "b": "10.0.0.1", "t": "NULL", "_1": "one", "everwireNumber": null, "fews": { "totalCount": 0 } },
            { "a": 1, "b": "10.0.0.1", "t": null, "_1": null, "everwireNumber": null, "fews": { "totalCount": 0 } },
            { "a": 3, "b": "9.0.0.1/8", "t": "\"{,}", "_1": "one", "everwireNumber": null, "fews": { "totalCount": 0 } },
        ])
    );
    let put = target
        .data("mutation { putFews(fews: [{id: 7, a: 3, b: \"9.0.0.1/8\"}, {id: 5, few: \"x\"}]) { nodes { id few written { t } } } }")
        .await;
    assert_eq!(
        put["putFews"]["nodes"],
        json!([{ "id": "7", "few": null, "written": { "t": "\"{,}" } }, { "id": "5", "few": "x", "written": null }])
    );
    let moved = target
        .data(
            "mutation { patchWrittens(where: {t: {isNull: true}}, patch: {a: 9}) { nodes { a fews { totalCount } } } }",
        )
        .await;
    assert_eq!(moved["patchWrittens"]["nodes"], json!([{ "a": 9, "fews": { "totalCount": 0 } }]));
    let bare =
        target.data("mutation { createBares(bares: [{}, {}]) { nodes { id } } createBare(bare: {}) { id } }").await;
    assert_eq!(bare["createBares"]["nodes"], json!([{ "id": 1 }, { "id": 2 }]));
    assert_eq!(bare["createBare"], json!({ "id": 3 }));
    let gone = target.data("mutation { deleteFews(where: {a: {gt: 0}}) { nodes { written { t } id } } }").await;
    assert_eq!(gone["deleteFews"]["nodes"], json!([{ "written": { "t": "\"{,}" }, "id": "7" }]));
}

#[tokio::test]
async fn what_a_trigger_makes_of_a_row_is_what_counts() {
    let target = Target::start(
        "CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL);
         CREATE FUNCTION censor() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.text = 'no' THEN RETURN NULL; END IF;
           NEW.text := upper(NEW.text); RETURN NEW;
         END $$;
         CREATE TRIGGER censor BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION censor();",
    )
    .await;
    let created =
        target.data("mutation { createNotes(notes: [{id: 1, text: \"a\"}, {id: 2, text: \"no\"}, {id: 3, text: \"b\"}]) { count nodes { id text } } }").await;
    let nodes = json!([{ "id": 1, "text": "A" }, { "id": 3, "text": "B" }]);
    assert_eq!(created["createNotes"], json!({ "count": 2, "nodes": nodes }));
    let patched =
        target.data("mutation { patchNotes(where: {id: {gt: 0}}, patch: {text: \"c\"}) { nodes { text } } }").await;
    assert_eq!(patched["patchNotes"]["nodes"], json!([{ "text": "C" }, { "text": "C" }]));
    for kept in [
        "mutation { createNote(note: {id: 4, text: \"no\"}) { id } }",
        "mutation { putNote(note: {id: 1, text: \"no\"}) { id } }",
        "mutation { a: createNote(note: {id: 5, text: \"d\"}) { id } b: createNote(note: {id: 4, text: \"no\"}) { id } }",
    ] {
        assert_eq!(target.code(kept).await, "DATA_CHECK", "{kept}");
    }
    assert_eq!(target.ask("SELECT id || text FROM note ORDER BY id").await, ["1C", "3C"]);
}

#[tokio::test]
async fn a_request_is_one_message_of_the_stream_with_all_that_it_wrote() {
    let target = Target::start("SELECT").await;
    let mut socket = Client::ready(&target.server.base).await;
    let query = "subscription { labels(where: {name: {like: \"wave%\"}}) { transaction more changes { op
        ... on LabelPut { label { name color } } ... on LabelPatch { changed label { name color } } ... on LabelDelete { key { id } } } } }";
    socket.subscribe("labels", query).await;
    let copy = socket.expect("next", "labels").await;
    assert_eq!(copy["data"]["labels"]["changes"], json!([]));
    let id = |number: usize| format!("b5000000-0000-4000-8000-00000000000{number}");
    let rows: Vec<String> = (1..=3).map(|n| format!("{{id: \"{}\", name: \"wave {n}\"}}", id(n))).collect();
    let patched = |n: usize| json!({ "op": "PATCH", "changed": ["color"], "label": { "name": format!("wave {n}"), "color": "#111111" } });
    let added = |n: usize| json!({ "op": "PUT", "label": { "name": format!("wave {n}"), "color": "#8a8f98" } });
    let removed = |n: usize| json!({ "op": "DELETE", "key": { "id": id(n) } });
    let requests = [
        (format!("createLabels(labels: [{}]) {{ count }}", rows.join(", ")), vec![added(1), added(2), added(3)]),
        (
            "a: patchLabels(where: {name: {like: \"wave%\"}}, patch: {color: \"#111111\"}) { count nodes { taskLabels { totalCount } } }
             b: createLabel(label: {name: \"another\"}) { id }"
                .to_owned(),
            vec![patched(1), patched(2), patched(3)],
        ),
        (format!("putLabels(labels: [{}]) {{ count }} deleteLabel(id: \"{}\") {{ id }}", rows[1], id(1)), vec![
            json!({ "op": "PATCH", "changed": ["color"], "label": { "name": "wave 2", "color": "#8a8f98" } }),
            removed(1),
        ]),
        ("deleteLabels(where: {name: {like: \"wave%\"}}) { count }".to_owned(), vec![removed(2), removed(3)]),
    ];
    for (request, told) in requests {
        let answer = target.send(&format!("mutation {{ {request} }}")).await;
        let message = socket.expect("next", "labels").await;
        let data = &message["data"]["labels"];
        assert_eq!(data["transaction"], answer["extensions"]["transaction"], "{answer}");
        assert_eq!(data["more"], false);
        let mut changes = data["changes"].as_array().expect("changes").clone();
        // The order within a statement is Postgres' own.
        changes.sort_by_key(Value::to_string);
        let mut told = told;
        told.sort_by_key(Value::to_string);
        assert_eq!(changes, told, "{request}");
    }
    socket.expect_silence().await;
}
