//! What a patch does beside giving values: the operations on what a column has, and conditions on the row, also while
//! others write. The usual cases stand in `tests/golden/mutations`.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::seed;
use crate::target::Target;

/// The pseudocode of RFC 7396, section 2.
fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let member = target.remove(name).unwrap_or_default();
            target.insert(name.clone(), merged(member, value));
        }
    }
    Value::Object(target)
}

fn random_value(random: &mut StdRng, depth: u32) -> Value {
    match random.random_range(0..if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random.random_range(-3..3)),
        2 => json!("a"),
        3 => json!(random.random_bool(0.5)),
        4 => json!(1.5),
        5 => (0..random.random_range(0..3)).map(|_| random_value(random, depth - 1)).collect(),
        _ => random_object(random, depth - 1),
    }
}

fn random_object(random: &mut StdRng, depth: u32) -> Value {
    // Few names, so that those of a patch are often there; among them what an array would take for an index.
    const NAMES: [&str; 5] = ["a", "b", "0", "", "é\"\\'"];
    let members = (0..random.random_range(0..4)).map(|_| {
        let name = NAMES[random.random_range(0..NAMES.len())].to_owned();
        (name, random_value(random, depth))
    });
    Value::Object(members.collect())
}

#[tokio::test]
async fn a_merge_gives_what_the_rfc_says() {
    const CASES: usize = 150;
    let mut random = StdRng::seed_from_u64(seed::take());
    let mut cases: Vec<(Value, Value)> =
        (0..CASES).map(|_| (random_value(&mut random, 4), random_object(&mut random, 4))).collect();
    // RFC 7396, appendix A, as far as the patch is an object.
    cases.extend([
        (json!({ "a": "b" }), json!({ "a": null })),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null })),
        (json!({ "a": ["b"] }), json!({ "a": "c" })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] })),
        (json!(["a", "b"]), json!({ "a": "b" })),
        (json!({ "e": null }), json!({ "a": 1 })),
        (json!([1, 2]), json!({ "a": "b", "c": null })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } })),
    ]);
    let deep = (0..60).fold(json!({ "x": null, "y": 1 }), |inner, _| json!({ "n": inner }));
    cases.push((deep.clone(), deep));
    let target =
        Target::start("CREATE TABLE doc (id int PRIMARY KEY, body jsonb, text json); INSERT INTO doc VALUES (1)").await;
    let query = "mutation Merge($before: JSON, $patch: JSON!) {
        patchDoc(id: 1, patch: {body: $before, text: $before}) { id }
        after: patchDoc(id: 1, merge: {body: $patch, text: $patch}) { body text } }";
    for (before, patch) in cases {
        let after = target.send_with(query, &json!({ "before": before, "patch": patch })).await;
        let expected = merged(before.clone(), &patch);
        let found = &after["data"]["after"];
        assert_eq!(*found, json!({ "body": expected, "text": expected }), "{before} and {patch}: {after}");
    }
}

