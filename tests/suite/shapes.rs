//! What becomes of the tables, views and comments of a database that are not as plain as the example's.

use everwire::check::findings;
use serde_json::json;

use crate::client::Client;
use crate::target::Target;

#[tokio::test]
async fn comments_name_hide_and_declare() {
    let target = Target::start(
        r#"
        CREATE TABLE tbl_cust (cid int PRIMARY KEY, nm text NOT NULL, secret text DEFAULT 'x', customer int);
        COMMENT ON TABLE tbl_cust IS 'Who buys. @graphql({"name": "customer"})';
        COMMENT ON COLUMN tbl_cust.cid IS '@graphql({"name": "id"})';
        COMMENT ON COLUMN tbl_cust.nm IS '@graphql({"name": "name"}) What we call them.';
        COMMENT ON COLUMN tbl_cust.secret IS '@graphql({"omit": true})';
        CREATE TABLE customer (id int PRIMARY KEY, tbl_cust_id int REFERENCES tbl_cust);
        COMMENT ON CONSTRAINT customer_tbl_cust_id_fkey ON customer IS
          '@graphql({"foreign_name": "buyer", "local_name": "records"})';
        CREATE TABLE internal (id int PRIMARY KEY, customer_id int REFERENCES customer);
        COMMENT ON TABLE internal IS '@graphql({"omit": true})';
        INSERT INTO tbl_cust VALUES (1, 'Ada'), (2, 'Bob');
        INSERT INTO customer VALUES (7, 1);
        "#,
    )
    .await;
    let model = target.model(&["public"]).await;
    assert_eq!(model.ignored, [""; 0]);
    // The table that was given the name has it, and the one that only derives it gives way.
    assert!(model.clashes.iter().any(|clash| clash.contains("\"public\".\"customer\" is called `Customer2`")));
    let read = target
        .data("{ customer(id: 1) { id name customer records { nodes { id buyer { name } } } } customers2 { totalCount } }")
        .await;
    assert_eq!(
        read["customer"],
        json!({ "id": 1, "name": "Ada", "customer": null, "records": { "nodes": [{ "id": 7, "buyer": { "name": "Ada" } }] } })
    );
    let description = target.data("{ __type(name: \"Customer\") { description fields { name description } } }").await;
    assert_eq!(description["__type"]["description"], "Who buys.");
    let fields = description["__type"]["fields"].as_array().expect("fields");
    assert!(fields.iter().any(|field| field["name"] == "name" && field["description"] == "What we call them."));
    for hidden in [
        "{ customer(id: 1) { secret } }",
        "{ internals { totalCount } }",
        "{ customer2(id: 7) { internals { totalCount } } }",
    ] {
        assert!(target.refusal(hidden).await.contains("does not have a field"), "{hidden}");
    }
    // A put replaces what it can see, and the stream tells of the row although it has a column more.
    let mut client = Client::ready(&target.server.base).await;
    client
        .subscribe(
            "1",
            "subscription { customer(id: 1) { changes { op ... on CustomerPatch { changed patch { name } } } } }",
        )
        .await;
    client.expect("next", "1").await;
    target.data("mutation { putCustomer(customer: {id: 1, name: \"Eve\"}) { id } }").await;
    let message = client.expect("next", "1").await;
    assert_eq!(
        message["data"]["customer"]["changes"],
        json!([{ "op": "PATCH", "changed": ["name"], "patch": { "name": "Eve" } }])
    );
    assert_eq!(target.ask("SELECT secret FROM tbl_cust WHERE cid = 1").await, ["x"]);
}

