//! Which geometry did a client mean? GeoJSON → EWKB in hexadecimal digits, which PostGIS reads; what is wrong with it is said
//! here, since Postgres has no code of its own for that.
//! <https://www.rfc-editor.org/rfc/rfc7946>
//! <https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT>

use std::fmt::Write;

use super::Input;
use crate::model::WGS_84;

/// PostGIS knows no greater ones: `SRID_MAXIMUM`.
const GREATEST_SRID: u32 = 999_999;

/// The text of a geometry, given the reference system of one that says nothing of it; or what is wrong.
pub(super) fn to_ewkb(object: &Input, srid: u32) -> Result<String, String> {
    let srid = match object.field("crs") {
        Some(crs) => reference_system(crs)?,
        None => srid,
    };
    let mut out = Writer { hex: String::new(), width: width(object).unwrap_or(2) };
    out.geometry(object, Some(srid))?;
    Ok(out.hex)
}

/// As the GeoJSON of 2008 says it, <https://geojson.org/geojson-spec#coordinate-reference-system-objects>: null where there
/// is none.
fn reference_system(crs: &Input) -> Result<u32, String> {
    let name = match crs {
        Input::Null => return Ok(0),
        crs => crs.field("properties").and_then(|properties| properties.field("name")),
    };
    let Some(Input::String(name)) = name else {
        return Err("`crs` has the form {type: \"name\", properties: {name: \"EPSG:3857\"}}".to_owned());
    };
    let unknown = || format!("`crs` names {name:?}: say it by a number, such as \"EPSG:3857\"");
    if name.starts_with("urn:ogc:def:crs:OGC:") && name.ends_with(":CRS84") {
        return Ok(WGS_84);
    }
    let number = match name.strip_prefix("urn:ogc:def:crs:") {
        Some(rest) => rest.strip_prefix("EPSG:").and_then(|rest| rest.split_once(':')).map(|(_, number)| number),
        None => name.strip_prefix("EPSG:"),
    };
    let number = number.and_then(|number| number.parse().ok()).filter(|number| (1..=GREATEST_SRID).contains(number));
    number.ok_or_else(unknown)
}

/// How many numbers its first position has.
fn width(value: &Input) -> Option<usize> {
    match value {
        Input::Object(_) => width(value.field("coordinates").or_else(|| value.field("geometries"))?),
        Input::List(items) if matches!(items.first(), Some(Input::Number(_))) => Some(items.len()),
        Input::List(items) => items.iter().find_map(width),
        Input::Null | Input::Boolean(_) | Input::Number(_) | Input::String(_) | Input::Enum(_) => None,
    }
}

struct Writer {
    hex: String,
    /// Numbers of a position: all have as many.
    width: usize,
}

impl Writer {
    /// With its reference system, if it is not a part of another.
    fn geometry(&mut self, object: &Input, srid: Option<u32>) -> Result<(), String> {
        let Some(Input::String(ty)) = object.field("type") else {
            return Err("`type` says what it is, such as \"Point\"".to_owned());
        };
        let number = match ty.as_str() {
            "Point" => 1,
            "LineString" => 2,
            "Polygon" => 3,
            "MultiPoint" => 4,
            "MultiLineString" => 5,
            "MultiPolygon" => 6,
            "GeometryCollection" => 7,
            "Feature" => return Err("a Feature is none: give what its `geometry` is".to_owned()),
            other => return Err(format!("it knows no type {other:?}")),
        };
        self.head(number, srid);
        if number == 7 {
            let parts = list(object.field("geometries"), "`geometries`", "geometries")?;
            self.count(parts.len());
            return parts.iter().try_for_each(|part| self.geometry(part, None));
        }
        let coordinates = list(object.field("coordinates"), &format!("`coordinates` of a {ty}"), "them")?;
        self.content(number, coordinates, Emptiness::Allowed)
    }

    fn content(&mut self, ty: u8, coordinates: &[Input], emptiness: Emptiness) -> Result<(), String> {
        if coordinates.is_empty() && emptiness == Emptiness::Refused {
            return Err("a part of a geometry is empty".to_owned());
        }
        match ty {
            1 if coordinates.is_empty() => {
                (0..self.width).for_each(|_| self.number(f64::NAN));
                Ok(())
            }
            1 => self.position(coordinates),
            2 => self.line(coordinates),
            3 => {
                self.count(coordinates.len());
                coordinates.iter().try_for_each(|ring| self.ring(ring))
            }
            several => {
                self.count(coordinates.len());
                coordinates.iter().try_for_each(|part| {
                    self.head(several - 3, None);
                    self.content(several - 3, list(Some(part), "a part", "positions")?, Emptiness::Refused)
                })
            }
        }
    }

    fn line(&mut self, positions: &[Input]) -> Result<(), String> {
        if positions.len() == 1 {
            return Err("a line has two positions at least".to_owned());
        }
        self.positions(positions)
    }

    fn ring(&mut self, ring: &Input) -> Result<(), String> {
        let positions = list(Some(ring), "a ring of a polygon", "positions")?;
        if positions.len() < 4 {
            return Err("a ring of a polygon has four positions at least".to_owned());
        }
        let begun = self.hex.len();
        self.positions(positions)?;
        let size = self.width * 16;
        let first = begun + 8;
        if self.hex[first..first + size] != self.hex[self.hex.len() - size..] {
            return Err("the last position of a polygon's ring is not its first".to_owned());
        }
        Ok(())
    }

