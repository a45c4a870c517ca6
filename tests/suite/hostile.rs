//! Documents made to hurt: each must end in a plain error with its code, soon, and leave a server that answers.
//! Those that are small enough to be read stand in `tests/golden/documents`.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::world::Server;

/// Far more than any of them takes on a machine that does ten other things, far less than any of them would take
/// without limits.
const SOON: Duration = Duration::from_secs(20);

/// What is nested a thousand times is long as well.
const TOO_DEEP: [&str; 3] = ["NESTING_LIMIT_EXCEEDED", "TOKENS_LIMIT_EXCEEDED", "DOCUMENT_TOO_LARGE"];

struct Target {
    server: Server,
    http: Client,
}

impl Target {
    async fn start() -> Self {
        Self { server: Server::start(&[]).await, http: Client::new() }
    }

    async fn send(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.server.base)).json(&body).timeout(SOON);
        let started = Instant::now();
        let response = request.send().await.unwrap_or_else(|error| panic!("{error}: {:.200}", body.to_string()));
        let answer = response.json().await.expect("JSON");
        assert!(started.elapsed() < SOON);
        answer
    }

    /// Answered without an error.
    async fn allows(&self, query: &str) {
        let answer = self.send(query, Value::Null).await;
        assert!(answer.get("errors").is_none(), "{answer:.500} for {query:.100}");
    }

    /// Refused with this code, in one answer that is no flood itself; and the next request is answered.
    async fn refuses(&self, code: &str, query: &str, variables: Value) {
        self.refuses_by_one_of(&[code], query, variables).await;
    }

    /// The same, where more than one limit is exceeded.
    async fn refuses_by_one_of(&self, codes: &[&str], query: &str, variables: Value) {
        let answer = self.send(query, variables).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let code = code.unwrap_or_else(|| panic!("{answer:.300} for {query:.100}"));
        assert!(codes.contains(&code), "{answer} for {query:.100}");
        assert!(answer.to_string().len() < 20_000, "{} bytes of errors for {query:.100}", answer.to_string().len());
        assert_eq!(self.send("{ __typename }", Value::Null).await, json!({ "data": { "__typename": "Query" } }));
    }
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

#[tokio::test]
async fn nesting_is_refused_before_it_can_overflow_a_stack() {
    let target = Target::start().await;
    for depth in [100, 1_600, 30_000] {
        let lists = nested("[", "]", depth);
        let queries = [
            format!("{{ tasks(where: {{tags: {{eq: {lists}}}}}) {{ totalCount }} }}"),
            format!("query($x: JSON = {lists}) {{ __typename }}"),
            format!("query($x: {}) {{ __typename }}", nested("[", "]", depth).replacen("[]", "[Int]", 1)),
            format!("mutation {{ createLabel(label: {{name: {lists}}}) {{ id }} }}"),
        ];
        for query in queries.iter().filter(|query| query.len() < 64 << 10) {
            target.refuses_by_one_of(&TOO_DEEP, query, Value::Null).await;
        }
    }
    for depth in [100, 1_600, 6_000] {
        for query in [
            nested("{a", "}", depth),
            format!("{{ tasks(where: {}) {{ totalCount }} }}", nested("{not: ", "}", depth).replacen("}", "{}}", 1)),
            nested("{ ... on Query ", "}", depth).replacen("}", "{ __typename } }", 1),
        ] {
            target.refuses_by_one_of(&TOO_DEEP, &query, Value::Null).await;
        }
    }
    target.refuses("GRAPHQL_PARSE_FAILED", &format!("{{ {} }}", "(".repeat(9_000)), Value::Null).await;
}

