//! `geometry` and `geography` of PostGIS as GeoJSON: printed as SQL and written from Postgres' text, both to the same bytes.
//! What GeoJSON cannot say without loss (measures, curves, parts that are empty, NaN) is that text as it stands: EWKB.
//! <https://www.rfc-editor.org/rfc/rfc7946>
//! <https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT>

use super::write_string;
use crate::model::WGS_84;
use crate::sql::{QualifiedName, output_text};

/// The types of GeoJSON, at their numbers in WKB less one.
const TYPES: [&str; 7] =
    ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"];
const POINT: u32 = 1;
const COLLECTION: u32 = 7;
/// What `ST_AsGeoJSON` writes where a part is empty or a number is none; the version decides which.
const MARKS: [&str; 6] = ["NaN", "Infinity", "[]", "[,", ",,", ",]"];
/// Digits after the point: as many as the shortest text of a number has that reads back as the same, from 1e-8 on.
const DIGITS: u32 = 25;

/// SQL of type json for a value of either type, given the schema of PostGIS.
pub(super) fn expression(schema: &str, value: &str) -> String {
    let geometry = Geometry { schema, value };
    let (plain, written) = (geometry.is_plain(), geometry.call("st_asgeojson", &format!(", {DIGITS}, 0")));
    let whole = MARKS.map(|mark| format!("pg_catalog.strpos(json, '{mark}') = 0")).join(" AND ");
    let (bare, nothing, named) = (geometry.is_bare(), geometry.nothing(), geometry.with_reference_system());
    let text = format!("pg_catalog.to_json({})", output_text(value));
    // OFFSET keeps Postgres from writing the same geometry several times.
    format!(
        "CASE WHEN {value} IS NULL THEN NULL WHEN {plain} THEN (\
         SELECT CASE WHEN json IS NULL THEN {text} ELSE {named}::pg_catalog.json END \
         FROM (SELECT CASE WHEN {whole} THEN json WHEN {bare} THEN {nothing} END AS json \
         FROM (SELECT {written} AS json OFFSET 0) AS \"#written\" OFFSET 0) AS \"#said\") ELSE {text} END"
    )
}

/// A value in SQL. Where it speaks of `json`, that is what `ST_AsGeoJSON` wrote of it.
struct Geometry<'a> {
    schema: &'a str,
    value: &'a str,
}

impl Geometry<'_> {
    /// A call of a function of PostGIS, with more arguments.
    fn call(&self, function: &str, more: &str) -> String {
        let of_postgis = |name: &str| QualifiedName { schema: self.schema.to_owned(), name: name.to_owned() }.quoted();
        format!("{}(({})::{}{more})", of_postgis(function), self.value, of_postgis("geometry"))
    }

    fn ty(&self) -> String {
        self.call("st_geometrytype", "")
    }

    /// Whether it has no measures, and no types that GeoJSON has not.
    fn is_plain(&self) -> String {
        let (ty, flags) = (self.ty(), self.call("st_zmflag", ""));
        // No function looks into all parts of a collection, but its shortest text names their types.
        let parts = self.call("st_astext", ", 0");
        let types = TYPES.map(|name| format!("'ST_{name}'")).join(", ");
        format!(
            "{flags} IN (0, 2) AND {ty} IN ({types}) AND ({ty} <> 'ST_GeometryCollection' \
             OR {parts} !~ '.GEOMETRYCOLLECTION|CIRCULAR|CURVE|SURFACE|TIN|TRIANGLE')"
        )
    }

    /// Whether it has nothing in it, not even an empty part. A text without anything is a head and a count, each byte as
    /// two digits; that of a point without coordinates is the same as that of one of nothing but NaN.
    fn is_bare(&self) -> String {
        let (ty, flags, text) = (self.ty(), self.call("st_zmflag", ""), output_text(self.value));
        format!(
            "{flags} = 0 AND CASE {ty} WHEN 'ST_Point' THEN json LIKE '%:[]}}' OR json LIKE '%:[NaN,NaN]}}' \
             ELSE pg_catalog.length({text}) <= 26 END"
        )
    }

    /// The GeoJSON of one that has nothing in it.
    fn nothing(&self) -> String {
        let ty = self.ty();
        format!(
            "pg_catalog.concat('{{\"type\":\"', pg_catalog.substr({ty}, 4), CASE {ty} WHEN 'ST_GeometryCollection' \
             THEN '\",\"geometries\":[]}}' ELSE '\",\"coordinates\":[]}}' END)"
        )
    }

    /// As GeoJSON said it before RFC 7946, and by the number alone: what is called so stands in a table of the database.
    fn with_reference_system(&self) -> String {
        let srid = self.call("st_srid", "");
        format!(
            "CASE {srid} WHEN {WGS_84} THEN json \
             WHEN 0 THEN pg_catalog.concat(pg_catalog.left(json, -1), ',\"crs\":null}}') \
             ELSE pg_catalog.concat(pg_catalog.left(json, -1), \
             ',\"crs\":{{\"type\":\"name\",\"properties\":{{\"name\":\"EPSG:', {srid}, '\"}}}}}}') END"
        )
    }
}

