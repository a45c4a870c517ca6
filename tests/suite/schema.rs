//! The schema of the example database is the one that is written down, and the page's examples fit it.

use std::fs;
use std::sync::Arc;

use everwire::caller::Caller;
use everwire::model::{self, Model};
use everwire::operation::{Documents, Limits};
use everwire::schema::{Question, Schema};

use crate::world::World;

async fn model(world: &World) -> Arc<Model> {
    Arc::new(model::load(&world.pool().await, &["public".to_owned()]).await.expect("the catalog"))
}

#[tokio::test]
async fn the_schema_is_the_one_in_the_repository() {
    let world = World::start().await;
    let schema = Schema::build(model(&world).await).expect("a valid schema");
    let written = fs::read_to_string("schema.graphql").unwrap_or_default();
    assert!(schema.sdl() == written, "schema.graphql is out of date: run `make schema` and look at the difference");
}

#[tokio::test]
async fn the_same_database_gives_the_same_schema() {
    let world = World::start().await;
    let first = Schema::build(model(&world).await).expect("a valid schema");
    let second = Schema::build(model(&world).await).expect("a valid schema");
    assert_eq!(first.sdl(), second.sdl());
    assert!(first.model.clashes.is_empty(), "{:?}", first.model.clashes);
}

#[tokio::test]
async fn the_examples_of_the_page_fit_the_schema() {
    let world = World::start().await;
    let schema = Arc::new(Schema::build(model(&world).await).expect("a valid schema"));
    let documents = Documents::new(schema, Limits::default());
    let mut seen = 0;
    for entry in fs::read_dir("web/src/graphiql/examples").expect("the examples") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("an example");
        let prepared = documents.prepare(&Caller::default(), &text, None);
        assert!(prepared.is_ok(), "{}: {:?}", path.display(), prepared.err());
        seen += 1;
    }
    assert!(seen >= 3);
}

#[tokio::test]
async fn names_that_clash_are_resolved_and_reported() {
    let world = World::start().await;
    let pool = world.pool().await;
    let tables = [
        r#"CREATE TABLE tasks (id int PRIMARY KEY, "not" int, "Project_id" int, project_id int)"#,
        r#"CREATE TABLE "query" (id int PRIMARY KEY)"#,
        r#"CREATE TABLE "__weird ""name"" 9" (" a b" text, "1st" text, "ä" text, "__typename" text)"#,
        "CREATE TABLE nothing ()",
        r"CREATE TABLE commented (id int PRIMARY KEY)",
        r#"COMMENT ON TABLE commented IS 'back\slash, """ three quotes, "one", and a line
end'"#,
        "CREATE TYPE mood AS ENUM ('so so', 'so-so', '', '42', 'true')",
        "CREATE TABLE moods (id int PRIMARY KEY, mood mood NOT NULL)",
    ];
    for table in tables {
        sqlx::query(table).execute(&pool).await.expect(table);
    }
    let schema = Schema::build(model(&world).await).expect("a valid schema");
    let again = Schema::build(model(&world).await).expect("a valid schema");
    assert_eq!(schema.sdl(), again.sdl());
    let clashes = schema.model.clashes.join("\n");
    for named in ["tasks", "project_id", "not", "query", "so-so"] {
        assert!(clashes.contains(named), "{named} in:\n{clashes}");
    }
}

#[tokio::test]
async fn what_the_schema_says_of_itself_is_worked_out_once() {
    let world = World::start().await;
    let schema = Schema::build(model(&world).await).expect("a valid schema");
    let question = |deprecated: bool| Question {
        text: "query Q($d: Boolean) { __schema { types { name fields(includeDeprecated: $d) { name } } } }".to_owned(),
        operation: Some("Q".to_owned()),
        variables: format!("{{\"d\":{deprecated}}}"),
    };
    let (first, second, other) = tokio::join!(
        schema.introspect(question(true)),
        schema.introspect(question(true)),
        schema.introspect(question(false))
    );
    assert!(Arc::ptr_eq(&first, &second), "who asks at the same time waits for the same answer");
    assert!(Arc::ptr_eq(&first, &schema.introspect(question(true)).await), "it is kept");
    assert!(!Arc::ptr_eq(&first, &other));
    let json: serde_json::Value =
        serde_json::from_slice(&first.as_ref().as_ref().expect("an answer")["__schema"]).expect("JSON");
    assert!(json["types"].as_array().is_some_and(|types| types.iter().any(|ty| ty["name"] == "Task")));
}