    fn positions(&mut self, positions: &[Input]) -> Result<(), String> {
        self.count(positions.len());
        positions.iter().try_for_each(|position| self.position(list(Some(position), "a position", "numbers")?))
    }

    fn position(&mut self, numbers: &[Input]) -> Result<(), String> {
        if !(2..=3).contains(&numbers.len()) || numbers.len() != self.width {
            return Err("a position has two numbers or three, and all positions have as many".to_owned());
        }
        for number in numbers {
            let Input::Number(text) = number else {
                return Err(format!("{} is no number of a position", number.to_json()));
            };
            let finite = text.parse().ok().filter(|number: &f64| number.is_finite());
            self.number(finite.ok_or_else(|| format!("{text} is too large for a coordinate"))?);
        }
        Ok(())
    }

    /// The order of bytes, the type, what it has, and the reference system if it has one.
    fn head(&mut self, ty: u8, srid: Option<u32>) {
        let srid = srid.filter(|srid| *srid > 0);
        let z = if self.width == 3 { 0x8000_0000 } else { 0 };
        let flags = z | if srid.is_some() { 0x2000_0000 } else { 0 };
        self.bytes(&[1]);
        self.bytes(&(u32::from(ty) | flags).to_le_bytes());
        if let Some(srid) = srid {
            self.bytes(&srid.to_le_bytes());
        }
    }

    fn count(&mut self, count: usize) {
        self.bytes(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn number(&mut self, number: f64) {
        self.bytes(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let _ = write!(self.hex, "{byte:02X}");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Allowed,
    Refused,
}

fn list<'a>(value: Option<&'a Input>, what: &str, of: &str) -> Result<&'a [Input], String> {
    match value {
        Some(Input::List(items)) => Ok(items),
        _ => Err(format!("{what} must be a list of {of}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(value: &serde_json::Value) -> Input {
        match value {
            serde_json::Value::Null => Input::Null,
            serde_json::Value::Bool(value) => Input::Boolean(*value),
            serde_json::Value::Number(number) => Input::Number(number.to_string()),
            serde_json::Value::String(text) => Input::String(text.clone()),
            serde_json::Value::Array(items) => Input::List(items.iter().map(input).collect()),
            serde_json::Value::Object(fields) => {
                Input::Object(fields.iter().map(|(name, value)| (name.clone(), input(value))).collect())
            }
        }
    }

    fn ewkb(json: &str, srid: u32) -> Result<String, String> {
        to_ewkb(&input(&serde_json::from_str(json).unwrap()), srid)
    }

    #[test]
    fn a_geometry_says_its_reference_system_or_has_the_one_given() {
        let point = |head: &str| Ok(format!("{head}000000000000F03F0000000000000040"));
        let written = |crs: &str| ewkb(&format!(r#"{{"type": "Point", "coordinates": [1, 2.0]{crs}}}"#), 3857);
        let named =
            |name: &str| written(&format!(r#", "crs": {{"type": "name", "properties": {{"name": "{name}"}}}}"#));
        assert_eq!(written(""), point("0101000020110F0000"));
        assert_eq!(written(", \"crs\": null"), point("0101000000"));
        for name in ["EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84"] {
            assert_eq!(named(name), point("0101000020E6100000"));
        }
        for name in ["", "EPSG:", "EPSG:0", "EPSG:1000000", "EPSG:-1", "4326", "urn:ogc:def:crs:EPSG:4326"] {
            assert!(named(name).is_err(), "{name}");
        }
        assert!(written(", \"crs\": {}").is_err());
    }

    #[test]
    fn what_is_no_geometry_is_refused_and_says_why() {
        for (json, reason) in [
            (r#"{}"#, "`type`"),
            (r#"{"type": 1}"#, "`type`"),
            (r#"{"type": "point", "coordinates": [1, 2]}"#, "\"point\""),
            (r#"{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}"#, "`geometry`"),
            (r#"{"type": "Point"}"#, "`coordinates` of a Point"),
            (r#"{"type": "Point", "coordinates": [1]}"#, "two numbers"),
            (r#"{"type": "Point", "coordinates": [1, 2, 3, 4]}"#, "two numbers"),
            (r#"{"type": "Point", "coordinates": [1, "2"]}"#, "\"2\" is no number"),
            (r#"{"type": "Point", "coordinates": [1, null]}"#, "null is no number"),
            (r#"{"type": "Point", "coordinates": [[1, 2]]}"#, "two numbers"),
            (r#"{"type": "LineString", "coordinates": [[1, 2]]}"#, "two positions"),
            (r#"{"type": "LineString", "coordinates": [[1, 2], [1, 2, 3]]}"#, "as many"),
            (r#"{"type": "LineString", "coordinates": [1, 2]}"#, "a position"),
            (r#"{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}"#, "four positions"),
            (r#"{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}"#, "not its first"),
            (r#"{"type": "MultiPoint", "coordinates": [[1, 2], []]}"#, "empty"),
            (r#"{"type": "GeometryCollection"}"#, "`geometries`"),
            (r#"{"type": "GeometryCollection", "geometries": [null]}"#, "`type`"),
        ] {
            let refused = ewkb(json, 4326).expect_err(json);
            assert!(refused.contains(reason), "{json}: {refused}");
        }
    }

    #[test]
    fn what_is_empty_is_written_as_such() {
        assert_eq!(ewkb(r#"{"type": "Polygon", "coordinates": []}"#, 0).unwrap(), "010300000000000000");
        let point = ewkb(r#"{"type": "Point", "coordinates": []}"#, 0).unwrap();
        assert_eq!(point, "0101000000000000000000F87F000000000000F87F");
    }
}
