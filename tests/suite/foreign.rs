//! Tables of another server: read, and written where their wrapper can. The other server is the same one, over a
//! connection that Postgres opens.

use everwire::check::findings;
use serde_json::json;
use url::Url;

use crate::client::Client;
use crate::target::Target;
use crate::world::World;

/// What is there, and what is seen of it here.
const TABLES: &str = r#"
    CREATE SCHEMA remote;
    CREATE TABLE remote.shelf (code text PRIMARY KEY, place text NOT NULL);
    CREATE TABLE remote.book (id int PRIMARY KEY, title text NOT NULL UNIQUE, copies int DEFAULT 9 CHECK (copies >= 0),
        words text[], shelf_code text REFERENCES remote.shelf ON DELETE CASCADE);
    INSERT INTO remote.shelf VALUES ('A', 'left');
    INSERT INTO remote.book VALUES (1, 'One', 1, '{a}', 'A'), (2, 'Two', 2, NULL, 'A'), (3, 'Three', 3, '{}', NULL);
    CREATE FOREIGN TABLE shelf (code text NOT NULL, place text NOT NULL) SERVER loop OPTIONS (schema_name 'remote');
    CREATE FOREIGN TABLE book (id int NOT NULL, title text NOT NULL, copies int DEFAULT 1, words text[], shelf_code text)
        SERVER loop OPTIONS (schema_name 'remote');
    COMMENT ON FOREIGN TABLE shelf IS '@graphql({"primary_key_columns": ["code"]})';
    COMMENT ON FOREIGN TABLE book IS '@graphql({"primary_key_columns": ["id"], "foreign_keys": [
        {"local_columns": ["shelf_code"], "foreign_table": "shelf", "foreign_columns": ["code"], "foreign_name": "shelf"}]})';
    CREATE FOREIGN TABLE kept (id int, title text) SERVER loop OPTIONS (schema_name 'remote', table_name 'book', updatable 'false');
    COMMENT ON FOREIGN TABLE kept IS '@graphql({"primary_key_columns": ["id"]})';
    CREATE FOREIGN TABLE keyless (id int, title text) SERVER loop OPTIONS (schema_name 'remote', table_name 'book');
    CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE unreachable (id int) SERVER nowhere;
    COMMENT ON FOREIGN TABLE unreachable IS '@graphql({"primary_key_columns": ["id"]})';"#;

async fn start() -> Target {
    let world = World::start().await;
    let url = Url::parse(world.url()).expect("an address");
    let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let database = url.path().trim_start_matches('/');
    let sql = format!(
        "CREATE EXTENSION postgres_fdw;
         CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', port '{port}', dbname '{database}');
         CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS (user '{user}', password '{password}'); {TABLES}"
    );
    Target::over(world, &sql, &[]).await
}

