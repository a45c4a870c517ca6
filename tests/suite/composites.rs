//! Values of composite types: read, written and followed part by part, in arrays and within each other; and what becomes
//! of them when their type is altered.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, raw_sql};

use crate::client::Client;
use crate::target::Target;

const TABLES: &str = "
    CREATE TYPE spot AS (latitude numeric, longitude double precision);
    COMMENT ON TYPE spot IS 'A place on a map.';
    CREATE TYPE address AS (street text, \"zip code\" varchar(10), spot spot, since date, tags text[], notes jsonb);
    COMMENT ON COLUMN address.street IS 'With its number.';
    CREATE DOMAIN home AS address CHECK ((VALUE).street IS DISTINCT FROM '');
    CREATE TABLE shop (id int PRIMARY KEY, name text, main address, others address[], home home);";

const ALL: &str = "main { street zip: zipCode spot { latitude longitude kind: __typename } since tags notes }
    others { street spot { longitude } } home { street }";

const FLAGS: [&str; 4] = ["--progress-interval", "3600", "--watch-schema", "on"];

async fn run(target: &Target, sql: &'static str) {
    raw_sql(AssertSqlSafe(sql)).execute(&target.pool).await.expect("SQL that runs");
}

fn shop() -> Value {
    json!({
        "main": {
            "street": "Lane \"7\", (b)\\\\",
            "zip": null,
            "spot": { "latitude": "48.20", "longitude": 16.5, "kind": "Spot" },
            "since": "2026-01-31",
            "tags": ["a,b", null, "\""],
            "notes": { "a": [1, "x"] },
        },
        "others": [{ "street": null, "spot": { "longitude": null } }, null, { "street": "", "spot": null }],
        "home": { "street": "Hill" },
    })
}

const CREATE: &str = r#"mutation { createShop(shop: {id: 1, name: "one",
    main: {street: "Lane \"7\", (b)\\\\", spot: {latitude: 48.20, longitude: 16.5}, since: "2026-01-31",
           tags: ["a,b", null, "\""], notes: {a: [1, "x"]}},
    others: [{spot: {}}, null, {street: ""}], home: {street: "Hill"}})"#;

