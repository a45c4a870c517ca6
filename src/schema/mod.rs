//! What can be asked? Takes the model, gives the GraphQL schema: as async-graphql's dynamic schema (for SDL
//! and introspection), as apollo-compiler's (to check documents against), and the meaning of every field.

mod aggregates;
mod build;
mod changes;
mod composites;
mod creates;
mod functions;
mod introspection;
mod meaning;
mod operations;
mod rows;
mod scalars;
mod writes;

use std::sync::Arc;

use apollo_compiler::validation::Valid;
use introspection::Introspection;
pub use introspection::{Introspected, Question};
pub use meaning::{AggregateField, BatchField, ChangeField, ConnectionField, EnvelopeField, Meaning, Meanings};

pub use operations::Operation;

use crate::model::Model;

/// One schema, of one model. Immutable; a changed database gives another one.
pub struct Schema {
    /// What it was made from.
    pub model: Arc<Model>,
    /// What the fields stand for.
    pub meanings: Meanings,
    /// For checking documents.
    pub document: Valid<apollo_compiler::Schema>,
    introspection: Introspection,
    sdl: String,
}

impl Schema {
    /// Builds the schema of a model.
    ///
    /// # Errors
    /// A defect: the generated schema is not a valid one. The message says what.
    pub fn build(model: Arc<Model>) -> Result<Self, String> {
        let (builder, meanings) = build::build(&model);
        let introspection = Introspection::new(builder.finish().map_err(|error| error.to_string())?);
        let sdl = introspection.sdl();
        let source = format!("{sdl}\n{INTROSPECTION_OF_ONE_OF}");
        let document = apollo_compiler::Schema::parse_and_validate(source, "schema.graphql")
            .map_err(|invalid| invalid.errors.to_string())?;
        Ok(Self { model, meanings, document, introspection, sdl })
    }

    /// The SDL, sorted: the same text for the same database.
    pub fn sdl(&self) -> &str {
        &self.sdl
    }

    /// Answers the introspection fields of an operation that was checked before.
    pub async fn introspect(&self, question: Question) -> Arc<Introspected> {
        self.introspection.answer(question).await
    }
}

/// apollo-compiler 1.33 does not know this part of the September 2025 specification yet; async-graphql answers it.
const INTROSPECTION_OF_ONE_OF: &str = "extend type __Type { isOneOf: Boolean }";
