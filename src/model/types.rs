//! What kinds of values do a database's types have? Takes the types that its columns use, with all that they are made
//! of; gives the enums, the composite types, and the kind of a column by its type. What cannot be told apart is [`Kind::Opaque`].

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::assemble::description;
use super::names::{self, Scope};
use super::{Collation, Column, CompositeId, EnumId, Kind, Writing};
use crate::sql::QualifiedName;

/// Postgres' own limit of an array's dimensions: <https://www.postgresql.org/docs/current/limits.html>.
const MOST_DIMENSIONS: usize = 6;
/// Domains, arrays and composite types within each other; what is deeper is opaque.
const DEEPEST: usize = 16;

#[derive(Deserialize)]
pub(super) struct CatalogType {
    oid: u32,
    name: QualifiedName,
    array_name: Option<QualifiedName>,
    class: Class,
    base: Option<u32>,
    dimensions: usize,
    modifier: i32,
    element: Option<u32>,
    delimiter: char,
    extension: Option<CatalogExtension>,
    operators: Option<String>,
    comment: Option<String>,
    attributes: Vec<CatalogAttribute>,
    labels: Vec<CatalogLabel>,
}

#[derive(Deserialize)]
struct CatalogExtension {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct CatalogAttribute {
    number: i16,
    name: String,
    type_oid: u32,
    dimensions: usize,
    modifier: i32,
    version: String,
    collation: Collation,
    comment: Option<String>,
}

/// <https://www.postgresql.org/docs/current/catalog-pg-type.html>, `typtype`
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Class {
    #[serde(rename = "b")]
    Base,
    #[serde(rename = "c")]
    Composite,
    #[serde(rename = "d")]
    Domain,
    #[serde(rename = "e")]
    Enum,
    #[serde(rename = "p")]
    Pseudo,
    #[serde(rename = "r")]
    Range,
    #[serde(rename = "m")]
    Multirange,
}

#[derive(Deserialize)]
struct CatalogLabel {
    label: String,
    version: String,
}

/// An enum type.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumType {
    /// `pg_type.oid`.
    pub oid: u32,
    /// Name in SQL.
    pub sql: QualifiedName,
    /// Name in GraphQL.
    pub type_name: String,
    /// Its SQL comment.
    pub comment: Option<String>,
    /// Labels in Postgres' order, each with its GraphQL name.
    pub values: Vec<EnumValue>,
}

impl EnumType {
    /// The value with this GraphQL name.
    pub fn by_name(&self, name: &str) -> Option<&EnumValue> {
        self.values.iter().find(|value| value.name == name)
    }

    /// The value with this label.
    pub fn by_label(&self, label: &str) -> Option<&EnumValue> {
        self.values.iter().find(|value| value.label == label)
    }
}

/// One value of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumValue {
    /// In Postgres: `doing`.
    pub label: String,
    /// In GraphQL: `DOING`.
    pub name: String,
    /// Which version of its row in `pg_enum` this is: another one when it was renamed.
    pub version: String,
}

/// A composite type.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeType {
    /// `pg_type.oid`.
    pub oid: u32,
    /// Name in SQL.
    pub sql: QualifiedName,
    /// Name in GraphQL; that of its input is the same with `Input`.
    pub type_name: String,
    /// Its SQL comment.
    pub comment: Option<String>,
    /// Its parts, in the order of its text: Postgres has them as columns, too.
    pub attributes: Vec<Column>,
}

impl CompositeType {
    /// The index of the part with this name in GraphQL.
    pub fn attribute_by_field(&self, field: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.field == field)
    }
}

/// The types of a database.
pub(super) struct Types<'a> {
    by_oid: HashMap<u32, &'a CatalogType>,
    enum_ids: HashMap<u32, EnumId>,
    /// The enum types among them.
    pub(super) enums: Vec<EnumType>,
    composite_ids: HashMap<u32, CompositeId>,
    /// The composite types among them.
    pub(super) composites: Vec<CompositeType>,
}