/// Writes the value of a text that Postgres put out.
pub(super) fn write_json(text: &str, json: &mut Vec<u8>) {
    let begun = json.len();
    if write_geometry(&mut Reader { digits: text.as_bytes() }, Place::Whole, json).is_none() {
        json.truncate(begun);
        write_string(text, json);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Whole,
    /// In a collection: its reference system is that of the whole.
    Part,
}

/// The head of each geometry: <https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT>
struct Head {
    order: ByteOrder,
    ty: u32,
    has_z: bool,
    srid: u32,
}

/// `None` where GeoJSON cannot say it.
fn write_geometry(reader: &mut Reader<'_>, place: Place, json: &mut Vec<u8>) -> Option<()> {
    let head = reader.head()?;
    let name = TYPES.get(usize::try_from(head.ty.checked_sub(1)?).ok()?)?;
    json.extend_from_slice(b"{\"type\":\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(if head.ty == COLLECTION { b"\",\"geometries\":" } else { b"\",\"coordinates\":" });
    if place == Place::Whole && !head.has_z && reader.is_bare(&head) {
        json.extend_from_slice(b"[]");
    } else {
        write_content(reader, &head, place, json)?;
    }
    if place == Place::Whole && head.srid != WGS_84 {
        let crs = match head.srid {
            0 => ",\"crs\":null".to_owned(),
            srid => format!(",\"crs\":{{\"type\":\"name\",\"properties\":{{\"name\":\"EPSG:{srid}\"}}}}"),
        };
        json.extend_from_slice(crs.as_bytes());
    }
    json.push(b'}');
    Some(())
}

fn write_content(reader: &mut Reader<'_>, head: &Head, place: Place, json: &mut Vec<u8>) -> Option<()> {
    match head.ty {
        POINT => write_position(reader, head, json),
        2 => write_list(reader, head.order, json, |reader, json| write_position(reader, head, json)),
        3 => write_list(reader, head.order, json, |reader, json| {
            write_list(reader, head.order, json, |reader, json| write_position(reader, head, json))
        }),
        // Their parts have heads of their own.
        4..=6 => write_list(reader, head.order, json, |reader, json| {
            let part = reader.head()?;
            write_content(reader, &part, Place::Part, json).filter(|()| part.ty == head.ty - 3)
        }),
        COLLECTION if place == Place::Whole => {
            write_list(reader, head.order, json, |reader, json| write_geometry(reader, Place::Part, json))
        }
        // Not every version of PostGIS writes collections within collections.
        _ => None,
    }
}

/// Writes so many things as a count says; none is nothing that GeoJSON could say of a part.
fn write_list(
    reader: &mut Reader<'_>,
    order: ByteOrder,
    json: &mut Vec<u8>,
    write: impl Fn(&mut Reader<'_>, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let count = reader.number(order)?;
    for index in 0..count {
        json.push(if index == 0 { b'[' } else { b',' });
        write(reader, json)?;
    }
    json.push(b']');
    (count > 0).then_some(())
}

fn write_position(reader: &mut Reader<'_>, head: &Head, json: &mut Vec<u8>) -> Option<()> {
    for index in 0..if head.has_z { 3 } else { 2 } {
        json.push(if index == 0 { b'[' } else { b',' });
        write_coordinate(reader.coordinate(head.order)?, json)?;
    }
    json.push(b']');
    Some(())
}

/// The shortest text that reads back as the same number, in PostGIS' form of it.
/// <https://github.com/postgis/postgis/blob/master/liblwgeom/lwprint.c>, `lwprint_double`
fn write_coordinate(number: f64, json: &mut Vec<u8>) -> Option<()> {
    let size = number.abs();
    if !size.is_finite() {
        return None;
    }
    if size == 0.0 {
        // It has no sign.
        json.push(b'0');
        return Some(());
    }
    if number < 0.0 {
        json.push(b'-');
    }
    let (digits, point) = digits(size);
    if size <= 1e-8 || size >= 1e15 {
        let (first, rest) = digits.split_at(1);
        let fraction = if rest.is_empty() { "" } else { "." };
        json.extend_from_slice(format!("{first}{fraction}{rest}e{:+}", point - 1).as_bytes());
        return Some(());
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let text = match usize::try_from(point) {
        Ok(0) | Err(_) => format!("0.{}{digits}", zeros(-point)),
        Ok(whole) if whole >= digits.len() => format!("{digits}{}", zeros(point - digits.len() as i32)),
        Ok(whole) => format!("{}.{}", &digits[..whole], &digits[whole..]),
    };
    json.extend_from_slice(text.as_bytes());
    Some(())
}

/// The digits of a positive number, and how many of them stand before the point; less than none where zeros follow it.
fn digits(number: f64) -> (String, i32) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let zeros = all.len() - digits.len();
    let point = whole.len() as i32 - zeros as i32 + exponent.parse().unwrap_or(0);
    (digits.trim_end_matches('0').to_owned(), point)
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Big,
    Little,
}

/// What is left of a text of hexadecimal digits.
struct Reader<'a> {
    digits: &'a [u8],
}