#[tokio::test]
async fn operations_fit_every_type_that_they_are_offered_for() {
    let target = Target::start(
        "CREATE DOMAIN level AS int CHECK (VALUE > 0);
         CREATE TYPE mood AS ENUM ('fine', 'so so');
         CREATE TABLE thing (merge int, if_match text, small smallint, single real, exact numeric(6, 2), level level,
                             moods mood[], ints int[], moments timestamptz[], jsons jsonb[], texts json[],
                             whole int GENERATED ALWAYS AS (level + 1) STORED, PRIMARY KEY (merge, if_match));
         INSERT INTO thing VALUES (1, 'x', 1, 0.5, 1.25, 5, '{fine}', '{1,2,NULL}', '{2026-01-31}', '{1}', '{1}');",
    )
    .await;
    let key = "merge2: 1, ifMatch2: \"x\"";
    let patched = target
        .data(&format!(
            "mutation {{ patchThing({key}, increment: {{small: -2, single: 0.25, exact: \"0.005\", level: -4}},
                append: {{moods: [SO_SO, FINE], jsons: [{{a: 1}}, \"b\"], texts: [2]}},
                prepend: {{moments: \"2026-01-30T01:00:00+01:00\"}}, remove: {{ints: [2, null]}})
             {{ merge2 small single exact level whole moods ints moments jsons texts }} }}"
        ))
        .await;
    assert_eq!(
        patched["patchThing"],
        json!({
            "merge2": 1, "small": -1, "single": 0.75, "exact": "1.26", "level": 1, "whole": 2,
            "moods": ["FINE", "SO_SO", "FINE"], "ints": [1],
            "moments": ["2026-01-30T00:00:00+00:00", "2026-01-31T00:00:00+00:00"],
            "jsons": [1, { "a": 1 }, "b"], "texts": [1, 2],
        })
    );
    let removed = target
        .data(&format!(
            "mutation {{ patchThing({key}, remove: {{moods: [FINE], jsons: [{{a: 1}}]}}) {{ moods jsons }} }}"
        ))
        .await;
    assert_eq!(removed["patchThing"], json!({ "moods": ["SO_SO"], "jsons": [1, "b"] }));
    // Elements of type json cannot be compared, and what is generated is not written.
    for unknown in ["remove: {texts: [1]}", "increment: {whole: 1}", "increment: {merge: 1}"] {
        let code = target.code(&format!("mutation {{ patchThing({key}, {unknown}) {{ small }} }}")).await;
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{unknown}");
    }
    let many = vec!["1"; 101].join(", ");
    for (refused, code) in [
        ("increment: {small: 32767}, patch: {exact: 1}", "DATA_INVALID"),
        ("increment: {level: -1}", "DATA_CHECK"),
        (&format!("remove: {{ints: [{many}]}}"), "VALUES_LIMIT_EXCEEDED"),
    ] {
        if refused.contains("32767") {
            let up = format!("mutation {{ patchThing({key}, patch: {{small: 1}}) {{ small }} }}");
            assert_eq!(target.data(&up).await["patchThing"]["small"], 1);
        }
        assert_eq!(
            target.code(&format!("mutation {{ patchThing({key}, {refused}) {{ small }} }}")).await,
            code,
            "{refused}"
        );
    }
    let own_condition = format!("mutation {{ deleteThing({key}, ifMatch: {{ifMatch2: {{eq: \"y\"}}}}) {{ small }} }}");
    assert_eq!(target.code(&own_condition).await, "CONFLICT");
}

#[tokio::test]
async fn a_row_is_put_by_columns_that_may_be_null() {
    let target = Target::start(
        "CREATE TABLE seat (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, hall text, number int, guest text DEFAULT 'nobody',
                            UNIQUE (hall, number));",
    )
    .await;
    let put = |rest: &str| {
        format!("mutation {{ putSeatByHallAndNumber(seat: {{hall: \"a\"{rest}}}) {{ id number guest }} }}")
    };
    let first = target.data(&put(", number: 1, guest: \"Ada\"")).await;
    assert_eq!(first["putSeatByHallAndNumber"], json!({ "id": 1, "number": 1, "guest": "Ada" }));
    let second = target.data(&put(", number: 1")).await;
    assert_eq!(second["putSeatByHallAndNumber"], json!({ "id": 1, "number": 1, "guest": "nobody" }));
    for missing in ["", ", number: null"] {
        assert_eq!(target.code(&put(missing)).await, "BAD_USER_INPUT", "{missing}");
    }
    assert_eq!(target.ask("SELECT count(*)::text FROM seat").await, ["1"]);
}

/// Until someone waits for a lock. Each look is a round trip.
async fn someone_waits(target: &Target) {
    while target.ask("SELECT pid::text FROM pg_locks WHERE NOT granted").await.is_empty() {}
}

#[tokio::test]
async fn a_condition_is_judged_on_the_row_as_others_left_it() {
    let target = Target::start(
        "CREATE TABLE page (id int PRIMARY KEY, version int NOT NULL, text text);
         INSERT INTO page SELECT n, 1, 'old' FROM generate_series(1, 6) AS n;",
    )
    .await;
    let condition = "ifMatch: {version: {eq: 1}}";
    // What another transaction does meanwhile, what is asked, what is told.
    let cases = [
        (
            "UPDATE page SET version = 2 WHERE id = 1",
            format!("patchPage(id: 1, patch: {{text: \"new\"}}, {condition})"),
            "CONFLICT",
        ),
        (
            "UPDATE page SET text = 'other' WHERE id = 2",
            format!("patchPage(id: 2, patch: {{version: 2}}, {condition})"),
            "",
        ),
        ("UPDATE page SET version = 2 WHERE id = 3", format!("deletePage(id: 3, {condition})"), "CONFLICT"),
        (
            "DELETE FROM page WHERE id = 4",
            format!("patchPage(id: 4, patch: {{text: \"new\"}}, {condition})"),
            "CONFLICT",
        ),
        (
            "UPDATE page SET version = 2 WHERE id = 5",
            format!("putPage(page: {{id: 5, version: 2}}, {condition})"),
            "CONFLICT",
        ),
        ("DELETE FROM page WHERE id = 6", format!("putPage(page: {{id: 6, version: 2}}, {condition})"), "CONFLICT"),
    ];
    for (meanwhile, request, code) in cases {
        let mut other = target.pool.begin().await.expect("a transaction");
        sqlx::query(meanwhile).execute(&mut *other).await.expect(meanwhile);
        let query = format!("mutation {{ {request} {{ version text }} }}");
        let (answer, ()) = tokio::join!(target.send(&query), async {
            someone_waits(&target).await;
            other.commit().await.expect("a commit");
        });
        let found = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        assert_eq!(found, code, "{meanwhile}; {request}: {answer}");
    }
    let rows = target.ask("SELECT concat_ws(' ', id, version, text) FROM page ORDER BY id").await;
    assert_eq!(rows, ["1 2 old", "2 2 other", "3 2 old", "5 2 old"]);
}

#[tokio::test]
async fn counters_lose_nothing_and_the_stream_tells_each_step() {
    let target =
        Target::start("CREATE TABLE tally (id int PRIMARY KEY, n int NOT NULL); INSERT INTO tally VALUES (1, 0)").await;
    let mut socket = Client::ready(&target.server.base).await;
    socket.subscribe("t", "subscription { tally(id: 1) { transaction changes { ... on TallyPut { tally { n } } ... on TallyPatch { changed patch { n } } } } }").await;
    let copy = socket.expect("next", "t").await;
    assert_eq!(copy["data"]["tally"]["changes"], json!([{ "tally": { "n": 0 } }]));
    let step = "mutation { patchTally(id: 1, increment: {n: 1}) { n } }";
    let answers = futures_util::future::join_all((0..8).map(|_| target.send(step))).await;
    for n in 1..=8 {
        let message = socket.expect("next", "t").await;
        let told = &message["data"]["tally"];
        assert_eq!(told["changes"], json!([{ "changed": ["n"], "patch": { "n": n } }]));
        let answer = answers.iter().find(|answer| answer["data"]["patchTally"]["n"] == n).expect("each number once");
        assert_eq!(told["transaction"], answer["extensions"]["transaction"]);
    }
    // A condition that does not hold writes nothing, and nothing is told.
    let refused = "mutation { patchTally(id: 1, increment: {n: 1}, ifMatch: {n: {eq: 0}}) { n } }";
    assert_eq!(target.code(refused).await, "CONFLICT");
    socket.expect_silence().await;
    assert_eq!(target.ask("SELECT n::text FROM tally").await, ["8"]);
}