#[tokio::test]
async fn directives_that_make_no_sense_are_reported_and_ignored() {
    let target = Target::start(
        r#"
        CREATE TABLE a (id int PRIMARY KEY, b int, c int);
        COMMENT ON TABLE a IS '@graphql({"primary_key_columns": ["b"], "foreign_keys": [
          {"local_columns": ["c"], "foreign_table": "nowhere", "foreign_columns": ["id"]},
          {"local_columns": ["x"], "foreign_table": "task", "foreign_columns": ["id"]},
          {"local_columns": ["b", "c"], "foreign_table": "task", "foreign_columns": ["id"]}]})';
        COMMENT ON COLUMN a.id IS '@graphql({"omit": true})';
        COMMENT ON COLUMN a.b IS '@graphql({"name": "1st"})';
        COMMENT ON COLUMN a.c IS 'See @graphql({"name": "d"';
        CREATE VIEW v AS SELECT id FROM a;
        COMMENT ON VIEW v IS '@graphql({"primary_key_columns": ["nothing"]})';
        CREATE VIEW w AS SELECT id FROM a;
        COMMENT ON VIEW w IS '@graphql({"colour": "red"})';
        "#,
    )
    .await;
    let model = target.model(&["public"]).await;
    let ignored = model.ignored.join("\n");
    let told = [
        "\"nowhere\"",
        "\"x\"",
        "as many columns",
        "is its own",
        "told apart",
        "\"1st\"",
        "@graphql({…JSON…})",
        "\"nothing\"",
        "colour",
    ];
    for told in told {
        assert!(ignored.contains(told), "{told} in:\n{ignored}");
    }
    assert_eq!(model.ignored.len(), told.len(), "{ignored}");
    let found = findings(&target.pool, &model).await.expect("findings");
    assert_eq!(found.iter().filter(|finding| finding.what.starts_with("Ignored")).count(), told.len());
    assert_eq!(target.data("{ a(id: 1) { id b c } vs { totalCount } }").await["a"], json!(null));
}

const VIEWS: &str = r#"
    CREATE VIEW open_task AS SELECT id, title, project_id, author_id, priority, priority > 3 AS urgent FROM task WHERE status <> 'done';
    COMMENT ON VIEW open_task IS 'What is left to do. @graphql({"primary_key_columns": ["id"], "foreign_keys": [
      {"local_columns": ["project_id"], "foreign_schema": "public", "foreign_table": "project", "foreign_columns": ["id"],
       "local_name": "openTasks", "foreign_name": "project"}]})';
    CREATE MATERIALIZED VIEW project_size AS SELECT project_id, count(*) AS tasks FROM task GROUP BY project_id;
    COMMENT ON MATERIALIZED VIEW project_size IS '@graphql({"primary_key_columns": ["project_id"], "foreign_keys": [
      {"local_columns": ["project_id"], "foreign_table": "project", "foreign_columns": ["id"], "local_name": "size"}]})';
    CREATE VIEW word AS SELECT DISTINCT unnest(tags) AS word FROM task;
    CREATE VIEW word_length AS SELECT word, length(word) FROM (VALUES ('one'), ('two')) AS words (word);
    COMMENT ON VIEW word_length IS '@graphql({"primary_key_columns": ["length"]})';
"#;

