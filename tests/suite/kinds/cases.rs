//! The types of Postgres with some of their values: their limits, and what is easily got wrong.

use serde_json::{Value, json};

/// A type, and what its values are in GraphQL.
pub(super) struct Case {
    pub(super) sql: &'static str,
    pub(super) graphql: &'static str,
    pub(super) offers: Offers,
    /// As a client writes them and as Postgres prints them, in ascending order where there is one.
    pub(super) values: Vec<(Value, &'static str)>,
}

/// What its filter has beside `isNull`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Offers {
    /// Equality, and order.
    Order,
    /// The same, but order only where Postgres judges it.
    OrderInQueries,
    /// Equality only.
    Equality,
    /// Equality, but only where Postgres judges it; and no lists of values.
    EqualityInQueries,
}

fn case(sql: &'static str, graphql: &'static str, offers: Offers, values: &[(Value, &'static str)]) -> Case {
    Case { sql, graphql, offers, values: values.to_vec() }
}

/// Values that are written as they are printed.
fn plain(sql: &'static str, graphql: &'static str, offers: Offers, values: &[&'static str]) -> Case {
    Case { sql, graphql, offers, values: values.iter().map(|text| (json!(text), *text)).collect() }
}

pub(super) fn all() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(texts());
    cases.extend(moments());
    cases.extend(documents());
    cases.extend(ranges());
    cases.extend(others());
    cases
}

pub(super) fn numbers() -> Vec<Case> {
    use Offers::{Order, OrderInQueries};
    vec![
        case("boolean", "Boolean", Order, &[(json!(false), "f"), (json!(true), "t")]),
        case("smallint", "Int", Order, &[(json!(-32768), "-32768"), (json!(32767), "32767")]),
        case("integer", "Int", Order, &[(json!(i32::MIN), "-2147483648"), (json!(i32::MAX), "2147483647")]),
        case(
            "bigint",
            "BigInt",
            Order,
            &[
                (json!(i64::MIN), "-9223372036854775808"),
                (json!(9_007_199_254_740_993_i64), "9007199254740993"),
                (json!("9223372036854775807"), "9223372036854775807"),
            ],
        ),
        case("oid", "BigInt", Order, &[(json!(0), "0"), (json!("4294967295"), "4294967295")]),
        case("real", "Float", Order, &[(json!("-Infinity"), "-Infinity"), (json!(0.1), "0.1"), (json!("NaN"), "NaN")]),
        case(
            "double precision",
            "Float",
            Order,
            &[
                (json!(-1.5), "-1.5"),
                (json!(0.1), "0.1"),
                (json!(1e300), "1e+300"),
                (json!("Infinity"), "Infinity"),
                (json!("NaN"), "NaN"),
            ],
        ),
        case(
            "numeric",
            "BigDecimal",
            Order,
            &[
                (json!("-Infinity"), "-Infinity"),
                (json!("12345678901234567890123456789.0123456789"), "12345678901234567890123456789.0123456789"),
                (json!("Infinity"), "Infinity"),
                (json!("NaN"), "NaN"),
            ],
        ),
        case("numeric(10,3)", "BigDecimal", Order, &[(json!(-1.5), "-1.500"), (json!("2"), "2.000")]),
        case("money", "Money", OrderInQueries, &[(json!("-0.01"), "-$0.01"), (json!("$1,234.50"), "$1,234.50")]),
    ]
}

pub(super) fn texts() -> Vec<Case> {
    use Offers::{Equality, EqualityInQueries, Order, OrderInQueries};
    vec![
        plain("text COLLATE \"C\"", "String", Order, &["", "NULL", "a\"\\\n\t{,}", "é 👩‍👩‍👧"]),
        plain("varchar(20) COLLATE \"C\"", "String", Order, &["  a ", "b"]),
        case(
            "char(4) COLLATE \"C\"",
            "String",
            Order,
            &[(json!(""), "    "), (json!("ab"), "ab  "), (json!("é"), "é   ")],
        ),
        plain("name", "String", Order, &["a b", "é\"\\"]),
        plain("\"char\"", "String", OrderInQueries, &["a", "b"]),
        plain("citext", "String", EqualityInQueries, &["Ab", "b"]),
        plain("mood", "Mood", Order, &["low", "NULL", "a,b"]),
        plain("uuid", "UUID", Order, &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        plain("bytea", "Bytes", Order, &["\\x", "\\x00ff", "\\xdeadbeef5c22"]),
        plain("xml", "XML", Equality, &["", "<a b=\"c\">é</a>"]),
    ]
    .into_iter()
    .map(|case| if case.graphql == "Mood" { Case { values: moods(), ..case } } else { case })
    .collect()
}

fn moods() -> Vec<(Value, &'static str)> {
    vec![(json!("LOW"), "low"), (json!("NULL"), "NULL"), (json!("A_B"), "a,b")]
}

pub(super) fn moments() -> Vec<Case> {
    use Offers::{Order, OrderInQueries};
    vec![
        case(
            "timestamptz",
            "DateTime",
            Order,
            &[
                (json!("-infinity"), "-infinity"),
                (json!("4713-01-01T00:00:00+00:00 BC"), "4713-01-01 00:00:00+00 BC"),
                (json!("2026-01-31T12:30:00.5+05:30"), "2026-01-31 07:00:00.5+00"),
                (json!("294276-12-31T23:59:59.999999Z"), "294276-12-31 23:59:59.999999+00"),
                (json!("infinity"), "infinity"),
            ],
        ),
        case(
            "timestamp",
            "LocalDateTime",
            Order,
            &[(json!("0044-03-15T00:00:00 BC"), "0044-03-15 00:00:00 BC"), (json!("infinity"), "infinity")],
        ),
        plain("date", "Date", Order, &["-infinity", "4713-01-01 BC", "2026-02-28", "5874897-12-31", "infinity"]),
        plain("time", "Time", Order, &["00:00:00", "12:30:00.5", "24:00:00"]),
        plain("timetz", "Time", OrderInQueries, &["12:30:00.5+05:30", "24:00:00-15:59"]),
        case(
            "interval",
            "Duration",
            Order,
            &[
                (json!("P-1Y-2M3DT-4H-5M-6.7S"), "P-1Y-2M3DT-4H-5M-6.7S"),
                (json!("PT0S"), "PT0S"),
                (json!("90 minutes"), "PT1H30M"),
                (json!("P178000000Y"), "P178000000Y"),
            ],
        ),
    ]
}

pub(super) fn documents() -> Vec<Case> {
    use Offers::{Equality, EqualityInQueries};
    vec![
        case(
            "json",
            "JSON",
            EqualityInQueries,
            &[
                (json!({"b": [1, null], "a": "é\u{1}"}), "{\"b\":[1,null],\"a\":\"é\\u0001\"}"),
                (json!("x"), "\"x\""),
                (json!([]), "[]"),
            ],
        ),
        case(
            "jsonb",
            "JSON",
            EqualityInQueries,
            &[(json!({"b": 1.5, "a": {}}), "{\"a\": {}, \"b\": 1.5}"), (json!(false), "false")],
        ),
        case(
            "extensions.hstore",
            "HStore",
            Equality,
            &[
                (json!({}), ""),
                (json!({"bb": null, "a": "NULL"}), "\"a\"=>\"NULL\", \"bb\"=>NULL"),
                (json!({"\"\\": "é\n"}), "\"\\\"\\\\\"=>\"é\n\""),
            ],
        ),
        case("tsvector", "TSVector", Equality, &[(json!("b:2A a"), "'a' 'b':2A"), (json!(""), "")]),
        plain("jsonpath", "Opaque", Equality, &["$.\"a\"[*]?(@ > 1)"]),
    ]
}

const VIENNA: &str = "0101000020E61000001F85EB51B85E30409A99999999194840";

/// As GeoJSON said it before RFC 7946.
fn system(name: &str) -> Value {
    json!({ "type": "name", "properties": { "name": name } })
}

/// Of PostGIS, which is not everywhere.
pub(super) fn spatial() -> Vec<Case> {
    use Offers::EqualityInQueries;
    let mut cases = vec![
        case(
            "extensions.geometry",
            "Geometry",
            EqualityInQueries,
            &[
                (json!({"type": "Point", "coordinates": [16.37, 48.2]}), VIENNA),
                (json!("SRID=4326;POLYGON EMPTY"), "0103000020E610000000000000"),
                (
                    json!({"crs": null, "type": "GeometryCollection", "geometries": [
                        {"type": "Point", "coordinates": [-1, 1e20]},
                        {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]]}
                    ]}),
                    "0107000000020000000101000000000000000000F0BF408CB5781DAF15440105000000010000000102000000020000000000000000\
                     0000000000000000000000000000000000F03F000000000000F03F",
                ),
                // A measure, which GeoJSON has no place for.
                (json!("POINT M (1 2 3)"), "0101000040000000000000F03F00000000000000400000000000000840"),
            ],
        ),
        case(
            "extensions.geometry(PolygonZ,3857)",
            "Geometry",
            EqualityInQueries,
            &[(
                json!({"type": "Polygon", "coordinates": [[[0, 0, 1], [1, 0, 1], [1, 1, 1e-9], [0, 0, 1]]]}),
                "01030000A0110F0000010000000400000000000000000000000000000000000000000000000000F03F000000000000F03F000000000000\
                 0000000000000000F03F000000000000F03F000000000000F03F95D626E80B2E113E000000000000000000000000000000000000000000\
                 00F03F",
            )],
        ),
        case(
            "place",
            "Geometry",
            EqualityInQueries,
            &[
                (json!({"type": "Point", "coordinates": [1, 2]}), "0101000020110F0000000000000000F03F0000000000000040"),
                (
                    json!({"type": "Point", "coordinates": [], "crs": system("EPSG:3857")}),
                    "0101000020110F0000000000000000F87F000000000000F87F",
                ),
            ],
        ),
    ];
    cases.push(geography());
    cases
}

fn geography() -> Case {
    case(
        "extensions.geography",
        "Geography",
        Offers::EqualityInQueries,
        &[
            (json!({"type": "Point", "coordinates": [16.37, 48.2]}), VIENNA),
            // Beyond the bounds of the earth: PostGIS goes round it.
            (json!({"type": "Point", "coordinates": [181, 1]}), "0101000020E610000000000000006066C0000000000000F03F"),
            (
                json!({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]], "crs": system("urn:ogc:def:crs:EPSG::4326")}),
                "0104000020E6100000020000000101000000000000000000F03F0000000000000040010100000000000000000008400000000000001040",
            ),
        ],
    )
}