#[tokio::test]
async fn a_composite_value_is_written_read_and_followed_part_by_part() {
    let target = Target::serving(TABLES, &FLAGS).await;
    let mut client = Client::ready(&target.server.base).await;
    let changes = format!(
        "changes {{ ... on ShopPut {{ shop {{ {ALL} }} }} ... on ShopPatch {{ changed patch {{ home {{ street }} }} shop {{ {ALL} }} }} }}"
    );
    client.subscribe("1", &format!("subscription {{ shops {{ reset {changes} }} }}")).await;
    client.expect("next", "1").await;

    let created = target.data(&format!("{CREATE} {{ {ALL} }} }}")).await;
    assert_eq!(created["createShop"], shop());
    assert_eq!(
        target.ask("SELECT main::text FROM shop").await,
        [r#"("Lane ""7"", (b)\\\\",,"(48.20,16.5)",2026-01-31,"{""a,b"",NULL,""\\""""}","{""a"": [1, ""x""]}")"#]
    );
    assert_eq!(target.data(&format!("{{ shop(id: 1) {{ {ALL} }} }}")).await["shop"], shop());
    let put = client.expect("next", "1").await;
    assert_eq!(put["data"]["shops"]["changes"][0]["shop"], shop());

    // A composite value is replaced as a whole; a part that is left out is null.
    let patched =
        target.data(&format!("mutation {{ patchShop(id: 1, patch: {{home: {{zipCode: \"9\"}}}}) {{ {ALL} }} }}")).await;
    let mut expected = shop();
    expected["home"]["street"] = Value::Null;
    assert_eq!(patched["patchShop"], expected);
    let patch = &client.expect("next", "1").await["data"]["shops"]["changes"][0];
    assert_eq!((&patch["changed"], &patch["patch"]["home"]), (&json!(["home"]), &json!({ "street": null })));
    assert_eq!(patch["shop"], expected);

    // No value is another thing than a value of nothing but nulls.
    let cleared = "mutation { patchShop(id: 1, patch: {main: {}, others: [], home: null}) { main { street } others { street } home { street } } }";
    let cleared = target.data(cleared).await;
    assert_eq!(cleared["patchShop"], json!({ "main": { "street": null }, "others": [], "home": null }));
    let patch = &client.expect("next", "1").await["data"]["shops"]["changes"][0];
    assert_eq!((&patch["shop"]["main"]["street"], &patch["shop"]["others"]), (&Value::Null, &json!([])));
    assert_eq!(patch["shop"]["home"], Value::Null);
}

#[tokio::test]
async fn composite_values_are_compared_as_a_whole_and_checked_by_postgres() {
    let target = Target::serving(TABLES, &FLAGS).await;
    target.data(&format!("{CREATE} {{ id }} }}")).await;
    target.data("mutation { createShop(shop: {id: 2, home: {street: \"Hill\", tags: []}}) { id } }").await;
    let found = |condition: &str| format!("{{ shops(where: {{{condition}}}) {{ nodes {{ id }} }} }}");
    let ids = |ids: &[i32]| {
        let nodes: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "shops": { "nodes": nodes } })
    };
    assert_eq!(target.data(&found("home: {eq: {street: \"Hill\"}}")).await, ids(&[1]));
    assert_eq!(target.data(&found("home: {ne: {street: \"Hill\"}}")).await, ids(&[2]));
    assert_eq!(target.data(&found("main: {isNull: true}")).await, ids(&[2]));
    assert_eq!(target.data(&found("others: {eq: [{spot: {}}, null, {street: \"\"}]}")).await, ids(&[1]));

    let mut client = Client::ready(&target.server.base).await;
    let query = "subscription { shops(where: {home: {eq: {street: \"Hill\"}}}) { changes { key { id } } } }";
    client.subscribe("1", query).await;
    assert_eq!(client.expect("next", "1").await["data"]["shops"]["changes"], json!([{ "key": { "id": 1 } }]));
    target.data("mutation { patchShop(id: 2, patch: {home: {street: \"Hill\"}}) { id } }").await;
    assert_eq!(client.expect("next", "1").await["data"]["shops"]["changes"], json!([{ "key": { "id": 2 } }]));

    let refused = target.send("mutation { patchShop(id: 1, patch: {home: {street: \"\"}}) { id } }").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "DATA_CHECK", "{refused}");
    for wrong in ["main: \"(a)\"", "main: {road: 1}", "main: {street: \"a\\u0000\"}"] {
        let refused = target.send(&format!("mutation {{ patchShop(id: 1, patch: {{{wrong}}}) {{ id }} }}")).await;
        assert!(refused["errors"][0]["extensions"]["code"].is_string(), "{wrong}: {refused}");
    }
    let whole = target.send("{ shop(id: 1) { main } }").await;
    assert_eq!(whole["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
}

/// Rows beside the one of [`CREATE`]: no value, values of nothing but nulls, values like those there.
const SHOPS: &str = r#"INSERT INTO shop (id, main, others, home) VALUES
    (2, NULL, NULL, NULL), (3, '(,,,,,)', '{}', '(,,,,,)'), (4, '(Lane,8010,"(,)",2026-02-01,{},)', NULL, '(Hill,,,,,)'),
    (5, '("",,"(47.07,15.43)",,"{x,""a,b""}","{""a"": 2}")', '{NULL,"(Hill,,,,,)"}', '(Dale,1,,,{a},)')"#;

/// A filter, and the same in SQL.
const CONDITIONS: [(&str, &str); 18] = [
    (r#"main: {parts: {street: {startsWith: "Lane"}}}"#, "(main).street LIKE 'Lane%'"),
    (r#"main: {parts: {street: {eq: ""}}}"#, "(main).street = ''"),
    (r#"main: {parts: {zipCode: {isNull: true}}}"#, r#"(main)."zip code" IS NULL"#),
    (
        r#"main: {parts: {zipCode: {isNull: false}, since: {gt: "2026-01-31"}}}"#,
        r#"(main)."zip code" IS NOT NULL AND (main).since > '2026-01-31'"#,
    ),
    (r#"main: {parts: {spot: {isNull: true}}}"#, "(main).spot IS NOT DISTINCT FROM NULL"),
    (r#"main: {parts: {spot: {parts: {latitude: {gte: "48.2"}}}}}"#, "((main).spot).latitude >= 48.2"),
    (r#"main: {parts: {spot: {parts: {longitude: {isNull: true}}}}}"#, "((main).spot).longitude IS NULL"),
    (
        r#"main: {parts: {spot: {in: [{latitude: "48.20", longitude: 16.5}, {}]}}}"#,
        "(main).spot::text IN ('(48.20,16.5)', '(,)')",
    ),
    (r#"main: {parts: {tags: {contains: ["a,b"]}}}"#, r#"(main).tags @> '{"a,b"}'"#),
    (r#"main: {parts: {notes: {hasKey: "a"}}}"#, "(main).notes ? 'a'"),
    (r#"main: {parts: {}}"#, "true"),
    (r#"not: {main: {parts: {street: {eq: ""}}}}"#, "NOT ((main).street = '')"),
    (
        r#"home: {parts: {street: {in: ["Hill", "Dale"]}, tags: {isNull: true}}}"#,
        "(home).street IN ('Hill', 'Dale') AND (home).tags IS NULL",
    ),
    (r#"home: {in: [{street: "Hill"}, {}]}"#, "home::text IN ('(Hill,,,,,)', '(,,,,,)')"),
    (r#"home: {notIn: [{street: "Hill"}]}"#, "home::text NOT IN ('(Hill,,,,,)')"),
    (r#"others: {contains: [{street: "Hill"}]}"#, "others::text[] @> ARRAY['(Hill,,,,,)']"),
    (r#"others: {containedBy: [{street: "Hill"}]}"#, "others::text[] <@ ARRAY['(Hill,,,,,)']"),
    (
        r#"others: {overlaps: [null, {street: "Hill"}, {street: "", zipCode: null}]}"#,
        r#"others::text[] && ARRAY[NULL, '(Hill,,,,,)', '("",,,,,)']"#,
    ),
];

#[tokio::test]
async fn composite_values_are_found_and_followed_by_their_parts() {
    let target = Target::serving(TABLES, &FLAGS).await;
    target.data(&format!("{CREATE} {{ id }} }}")).await;
    run(&target, SHOPS).await;
    let mut client = Client::ready(&target.server.base).await;
    target.filters_mean(&mut client, ("shops", "shop"), &CONDITIONS).await;

    // A part alone takes a row out of what is followed, or back into it.
    let query = r#"subscription { shops(where: {main: {parts: {spot: {parts: {latitude: {lt: "48"}}}, tags: {contains: "x"}}}}) {
        changes { op key { id } } } }"#;
    client.subscribe("follow", query).await;
    client.expect("next", "follow").await;
    for (change, op) in [
        ("main.spot.latitude = 48", "DELETE"),
        ("main.spot.latitude = 47.999", "PUT"),
        ("main.tags = '{X}'", "DELETE"),
        ("main.tags = '{X,x}'", "PUT"),
        ("main = NULL", "DELETE"),
    ] {
        let update = format!("UPDATE shop SET {change} WHERE id = 5");
        raw_sql(AssertSqlSafe(update)).execute(&target.pool).await.expect("a change");
        let changes = client.expect("next", "follow").await["data"]["shops"]["changes"].take();
        assert_eq!(changes, json!([{ "op": op, "key": { "id": 5 } }]), "{change}");
    }
}

#[tokio::test]
async fn what_only_the_database_can_tell_of_a_part_is_refused_by_name() {
    let target = Target::serving(TABLES, &FLAGS).await;
    let mut client = Client::ready(&target.server.base).await;
    for (number, (filter, named)) in [
        ("{parts: {notes: {contains: {a: 1}}}}", "`main: {parts: {notes: {contains: …}}}`"),
        ("{parts: {street: {regex: \"^a\"}}}", "`main: {parts: {street: {regex: …}}}`"),
        ("{parts: {spot: {ne: {}}, notes: {eq: 1}}}", "`main: {parts: {notes: {eq: …}}}`"),
    ]
    .into_iter()
    .enumerate()
    {
        target.data(&format!("{{ shops(where: {{main: {filter}}}) {{ nodes {{ id }} }} }}")).await;
        let id = number.to_string();
        client.subscribe(&id, &format!("subscription {{ shops(where: {{main: {filter}}}) {{ sequence }} }}")).await;
        let errors = client.expect("error", &id).await;
        assert_eq!(errors[0]["extensions"]["code"], "UNSUPPORTED", "{filter}: {errors}");
        assert!(errors[0]["message"].as_str().is_some_and(|message| message.contains(named)), "{filter}: {errors}");
    }
    for wrong in ["parts: null", "parts: {street: null}", "parts: {street: {eq: null}}"] {
        let code = target.code(&format!("{{ shops(where: {{main: {{{wrong}}}}}) {{ nodes {{ id }} }} }}")).await;
        assert_eq!(code, "BAD_USER_INPUT", "{wrong}");
    }
    // Without a condition every row would be deleted.
    let code = target.code("mutation { deleteShops(where: {main: {parts: {}}}) { count } }").await;
    assert_eq!(code, "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_type_is_another_value() {
    let target = Target::serving(TABLES, &FLAGS).await;
    target.data(&format!("{CREATE} {{ id }} }}")).await;
    let mut client = Client::ready(&target.server.base).await;
    let query = "subscription { shops { reset changes { ... on ShopPut { shop { main { street } } } } } }";
    client.subscribe("1", query).await;
    assert_eq!(client.expect("next", "1").await["data"]["shops"]["reset"], "START");
    client.subscribe("2", "subscription { shops { reset changes { ... on ShopPatch { shop { name } } } } }").await;
    assert_eq!(client.expect("next", "2").await["data"]["shops"]["reset"], "START");

    run(&target, "ALTER TYPE address ADD ATTRIBUTE floor int, DROP ATTRIBUTE \"zip code\" CASCADE").await;
    let again = client.expect("next", "1").await;
    assert_eq!(again["data"]["shops"]["reset"], "SCHEMA");
    assert_eq!(again["data"]["shops"]["changes"][0]["shop"]["main"]["street"], "Lane \"7\", (b)\\\\");

    let patch = "mutation { patchShop(id: 1, patch: {name: \"two\", main: {street: \"A\", floor: 3}}) { main { street floor tags } } }";
    let expected = json!({ "main": { "street": "A", "floor": 3, "tags": null } });
    assert_eq!(until_known(&target, patch).await["patchShop"], expected);
    // Who does not look at it is not disturbed.
    let mut messages = [client.next_message().await, client.next_message().await];
    messages.sort_by_key(|message| message["id"].to_string());
    assert_eq!(messages[0]["payload"]["data"]["shops"], json!({ "reset": null, "changes": [{}] }));
    assert_eq!(
        messages[1]["payload"]["data"]["shops"],
        json!({ "reset": null, "changes": [{ "shop": { "name": "two" } }] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_to_a_type_is_never_read_as_null() {
    let tables = "CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE note AS (mood mood, text text);
        CREATE TABLE diary (id int PRIMARY KEY, moods mood[], note note, notes note[]);";
    let target = Target::serving(tables, &["--progress-interval", "3600"]).await;
    let mut client = Client::ready(&target.server.base).await;
    let query = "subscription { diaries { changes {
            ... on DiaryPut { diary { moods note { mood } notes { mood text } } }
            ... on DiaryPatch { diary { moods note { mood } notes { mood text } } } } } }";
    client.subscribe("1", query).await;
    assert_eq!(client.expect("next", "1").await["data"]["diaries"]["changes"], json!([]));
    // Nothing in the database tells of this; the first value does.
    run(&target, "ALTER TYPE mood ADD VALUE 'even' BEFORE 'high'").await;
    run(&target, "INSERT INTO diary VALUES (1, '{low,even}', NULL, NULL)").await;
    let first = json!({ "diary": { "moods": ["LOW", "EVEN"], "note": null, "notes": null } });
    assert_eq!(client.expect("next", "1").await["data"]["diaries"]["changes"], json!([first]));
    run(&target, "ALTER TYPE mood ADD VALUE 'calm'").await;
    run(&target, "UPDATE diary SET note = '(calm,)', notes = '{NULL,\"(calm,x)\"}'").await;
    let second = json!({ "diary": { "moods": ["LOW", "EVEN"], "note": { "mood": "CALM" }, "notes": [null, { "mood": "CALM", "text": "x" }] } });
    assert_eq!(client.expect("next", "1").await["data"]["diaries"]["changes"], json!([second]));
    // Nor is one part taken for another.
    run(&target, "ALTER TYPE note ADD ATTRIBUTE weight int, DROP ATTRIBUTE text, ADD ATTRIBUTE place text").await;
    run(&target, "UPDATE diary SET note = '(low,5,here)', notes = NULL").await;
    let ended = client.expect("error", "1").await;
    assert_eq!(ended[0]["extensions"]["code"], "SCHEMA_CHANGED", "{ended}");
    let read = target.data("{ diaries { nodes { note { mood weight place } } } }").await;
    let third = json!({ "note": { "mood": "LOW", "weight": 5, "place": "here" } });
    assert_eq!(read["diaries"]["nodes"], json!([third]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_value_of_an_enum_is_judged_in_a_part_too() {
    let tables = "CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE note AS (mood mood, text text);
        CREATE TYPE page AS (note note); CREATE TABLE diary (id int PRIMARY KEY, note note, page page);";
    let target = Target::serving(tables, &["--progress-interval", "3600"]).await;
    let mut client = Client::ready(&target.server.base).await;
    for (id, filter) in
        [("note", "note: {parts: {mood: {gt: LOW}}}"), ("page", "page: {parts: {note: {parts: {mood: {lt: HIGH}}}}}")]
    {
        let query = format!("subscription {{ diaries(where: {{{filter}}}) {{ reset changes {{ op }} }} }}");
        client.subscribe(id, &query).await;
        assert_eq!(client.expect("next", id).await["data"]["diaries"]["reset"], "START");
    }
    run(&target, "ALTER TYPE mood ADD VALUE 'even' BEFORE 'high'").await;
    run(&target, "INSERT INTO diary VALUES (1, '(even,)', '(\"(even,)\")')").await;
    let mut messages = [client.next_message().await, client.next_message().await];
    messages.sort_by_key(|message| message["id"].to_string());
    for (message, id) in messages.iter().zip(["note", "page"]) {
        let told = json!({ "diaries": { "reset": null, "changes": [{ "op": "PUT" }] } });
        assert_eq!((&message["id"], &message["payload"]["data"]), (&json!(id), &told));
    }
}

/// The schema becomes another a moment after the database did.
async fn until_known(target: &Target, query: &str) -> Value {
    for _ in 0..500 {
        let mut answer = target.send(query).await;
        if answer.get("errors").is_none() {
            return answer["data"].take();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never answered: {query}: {}", target.send(query).await);
}