#[tokio::test]
async fn nesting_in_variables_is_refused() {
    let target = Target::start().await;
    let query = "query($x: TaskFilter) { tasks(where: $x) { totalCount } }";
    let json =
        "mutation($x: JSON) { patchTask(id: \"30000000-0000-4000-8000-000000000001\", patch: {meta: $x}) { id } }";
    let mut filter = json!({});
    let mut list = json!([]);
    for depth in 1..=100 {
        filter = json!({ "not": filter });
        list = json!([list]);
        if depth == 60 {
            let answer = target.send(query, json!({ "x": filter })).await;
            assert_eq!(answer["data"]["tasks"]["totalCount"], 160, "{answer}");
        }
    }
    target.refuses("NESTING_LIMIT_EXCEEDED", query, json!({ "x": filter })).await;
    target.refuses("NESTING_LIMIT_EXCEEDED", json, json!({ "x": list })).await;
    // Beyond what the reader of JSON itself takes.
    let deep = format!(r#"{{"query":"{{ __typename }}","variables":{{"x":{}}}}}"#, nested("[", "]", 100_000));
    let request = target.http.post(format!("{}/graphql", target.server.base)).body(deep);
    let response = request.header("content-type", "application/json").send().await.expect("a response");
    assert!(response.status().as_u16() < 500);
    target.refuses("BAD_USER_INPUT", "query($x: String!) { projectBySlug(slug: $x) { id } }", Value::Null).await;
}

#[tokio::test]
async fn fragments_that_double_are_refused() {
    let target = Target::start().await;
    for levels in [13, 24, 60, 500] {
        let mut query = String::from("{ task(id: \"30000000-0000-4000-8000-000000000001\") { ...F0 } }");
        for level in 0..levels {
            let (one, next) = (level, level + 1);
            query.push_str(&format!(
                " fragment F{one} on Task {{ a: parent {{ ...F{next} }} b: parent {{ ...F{next} }} }}"
            ));
        }
        query.push_str(&format!(" fragment F{levels} on Task {{ title }}"));
        let codes =
            ["FIELDS_LIMIT_EXCEEDED", "DEPTH_LIMIT_EXCEEDED", "TOKENS_LIMIT_EXCEEDED", "NESTING_LIMIT_EXCEEDED"];
        target.refuses_by_one_of(&codes, &query, Value::Null).await;
        // The same without a level between: every spread selects the same fields again.
        let flat = query.replace("a: parent { ", "").replace(" } b: parent {", "").replace(" } }", " }");
        let answer = target.send(&flat, Value::Null).await;
        assert!(answer.get("errors").is_some() || answer["data"]["task"]["title"].is_string(), "{answer}");
    }
    target.send("{ __typename }", Value::Null).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let target = Target::start().await;
    let aliases = |count: usize, field: &str| -> String { (0..count).map(|n| format!("a{n}:{field} ")).collect() };
    let key = "(id: \"30000000-0000-4000-8000-000000000001\")";
    let spreads = "...F ".repeat(60);
    let parents = nested("{ parent ", "}", 25).replacen(" }", " { id } }", 1);
    let lists = |levels| nested("{ nodes { project { tasks ", "} } }", levels).replacen("}", "{ totalCount } }", 1);
    for (code, query) in [
        ("DOCUMENT_TOO_LARGE", format!("{{ __typename }} #{}", "x".repeat(70_000))),
        ("TOKENS_LIMIT_EXCEEDED", format!("{{ {} }}", aliases(4_000, "a"))),
        ("ROOT_FIELDS_LIMIT_EXCEEDED", format!("{{ {} }}", aliases(51, &format!("task{key} {{ id }}")))),
        ("TOKENS_LIMIT_EXCEEDED", format!("{{ task{key} {{ {} }} }}", aliases(5_000, "id"))),
        (
            "FIELDS_LIMIT_EXCEEDED",
            format!("{{ task{key} {{ {spreads} }} }} fragment F on Task {{ {} }}", aliases(100, "id")),
        ),
        ("DEPTH_LIMIT_EXCEEDED", format!("{{ task{key} {parents} }}")),
        ("DEPTH_LIMIT_EXCEEDED", format!("{{ tasks {} }}", lists(9))),
        ("COST_LIMIT_EXCEEDED", format!("{{ tasks {} }}", lists(4))),
        (
            "FIELDS_LIMIT_EXCEEDED",
            format!("{{ __schema {{ types {{ {spreads} }} }} }} fragment F on __Type {{ {} }}", aliases(100, "name")),
        ),
    ] {
        target.refuses(code, &query, Value::Null).await;
    }
}

#[tokio::test]
async fn each_limit_is_a_setting_and_its_refusal_names_it() {
    let flags = "--max-document-bytes 300 --max-tokens 70 --max-nesting 8 --max-fields 12 --max-depth 6 --max-root-fields 3 \
        --max-cost 60 --max-rows 20 --default-rows 5 --max-offset 10";
    let server = Server::start(&flags.split_whitespace().collect::<Vec<_>>()).await;
    let target = Target { server, http: Client::new() };
    let key = "(id: \"30000000-0000-4000-8000-000000000001\")";
    for (code, setting, query) in [
        (
            "DOCUMENT_TOO_LARGE",
            "300 are allowed (setting: --max-document-bytes)",
            format!("{{ __typename }} #{:300}", ""),
        ),
        (
            "TOKENS_LIMIT_EXCEEDED",
            "70 tokens (setting: --max-tokens)",
            format!("{{ {} }}", "a: __typename ".repeat(20)),
        ),
        ("NESTING_LIMIT_EXCEEDED", "8 levels deep (setting: --max-nesting)", nested("{ a ", "}", 12)),
        (
            "FIELDS_LIMIT_EXCEEDED",
            "12 are allowed (setting: --max-fields)",
            format!("{{ task{key} {{ {} }} }}", "id ".repeat(12)),
        ),
        (
            "DEPTH_LIMIT_EXCEEDED",
            "6 are allowed (setting: --max-depth)",
            format!("{{ task{key} {{ parent {{ parent {{ parent {{ parent {{ parent {{ id }} }} }} }} }} }} }}"),
        ),
        (
            "ROOT_FIELDS_LIMIT_EXCEEDED",
            "3 are allowed (setting: --max-root-fields)",
            "{ a:__typename b:__typename c:__typename d:__typename }".to_owned(),
        ),
        (
            "ROWS_LIMIT_EXCEEDED",
            "20 is the most that is allowed (setting: --max-rows)",
            "{ tasks(first: 21) { totalCount } }".to_owned(),
        ),
        (
            "OFFSET_LIMIT_EXCEEDED",
            "10 is the most that is allowed (setting: --max-offset)",
            "{ tasks(offset: 11) { totalCount } }".to_owned(),
        ),
        (
            "COST_LIMIT_EXCEEDED",
            "66 rows; 60 are allowed (setting: --max-cost)",
            "{ tasks(first: 11) { nodes { comments { nodes { id } } } } }".to_owned(),
        ),
    ] {
        let answer = target.send(&query, Value::Null).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{answer}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(setting)), "{answer} names {setting}");
    }
    // A list that only counts gives no rows; ten times (one and five) are allowed.
    target.allows("{ tasks(first: 20) { totalCount } }").await;
    target.allows("{ tasks(first: 10) { nodes { comments { edges { node { id } } } } } }").await;
}