#[tokio::test]
async fn rows_of_another_server_are_written() {
    let target = start().await;
    let book = "id title copies words shelf { place }";
    let created = target
        .data(&format!(
            "mutation {{ createBook(book: {{id: 4, title: \"Four\", words: [\"x\", null], shelfCode: \"A\"}}) {{ {book} }} }}"
        ))
        .await;
    // The default is that of the table here.
    let four = json!({ "id": 4, "title": "Four", "copies": 1, "words": ["x", null], "shelf": { "place": "left" } });
    assert_eq!(created["createBook"], four);
    assert_eq!(target.ask("SELECT title || copies FROM remote.book WHERE id = 4").await, ["Four1"]);
    let several = target
        .data("mutation { createBooks(books: [{id: 5, title: \"Five\"}, {id: 6, title: \"Six\", copies: 6}]) { count nodes { id copies } } }")
        .await;
    assert_eq!(
        several["createBooks"],
        json!({ "count": 2, "nodes": [{ "id": 5, "copies": 1 }, { "id": 6, "copies": 6 }] })
    );

    let patched = target
        .data(&format!(
            "mutation {{ patchBook(id: 4, patch: {{title: \"Vier\"}}, increment: {{copies: 2}}, ifMatch: {{copies: {{eq: 1}}}}) {{ {book} }}
               none: patchBook(id: 99, patch: {{title: \"x\"}}) {{ id }} }}"
        ))
        .await;
    let patch = json!({ "id": 4, "title": "Vier", "copies": 3, "words": ["x", null], "shelf": { "place": "left" } });
    assert_eq!(patched, json!({ "patchBook": patch, "none": null }));
    let conflict = "mutation { patchBook(id: 4, patch: {title: \"y\"}, ifMatch: {copies: {eq: 1}}) { id } }";
    assert_eq!(target.code(conflict).await, "CONFLICT");
    let several = target
        .data(
            "mutation { patchBooks(where: {copies: {gte: 3}}, append: {words: [\"z\"]}) { count nodes { id words } } }",
        )
        .await;
    let nodes =
        json!([{ "id": 3, "words": ["z"] }, { "id": 4, "words": ["x", null, "z"] }, { "id": 6, "words": ["z"] }]);
    assert_eq!(several["patchBooks"], json!({ "count": 3, "nodes": nodes }));

    let deleted = target
        .data(&format!(
            "mutation {{ deleteBook(id: 4) {{ {book} }} deleteBooks(where: {{id: {{gt: 4}}}}) {{ count }} }}"
        ))
        .await;
    assert_eq!((&deleted["deleteBook"]["title"], &deleted["deleteBooks"]["count"]), (&json!("Vier"), &json!(2)));
    assert_eq!(target.ask("SELECT string_agg(title, ' ' ORDER BY id) FROM remote.book").await, ["One Two Three"]);

    // A row with those that refer to it, and one with the row that it refers to.
    let nested = target
        .data(
            "mutation { createShelf(shelf: {code: \"B\", place: \"right\", books: [{id: 7, title: \"Seven\"}, {id: 8, title: \"Eight\"}]}) {
                 code books { nodes { id shelfCode } } }
               createBook(book: {id: 9, title: \"Nine\", shelf: {code: \"C\", place: \"top\"}}) { shelf { code place } } }",
        )
        .await;
    let books = json!([{ "id": 7, "shelfCode": "B" }, { "id": 8, "shelfCode": "B" }]);
    assert_eq!(nested["createShelf"], json!({ "code": "B", "books": { "nodes": books } }));
    assert_eq!(nested["createBook"], json!({ "shelf": { "code": "C", "place": "top" } }));
    // The other server has deleted them too, and it does so at once.
    let deleted = target.data("mutation { deleteShelf(code: \"B\") { place books { nodes { id } } } }").await;
    assert_eq!(deleted["deleteShelf"], json!({ "place": "right", "books": { "nodes": [] } }));
}

#[tokio::test]
async fn what_another_server_refuses_is_undone_everywhere() {
    let target = start().await;
    let wrong = [
        ("createBook(book: {id: 1, title: \"Uno\"}) { id }", "DATA_CONFLICT"),
        ("createBook(book: {id: 4, title: \"One\"}) { id }", "DATA_CONFLICT"),
        ("patchBook(id: 1, patch: {copies: -1}) { id }", "DATA_CHECK"),
        ("patchBook(id: 1, patch: {shelfCode: \"Z\"}) { id }", "DATA_REFERENCE"),
        ("createBook(book: {id: 4, title: \"a\\u0000\"}) { id }", "DATA_INVALID"),
    ];
    let person = target.ask("SELECT id::text FROM person ORDER BY id LIMIT 1").await.remove(0);
    let before = target.ask("SELECT name FROM person ORDER BY id LIMIT 1").await;
    for (mutation, code) in wrong {
        let query = format!(
            "mutation {{ patchPerson(id: \"{person}\", patch: {{name: \"x\"}}) {{ id }}
               createShelf(shelf: {{code: \"D\", place: \"x\"}}) {{ code }} {mutation} }}"
        );
        assert_eq!(target.code(&query).await, code, "{mutation}");
    }
    assert_eq!(target.ask("SELECT name FROM person ORDER BY id LIMIT 1").await, before);
    assert_eq!(target.ask("SELECT string_agg(code, ' ') FROM remote.shelf").await, ["A"]);
}

#[tokio::test]
async fn only_what_its_wrapper_can_is_offered() {
    let target = start().await;
    let fields =
        target.data("{ __schema { mutationType { fields { name } } } __type(name: \"BookPutInput\") { name } }").await;
    let mut names: Vec<String> = fields["__schema"]["mutationType"]["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .filter_map(|field| field["name"].as_str().map(str::to_owned))
        .filter(|name| ["Book", "Kept", "Keyless", "Unreachable"].iter().any(|table| name.contains(table)))
        .collect();
    names.sort();
    assert_eq!(names, ["createBook", "createBooks", "deleteBook", "deleteBooks", "patchBook", "patchBooks"]);
    assert_eq!(fields["__type"], json!(null));
    let read = target.data("{ kept(id: 2) { title } keylesses(where: {id: {eq: 3}}) { nodes { title } } }").await;
    assert_eq!(read, json!({ "kept": { "title": "Two" }, "keylesses": { "nodes": [{ "title": "Three" }] } }));

    let found = findings(&target.pool, &target.model(&["public"]).await).await.expect("findings");
    let read_only = |name: &str| {
        found.iter().any(|finding| finding.what.starts_with(&format!("\"public\".\"{name}\" cannot be written")))
    };
    assert_eq!(["kept", "unreachable", "book", "keyless"].map(read_only), [true, true, false, false]);

    let mut client = Client::ready(&target.server.base).await;
    client.subscribe("1", "subscription { books { sequence } }").await;
    let message = client.expect("error", "1").await.to_string();
    assert!(message.contains("`books`: it is a table of another server"), "{message}");
}
