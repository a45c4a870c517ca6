//! The types that every schema has: scalars, their filters, orders, pages, and the words of changes.

use std::collections::HashSet;

use async_graphql::dynamic::{Enum, EnumItem, InputObject, InputValue, Object, Scalar, TypeRef};

use super::build::{Builder, constant};
use super::composites;
use super::meaning::{ConnectionField, Meaning};
use crate::filter::{Operand, Operator};
use crate::model::{Aggregate, Kind, Model, Spatial};

const GEOJSON: &str = "https://www.rfc-editor.org/rfc/rfc7946";

/// Name, description, and where its format is specified.
const SCALARS: [(&str, &str, Option<&str>); 35] = [
    (
        "BigInt",
        "A whole number of 64 bits, as a string: JSON numbers lose digits beyond 2^53. Input may be a number.",
        None,
    ),
    ("BigDecimal", "A number of any precision, as a string. Input may be a number.", None),
    ("UUID", "A universally unique identifier.", Some("https://www.rfc-editor.org/rfc/rfc9562")),
    (
        "DateTime",
        "A moment: ISO 8601 in UTC, microseconds as far as they are not zero; or `infinity`, `-infinity`.",
        None,
    ),
    ("LocalDateTime", "A date and time of day without a zone: ISO 8601.", None),
    ("Date", "A day: ISO 8601, `2026-01-31`.", None),
    ("Time", "A time of day, `12:30:00.5`.", None),
    ("Duration", "A span of time: ISO 8601, `P1DT2H30M`. A month has no fixed length and stays a month.", None),
    ("JSON", "Any JSON value.", Some("https://www.rfc-editor.org/rfc/rfc8259")),
    ("Bytes", "Bytes: `\\x` and two hexadecimal digits for each.", None),
    ("HStore", "Keys with values that are strings or null, as a JSON object.", None),
    (
        "Geometry",
        "A geometry of PostGIS, as an object of GeoJSON: `{\"type\": \"Point\", \"coordinates\": [16.37, 48.2]}`. What is not in \
         longitudes and latitudes says so in `crs`. What GeoJSON cannot say (measures, curves) is text: EWKB in hexadecimal \
         digits. Input may be such text, or WKT.",
        Some(GEOJSON),
    ),
    (
        "Geography",
        "A geometry on the round earth, as an object of GeoJSON: `{\"type\": \"Point\", \"coordinates\": [16.37, 48.2]}`. What \
         GeoJSON cannot say (measures, curves) is text: EWKB in hexadecimal digits. Input may be such text, or WKT.",
        Some(GEOJSON),
    ),
    ("Inet", "An address of a network, or of a host in it: `192.168.1.5`, `192.168.1.5/24`, `::1`.", None),
    ("CIDR", "A network: `192.168.1.0/24`.", None),
    ("MacAddr", "A hardware address: `08:00:2b:01:02:03`.", None),
    ("BitString", "Bits: `101`.", None),
    ("Money", "An amount of money, as text in the currency and format of the database: `$1,234.50`.", None),
    ("XML", "An XML document or a part of one, as text.", Some("https://www.w3.org/TR/xml/")),
    ("TSVector", "The words of a document for full-text search, as Postgres prints them: `'cat':2A 'fat'`.", None),
    ("IntRange", "A range of `Int`, as Postgres prints it: `[1,10)`, `[1,)`, `empty`.", None),
    ("BigIntRange", "A range of `BigInt`, as Postgres prints it: `[1,10)`, `[1,)`, `empty`.", None),
    ("BigDecimalRange", "A range of `BigDecimal`, as Postgres prints it: `[1.5,2.50]`, `(,0)`, `empty`.", None),
    ("DateRange", "A range of `Date`, as Postgres prints it: `[2026-01-31,2026-03-01)`, `empty`.", None),
    ("DateTimeRange", "A range of moments, as Postgres prints it: `[\"2026-01-31 12:30:00+00\",)`, `empty`.", None),
    (
        "LocalDateTimeRange",
        "A range of dates and times without a zone, as Postgres prints it: `[\"2026-01-31 12:30:00\",)`, `empty`.",
        None,
    ),
    ("IntMultirange", "Several `IntRange` that do not overlap: `{[1,3),[5,7)}`, `{}`.", None),
    ("BigIntMultirange", "Several `BigIntRange` that do not overlap: `{[1,3),[5,7)}`, `{}`.", None),
    ("BigDecimalMultirange", "Several `BigDecimalRange` that do not overlap: `{[1.5,3),(5,7]}`, `{}`.", None),
    ("DateMultirange", "Several `DateRange` that do not overlap: `{[2026-01-31,2026-03-01)}`, `{}`.", None),
    (
        "DateTimeMultirange",
        "Several `DateTimeRange` that do not overlap: `{[\"2026-01-31 12:30:00+00\",)}`, `{}`.",
        None,
    ),
    (
        "LocalDateTimeMultirange",
        "Several `LocalDateTimeRange` that do not overlap: `{[\"2026-01-31 12:30:00\",)}`, `{}`.",
        None,
    ),
    (
        "Opaque",
        "A value of a type that has no GraphQL type of its own, as the text that Postgres prints and reads.",
        None,
    ),
    ("Cursor", "The place of a row in a list of one order. Opaque: give it back as `after` or `before`.", None),
    (
        "Sequence",
        "A position in the history of the database: `epoch.lsn.ordinal`, fixed-width hexadecimal. Later is greater, as text, within one epoch.",
        None,
    ),
];