impl<'a> Types<'a> {
    /// Gives names to those that have one of their own in GraphQL.
    /// What is not `used`, nor a part of what is, has no name.
    pub(super) fn new(
        types: &'a [CatalogType],
        used: HashSet<u32>,
        scope: &mut Scope,
        clashes: &mut Vec<String>,
    ) -> Self {
        let by_oid: HashMap<u32, &CatalogType> = types.iter().map(|entry| (entry.oid, entry)).collect();
        let used = with_parts(&by_oid, used);
        let types = || types.iter().filter(|entry| used.contains(&entry.oid));
        // A type without values cannot be written in GraphQL; its columns are opaque text.
        let labelled = types().filter(|entry| entry.class == Class::Enum && !entry.labels.is_empty());
        let enums: Vec<EnumType> = labelled.map(|entry| enum_type(entry, scope, clashes)).collect();
        let enum_ids = enums.iter().enumerate().map(|(index, entry)| (entry.oid, EnumId(index))).collect();
        let composed = types().filter(|entry| entry.class == Class::Composite && !entry.attributes.is_empty());
        let composites: Vec<CompositeType> = composed.map(|entry| composite_type(entry, scope, clashes)).collect();
        let composite_ids =
            composites.iter().enumerate().map(|(index, entry)| (entry.oid, CompositeId(index))).collect();
        let mut this = Self { by_oid, enum_ids, enums, composite_ids, composites };
        // One may be a part of another, so that all have ids before any has parts.
        for index in 0..this.composites.len() {
            this.composites[index].attributes = this.attributes(this.composites[index].oid, clashes);
        }
        this
    }

    fn attributes(&self, oid: u32, clashes: &mut Vec<String>) -> Vec<Column> {
        let Some(entry) = self.by_oid.get(&oid) else { return Vec::new() };
        let mut fields = Scope::default();
        let attribute = |attribute: &CatalogAttribute| Column {
            number: attribute.number,
            version: attribute.version.clone(),
            type_oid: attribute.type_oid,
            name: attribute.name.clone(),
            field: fields.take(
                &names::field(&attribute.name),
                clashes,
                &format!("part {}.\"{}\"", entry.name.quoted(), attribute.name),
            ),
            kind: self.kind(attribute.type_oid, attribute.dimensions, attribute.modifier),
            sql_type: self.name(attribute.type_oid),
            base_type: self.name(self.base(attribute.type_oid)),
            array_type: self.array_name(self.base(attribute.type_oid)),
            operators: self.operators(attribute.type_oid),
            not_null: false,
            has_default: false,
            writing: Writing::Free,
            collation: self.collation(attribute.type_oid, attribute.collation),
            comment: description(attribute.comment.as_deref()),
            omitted: false,
            dropped: false,
            generation: 0,
        };
        entry.attributes.iter().map(attribute).collect()
    }

    /// The kind of a value of this type, of a column that was declared with so many dimensions and this modifier.
    pub(super) fn kind(&self, oid: u32, dimensions: usize, modifier: i32) -> Kind {
        self.kind_within(oid, dimensions, modifier, DEEPEST).unwrap_or(Kind::Opaque)
    }

    fn kind_within(&self, oid: u32, dimensions: usize, modifier: i32, depth: usize) -> Option<Kind> {
        let entry = self.by_oid.get(&oid).filter(|_| depth > 0)?;
        if let Some(base) = entry.base {
            return self.kind_within(base, entry.dimensions, entry.modifier, depth - 1);
        }
        if let Some(element) = entry.element {
            let inner = self.kind_within(element, 0, modifier, depth - 1)?;
            // Those of `box`, and of types that nobody knows, may have another character between them.
            let delimiter = self.by_oid.get(&element).map_or(',', |element| element.delimiter);
            if delimiter != inner.delimiter() {
                return None;
            }
            // Elements that are arrays themselves (by a domain) are quoted texts, and no further dimension.
            let inner = if matches!(inner, Kind::Array(_)) { Kind::Opaque } else { inner };
            let lists = (0..dimensions.clamp(1, MOST_DIMENSIONS)).fold(inner, |kind, _| Kind::Array(Box::new(kind)));
            return Some(lists);
        }
        let built_in = Kind::of_builtin(oid).or_else(|| self.enum_ids.get(&oid).map(|id| Kind::Enum(*id)));
        let built_in = built_in.or_else(|| self.composite_ids.get(&oid).map(|id| Kind::Composite(*id)));
        built_in.or_else(|| entry.brought(modifier)).or(Some(Kind::Opaque))
    }