#[tokio::test]
async fn the_deepest_that_settings_allow_fits_the_stack() {
    let server = Server::start(&["--max-nesting", "128", "--max-depth", "128"]).await;
    let target = Target { server, http: Client::new() };
    let key = "(id: \"30000000-0000-4000-8000-000000000001\")";
    let deep = nested("{ parent ", "}", 120).replacen("parent }", "parent { id } }", 1);
    target.allows(&format!("{{ task{key} {deep} }}")).await;
    let filter = nested("{not: ", "}", 120).replacen("}", "{}}", 1);
    target.allows(&format!("{{ tasks(where: {filter}) {{ totalCount }} }}")).await;
}

#[tokio::test]
async fn what_is_large_and_allowed_is_answered() {
    let target = Target::start().await;
    let key = "(id: \"30000000-0000-4000-8000-000000000001\")";
    let fields: String = (0..1_500).map(|n| format!("a{n}:title ")).collect();
    let answer = target.send(&format!("{{ task{key} {{ {fields} }} }}"), Value::Null).await;
    assert_eq!(answer["data"]["task"]["a1499"], "Ship version 2 of the app", "{answer:.300}");
    let roots: String = (0..50).map(|n| format!("a{n}: task{key} {{ title }} ")).collect();
    let answer = target.send(&format!("{{ {roots} }}"), Value::Null).await;
    assert_eq!(answer["data"]["a49"]["title"], "Ship version 2 of the app", "{answer:.300}");
    let deep = nested("{ parent ", "}", 22).replacen("parent }", "parent { id } }", 1);
    let answer = target.send(&format!("{{ task{key} {deep} }}"), Value::Null).await;
    assert_eq!(answer["data"]["task"]["parent"], Value::Null, "{answer:.300}");
    let keys: Vec<String> = (0..30_000).map(|n| format!("30000000-0000-4000-8000-{n:012}")).collect();
    let query = "query($keys: [UUID!]) { tasks(where: {id: {in: $keys}}) { totalCount } }";
    let answer = target.send(query, json!({ "keys": keys })).await;
    assert_eq!(answer["data"]["tasks"]["totalCount"], 160, "{answer:.300}");
}