const ORDERS: [(&str, &str); 6] = [
    ("ASC", "Small to large; nulls last."),
    ("DESC", "Large to small; nulls first."),
    ("ASC_NULLS_FIRST", "Small to large, nulls before."),
    ("ASC_NULLS_LAST", "Small to large, nulls after."),
    ("DESC_NULLS_FIRST", "Large to small, nulls before."),
    ("DESC_NULLS_LAST", "Large to small, nulls after."),
];

const RESETS: [(&str, &str); 6] = [
    ("START", "The subscription began without a position."),
    ("EXPIRED", "The history kept no longer reaches the position given."),
    ("LAGGED", "The client read too slowly: the history kept no longer reaches the last message it took."),
    ("TRUNCATED", "The table was emptied with TRUNCATE."),
    ("SCHEMA", "The table was altered."),
    ("EPOCH", "The position belongs to another history: a restored or promoted database, or a lost slot."),
];

pub(super) fn register(schema: &mut Builder, model: &Model) {
    let kinds = kinds(model);
    // What no column has is left out, as introspection leaves it out; positions and cursors are always there.
    let parts = model.composites.iter().flat_map(|composite| &composite.attributes).map(|attribute| &attribute.kind);
    let computed = kinds.iter().flat_map(|kind| Aggregate::ALL.into_iter().filter_map(|of| of.result(kind)));
    let filtered = with_parts(model, &kinds);
    let between = filtered.iter().filter_map(Kind::between);
    let given = kinds.iter().chain(parts).cloned().chain(computed).chain(between);
    let names: HashSet<String> = given.map(|kind| element_name(model, &kind)).collect();
    let used = |name: &str| matches!(name, "Cursor" | "Sequence" | "DateTime") || names.contains(name);
    for (name, description, specification) in SCALARS.into_iter().filter(|(name, ..)| used(name)) {
        let scalar = Scalar::new(name).description(description);
        schema.register(match specification {
            Some(url) => scalar.specified_by_url(url),
            None => scalar,
        });
    }
    schema.register(enumeration("OrderDirection", "A direction of order.", &ORDERS));
    schema.register(enumeration("ResetReason", "Why a copy starts anew.", &RESETS));
    schema.register(enumeration(
        "ChangeOp",
        "What to do to the copy, in the words of HTTP.",
        &[
            ("PUT", "Replace the resource with this key, or add it."),
            ("PATCH", "Update parts of it."),
            ("DELETE", "Remove it."),
        ],
    ));
    page_info(schema);
    let mut done = HashSet::new();
    for kind in filtered {
        if done.insert(filter_name(model, &kind)) {
            schema.register(filter(model, &kind));
            if let Kind::Composite(id) = kind {
                schema.register(composites::parts_filter(model, model.composite(id)));
            }
            if let Kind::Spatial(spatial) = kind {
                schema.register(distance(spatial));
            }
        }
    }
    for entry in &model.enums {
        let mut enumeration =
            Enum::new(&entry.type_name).items(entry.values.iter().map(|value| EnumItem::new(&value.name)));
        if let Some(comment) = &entry.comment {
            enumeration = enumeration.description(comment);
        }
        schema.register(enumeration);
    }
}

/// The kinds of the values of all columns and functions.
fn kinds(model: &Model) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let columns = model.tables().flat_map(|(_, table)| table.columns()).map(|(_, column)| &column.kind);
    for kind in columns.chain(model.functions().flat_map(|(_, function)| function.kinds())) {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
    kinds
}

/// These kinds, and those of the parts of composite types among them, which can be filtered by, too.
fn with_parts(model: &Model, kinds: &[Kind]) -> Vec<Kind> {
    let mut all = kinds.to_vec();
    let mut next = 0;
    while let Some(kind) = all.get(next) {
        if let Kind::Composite(id) = kind {
            let parts = model.composite(*id).attributes.iter().map(|attribute| &attribute.kind);
            let new: Vec<Kind> = parts.filter(|kind| !all.contains(kind)).cloned().collect();
            all.extend(new);
        }
        next += 1;
    }
    all
}