    /// The type's name.
    pub(super) fn name(&self, oid: u32) -> QualifiedName {
        self.by_oid.get(&oid).map_or_else(|| QualifiedName::builtin("text"), |entry| entry.name.clone())
    }

    /// The type under all domains.
    pub(super) fn base(&self, oid: u32) -> u32 {
        (0..DEEPEST).fold(oid, |oid, _| self.by_oid.get(&oid).and_then(|entry| entry.base).unwrap_or(oid))
    }

    /// The name of the type of arrays of it, where one exists.
    pub(super) fn array_name(&self, oid: u32) -> Option<QualifiedName> {
        self.by_oid.get(&oid)?.array_name.clone()
    }

    /// The schema of the operators of the type under all domains, where they are not Postgres' own.
    pub(super) fn operators(&self, oid: u32) -> Option<String> {
        self.by_oid.get(&self.base(oid))?.operators.clone()
    }

    /// How its text compares, given what the column's collation says.
    pub(super) fn collation(&self, oid: u32, told: Collation) -> Collation {
        let base = self.base(oid);
        let element = self.by_oid.get(&base).and_then(|entry| entry.element).map_or(base, |element| self.base(element));
        let folds = |entry: &&CatalogType| entry.extension.as_ref().is_some_and(|found| found.name == "citext");
        if self.by_oid.get(&element).is_some_and(folds) { Collation::Equivalence } else { told }
    }
}

/// The schema of PostGIS, if its types are among these.
pub(super) fn spatial_schema(types: &[CatalogType]) -> Option<String> {
    let is_spatial = |entry: &&CatalogType| matches!(entry.brought(-1), Some(Kind::Spatial(_)));
    types.iter().find(is_spatial).map(|entry| entry.name.schema.clone())
}

/// These types, and all that they are made of.
fn with_parts(by_oid: &HashMap<u32, &CatalogType>, types: HashSet<u32>) -> HashSet<u32> {
    let mut open: Vec<u32> = types.iter().copied().collect();
    let mut all = types;
    while let Some(oid) = open.pop() {
        let Some(entry) = by_oid.get(&oid) else { continue };
        open.extend(entry.parts().filter(|part| all.insert(*part)));
    }
    all
}

impl CatalogType {
    /// Its kind, if an extension brought it.
    fn brought(&self, modifier: i32) -> Option<Kind> {
        let CatalogExtension { name, version } = self.extension.as_ref().filter(|_| self.class == Class::Base)?;
        Kind::of_extension(name, version, &self.name.name, modifier)
    }

    fn parts(&self) -> impl Iterator<Item = u32> {
        let attributes = self.attributes.iter().map(|attribute| attribute.type_oid);
        self.base.into_iter().chain(self.element).chain(attributes)
    }
}

fn enum_type(entry: &CatalogType, scope: &mut Scope, clashes: &mut Vec<String>) -> EnumType {
    let what = format!("enum {}", entry.name.quoted());
    let type_name = named(entry, &["", "Filter", "ListFilter"], scope, clashes, &what);
    let mut values = Scope::default();
    let value = |CatalogLabel { label, version }: &CatalogLabel| EnumValue {
        name: values.take(&names::enum_value(label), clashes, &format!("value '{label}' of {what}")),
        label: label.clone(),
        version: version.clone(),
    };
    let values = entry.labels.iter().map(value).collect();
    let comment = description(entry.comment.as_deref());
    EnumType { oid: entry.oid, sql: entry.name.clone(), type_name, comment, values }
}

/// Without its parts.
fn composite_type(entry: &CatalogType, scope: &mut Scope, clashes: &mut Vec<String>) -> CompositeType {
    let what = format!("composite type {}", entry.name.quoted());
    CompositeType {
        oid: entry.oid,
        sql: entry.name.clone(),
        type_name: named(entry, &["", "Input", "Filter", "PartsFilter", "ListFilter"], scope, clashes, &what),
        comment: description(entry.comment.as_deref()),
        attributes: Vec::new(),
    }
}

/// The first name of which all that it gives rise to are free.
fn named(entry: &CatalogType, suffixes: &[&str], scope: &mut Scope, clashes: &mut Vec<String>, what: &str) -> String {
    let stem = names::type_name(&entry.name.name);
    scope.take_family(
        |number| if number == 1 { stem.clone() } else { format!("{stem}{number}") },
        |name| suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect(),
        clashes,
        what,
    )
}
