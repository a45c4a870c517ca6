//! Documents: parsed, validated and kept, so that the second request with the same text pays for nothing.

use std::sync::{Arc, OnceLock};

use apollo_compiler::ast::Type;
use apollo_compiler::executable::OperationType;
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Node};
use quick_cache::sync::Cache;
use serde_json::value::RawValue;

use super::collect::{self, Field};
use super::{Kind, Limits, Variables, coerce};
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::model::{Model, Table};
use crate::schema::Schema;

/// Documents that this many different texts keep in memory.
const CACHED_DOCUMENTS: usize = 1_000;

/// The documents of one schema.
pub struct Documents {
    schema: Arc<Schema>,
    limits: Limits,
    cache: Cache<Key, Arc<Document>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    caller: Caller,
    text: String,
    operation: Option<String>,
}

impl Documents {
    /// None yet.
    pub fn new(schema: Arc<Schema>, limits: Limits) -> Self {
        Self { schema, limits, cache: Cache::new(CACHED_DOCUMENTS) }
    }

    /// None yet, over another schema.
    #[must_use]
    pub fn over(&self, schema: Arc<Schema>) -> Self {
        Self::new(schema, self.limits)
    }

    /// The schema that documents are checked against.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Parses and validates a document and picks the operation.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn prepare(&self, caller: &Caller, text: &str, operation: Option<&str>) -> Result<Arc<Document>, Vec<Error>> {
        self.limits.check_text(text).map_err(|error| vec![error])?;
        let key = Key { caller: caller.clone(), text: text.to_owned(), operation: operation.map(str::to_owned) };
        if let Some(document) = self.cache.get(&key) {
            return Ok(document);
        }
        let document = Arc::new(Document::check(&self.schema, self.limits, text, operation)?);
        self.cache.insert(key, Arc::clone(&document));
        Ok(document)
    }
}

/// One operation of a valid document.
pub struct Document {
    /// What it does.
    pub kind: Kind,
    schema: Arc<Schema>,
    executable: Valid<ExecutableDocument>,
    operation: Node<apollo_compiler::executable::Operation>,
    /// The fields, where no variable decides which they are (@skip, @include).
    fields: OnceLock<Arc<Vec<Field>>>,
}

impl Document {
    fn check(schema: &Arc<Schema>, limits: Limits, text: &str, name: Option<&str>) -> Result<Self, Vec<Error>> {
        let mut parser = Parser::new().recursion_limit(limits.nesting).token_limit(limits.tokens);
        let ast = parser.parse_ast(text, "document").map_err(|invalid| errors(Code::Parse, &invalid.errors, limits))?;
        let executable = ast
            .to_executable_validate(&schema.document)
            .map_err(|invalid| with_reasons(&schema.model, errors(Code::Validation, &invalid.errors, limits)))?;
        let operation = executable.operations.get(name).map_err(|_| {
            let message = match name {
                Some(name) => format!("the document has no operation `{name}`"),
                None => "the document has no or several operations: say which one with `operationName`".to_owned(),
            };
            vec![Error::new(Code::Validation, message)]
        })?;
        limits.check_expansion(&executable, operation).map_err(|error| vec![error])?;
        apollo_compiler::introspection::check_max_depth(&executable, operation).map_err(|_| {
            vec![Error::new(Code::DepthLimit, "the introspection nests lists of types or fields too deeply")]
        })?;
        let kind = match operation.operation_type {
            OperationType::Query => Kind::Query,
            OperationType::Mutation => Kind::Mutation,
            OperationType::Subscription => Kind::Subscription,
        };
        let operation = operation.clone();
        Ok(Self { kind, schema: Arc::clone(schema), executable, operation, fields: OnceLock::new() })
    }

    /// Checks the values of the variables against their declarations.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, naming the variable and the place in it.
    pub fn variables(&self, json: Option<&RawValue>) -> Result<Variables, Error> {
        coerce::variables(&self.schema.document, &self.operation, json)
    }

    /// The root fields with all that is selected in them.
    ///
    /// # Errors
    /// A field that the schema does not explain, which is a defect.
    pub fn fields(&self, variables: &Variables) -> Result<Arc<Vec<Field>>, Error> {
        if let Some(fields) = self.fields.get() {
            return Ok(Arc::clone(fields));
        }
        let root = self.operation.object_type().as_str();
        let collected =
            collect::fields(&self.schema, &self.executable, root, &self.operation.selection_set, variables)?;
        let fields = Arc::new(collected.fields);
        if !collected.depends_on_variables {
            return Ok(Arc::clone(self.fields.get_or_init(|| fields)));
        }
        Ok(fields)
    }

    /// The name of the operation in the document, if it has one.
    pub fn operation_name(&self) -> Option<&str> {
        self.operation.name.as_ref().map(apollo_compiler::Name::as_str)
    }

    /// The name of the root type.
    pub fn root_type(&self) -> &str {
        self.operation.object_type().as_str()
    }

    /// The document's text, fragments and all, as it was validated.
    pub fn text(&self) -> String {
        self.executable.to_string()
    }

    /// The declared type of a variable.
    pub fn variable_type(&self, name: &str) -> Option<&Type> {
        self.operation.variables.iter().find(|variable| variable.name == name).map(|variable| &*variable.ty)
    }
}

/// Says of a table or view that is served, but has no subscription, why that is.
fn with_reasons(model: &Model, mut errors: Vec<Error>) -> Vec<Error> {
    for error in &mut errors {
        let rest = error.message.strip_prefix("type `Subscription` does not have a field `");
        let Some(field) = rest.and_then(|rest| rest.strip_suffix('`')) else { continue };
        let named = |table: &&Table| [&table.names.one, &table.names.many].iter().any(|name| *name == field);
        let reason = model.tables().map(|(_, table)| table).find(named).and_then(Table::why_not_followed);
        if let Some(reason) = reason {
            error.message = format!("{}: {reason}", error.message);
        }
    }
    errors
}

/// Where a parser limit was reached, that is said with the code of limits.
fn errors(code: Code, diagnostics: &DiagnosticList, limits: Limits) -> Vec<Error> {
    const MOST: usize = 20;
    let mut found: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.to_json()).collect();
    // What follows from an unknown field comes before it in the list and only distracts.
    let consequence = |message: &str| message.ends_with("must have a subselection set");
    if found.iter().any(|json| !consequence(&json.message)) {
        found.retain(|json| !consequence(&json.message));
    }
    let mut errors: Vec<Error> = found
        .into_iter()
        .take(MOST)
        .map(|json| {
            let mut error = limits.exceeded_in_parsing(&json.message).unwrap_or_else(|| Error::new(code, json.message));
            error.locations = json.locations.iter().map(|place| (place.line, place.column)).collect();
            error
        })
        .collect();
    // Of two braces that are missing at the end, the parser says so twice.
    errors.dedup_by(|a, b| a.message == b.message && a.locations == b.locations);
    errors
}
