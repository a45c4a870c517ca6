//! What can be asked? Takes the model, gives the GraphQL schema: as async-graphql's dynamic schema (for SDL
//! and introspection), as apollo-compiler's (to check documents against), and the meaning of every field.

mod build;
mod changes;
mod meaning;
mod rows;
mod scalars;
mod writes;

use std::sync::Arc;

use apollo_compiler::validation::Valid;
use async_graphql::dynamic;

pub use meaning::{BatchField, ChangeField, ConnectionField, EnvelopeField, Meaning, Meanings};

use crate::model::Model;

/// One schema, of one model. Immutable; a changed database gives another one.
pub struct Schema {
    /// What it was made from.
    pub model: Arc<Model>,
    /// What the fields stand for.
    pub meanings: Meanings,
    /// For checking documents.
    pub document: Valid<apollo_compiler::Schema>,
    introspection: dynamic::Schema,
    sdl: String,
}

impl Schema {
    /// Builds the schema of a model.
    ///
    /// # Errors
    /// A defect: the generated schema is not a valid one. The message says what.
    pub fn build(model: Arc<Model>) -> Result<Self, String> {
        let (builder, meanings) = build::build(&model);
        let introspection = builder.finish().map_err(|error| error.to_string())?;
        let options = async_graphql::SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .include_specified_by()
            .use_space_ident();
        let sdl = introspection.sdl_with_options(options);
        let source = format!("{sdl}\n{INTROSPECTION_OF_ONE_OF}");
        let document = apollo_compiler::Schema::parse_and_validate(source, "schema.graphql")
            .map_err(|invalid| invalid.errors.to_string())?;
        Ok(Self { model, meanings, document, introspection, sdl })
    }

    /// The SDL, sorted: the same text for the same database.
    pub fn sdl(&self) -> &str {
        &self.sdl
    }

    /// Answers the introspection fields of an operation that was checked before; the data as JSON.
    pub async fn introspect(
        &self,
        query: &str,
        operation: Option<&str>,
        variables: serde_json::Value,
    ) -> async_graphql::Response {
        let mut request = async_graphql::Request::new(query)
            .variables(async_graphql::Variables::from_json(variables))
            .only_introspection();
        request.operation_name = operation.map(str::to_owned);
        self.introspection.execute(request).await
    }
}

/// apollo-compiler 1.33 does not know this part of the September 2025 specification yet; async-graphql answers it.
const INTROSPECTION_OF_ONE_OF: &str = "extend type __Type { isOneOf: Boolean }";