fn enumeration(name: &str, description: &str, items: &[(&str, &str)]) -> Enum {
    Enum::new(name)
        .description(description)
        .items(items.iter().map(|(name, description)| EnumItem::new(*name).description(*description)))
}

fn page_info(schema: &mut Builder) {
    let fields = [
        ("hasNextPage", TypeRef::named_nn("Boolean"), ConnectionField::HasNextPage, "Whether rows follow this page."),
        ("hasPreviousPage", TypeRef::named_nn("Boolean"), ConnectionField::HasPreviousPage, "Whether rows precede it."),
        ("startCursor", TypeRef::named("Cursor"), ConnectionField::StartCursor, "The cursor of its first row."),
        ("endCursor", TypeRef::named("Cursor"), ConnectionField::EndCursor, "The cursor of its last row."),
    ];
    let mut object = Object::new("PageInfo").description("Where a page stands in its list.");
    for (name, ty, meaning, description) in fields {
        schema.note("PageInfo", name, Meaning::Connection(meaning));
        object = object.field(constant(name, ty).description(description));
    }
    schema.register(object);
}

/// The GraphQL type of a kind, without its list brackets.
pub(super) fn element_name(model: &Model, kind: &Kind) -> String {
    match kind {
        Kind::Enum(id) => model.enum_type(*id).type_name.clone(),
        Kind::Composite(id) => model.composite(*id).type_name.clone(),
        Kind::Array(element) => element_name(model, element),
        scalar => scalar.scalar().unwrap_or("Opaque").to_owned(),
    }
}

/// The GraphQL type of a value of this kind.
pub(super) fn value_type(model: &Model, kind: &Kind, required: bool) -> TypeRef {
    listed(kind, element_name(model, kind), required)
}

/// The GraphQL type of a value of this kind that a client gives.
pub(super) fn input_type(model: &Model, kind: &Kind, required: bool) -> TypeRef {
    listed(kind, input_name(model, kind), required)
}

fn input_name(model: &Model, kind: &Kind) -> String {
    let name = element_name(model, kind);
    if matches!(kind.element(), Kind::Composite(_)) { format!("{name}Input") } else { name }
}

fn listed(kind: &Kind, name: String, required: bool) -> TypeRef {
    let ty = match kind {
        // Values of several dimensions are read as one list: see `selection`.
        Kind::Array(element) if !matches!(element.element(), Kind::Composite(_) | Kind::Spatial(_)) => {
            TypeRef::List(Box::new(listed(element, name, false)))
        }
        Kind::Array(_) => TypeRef::named_list(name),
        _ => TypeRef::named(name),
    };
    if required { TypeRef::NonNull(Box::new(ty)) } else { ty }
}

/// `StringFilter`, `TaskStatusFilter`, `StringListFilter`.
pub(super) fn filter_name(model: &Model, kind: &Kind) -> String {
    let mut lists = String::new();
    let mut inner = kind;
    while let Kind::Array(element) = inner {
        lists.push_str("List");
        inner = element;
    }
    format!("{}{lists}Filter", element_name(model, inner))
}

fn filter(model: &Model, kind: &Kind) -> InputObject {
    let filter = InputObject::new(filter_name(model, kind))
        .description("Conditions on one value; all of those given must hold. None but `isNull` holds for NULL.");
    Operator::offered(kind).into_iter().fold(filter, |filter, operator| {
        let ty = match operator.operand() {
            Operand::Boolean => TypeRef::named("Boolean"),
            Operand::Value => input_type(model, kind, false),
            Operand::Held => input_type(model, &kind.flattened(), false),
            Operand::Values => TypeRef::named_nn_list(input_name(model, kind)),
            Operand::Text => TypeRef::named("String"),
            Operand::Texts => TypeRef::named_nn_list("String"),
            Operand::Parts => TypeRef::named(format!("{}PartsFilter", element_name(model, kind))),
            Operand::Distance => of_distance(kind),
            Operand::Between => input_type(model, &kind.between().unwrap_or(Kind::Opaque), false),
        };
        filter.field(InputValue::new(operator.field(), ty).description(operator.description(kind)))
    })
}

/// Only geometries lie at a distance.
fn of_distance(kind: &Kind) -> TypeRef {
    match kind {
        Kind::Spatial(spatial) => TypeRef::named(spatial.distance()),
        _ => TypeRef::named("Float"),
    }
}

fn distance(spatial: Spatial) -> InputObject {
    let far = match spatial {
        Spatial::Geometry(_) => "In the unit of the reference system: degrees for longitudes and latitudes.",
        Spatial::Geography(_) => "In metres.",
    };
    InputObject::new(spatial.distance())
        .description("How far away, and from where.")
        .field(InputValue::new("from", TypeRef::named_nn(spatial.scalar())).description("From where."))
        .field(InputValue::new("distance", TypeRef::named_nn("Float")).description(far))
}
