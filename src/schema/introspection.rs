//! What does the schema say of itself? async-graphql answers, and its answers are kept: of a large schema one takes a
//! processor for a good part of a second, and every client of a kind asks the same.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dynamic;
use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::Semaphore;

/// Bytes of questions and answers that are kept.
const KEPT_BYTES: u64 = 64 << 20;
/// Answers of about the usual size, by which the cache is laid out.
const USUAL_ANSWERS: usize = 64;
/// How many are worked out at a time, so that clients who never ask the same twice leave processors to the others.
const AT_A_TIME: usize = 1;

/// The fields of an introspection by their response keys, as JSON; or what is wrong with it.
pub type Introspected = Result<HashMap<String, Bytes>, String>;

/// An operation that was checked before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The document.
    pub text: String,
    /// Which operation of it.
    pub operation: Option<String>,
    /// The values of its variables, as JSON.
    pub variables: String,
}

/// The schema that answers, and its answers.
pub(super) struct Introspection {
    schema: dynamic::Schema,
    answers: Cache<Question, Arc<Introspected>, Size>,
    places: Semaphore,
}

#[derive(Clone)]
struct Size;

impl Weighter<Question, Arc<Introspected>> for Size {
    fn weight(&self, question: &Question, answer: &Arc<Introspected>) -> u64 {
        let said = match &**answer {
            Ok(fields) => fields.iter().map(|(key, json)| key.len() + json.len()).sum(),
            Err(message) => message.len(),
        };
        (question.text.len() + question.variables.len() + said) as u64
    }
}

impl Introspection {
    pub(super) fn new(schema: dynamic::Schema) -> Self {
        // One shard: what is larger than a shard is not kept, and an answer about a large schema is large.
        let mut layout = OptionsBuilder::new();
        layout.estimated_items_capacity(USUAL_ANSWERS).weight_capacity(KEPT_BYTES).shards(1);
        let layout = layout.build().expect("a capacity and a number of items");
        let answers = Cache::with_options(layout, Size, Default::default(), Default::default());
        Self { schema, answers, places: Semaphore::new(AT_A_TIME) }
    }

    /// The SDL, sorted.
    pub(super) fn sdl(&self) -> String {
        let options = async_graphql::SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .include_specified_by()
            .use_space_ident();
        self.schema.sdl_with_options(options)
    }

    /// Answers, apart from the threads that serve; who asks the same at the same time waits for the same answer.
    pub(super) async fn answer(&self, question: Question) -> Arc<Introspected> {
        let work = async {
            let place = self.places.acquire().await;
            let answer = execute(self.schema.clone(), question.clone()).await;
            drop(place);
            Ok::<_, std::convert::Infallible>(Arc::new(answer))
        };
        match self.answers.get_or_insert_async(&question, work).await {
            Ok(answer) => answer,
            Err(impossible) => match impossible {},
        }
    }
}

async fn execute(schema: dynamic::Schema, question: Question) -> Introspected {
    let runtime = tokio::runtime::Handle::current();
    let work = tokio::task::spawn_blocking(move || {
        let variables = serde_json::from_str(&question.variables).unwrap_or_default();
        let mut request = async_graphql::Request::new(question.text)
            .variables(async_graphql::Variables::from_json(variables))
            .only_introspection();
        request.operation_name = question.operation;
        let response = runtime.block_on(schema.execute(request));
        match (response.errors.into_iter().next(), response.data) {
            (Some(error), _) => Err(error.message),
            (None, async_graphql::Value::Object(fields)) => Ok(fields
                .iter()
                .map(|(key, value)| (key.to_string(), serde_json::to_vec(value).unwrap_or_default().into()))
                .collect()),
            (None, _) => Ok(HashMap::new()),
        }
    });
    work.await.unwrap_or_else(|_| Err("the schema could not be asked".to_owned()))
}
