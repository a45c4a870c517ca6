//! Geometries and geographies of PostGIS, where it is installed: what is written of them, what is read, how they are found.

use everwire::filter::{Filter, Lie, Test};
use everwire::model::{Kind, Model, Spatial};
use everwire::request;
use everwire::selection::{json_expression, write_value};
use everwire::sql::Statement;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::client::Client;
use crate::seed;
use crate::target::Target;
use crate::world::World;

mod shapes;

use shapes::Shape;

/// Whether the tests of this page can be run here; says so if not. `make test` installs what they need, where it may.
pub(crate) async fn is_missing(world: &World) -> bool {
    let found = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'";
    let found: i64 = sqlx::query_scalar(found).fetch_one(&world.pool().await).await.expect("a count");
    if found == 0 {
        println!("PostGIS is missing: its types are not tested. See `scripts/install-postgis`.");
    }
    found == 0
}

/// Not in the schema where tables lie, so that nothing is found by accident.
const PREPARE: &str = "CREATE SCHEMA \"geo-1\"; CREATE EXTENSION postgis SCHEMA \"geo-1\";";

/// A server over these tables beside PostGIS, if it is there.
async fn serving(tables: &str) -> Option<Target> {
    let world = World::start().await;
    if is_missing(&world).await {
        return None;
    }
    Some(Target::over(world, &format!("{PREPARE} {tables}"), &["--progress-interval", "3600"]).await)
}

#[tokio::test]
async fn any_geometry_is_the_same_bytes_in_a_query_and_in_the_log() {
    let world = World::start().await;
    if is_missing(&world).await {
        return;
    }
    let pool = world.pool().await;
    sqlx::raw_sql(PREPARE).execute(&pool).await.expect("PostGIS");
    let mut random = StdRng::seed_from_u64(seed::take());
    let mut counts = [0; 2];
    for _ in 0..20 {
        let shapes: Vec<Shape> = (0..1_500).map(|_| Shape::random(&mut random)).collect();
        let texts: Vec<String> = shapes.iter().map(|shape| shape.ewkb(shapes::srid(&mut random))).collect();
        compare(&pool, Spatial::Geometry(4326), &texts, &mut counts).await;
        let shapes: Vec<Shape> = (0..500).map(|_| Shape::on_earth(&mut random)).collect();
        let texts: Vec<String> = shapes.iter().map(|shape| shape.ewkb(4326)).collect();
        compare(&pool, Spatial::Geography(4326), &texts, &mut counts).await;
    }
    // Both ways of writing one are taken often.
    assert!(counts.iter().all(|count| *count > 5_000), "{counts:?}");
}

/// Asks Postgres for the JSON of geometries, writes that of the texts that it puts out, and counts objects and texts.
async fn compare(pool: &PgPool, spatial: Spatial, texts: &[String], counts: &mut [usize; 2]) {
    let model = Model { spatial_schema: Some("geo-1".to_owned()), ..Model::default() };
    let kind = Kind::Spatial(spatial);
    let sql = format!(
        "SELECT concat(g) AS text, to_json({})::text AS json FROM unnest($1::text[]) AS given(text), \
         LATERAL (SELECT given.text::\"geo-1\".{} AS g OFFSET 0) AS read",
        json_expression(&model, &kind, "g"),
        spatial.scalar().to_lowercase(),
    );
    for row in sqlx::query(AssertSqlSafe(sql)).bind(texts).fetch_all(pool).await.expect("rows") {
        let (text, expected): (String, String) = (row.get("text"), row.get("json"));
        let mut written = Vec::new();
        write_value(&model, &kind, &text, &mut written);
        assert_eq!(String::from_utf8(written).expect("UTF-8"), expected, "{text}");
        serde_json::from_str::<Value>(&expected).unwrap_or_else(|error| panic!("{error}: {expected}"));
        counts[usize::from(expected.starts_with('"'))] += 1;
    }
}

#[derive(serde::Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(serde::Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    shapes: Nodes<'a>,
}

#[derive(serde::Deserialize)]
struct Nodes<'a> {
    #[serde(borrow)]
    nodes: Vec<Node<'a>>,
}

