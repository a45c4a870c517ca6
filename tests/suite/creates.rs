//! Rows that are created together: what is undone, what the stream tells, and keys of other shapes than the example's.
//! The usual cases stand in `tests/golden/mutations`.

use serde_json::{Value, json};

use crate::client::Client;
use crate::target::Target;

#[tokio::test]
async fn rows_of_several_tables_are_one_commit_in_the_stream() {
    let target = Target::start("SELECT").await;
    let mut socket = Client::ready(&target.server.base).await;
    let query = "subscription { sync { transaction more
        projects(where: {slug: {eq: \"together\"}}) { op ... on ProjectPut { project { slug } } }
        tasks(where: {title: {startsWith: \"Together\"}}) { op ... on TaskPut { task { title projectId } } }
        comments(where: {body: {startsWith: \"Together\"}}) { op ... on CommentPut { comment { body taskId } } } } }";
    socket.subscribe("sync", query).await;
    let copy = socket.expect("next", "sync").await;
    assert_eq!(copy["data"]["sync"]["projects"], json!([]));
    let created = target
        .send(
            "mutation { createTask(task: {title: \"Together 1\", authorId: \"10000000-0000-4000-8000-000000000001\",
                project: {name: \"Together\", slug: \"together\"},
                comments: [{body: \"Together a\", authorId: \"10000000-0000-4000-8000-000000000002\"},
                           {body: \"Together b\", author: {name: \"B\", email: \"b@example.org\"}}]}) { id projectId } }",
        )
        .await;
    let message = socket.expect("next", "sync").await;
    let told = &message["data"]["sync"];
    assert_eq!((&told["transaction"], &told["more"]), (&created["extensions"]["transaction"], &json!(false)));
    assert_eq!(told["projects"], json!([{ "op": "PUT", "project": { "slug": "together" } }]));
    let task = &created["data"]["createTask"];
    assert_eq!(
        told["tasks"],
        json!([{ "op": "PUT", "task": { "title": "Together 1", "projectId": task["projectId"] } }])
    );
    let mut comments = told["comments"].as_array().expect("changes").clone();
    // The order within a statement is Postgres' own.
    comments.sort_by_key(Value::to_string);
    let comment = |body: &str| json!({ "op": "PUT", "comment": { "body": body, "taskId": task["id"] } });
    assert_eq!(comments, [comment("Together a"), comment("Together b")]);
    socket.expect_silence().await;
}

#[tokio::test]
async fn keys_of_several_columns_are_filled_in() {
    let target = Target::start(
        "CREATE TABLE tenant (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text);
         CREATE TABLE folder (tenant_id int NOT NULL REFERENCES tenant, path text, PRIMARY KEY (tenant_id, path));
         CREATE TABLE file (tenant_id int, path text, name text, twin_id int REFERENCES tenant UNIQUE, PRIMARY KEY (tenant_id, path, name),
                            FOREIGN KEY (tenant_id, path) REFERENCES folder,
                            CONSTRAINT file_tenant FOREIGN KEY (tenant_id) REFERENCES tenant);
         CREATE TABLE sealed (id int PRIMARY KEY, tenant_id int GENERATED ALWAYS AS (id) STORED REFERENCES tenant);",
    )
    .await;
    let made = target
        .data(
            "mutation { createTenant(tenant: {name: \"A\", folders: [{path: \"/\", files: [{name: \"x\"}, {name: \"y\"}]}, {path: \"/b\"}]})
             { id name folders { nodes { path files { nodes { tenantId name } } } } } }",
        )
        .await;
    let file = |name: &str| json!({ "tenantId": 1, "name": name });
    assert_eq!(
        made["createTenant"],
        json!({ "id": "1", "name": "A", "folders": { "nodes": [
            { "path": "/", "files": { "nodes": [file("x"), file("y")] } }, { "path": "/b", "files": { "nodes": [] } },
        ] } })
    );
    // One row at most refers by a unique column: one object, no list.
    let twin = target
        .data(
            "mutation { createTenant(tenant: {name: \"B\", fileByTwin: {tenantId: 1, path: \"/b\", name: \"z\"}}) { fileByTwin { name folder { path } } } }",
        )
        .await;
    assert_eq!(twin["createTenant"], json!({ "fileByTwin": { "name": "z", "folder": { "path": "/b" } } }));
    // Both ways would fill in the tenant; and half of what the way to the folder fills in is given.
    for given in [
        "folder: {tenantId: 1, path: \"/c\"}, tenant: {name: \"C\"}, name: \"n\"",
        "folder: {tenantId: 1, path: \"/c\"}, path: \"/c\", name: \"n\"",
        "path: \"/c\", name: \"n\"",
    ] {
        assert_eq!(
            target.code(&format!("mutation {{ createFile(file: {{{given}}}) {{ name }} }}")).await,
            "BAD_USER_INPUT",
            "{given}"
        );
    }
    // A column that the database computes cannot be filled in.
    let sealed = target.code("mutation { createSealed(sealed: {id: 1, tenant: {name: \"D\"}}) { id } }").await;
    assert_eq!(sealed, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(target.ask("SELECT name FROM tenant ORDER BY id").await, ["A", "B"]);
}

#[tokio::test]
async fn nothing_stays_of_rows_whose_parent_a_trigger_kept_out() {
    let target = Target::serving(
        "CREATE TABLE crate (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text);
         CREATE TABLE item (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, crate_id int REFERENCES crate, name text);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.name = 'no' THEN RETURN NULL; END IF; RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE INSERT ON crate FOR EACH ROW EXECUTE FUNCTION keep();",
        &["--max-rows", "5"],
    )
    .await;
    for (mutation, code) in [
        ("createItem(item: {name: \"a\", crate: {name: \"no\"}}) { id }", "DATA_CHECK"),
        ("createCrate(crate: {name: \"no\", items: [{name: \"a\"}]}) { name }", "DATA_CHECK"),
        ("createCrates(crates: [{name: \"yes\"}, {name: \"no\", items: [{name: \"a\"}]}]) { count }", "DATA_CHECK"),
        ("createCrate(crate: {items: [{}, {}, {}, {}, {}]}) { id }", "ROWS_LIMIT_EXCEEDED"),
        ("createItems(items: [{crate: {}}, {crate: {}}, {crate: {}}]) { count }", "ROWS_LIMIT_EXCEEDED"),
    ] {
        assert_eq!(target.code(&format!("mutation {{ {mutation} }}")).await, code, "{mutation}");
    }
    assert_eq!(target.ask("SELECT name FROM crate UNION ALL SELECT name FROM item").await, [] as [&str; 0]);
    let made = target.data("mutation { createCrate(crate: {name: \"yes\", items: [{name: \"a\"}, {}, {}, {name: \"b\"}]}) { items { totalCount } } }").await;
    assert_eq!(made["createCrate"]["items"]["totalCount"], 4);
}