#[tokio::test]
async fn views_are_read_and_where_postgres_can_written() {
    let target = Target::start(VIEWS).await;
    let rows = target
        .data(
            "{ openTasks(where: {urgent: {eq: true}}, orderBy: [{title: ASC}], first: 2) { totalCount nodes { id title project { name size { tasks } openTasks { totalCount } } } pageInfo { endCursor hasNextPage } }
               words(orderBy: [{word: DESC}], first: 3) { nodes { word } pageInfo { hasNextPage } } }",
        )
        .await;
    let open = &rows["openTasks"]["nodes"][0];
    let expected = target
        .ask(
            "SELECT t.title || '|' || p.name || '|' || (SELECT count(*) FROM task x WHERE x.project_id = p.id) || '|' ||
               (SELECT count(*) FROM task x WHERE x.project_id = p.id AND x.status <> 'done')
             FROM task t JOIN project p ON p.id = t.project_id WHERE t.status <> 'done' AND t.priority > 3 ORDER BY t.title, t.id LIMIT 1",
        )
        .await;
    let project = &open["project"];
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let found = [&open["title"], &project["name"], &project["size"]["tasks"], &project["openTasks"]["totalCount"]];
    assert_eq!(found.map(text).join("|"), expected[0]);
    let shared = target.refusal("{ wordLength(length: 3) { word } }").await;
    assert!(shared.contains("more than one row has this key"), "{shared}");
    assert_eq!(rows["words"]["nodes"].as_array().map(Vec::len), Some(3));

    let id = open["id"].as_str().expect("an id");
    let by_key = target.data(&format!("{{ openTask(id: \"{id}\") {{ title }} }}")).await;
    assert_eq!(by_key["openTask"]["title"], open["title"]);
    let patched =
        target.data(&format!("mutation {{ patchOpenTask(id: \"{id}\", patch: {{priority: 1}}) {{ priority urgent project {{ name }} }} }}")).await;
    assert_eq!(
        patched["patchOpenTask"],
        json!({ "priority": 1, "urgent": false, "project": { "name": project["name"] } })
    );
    let owner =
        target.ask(&format!("SELECT project_id || '\", authorId: \"' || author_id FROM task WHERE id = '{id}'")).await;
    let new = format!("id: \"{id}\", title: \"New\", projectId: \"{}\"", owner[0]);
    let put = target.data(&format!("mutation {{ putOpenTask(openTask: {{{new}}}) {{ title priority }} }}")).await;
    // What was left out gets the default of the table below.
    assert_eq!(put["putOpenTask"], json!({ "title": "New", "priority": 2 }));
    let gone = target.data(&format!("mutation {{ deleteOpenTask(id: \"{id}\") {{ title }} }}")).await;
    assert_eq!(gone["deleteOpenTask"]["title"], "New");
    for refused in [
        "mutation { patchProjectSize(projectId: \"x\", patch: {tasks: 1}) { tasks } }",
        "mutation { createWord(word: {word: \"x\"}) { word } }",
        "{ word(word: \"x\") { word } }",
        &format!("mutation {{ patchOpenTask(id: \"{id}\", patch: {{urgent: true}}) {{ id }} }}"),
    ] {
        assert!(
            target.refusal(refused).await.contains("does not have a field")
                || target.refusal(refused).await.contains("urgent"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn views_are_not_followed_and_the_check_says_so() {
    let target = Target::start(VIEWS).await;
    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", "subscription { openTasks { sequence } }").await;
    let message = client.expect("error", "1").await.to_string();
    assert!(message.contains("`openTasks`: it is a view"), "{message}");
    let found = findings(&target.pool, &target.model(&["public"]).await).await.expect("findings");
    let about = |name: &str| -> String {
        found.iter().filter(|finding| finding.what.contains(name)).map(|finding| format!("{finding}\n")).collect()
    };
    assert!(about("\"open_task\"").contains("the log does not tell of it"));
    assert!(about("\"word\"").contains("primary_key_columns"));
    assert!(!about("\"project_size\"").contains("primary_key_columns"));
}

#[tokio::test]
async fn inherited_partitioned_and_foreign_tables() {
    let target = Target::start(
        r#"
        CREATE TABLE city (name text PRIMARY KEY, people int);
        CREATE TABLE capital (country text NOT NULL, PRIMARY KEY (name)) INHERITS (city);
        INSERT INTO city VALUES ('Lyon', 500000);
        INSERT INTO capital VALUES ('Paris', 2000000, 'France');
        CREATE TABLE event (id int, day date NOT NULL, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        CREATE TABLE event_rest PARTITION OF event DEFAULT;
        CREATE EXTENSION file_fdw;
        CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
        CREATE FOREIGN TABLE word_count (word text NOT NULL, count int)
          SERVER files OPTIONS (program 'printf ''apple,3\nbanana,5\n''', format 'csv');
        COMMENT ON FOREIGN TABLE word_count IS '@graphql({"primary_key_columns": ["word"]})';
        "#,
    )
    .await;
    let read = target
        .data(
            "{ cities { nodes { name } } capitals { nodes { name country } }
               wordCounts(orderBy: [{count: DESC}]) { nodes { word count } } wordCount(word: \"apple\") { count } }",
        )
        .await;
    assert_eq!(read["cities"]["nodes"], json!([{ "name": "Lyon" }, { "name": "Paris" }]));
    assert_eq!(read["capitals"]["nodes"], json!([{ "name": "Paris", "country": "France" }]));
    assert_eq!(read["wordCounts"]["nodes"], json!([{ "word": "banana", "count": 5 }, { "word": "apple", "count": 3 }]));
    assert_eq!(read["wordCount"], json!({ "count": 3 }));

    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", "subscription { cities { sequence } }").await;
    let refused = client.expect("error", "1").await[0]["message"].to_string();
    assert!(refused.contains("`City`") && refused.contains("inherit"), "{refused}");
    client.subscribe("2", "subscription { sync { capitals { op key { name } } events { op key { id day } } } }").await;
    client.expect("next", "2").await;
    let written = "mutation { createEvent(event: {id: 1, day: \"2026-05-01\"}) { id } createCapital(capital: {name: \"Rome\", country: \"Italy\"}) { name } }";
    target.data(written).await;
    let message = client.expect("next", "2").await["data"]["sync"].take();
    assert_eq!(message["events"], json!([{ "op": "PUT", "key": { "id": 1, "day": "2026-05-01" } }]));
    assert_eq!(message["capitals"], json!([{ "op": "PUT", "key": { "name": "Rome" } }]));
    let found = findings(&target.pool, &target.model(&["public"]).await).await.expect("findings");
    assert!(found.iter().any(|finding| finding.what.contains("\"city\" cannot be followed")));
}

#[tokio::test]
async fn a_join_table_is_a_relation_of_its_own() {
    let target = Target::start(
        r#"
        CREATE TABLE follow (follower_id uuid REFERENCES person, followed_id uuid REFERENCES person, since date,
                             PRIMARY KEY (follower_id, followed_id));
        COMMENT ON CONSTRAINT follow_follower_id_fkey ON follow IS '@graphql({"through_name": "heroes"})';
        INSERT INTO follow SELECT a.id, b.id FROM person a, person b WHERE a.name < b.name;
        CREATE TABLE room (building text, number int, PRIMARY KEY (building, number));
        CREATE TABLE meeting (id int PRIMARY KEY);
        CREATE TABLE meeting_room (meeting_id int REFERENCES meeting, building text, number int, seats int,
          PRIMARY KEY (building, number, meeting_id), FOREIGN KEY (building, number) REFERENCES room);
        INSERT INTO room VALUES ('A', 1), ('A', 2), ('B', 1);
        INSERT INTO meeting VALUES (1), (2);
        INSERT INTO meeting_room VALUES (1, 'A', 1, 5), (1, 'B', 1, 6), (2, 'A', 1, 7);
        "#,
    )
    .await;
    let rows = target
        .data(
            "{ meetings { nodes { id rooms(orderBy: [{building: DESC}], first: 1) { totalCount nodes { building number meetings { nodes { id } } } pageInfo { hasNextPage } } } }
               labels(orderBy: [{name: ASC}]) { nodes { name tasks(where: {priority: {gte: 3}}) { totalCount } } }
               people(orderBy: [{name: ASC}]) { nodes { heroes { totalCount } peopleByFollower { totalCount } } } }",
        )
        .await;
    assert_eq!(
        rows["meetings"]["nodes"],
        json!([
            { "id": 1, "rooms": { "totalCount": 2, "nodes": [{ "building": "B", "number": 1, "meetings": { "nodes": [{ "id": 1 }] } }], "pageInfo": { "hasNextPage": true } } },
            { "id": 2, "rooms": { "totalCount": 1, "nodes": [{ "building": "A", "number": 1, "meetings": { "nodes": [{ "id": 1 }, { "id": 2 }] } }], "pageInfo": { "hasNextPage": false } } }
        ])
    );
    let expected = target
        .ask(
            "SELECT json_build_object('name', name, 'tasks', json_build_object('totalCount', (SELECT count(*) FROM task_label
               JOIN task ON task.id = task_id WHERE label_id = label.id AND priority >= 3)))::text FROM label ORDER BY name",
        )
        .await;
    let expected: Vec<serde_json::Value> =
        expected.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows["labels"]["nodes"], json!(expected));
    let people = rows["people"]["nodes"].as_array().expect("people");
    for (index, person) in people.iter().enumerate() {
        let (after, before) = (people.len() - 1 - index, index);
        assert_eq!(*person, json!({ "heroes": { "totalCount": after }, "peopleByFollower": { "totalCount": before } }));
    }
}