#[tokio::test]
async fn filters_with_too_many_conditions_are_refused() {
    let target = Target::start().await;
    let query = "query($x: TaskFilter) { tasks(where: $x) { totalCount } }";
    let conditions: Vec<Value> = (0..70_000).map(|_| json!({ "title": { "eq": "" } })).collect();
    target.refuses("VALUES_LIMIT_EXCEEDED", query, json!({ "x": { "or": conditions } })).await;
    let conditions: Vec<Value> = (0..5_000).map(|n| json!({ "title": { "ne": n.to_string() } })).collect();
    let answer = target.send(query, json!({ "x": { "and": conditions } })).await;
    assert_eq!(answer["data"]["tasks"]["totalCount"], 160, "{answer:.300}");
}

#[tokio::test]
async fn values_that_are_huge_end_in_an_error_or_a_row() {
    let target = Target::start().await;
    let patch = "mutation($x: TaskPatchInput!) { patchTask(id: \"30000000-0000-4000-8000-000000000002\", patch: $x) { title } }";
    let long = "9".repeat(1_000_000);
    for (field, value) in
        [("points", json!(long)), ("estimate", json!(long)), ("due", json!(long)), ("status", json!(long))]
    {
        let code = if field == "status" { "BAD_USER_INPUT" } else { "DATA_INVALID" };
        target.refuses(code, patch, json!({ "x": { field: value } })).await;
    }
    let body = format!(r#"{{"query":{},"variables":{{"x":{{"position":1e999999}}}}}}"#, json!(patch));
    let request = target.http.post(format!("{}/graphql", target.server.base)).body(body);
    let response = request.header("content-type", "application/json").send().await.expect("a response");
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "DATA_INVALID", "{answer}");
    let text = "🌙".repeat(200_000);
    let answer = target.send(patch, json!({ "x": { "title": text } })).await;
    assert_eq!(answer["data"]["patchTask"]["title"], text);
}

/// As GraphiQL and code generators ask, from <https://github.com/graphql/graphql-js> `getIntrospectionQuery`.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name kind } mutationType { name kind } \
    subscriptionType { name kind } types { ...FullType } directives { name description locations args { ...InputValue } } } } \
    fragment FullType on __Type { kind name description specifiedByURL isOneOf \
    fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } \
    inputFields { ...InputValue } interfaces { ...TypeRef } \
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } } \
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue } \
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

#[tokio::test]
async fn introspection_as_tools_ask_for_it_is_answered() {
    let target = Target::start().await;
    let answer = target.send(INTROSPECTION, Value::Null).await;
    let types = answer["data"]["__schema"]["types"].as_array().unwrap_or_else(|| panic!("{answer:.500}"));
    assert!(types.iter().any(|ty| ty["name"] == "TaskChange" && ty["possibleTypes"].as_array().unwrap().len() == 3));
}
