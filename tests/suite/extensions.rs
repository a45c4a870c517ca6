//! Types whose extensions lie where no name is looked for: their own operators decide, not those of the types that they
//! can become.

use serde_json::{Value, json};

use crate::target::Target;

/// Words that differ in case, or are equal but for it.
const TABLES: &str = "
    CREATE SCHEMA other; CREATE EXTENSION citext SCHEMA other; CREATE DOMAIN word AS other.citext;
    CREATE TABLE tag (name other.citext PRIMARY KEY, size int NOT NULL);
    CREATE TABLE post (id int PRIMARY KEY, title other.citext NOT NULL, topic word, tag other.citext REFERENCES tag,
        UNIQUE (title, id));
    CREATE EXTENSION ltree SCHEMA other;
    CREATE TABLE place (path other.ltree PRIMARY KEY, parent other.ltree REFERENCES place);
    COMMENT ON CONSTRAINT place_parent_fkey ON place IS '@graphql({\"foreign_name\": \"outer\", \"local_name\": \"inner\"})';
    INSERT INTO place VALUES ('a', NULL), ('a.b', 'a');
    INSERT INTO tag VALUES ('b', 1), ('A', 2), ('C', 3), ('d', 4);
    INSERT INTO post SELECT n, (ARRAY['b', 'B', 'a', 'A', 'C', 'c'])[n % 6 + 1],
        (ARRAY['x', 'Y', 'X', 'Z', NULL])[n % 5 + 1], (ARRAY['B', 'a', 'c', NULL])[n % 4 + 1]
        FROM generate_series(1, 40) AS n;";

/// What posts are ordered by, in GraphQL and in SQL.
const ORDERS: [(&str, &str); 8] = [
    ("{title: ASC}", "p.title, p.id"),
    ("{title: DESC}", "p.title DESC, p.id"),
    ("[{title: DESC}, {id: DESC}]", "p.title DESC, p.id DESC"),
    ("[{topic: ASC}, {title: DESC}]", "p.topic, p.title DESC, p.id"),
    ("{topic: DESC_NULLS_LAST}", "p.topic DESC NULLS LAST, p.id"),
    ("{tagByTag: {name: ASC}}", "p.tag, p.id"),
    (
        "{tagByTag: {size: DESC_NULLS_LAST}}",
        "(SELECT size FROM tag t WHERE t.name OPERATOR(other.=) p.tag) DESC NULLS LAST, p.id",
    ),
    ("[{id: ASC}]", "p.id"),
];

/// The keys of a page, and where it stands.
async fn page(target: &Target, list: &str, order: &str, place: &str) -> (Vec<Value>, Value) {
    let query = format!(
        "{{ page: {list}(orderBy: {order}, {place}) {{ nodes {{ {} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}",
        if list == "tags" { "key: name" } else { "key: id" }
    );
    let mut page = target.data(&query).await["page"].take();
    let keys = page["nodes"].as_array().expect("nodes").iter().map(|node| node["key"].clone()).collect();
    (keys, page["pageInfo"].take())
}

/// Walks a list from its start to its end, and from its end to its start.
async fn both_ways(target: &Target, list: &str, order: &str, wanted: &[Value]) {
    let (mut forwards, mut place) = (Vec::new(), "first: 3".to_owned());
    loop {
        let (keys, info) = page(target, list, order, &place).await;
        forwards.extend(keys);
        if info["hasNextPage"] == false {
            break;
        }
        assert!(forwards.len() <= wanted.len(), "{order} goes on and on");
        place = format!("first: 3, after: {}", info["endCursor"]);
    }
    assert_eq!(forwards, wanted, "{list} by {order}");
    let (mut backwards, mut place) = (Vec::new(), "last: 3".to_owned());
    loop {
        let (keys, info) = page(target, list, order, &place).await;
        backwards.splice(0..0, keys);
        if info["hasPreviousPage"] == false {
            break;
        }
        assert!(backwards.len() <= wanted.len(), "{order} goes back and back");
        place = format!("last: 3, before: {}", info["startCursor"]);
    }
    assert_eq!(backwards, wanted, "{list} by {order}, backwards");
}

#[tokio::test]
async fn lists_are_walked_in_the_order_of_the_extension() {
    let target = Target::start(TABLES).await;
    for (order, by) in ORDERS {
        let wanted = target.ask(&format!("SELECT p.id::text FROM post AS p ORDER BY {by}")).await;
        let wanted: Vec<Value> = wanted.iter().map(|id| json!(id.parse::<i32>().expect("an id"))).collect();
        both_ways(&target, "posts", order, &wanted).await;
    }
    for (order, wanted) in [("{name: ASC}", ["A", "b", "C", "d"]), ("{name: DESC}", ["d", "C", "b", "A"])] {
        both_ways(&target, "tags", order, &wanted.map(Value::from)).await;
    }
}

#[tokio::test]
async fn rows_that_are_equal_by_the_extension_belong_together() {
    let target = Target::start(TABLES).await;
    let found = target
        .data("{ tag(name: \"a\") { name posts(first: 2) { totalCount nodes { tag tagByTag { name } } } } }")
        .await;
    let post = json!({ "tag": "a", "tagByTag": { "name": "A" } });
    let posts = json!({ "totalCount": 10, "nodes": [post, post] });
    assert_eq!(found["tag"], json!({ "name": "A", "posts": posts }));
    let found = target.data("{ tags(where: {posts: {none: {}}}) { nodes { name } } }").await;
    assert_eq!(found["tags"]["nodes"], json!([{ "name": "d" }]));

    let aggregates =
        target.data("{ postsAggregate { min { title topic } max { title topic } countDistinct { title } } }").await;
    let least: Vec<String> = target.ask("SELECT lower(other.min(title)::text) FROM post").await;
    assert_eq!(least, ["a"]);
    let of = |part: &str, column: &str| aggregates["postsAggregate"][0][part][column].as_str().map(str::to_lowercase);
    assert_eq!((of("min", "title"), of("max", "title")), (Some("a".to_owned()), Some("c".to_owned())));
    assert_eq!((of("min", "topic"), of("max", "topic")), (Some("x".to_owned()), Some("z".to_owned())));
    assert_eq!(aggregates["postsAggregate"][0]["countDistinct"]["title"], 3);

    // Of a type whose order is nothing to GraphQL.
    let found = target.data("{ places { nodes { path inner { nodes { path outer { path } } } } } }").await;
    let root = json!({ "path": "a", "inner": { "nodes": [{ "path": "a.b", "outer": { "path": "a" } }] } });
    assert_eq!(found["places"]["nodes"][0], root);

    // What was written is read again with what it relates to, by its key.
    let written = target
        .data("mutation { createTags(tags: [{name: \"E\", size: 5}, {name: \"f\", size: 6}]) { nodes { name posts { totalCount } } } }")
        .await;
    let rows = json!([{ "name": "E", "posts": { "totalCount": 0 } }, { "name": "f", "posts": { "totalCount": 0 } }]);
    assert_eq!(written["createTags"]["nodes"], rows);
    let patched =
        target.data("mutation { patchTag(name: \"e\", patch: {size: 7}) { name size posts { totalCount } } }").await;
    assert_eq!(patched["patchTag"], json!({ "name": "E", "size": 7, "posts": { "totalCount": 0 } }));
}