#[derive(serde::Deserialize)]
struct Node<'a> {
    #[serde(borrow)]
    g: &'a RawValue,
}

#[tokio::test]
async fn what_was_read_of_a_geometry_can_be_written_again_without_loss() {
    let tables = "CREATE TABLE shape (id int PRIMARY KEY, g \"geo-1\".geometry);";
    let Some(target) = serving(tables).await else { return };
    let mut random = StdRng::seed_from_u64(seed::take());
    let texts: Vec<String> = (0..500).map(|_| Shape::sayable(&mut random).ewkb(shapes::srid(&mut random))).collect();
    let insert =
        "INSERT INTO shape SELECT n, g::\"geo-1\".geometry FROM unnest($1::text[]) WITH ORDINALITY AS given(g, n)";
    sqlx::query(insert).bind(&texts).execute(&target.pool).await.expect("rows");
    let http = reqwest::Client::new();
    let send = async |body: String| {
        let request = http.post(format!("{}/graphql", target.server.base)).header("content-type", "application/json");
        let text = request.body(body).send().await.expect("an answer").text().await.expect("text");
        assert!(!text.contains("\"errors\""), "{text}");
        text
    };
    let read = json!({ "query": "{ shapes(orderBy: {id: ASC}, first: 500) { nodes { g } } }" }).to_string();
    let before = send(read.clone()).await;
    assert!(!before.contains("{\"g\":\""), "all of them are objects");
    let Answer { data: Data { shapes: Nodes { nodes } } } = serde_json::from_str(&before).expect("the answer");
    assert_eq!(nodes.len(), texts.len());
    // As it was read, byte for byte: nothing here takes the numbers for numbers.
    let rows: Vec<String> =
        nodes.iter().enumerate().map(|(index, node)| format!(r#"{{"id":{},"g":{}}}"#, 501 + index, node.g)).collect();
    for rows in rows.chunks(100) {
        let query = "mutation($rows: [ShapeCreateInput!]!) { createShapes(shapes: $rows) { count } }";
        send(format!(r#"{{"query":"{query}","variables":{{"rows":[{}]}}}}"#, rows.join(","))).await;
    }
    assert_eq!(target.ask("SELECT concat(g) FROM shape WHERE id > 500 ORDER BY id").await, texts);
    sqlx::raw_sql("DELETE FROM shape WHERE id <= 500").execute(&target.pool).await.expect("half of the rows go");
    assert_eq!(send(read).await, before);
}

const PLACES: &str = "
    CREATE TABLE town (id int PRIMARY KEY, name text);
    CREATE TABLE place (id int PRIMARY KEY, name text, town_id int REFERENCES town, area \"geo-1\".geometry,
        at \"geo-1\".geography(Point));
    CREATE INDEX ON place USING gist (area);
    CREATE INDEX ON place USING gist (at);
    INSERT INTO town VALUES (1, 'Vienna'), (2, 'Graz');
    INSERT INTO place VALUES
        (1, 'square', 1, 'SRID=4326;POLYGON((0 0,4 0,4 4,0 4,0 0))', 'POINT(16.37 48.2)'),
        (2, 'inner', 1, 'SRID=4326;POLYGON((1 1,2 1,2 2,1 2,1 1))', 'POINT(16.38 48.2)'),
        (3, 'beside', 2, 'SRID=4326;POLYGON((4 0,6 0,6 4,4 4,4 0))', 'POINT(15.44 47.07)'),
        (4, 'line', 2, 'SRID=4326;LINESTRING(-1 2,5 2)', 'POINT(-74 40.7)'),
        (5, 'nowhere', NULL, NULL, NULL);
    ALTER TABLE place REPLICA IDENTITY FULL;";

#[tokio::test]
async fn places_are_found_by_how_they_lie() {
    let Some(target) = serving(PLACES).await else { return };
    let square = "{type: \"Polygon\", coordinates: [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}";
    // The same points, begun elsewhere.
    let turned = "{type: \"Polygon\", coordinates: [[[4, 0], [4, 4], [0, 4], [0, 0], [4, 0]]]}";
    let point = |x: f64, y: f64| format!("{{type: \"Point\", coordinates: [{x}, {y}]}}");
    let shifted = "{type: \"Polygon\", coordinates: [[[3, 3], [5, 3], [5, 5], [3, 5], [3, 3]]]}";
    let around = "{type: \"Polygon\", coordinates: [[[16, 48], [17, 48], [17, 49], [16, 49], [16, 48]]]}";
    for (condition, wanted) in [
        (format!("area: {{intersects: {}}}", point(1.5, 1.5)), vec![1, 2]),
        (format!("area: {{disjoint: {}}}", point(1.5, 1.5)), vec![3, 4]),
        (format!("area: {{contains: {}}}", point(1.5, 1.5)), vec![1, 2]),
        (format!("area: {{contains: {}}}", point(0.0, 2.0)), vec![4]),
        (format!("area: {{covers: {}}}", point(0.0, 2.0)), vec![1, 4]),
        (format!("area: {{within: {square}}}"), vec![1, 2]),
        (format!("area: {{coveredBy: {square}}}"), vec![1, 2]),
        (format!("area: {{overlaps: {shifted}}}"), vec![1, 3]),
        (format!("area: {{touches: {square}}}"), vec![3]),
        (format!("area: {{crosses: {square}}}"), vec![4]),
        (format!("area: {{equals: {turned}}}"), vec![1]),
        (format!("area: {{eq: {turned}}}"), vec![]),
        (format!("area: {{eq: {square}}}"), vec![1]),
        (format!("area: {{ne: {square}}}"), vec![2, 3, 4]),
        (format!("area: {{in: [{square}, {turned}]}}"), vec![1]),
        (format!("area: {{notIn: [{square}, {turned}]}}"), vec![2, 3, 4]),
        ("area: {isNull: true}".to_owned(), vec![5]),
        (format!("area: {{dWithin: {{from: {}, distance: 1.5}}}}", point(7.0, 2.0)), vec![3]),
        ("area: {intersects: \"SRID=4326;POINT(5 1)\"}".to_owned(), vec![3]),
        (format!("not: {{area: {{intersects: {square}}}}}"), vec![]),
        (format!("at: {{intersects: {around}}}"), vec![1, 2]),
        (format!("at: {{coveredBy: {around}}}"), vec![1, 2]),
        (format!("at: {{covers: {}}}", point(15.44, 47.07)), vec![3]),
        (format!("at: {{dWithin: {{from: {}, distance: 500}}}}", point(16.37, 48.2)), vec![1]),
        // 0.01 degrees of longitude are 743 metres there.
        (format!("at: {{dWithin: {{from: {}, distance: 750}}}}", point(16.37, 48.2)), vec![1, 2]),
        (format!("at: {{dWithin: {{from: {}, distance: 150000}}}}", point(16.37, 48.2)), vec![1, 2, 3]),
        (format!("at: {{eq: {}}}", point(16.37, 48.2)), vec![1]),
    ] {
        let data = target
            .data(&format!("{{ places(where: {{{condition}}}, orderBy: {{id: ASC}}) {{ nodes {{ id }} }} }}"))
            .await;
        let found: Vec<i64> =
            data["places"]["nodes"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_i64()).collect();
        assert_eq!(found, wanted, "{condition}");
    }
    let related =
        format!("{{ towns(where: {{places: {{some: {{area: {{crosses: {square}}}}}}}}}) {{ nodes {{ name }} }} }}");
    assert_eq!(target.data(&related).await["towns"]["nodes"], json!([{ "name": "Graz" }]));
    let aggregates = "{ placesAggregate(where: {at: {isNull: false}}) { count countDistinct { area at } } }";
    let wanted = json!([{ "count": 4, "countDistinct": { "area": 4, "at": 4 } }]);
    assert_eq!(target.data(aggregates).await["placesAggregate"], wanted);
    assert_eq!(target.code("{ places(orderBy: {area: ASC}) { nodes { id } } }").await, "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn an_index_serves_how_places_lie() {
    let Some(target) = serving(PLACES).await else { return };
    let model = target.model(&["public"]).await;
    let table = model.tables().map(|(_, table)| table).find(|table| table.names.one == "place").expect("the table");
    let column = |field: &str| table.column_by_field(field).expect("the column");
    let point = "0101000020E6100000000000000000F03F000000000000F03F".to_owned();
    let near = Test::Distance(point.clone(), "10".to_owned());
    let mut tests = vec![("area", near.clone()), ("at", near)];
    for lie in [
        Lie::Intersects,
        Lie::Contains,
        Lie::Within,
        Lie::Covers,
        Lie::CoveredBy,
        Lie::Overlaps,
        Lie::Touches,
        Lie::Crosses,
        Lie::Equals,
    ] {
        tests.push(("area", Test::Lie(lie, point.clone())));
        if matches!(lie, Lie::Intersects | Lie::Covers | Lie::CoveredBy) {
            tests.push(("at", Test::Lie(lie, point.clone())));
        }
    }
    let mut session = target.pool.acquire().await.expect("a connection");
    sqlx::raw_sql("SET enable_seqscan = off").execute(&mut *session).await.expect("a setting");
    for (field, test) in tests {
        let mut sql = Statement::new();
        sql.keyword("EXPLAIN SELECT id FROM place AS t WHERE ");
        Filter::Test(column(field), test.clone()).write(&model, table, "t", &mut sql);
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql.text.clone()));
        for bind in &sql.binds {
            query = query.bind(bind.clone());
        }
        let lines: Vec<String> = query.fetch_all(&mut *session).await.expect("a plan");
        let index = format!("place_{field}_idx");
        assert!(lines.iter().any(|line| line.contains(&index)), "{test:?}: {lines:?}");
    }
}

#[tokio::test]
async fn a_subscription_tells_of_geometries_and_refuses_filters_by_them() {
    let Some(target) = serving(PLACES).await else { return };
    let mut client = Client::ready(&target.server.base).await;
    let point = "{type: \"Point\", coordinates: [1, 2]}";
    for (number, (field, operator, operand)) in [
        ("area", "intersects", point),
        ("area", "equals", point),
        ("area", "dWithin", "{from: {type: \"Point\", coordinates: [1, 2]}, distance: 3}"),
        ("area", "eq", point),
        ("area", "notIn", "[]"),
        ("at", "covers", point),
        ("at", "ne", point),
    ]
    .into_iter()
    .enumerate()
    {
        let id = number.to_string();
        let query = format!("subscription {{ places(where: {{{field}: {{{operator}: {operand}}}}}) {{ sequence }} }}");
        client.subscribe(&id, &query).await;
        let refusal = client.expect("error", &id).await;
        assert_eq!(refusal[0]["extensions"]["code"], "UNSUPPORTED", "{refusal}");
        let named = format!("`{field}: {{{operator}: …}}`");
        assert!(refusal[0]["message"].as_str().is_some_and(|message| message.contains(&named)), "{refusal}");
    }
    let query = "subscription { places(where: {area: {isNull: false}, townId: {eq: 1}}) { changes { op key { id }
        ... on PlacePut { place { name area } } ... on PlacePatch { changed patch { area at } } } } }";
    client.subscribe("places", query).await;
    let mut changes = async || client.expect("next", "places").await["data"]["places"]["changes"].take();
    let square = json!({ "type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]] });
    let first = changes().await;
    assert_eq!(first[0]["place"], json!({ "name": "square", "area": square }), "{first}");
    let moved = "mutation { patchPlace(id: 2, patch: {area: {type: \"Point\", coordinates: [1, 2]}}) { area } }";
    let moved = target.data(moved).await;
    let area = json!({ "type": "Point", "coordinates": [1, 2] });
    assert_eq!(moved["patchPlace"]["area"], area);
    let patch =
        json!([{ "op": "PATCH", "key": { "id": 2 }, "changed": ["area"], "patch": { "area": area, "at": null } }]);
    let told = changes().await;
    assert_eq!(told[0]["changed"], patch[0]["changed"], "{told}");
    assert_eq!(told[0]["patch"]["area"], area, "{told}");
    target.data("mutation { patchPlace(id: 2, patch: {area: null}) { id } }").await;
    assert_eq!(changes().await, json!([{ "op": "DELETE", "key": { "id": 2 } }]));
}

#[tokio::test]
async fn what_is_no_geometry_is_refused() {
    let tables = format!(
        "{PLACES} CREATE TABLE grid (id int PRIMARY KEY, cell \"geo-1\".geometry(Polygon, 3857), cells \"geo-1\".geometry[]);"
    );
    let Some(target) = serving(&tables).await else { return };
    let point = "{type: \"Point\", coordinates: [1, 2]}";
    for (value, reason) in [
        ("area: {type: \"Point\"}", "`coordinates`"),
        ("area: {type: \"Feature\", geometry: null}", "Feature"),
        ("area: {coordinates: [1, 2]}", "`type`"),
        ("area: {type: \"Point\", coordinates: [1e999, 2]}", "too large"),
        ("area: {type: \"Point\", coordinates: [1, 2], crs: \"EPSG:3857\"}", "`crs`"),
        ("area: \"POINT(1\"", "parse error"),
        ("area: \"0101\"", "WKB"),
        ("area: \"\"", "parse error"),
        ("at: {type: \"LineString\", coordinates: [[1, 2], [3, 4]]}", "LineString"),
        ("at: {type: \"Point\", coordinates: [1, 2], crs: {properties: {name: \"EPSG:3857\"}}}", "lon/lat"),
    ] {
        let answer = target.send(&format!("mutation {{ createPlace(place: {{id: 9, {value}}}) {{ id }} }}")).await;
        let error = &answer["errors"][0];
        assert_eq!(
            (&error["extensions"]["code"], &error["path"]),
            (&json!("DATA_INVALID"), &json!(["createPlace"])),
            "{answer}"
        );
        assert!(error["message"].as_str().is_some_and(|message| message.contains(reason)), "{value}: {answer}");
    }
    for (value, code) in [
        (format!("cell: {point}"), "DATA_INVALID"),
        (
            "cell: {type: \"Polygon\", coordinates: [], crs: {properties: {name: \"EPSG:4326\"}}}".to_owned(),
            "DATA_INVALID",
        ),
        (format!("cells: [{point}, {{type: \"Point\"}}]"), "DATA_INVALID"),
        ("cell: 1".to_owned(), "BAD_USER_INPUT"),
        ("cell: [1, 2]".to_owned(), "BAD_USER_INPUT"),
    ] {
        let found = target.code(&format!("mutation {{ createGrid(grid: {{id: 9, {value}}}) {{ id }} }}")).await;
        assert_eq!(found, code, "{value}");
    }
    assert_eq!(target.ask("SELECT count(*)::text FROM grid").await, ["0"]);
}

#[tokio::test]
async fn what_postgis_refuses_in_a_filter_tells_nothing_of_other_rows() {
    let bow = "INSERT INTO place VALUES (6, 'bow', 1, 'SRID=4326;POLYGON((0 0,7 7,7 0,0 7,0 0))', NULL);";
    let Some(target) = serving(&format!("{PLACES} {bow}")).await else { return };
    let point = "{type: \"Point\", coordinates: [1, 2]}";
    let bow = "[[0, 0], [7, 7], [7, 0], [0, 7], [0, 0]]";
    for (condition, reason) in [
        ("area: {intersects: {type: \"Point\", coordinates: [1, 2], crs: null}}".to_owned(), "mixed SRID"),
        (format!("area: {{dWithin: {{from: {point}, distance: -1}}}}"), "Tolerance"),
        ("at: {intersects: \"CIRCULARSTRING(0 0,1 1,2 2)\"}".to_owned(), "CircularString"),
        ("area: {within: {type: \"Point\"}}".to_owned(), "`coordinates`"),
        // PostGIS says where the lines of the one that is stored cross.
        (
            format!("area: {{contains: {{type: \"MultiPolygon\", coordinates: [[{bow}], [{bow}]]}}}}"),
            "or cannot do with it",
        ),
    ] {
        let answer = target.send(&format!("{{ places(where: {{{condition}}}) {{ nodes {{ id }} }} }}")).await;
        let error = &answer["errors"][0];
        assert_eq!(
            (&error["extensions"]["code"], &error["path"]),
            (&json!("DATA_INVALID"), &json!(["places"])),
            "{answer}"
        );
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(reason) && !message.contains("3.5"), "{condition}: {answer}");
    }
}

#[tokio::test]
async fn geometries_are_in_lists_domains_composite_values_views_and_functions() {
    let tables = "
        CREATE DOMAIN spot AS \"geo-1\".geometry(Point, 3857);
        CREATE TYPE stop AS (name text, at \"geo-1\".geometry(PointZ, 3857), track \"geo-1\".geography[]);
        CREATE TABLE route (id int PRIMARY KEY, spot spot, spots spot[], stop stop, stops stop[], grid \"geo-1\".geometry[][]);
        ALTER TABLE route REPLICA IDENTITY FULL;
        CREATE VIEW high AS SELECT id, spot, \"geo-1\".st_buffer(spot, 0)::\"geo-1\".geometry AS nothing FROM route;
        COMMENT ON VIEW high IS '@graphql({\"primary_key_columns\": [\"id\"]})';
        CREATE FUNCTION route_middle(route route) RETURNS \"geo-1\".geometry STABLE LANGUAGE sql AS 'SELECT route.spot';
        CREATE FUNCTION moved(at \"geo-1\".geometry, by float8) RETURNS \"geo-1\".geometry STABLE LANGUAGE sql
            AS 'SELECT \"geo-1\".st_translate(at, by, by)';";
    let Some(target) = serving(tables).await else { return };
    let mut client = Client::ready(&target.server.base).await;
    let row = "spot spots stop { at track } stops { at track } grid";
    client
        .subscribe(
            "1",
            &format!("subscription {{ routes {{ changes {{ ... on RoutePut {{ route {{ {row} }} }} }} }} }}"),
        )
        .await;
    client.expect("next", "1").await;
    let query = format!("mutation($route: RouteCreateInput!) {{ createRoute(route: $route) {{ {row} }} }}");
    let plain = |x: i32| json!({ "type": "Point", "coordinates": [x, 2] });
    let web = |x: i32| {
        let crs = json!({ "type": "name", "properties": { "name": "EPSG:3857" } });
        json!({ "type": "Point", "coordinates": [x, 2], "crs": crs })
    };
    let high = json!({ "type": "Point", "coordinates": [1, 2, 3] });
    let route = json!({
        "id": 1, "spot": plain(1), "spots": [plain(1), null, plain(3)],
        "stop": { "at": high, "track": [plain(1), plain(2)] }, "stops": [{ "at": null, "track": [] }, null],
        "grid": [plain(1), plain(2)]
    });
    let mut high = high;
    high["crs"] = web(1)["crs"].clone();
    let wanted = json!({
        "spot": web(1), "spots": [web(1), null, web(3)],
        "stop": { "at": high, "track": [plain(1), plain(2)] }, "stops": [{ "at": null, "track": [] }, null],
        "grid": [plain(1), plain(2)]
    });
    let created = target.send_with(&query, &json!({ "route": route })).await;
    assert_eq!(created["data"]["createRoute"], wanted, "{created}");
    assert_eq!(target.data(&format!("{{ route(id: 1) {{ {row} }} }}")).await["route"], wanted);
    assert_eq!(client.expect("next", "1").await["data"]["routes"]["changes"][0]["route"], wanted);
    let append = "mutation { patchRoute(id: 1, append: {spots: [{type: \"Point\", coordinates: [4, 2]}]}) { spots } }";
    assert_eq!(target.data(append).await["patchRoute"]["spots"], json!([web(1), null, web(3), web(4)]));
    let view = target.data("{ high(id: 1) { spot nothing } }").await;
    let nothing = json!({ "type": "Polygon", "coordinates": [], "crs": web(1)["crs"] });
    assert_eq!(view["high"], json!({ "spot": web(1), "nothing": nothing }));
    let found = "query($spot: Geometry, $other: Geometry) { routes(where: {spot: {eq: $spot}, spots: {ne: []}, grid: {eq: [$spot, $other]}}) { nodes { routeMiddle } } }";
    let found = target.send_with(found, &json!({ "spot": plain(1), "other": plain(2) })).await;
    assert_eq!(found["data"]["routes"]["nodes"], json!([{ "routeMiddle": web(1) }]), "{found}");
    let near = |x: i32| {
        let near = format!("dWithin: {{from: {{type: \"Point\", coordinates: [{x}, 2]}}, distance: 1.5}}");
        let other = "ne: {type: \"Point\", coordinates: [1, 2]}";
        format!("{{ routes(where: {{stop: {{parts: {{at: {{{near}, {other}}}}}}}}}) {{ nodes {{ id }} }} }}")
    };
    assert_eq!(target.data(&near(2)).await["routes"]["nodes"], json!([{ "id": 1 }]));
    assert_eq!(target.data(&near(3)).await["routes"]["nodes"], json!([]));
    let moved = target.data("{ moved(at: {type: \"Point\", coordinates: [1, 2]}, by: 1.5) }").await;
    assert_eq!(moved["moved"], json!({ "type": "Point", "coordinates": [2.5, 3.5] }));
}

#[tokio::test]
async fn names_are_given_up_for_postgis_only_where_it_is() {
    let tables = "CREATE TABLE geometry (id int PRIMARY KEY); CREATE TABLE geography_distance (id int PRIMARY KEY);";
    let world = World::start().await;
    let pool = request::connect(world.url().parse().expect("an address"), 1, std::time::Duration::from_secs(30));
    sqlx::raw_sql(tables).execute(&pool).await.expect("tables");
    let names = async || {
        let model = everwire::model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
        let named = |(_, table): (_, &everwire::model::Table)| {
            table.sql.name.starts_with("geo").then(|| table.names.type_name.clone())
        };
        model.tables().filter_map(named).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["GeographyDistance", "Geometry"]);
    if is_missing(&world).await {
        return;
    }
    let more = format!("{PREPARE} CREATE TABLE spot (id int PRIMARY KEY, at \"geo-1\".geometry);");
    sqlx::raw_sql(AssertSqlSafe(more)).execute(&pool).await.expect("PostGIS");
    assert_eq!(names().await, ["GeographyDistance2", "Geometry2"]);
    // Its functions wrote less than all digits before this version.
    sqlx::raw_sql("UPDATE pg_extension SET extversion = '3.0.11' WHERE extname = 'postgis'")
        .execute(&pool)
        .await
        .expect("another version");
    let model = everwire::model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
    let spot = model.tables().map(|(_, table)| table).find(|table| table.sql.name == "spot").expect("the table");
    assert_eq!(spot.columns().map(|(_, column)| column.kind.clone()).collect::<Vec<_>>(), [Kind::Int, Kind::Opaque]);
    assert_eq!(names().await, ["GeographyDistance", "Geometry"]);
}

#[tokio::test]
async fn postgis_may_come_while_the_server_runs() {
    let world = World::start().await;
    if is_missing(&world).await {
        return;
    }
    let target = Target::over(world, "CREATE TABLE spot (id int PRIMARY KEY);", &["--watch-schema", "on"]).await;
    let change =
        "CREATE EXTENSION postgis; ALTER TABLE spot ADD COLUMN at geometry; INSERT INTO spot VALUES (1, 'POINT(1 2)');";
    sqlx::raw_sql(change).execute(&target.pool).await.expect("PostGIS");
    // What came with it into the same schema is not served.
    let model = target.model(&["public"]).await;
    assert!(!model.tables().any(|(_, table)| table.sql.name == "spatial_ref_sys"));
    assert!(!model.functions().any(|(_, function)| function.sql.name.starts_with("st_")));
    let wanted = json!({ "data": { "spot": { "at": { "type": "Point", "coordinates": [1, 2], "crs": null } } } });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        // The schema becomes another a moment after the database did.
        let answer = target.send("{ spot(id: 1) { at } }").await;
        if answer == wanted {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