pub(super) fn ranges() -> Vec<Case> {
    use Offers::{Equality, Order};
    vec![
        case(
            "int4range",
            "IntRange",
            Order,
            &[(json!("empty"), "empty"), (json!("(,)"), "(,)"), (json!("[1,4]"), "[1,5)")],
        ),
        case("int8range", "BigIntRange", Order, &[(json!("(,9223372036854775806]"), "(,9223372036854775807)")]),
        plain("numrange", "BigDecimalRange", Order, &["(-Infinity,1)", "[1.0,2.50]", "[1.00,3)"]),
        case("daterange", "DateRange", Order, &[(json!("[-infinity,2026-01-31]"), "[-infinity,2026-02-01)")]),
        plain("tsrange", "LocalDateTimeRange", Order, &["[\"2026-01-31 12:30:00\",)"]),
        case(
            "tstzrange",
            "DateTimeRange",
            Order,
            &[
                (json!("(,2026-01-31T12:30:00Z)"), "(,\"2026-01-31 12:30:00+00\")"),
                (json!("[2026-01-31 12:30+01,infinity)"), "[\"2026-01-31 11:30:00+00\",infinity)"),
            ],
        ),
        case(
            "int4multirange",
            "IntMultirange",
            Order,
            &[(json!("{}"), "{}"), (json!("{[1,2],[3,4]}"), "{[1,5)}"), (json!("{[1,5],[7,8)}"), "{[1,6),[7,8)}")],
        ),
        plain("int8multirange", "BigIntMultirange", Order, &["{[1,3)}"]),
        plain("nummultirange", "BigDecimalMultirange", Order, &["{[1.0,3),(5,7.00]}"]),
        plain("datemultirange", "DateMultirange", Order, &["{[2026-01-31,2026-03-01),[2026-03-15,)}"]),
        plain("tsmultirange", "LocalDateTimeMultirange", Order, &["{[\"2026-01-31 12:30:00\",)}"]),
        plain("tstzmultirange", "DateTimeMultirange", Order, &["{(,\"2026-01-31 12:30:00+00\"]}"]),
        plain("spans", "Opaque", Equality, &["[0.5,1)"]),
    ]
}

