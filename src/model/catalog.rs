//! What does the database say of itself? Reads the catalog with one statement, as it stands there; names and meaning are
//! given by [`super::assemble`].

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::PgPool;

use super::assemble::assemble;
use super::directives::{ColumnDirective, ForeignKeyDirective, TableDirective};
use super::functions::CatalogFunction;
use super::types::CatalogType;
use super::{Collation, Model, Nature, ReplicaIdentity};
use crate::sql::{QualifiedName, array_literal};

/// Reads the tables of `schemas` as they are now.
///
/// # Errors
/// When the database cannot be asked.
pub async fn load(pool: &PgPool, schemas: &[String]) -> Result<Model, sqlx::Error> {
    let schemas = array_literal(schemas.iter().map(|schema| Some(schema.as_str())));
    let text: String = sqlx::query_scalar(include_str!("catalog.sql")).bind(schemas).fetch_one(pool).await?;
    let catalog: Catalog = serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(assemble(catalog))
}

/// The model, and when that was.
pub struct Reading {
    /// What the database looked like.
    pub model: Model,
    /// To whom: the snapshot, as `pg_current_snapshot()` writes it.
    pub snapshot: String,
}

/// Reads the tables of `schemas`, and what the reading saw.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(pool: &PgPool, schemas: &[String]) -> Result<Reading, sqlx::Error> {
    let schemas = array_literal(schemas.iter().map(|schema| Some(schema.as_str())));
    // One statement, and so one snapshot.
    const SQL: &str =
        concat!("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, (", include_str!("catalog.sql"), ")");
    let (snapshot, text): (String, String) = sqlx::query_as(SQL).bind(schemas).fetch_one(pool).await?;
    let catalog: Catalog = serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Reading { model: assemble(catalog), snapshot })
}

#[derive(Deserialize)]
pub(super) struct Catalog {
    pub(super) tables: Vec<CatalogTable>,
    pub(super) functions: Vec<CatalogFunction>,
    pub(super) types: Vec<CatalogType>,
}

#[derive(Deserialize)]
pub(super) struct CatalogTable {
    pub(super) oid: u32,
    pub(super) name: QualifiedName,
    pub(super) nature: Nature,
    pub(super) inherited: bool,
    pub(super) writable: bool,
    pub(super) comment: Option<String>,
    pub(super) replica_identity: ReplicaIdentity,
    pub(super) owned: bool,
    pub(super) columns: Vec<CatalogColumn>,
    pub(super) primary_key: Option<Vec<i16>>,
    pub(super) unique_keys: Vec<Vec<i16>>,
    pub(super) foreign_keys: Vec<CatalogForeignKey>,
    pub(super) constraints: HashMap<String, Vec<i16>>,
    #[serde(skip)]
    pub(super) directive: TableDirective,
}

#[derive(Deserialize)]
pub(super) struct CatalogColumn {
    pub(super) number: i16,
    pub(super) version: String,
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) dimensions: usize,
    pub(super) modifier: i32,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
    pub(super) identity: String,
    pub(super) generated: String,
    pub(super) collation: Collation,
    pub(super) comment: Option<String>,
    #[serde(skip)]
    pub(super) directive: ColumnDirective,
}

#[derive(Deserialize)]
pub(super) struct CatalogForeignKey {
    pub(super) name: String,
    pub(super) columns: Vec<i16>,
    pub(super) target: u32,
    pub(super) target_columns: Vec<i16>,
    pub(super) validated: bool,
    pub(super) comment: Option<String>,
    #[serde(skip)]
    pub(super) directive: ForeignKeyDirective,
}