impl Reader<'_> {
    fn bytes<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (taken, rest) = self.digits.split_at_checked(LENGTH * 2)?;
        self.digits = rest;
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(taken.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(bytes)
    }

    fn number(&mut self, order: ByteOrder) -> Option<u32> {
        let bytes = self.bytes()?;
        Some(match order {
            ByteOrder::Big => u32::from_be_bytes(bytes),
            ByteOrder::Little => u32::from_le_bytes(bytes),
        })
    }

    fn coordinate(&mut self, order: ByteOrder) -> Option<f64> {
        let bytes = self.bytes()?;
        Some(match order {
            ByteOrder::Big => f64::from_be_bytes(bytes),
            ByteOrder::Little => f64::from_le_bytes(bytes),
        })
    }

    /// `None` also of one with measures.
    fn head(&mut self) -> Option<Head> {
        const HAS_Z: u32 = 0x8000_0000;
        const HAS_MEASURE: u32 = 0x4000_0000;
        const HAS_SRID: u32 = 0x2000_0000;
        let [order] = self.bytes()?;
        let order = if order == 0 { ByteOrder::Big } else { ByteOrder::Little };
        let flags = self.number(order)?;
        let srid = if flags & HAS_SRID == 0 { 0 } else { self.number(order)? };
        let head = Head { order, ty: flags & !(HAS_Z | HAS_MEASURE | HAS_SRID), has_z: flags & HAS_Z != 0, srid };
        (flags & HAS_MEASURE == 0).then_some(head)
    }

    /// Whether nothing follows but the count of no parts, or two coordinates of a point that are none.
    fn is_bare(&self, head: &Head) -> bool {
        let mut rest = Reader { digits: self.digits };
        match head.ty {
            POINT => (0..2).all(|_| rest.coordinate(head.order).is_some_and(f64::is_nan)),
            _ => rest.number(head.order) == Some(0),
        }
    }
}

fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| value.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut json = Vec::new();
        write_json(text, &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn numbers_are_written_as_postgis_writes_them() {
        for (number, wanted) in [
            (0.1, "0.1"),
            (-0.0, "0"),
            (1e-8, "1e-8"),
            (1.2345678901234567e-8, "0.000000012345678901234567"),
            (-5e-324, "-5e-324"),
            (999_999_999_999_999.9, "999999999999999.9"),
            // It ends in .25, which is as near to .3.
            (947_558_496_147_099.3, "947558496147099.2"),
            (0.5, "0.5"),
            (-120.0, "-120"),
            (16.37, "16.37"),
            (1e15, "1e+15"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            let mut json = Vec::new();
            write_coordinate(number, &mut json).unwrap();
            assert_eq!(String::from_utf8(json).unwrap(), wanted);
        }
    }

    #[test]
    fn both_orders_of_bytes_are_read() {
        let little = "0101000020110F0000000000000000F03F000000000000F0BF";
        let big = "002000000100000F113FF0000000000000BFF0000000000000";
        let wanted = r#"{"type":"Point","coordinates":[1,-1],"crs":{"type":"name","properties":{"name":"EPSG:3857"}}}"#;
        assert_eq!(json(little), wanted);
        assert_eq!(json(big), wanted);
    }

    #[test]
    fn what_is_no_ewkb_stays_what_it_is() {
        for text in ["", "zz", "01", "0101000000", "01070000", "0102000000FFFFFFFF", "0108000000"] {
            assert_eq!(json(text), format!("{text:?}"));
        }
        // A circular string, and a point with a measure.
        for text in ["010800000000000000", "0101000040000000000000F03F000000000000F03F000000000000F03F"] {
            assert_eq!(json(text), format!("{text:?}"));
        }
    }
}
