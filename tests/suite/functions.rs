//! Functions of the database as fields: which of them, where, and what they may do.

use serde_json::json;

use crate::client::Client;
use crate::target::Target;

const FUNCTIONS: &str = r#"
    CREATE FUNCTION open_tasks(project uuid DEFAULT NULL) RETURNS SETOF task LANGUAGE sql STABLE AS
      $$ SELECT * FROM task WHERE status <> 'done' AND (project IS NULL OR project_id = project) $$;
    COMMENT ON FUNCTION open_tasks IS 'What is left to do.';
    CREATE FUNCTION busiest_person() RETURNS person LANGUAGE sql STABLE AS
      $$ SELECT p.* FROM person p JOIN task t ON t.assignee_id = p.id GROUP BY p.id ORDER BY count(*) DESC, p.name LIMIT 1 $$;
    CREATE FUNCTION nobody() RETURNS person LANGUAGE sql STABLE AS 'SELECT * FROM person WHERE false';
    CREATE FUNCTION shout(project) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1.name)';
    CREATE FUNCTION siblings(task, status task_status DEFAULT 'done') RETURNS SETOF task LANGUAGE sql STABLE AS
      'SELECT s.* FROM task s WHERE s.project_id = $1.project_id AND s.id <> $1.id AND s.status = $2';
    CREATE FUNCTION boss(task) RETURNS person LANGUAGE sql STABLE AS 'SELECT * FROM person WHERE id = $1.author_id';
    CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 + $2';
    CREATE FUNCTION big() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 9007199254740993';
    CREATE FUNCTION twice(word text, times int DEFAULT 2, sep text DEFAULT NULL) RETURNS text LANGUAGE sql IMMUTABLE AS
      'SELECT rtrim(repeat(word || coalesce(sep, ''-''), times), coalesce(sep, ''-''))';
    CREATE FUNCTION countdown(start int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT generate_series(start, 1, -1)';
    CREATE FUNCTION tags_of(task_id uuid) RETURNS text[] LANGUAGE sql STABLE AS 'SELECT tags FROM task WHERE id = task_id';
    CREATE FUNCTION next_status(s task_status) RETURNS task_status LANGUAGE sql IMMUTABLE AS
      $$ SELECT CASE s WHEN 'todo' THEN 'doing' ELSE 'done' END::task_status $$;
    CREATE TYPE span AS (since date, until date, notes text[]);
    CREATE FUNCTION span_of(s span DEFAULT ROW('2026-01-01', NULL, '{a}')::span) RETURNS span LANGUAGE sql IMMUTABLE AS 'SELECT s';
    CREATE FUNCTION spans(n int) RETURNS SETOF span LANGUAGE sql IMMUTABLE AS
      $$ SELECT ROW('2026-01-01'::date + g, NULL, NULL)::span FROM generate_series(1, n) g $$;
    CREATE FUNCTION extent(OUT first date, OUT last date) LANGUAGE sql STABLE AS 'SELECT min(due), max(due) FROM task';
    CREATE FUNCTION load(at_least int) RETURNS TABLE (person text, "open tasks" bigint) LANGUAGE sql STABLE AS
      $$ SELECT p.name, count(*) FROM person p JOIN task t ON t.assignee_id = p.id AND t.status <> 'done'
         GROUP BY p.name HAVING count(*) >= at_least ORDER BY 2 DESC, 1 $$;
    CREATE FUNCTION rename(id uuid, name text) RETURNS project LANGUAGE sql AS
      'UPDATE project p SET name = $2 WHERE p.id = $1 RETURNING p.*';
    CREATE FUNCTION finish_all(project uuid) RETURNS SETOF task LANGUAGE sql AS
      $$ UPDATE task SET status = 'done' WHERE project_id = project AND status <> 'done' RETURNING * $$;
    CREATE TABLE call (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
    CREATE FUNCTION note(text) RETURNS void LANGUAGE sql AS 'INSERT INTO call (note) VALUES ($1)';
    CREATE FUNCTION note_many(n int) RETURNS SETOF int LANGUAGE sql AS
      'INSERT INTO call (note) SELECT ''many'' FROM generate_series(1, n) RETURNING id';
    CREATE FUNCTION refuse(why text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', why; END $$;
    CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
    REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;
    CREATE FUNCTION hidden() RETURNS int LANGUAGE sql AS 'SELECT 1';
    COMMENT ON FUNCTION hidden IS '@graphql({"omit": true})';
    CREATE FUNCTION fn_named() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
    COMMENT ON FUNCTION fn_named IS 'One. @graphql({"name": "one"})';
"#;

#[tokio::test]
async fn functions_that_read_are_fields_of_query() {
    let target = Target::start(FUNCTIONS).await;
    let values = target
        .data(
            "{ add(arg1: 2, arg2: 3) big twice(word: \"a\") once: twice(word: \"a\", times: 1) sep: twice(word: \"a\", times: 3, sep: \"+\")
               nothing: twice(word: null) countdown(start: 3) rest: countdown(start: 5, first: 2, offset: 1)
               nextStatus(s: TODO) one nobody { name } }",
        )
        .await;
    assert_eq!(
        values,
        json!({ "add": 5, "big": "9007199254740993", "twice": "a-a", "once": "a", "sep": "a+a+a", "nothing": null,
            "countdown": [3, 2, 1], "rest": [4, 3], "nextStatus": "DOING", "one": 1, "nobody": null })
    );
    let spans = target.data("{ spanOf { since notes } other: spanOf(s: {until: \"2026-02-01\"}) { since until } spans(n: 2) { since } }").await;
    assert_eq!(
        spans,
        json!({ "spanOf": { "since": "2026-01-01", "notes": ["a"] }, "other": { "since": null, "until": "2026-02-01" },
            "spans": [{ "since": "2026-01-02" }, { "since": "2026-01-03" }] })
    );
}

#[tokio::test]
async fn functions_that_give_rows_are_lists_and_objects() {
    let target = Target::start(FUNCTIONS).await;
    let expected = target.ask("SELECT id::text FROM task WHERE status <> 'done' ORDER BY title, id").await;
    let rows = target
        .data(
            "{ openTasks(orderBy: [{title: ASC}], first: 2) { totalCount nodes { id project { name } } pageInfo { hasNextPage endCursor } }
               busiestPerson { name tasksByAssignee(first: 1) { totalCount } }
               extent { first last } load(atLeast: 2, first: 2) { person openTasks } }",
        )
        .await;
    let list = &rows["openTasks"];
    assert_eq!(
        (list["totalCount"].as_u64(), &list["nodes"][1]["id"]),
        (Some(expected.len() as u64), &json!(expected[1]))
    );
    let cursor = &list["pageInfo"]["endCursor"];
    let rest = target
        .data(&format!("{{ openTasks(orderBy: [{{title: ASC}}], after: {cursor}, first: 1000, where: {{priority: {{gte: 0}}}}) {{ nodes {{ id }} }} }}"))
        .await;
    let rest: Vec<&str> =
        rest["openTasks"]["nodes"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(rest, expected[2..]);
    let busiest = target.ask("SELECT count(*)::text FROM task WHERE assignee_id = (busiest_person()).id").await;
    assert_eq!(rows["busiestPerson"]["tasksByAssignee"]["totalCount"].to_string(), busiest[0]);
    assert_eq!(json!([rows["extent"]["first"]]), json!(target.ask("SELECT min(due)::text FROM task").await));
    let load = target
        .ask("SELECT json_build_object('person', person, 'openTasks', \"open tasks\"::text)::text FROM load(2) LIMIT 2")
        .await;
    let load: Vec<serde_json::Value> = load.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows["load"], json!(load));
    let described = target.data("{ __type(name: \"Query\") { fields { name description } } }").await;
    let fields = described["__type"]["fields"].as_array().expect("fields");
    assert!(fields.contains(&json!({ "name": "openTasks", "description": "What is left to do." })));
    for absent in [
        "{ secret }",
        "{ hidden }",
        "mutation { hidden }",
        "{ fnNamed }",
        "{ refuse(why: \"x\") }",
        "mutation { add(arg1: 1, arg2: 2) }",
    ] {
        assert!(target.refusal(absent).await.contains("does not have a field"), "{absent}");
    }
    assert!(target.refusal("{ add(arg1: 2) }").await.contains("arg2"));
    assert!(target.refusal("{ countdown(start: 2, first: 100000) }").await.contains("--max-rows"));
}

#[tokio::test]
async fn functions_of_a_row_are_fields_of_it() {
    let target = Target::start(FUNCTIONS).await;
    let rows = target
        .data(
            "{ projects(first: 1, orderBy: [{name: ASC}]) { nodes { name shout } edges { node { shout } } }
               tasks(first: 1, orderBy: [{title: ASC}]) { nodes { boss { name } author { name } siblings(first: 1) { totalCount } todo: siblings(status: TODO) { nodes { boss { name } } } } } }",
        )
        .await;
    let project = &rows["projects"]["nodes"][0];
    assert_eq!(project["shout"], json!(project["name"].as_str().expect("a name").to_uppercase()));
    assert_eq!(rows["projects"]["edges"][0]["node"]["shout"], project["shout"]);
    let task = &rows["tasks"]["nodes"][0];
    assert_eq!(task["boss"], task["author"]);
    let expected = "SELECT count(*)::text FROM (SELECT * FROM task ORDER BY title, id LIMIT 1) t, siblings(t::task)";
    assert_eq!(task["siblings"]["totalCount"].to_string(), target.ask(expected).await[0]);
    assert!(target.refusal("{ shout }").await.contains("does not have a field"));
    // Of a row that was just written it is as written.
    let id = target.ask("SELECT id::text FROM project ORDER BY name LIMIT 1").await.remove(0);
    let patched = target
        .data(&format!("mutation {{ patchProject(id: \"{id}\", patch: {{name: \"quiet\"}}) {{ shout }} }}"))
        .await;
    assert_eq!(patched["patchProject"]["shout"], "QUIET");
    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", &format!("subscription {{ project(id: \"{id}\") {{ changes {{ ... on ProjectPut {{ project {{ shout }} }} }} }} }}")).await;
    let refused = client.expect("error", "1").await.to_string();
    assert!(refused.contains("`shout`") && refused.contains("function"), "{refused}");
}

#[tokio::test]
async fn functions_that_may_write_are_mutations() {
    let target = Target::start(FUNCTIONS).await;
    let id = target
        .ask("SELECT project_id::text FROM task WHERE status <> 'done' GROUP BY 1 HAVING count(*) > 1 LIMIT 1")
        .await
        .remove(0);
    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", &format!("subscription {{ sync {{ transaction projects(where: {{id: {{eq: \"{id}\"}}}}) {{ op }} calls {{ op }} }} }}")).await;
    client.expect("next", "1").await;
    let query = format!(
        "mutation {{ rename(id: \"{id}\", name: \"New\") {{ name shout tasks(first: 1) {{ totalCount }} }} note(arg1: \"x\") noteMany(n: 3, first: 1) }}"
    );
    let answer = target.send(&query).await;
    assert_eq!(answer["data"]["rename"]["name"], "New", "{answer}");
    assert_eq!((&answer["data"]["rename"]["shout"], &answer["data"]["note"]), (&json!("NEW"), &json!(null)));
    // It ran to its end although one value of it was asked for.
    assert_eq!(answer["data"]["noteMany"].as_array().map(Vec::len), Some(1));
    let message = client.expect("next", "1").await["data"]["sync"].take();
    assert_eq!(message["transaction"], answer["extensions"]["transaction"]);
    assert_eq!(
        (message["projects"].as_array().map(Vec::len), message["calls"].as_array().map(Vec::len)),
        (Some(1), Some(4))
    );

    let open =
        target.ask(&format!("SELECT count(*)::text FROM task WHERE project_id = '{id}' AND status <> 'done'")).await;
    let finished = target
        .data(&format!("mutation {{ finishAll(project: \"{id}\", first: 1) {{ totalCount nodes {{ status }} }} }}"))
        .await;
    assert_eq!(finished["finishAll"]["totalCount"].to_string(), open[0]);
    assert_eq!(finished["finishAll"]["nodes"], json!([{ "status": "DONE" }]));
    let count = "SELECT count(*)::text FROM call";
    assert_eq!(target.ask(count).await, ["4"]);
    // Whatever is selected of it, it runs once; and all of a request is undone together.
    target.data("mutation { noteMany(n: 2, first: 0) }").await;
    assert_eq!(target.ask(count).await, ["6"]);
    assert_eq!(target.refusal("mutation { note(arg1: \"y\") refuse(why: \"no more\") }").await, "no more");
    assert_eq!(target.ask(count).await, ["6"]);
    let nobody =
        target.data("mutation { rename(id: \"00000000-0000-4000-8000-000000000000\", name: \"x\") { name } }").await;
    assert_eq!(nobody["rename"], json!(null));
}

#[tokio::test]
async fn only_what_the_role_may_execute_is_served() {
    let target = Target::start(FUNCTIONS).await;
    let limited = "CREATE ROLE limited LOGIN PASSWORD 'limited'";
    sqlx::query(limited).execute(&target.pool).await.expect("a role");
    let mut url = url::Url::parse(target.server.world.url()).expect("an address");
    url.set_username("limited").and_then(|()| url.set_password(Some("limited"))).expect("an address with a user");
    let pool = sqlx::PgPool::connect(url.as_str()).await.expect("Postgres answers");
    let model = everwire::model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
    let names: Vec<&str> = model.functions().map(|(_, function)| function.field.as_str()).collect();
    assert!(names.contains(&"big") && !names.contains(&"secret"), "{names:?}");
}

#[tokio::test]
async fn a_function_and_a_view_that_are_added_are_there() {
    let target = Target::serving("SELECT", &["--watch-schema", "on"]).await;
    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", "subscription { labels { sequence } }").await;
    client.expect("next", "1").await;
    sqlx::raw_sql(
        "CREATE FUNCTION answer() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 42';
        CREATE VIEW quick AS SELECT answer() AS value; UPDATE label SET color = color",
    )
    .execute(&target.pool)
    .await
    .expect("a function and a view");
    // What comes after it in the log comes after it.
    client.expect("next", "1").await;
    let found = target.data("{ answer quicks { nodes { value } } }").await;
    assert_eq!(found, json!({ "answer": 42, "quicks": { "nodes": [{ "value": 42 }] } }));
}