pub(super) fn others() -> Vec<Case> {
    use Offers::{Equality, Order};
    vec![
        case(
            "inet",
            "Inet",
            Order,
            &[
                (json!("192.168.1.0/24"), "192.168.1.0/24"),
                (json!("192.168.1.1/32"), "192.168.1.1"),
                (json!("FE80::1/64"), "fe80::1/64"),
            ],
        ),
        case("cidr", "CIDR", Order, &[(json!("10"), "10.0.0.0/8"), (json!("::/0"), "::/0")]),
        case("macaddr", "MacAddr", Order, &[(json!("08002b010203"), "08:00:2b:01:02:03")]),
        plain("macaddr8", "MacAddr", Order, &["08:00:2b:01:02:03:04:05"]),
        plain("bit(3)", "BitString", Order, &["000", "101"]),
        plain("varbit", "BitString", Order, &["", "0000000000001", "1"]),
        plain("point", "Opaque", Equality, &["(1,-0.5)"]),
        plain("circle", "Opaque", Equality, &["<(0,0),1.5>"]),
        plain("polygon", "Opaque", Equality, &["((0,0),(1,1),(1,0))"]),
        plain("pg_lsn", "Opaque", Equality, &["16/B374D848"]),
        plain("tsquery", "Opaque", Equality, &["'a' & !'b':*A"]),
        plain("xid8", "Opaque", Equality, &["18446744073709551615"]),
        plain("price", "BigDecimal", Order, &["-1.50", "2.00"]),
        plain("inet_domain", "Inet", Order, &["10.0.0.1"]),
        plain("mood_domain", "Mood", Order, &[]),
    ]
    .into_iter()
    .map(|case| if case.graphql == "Mood" { Case { values: moods(), ..case } } else { case })
    .collect()
}
