//! The seam to the core: a GraphQL request goes in; an answer, or a stream of changes, comes out. `data` is
//! JSON text that nothing on this side parses.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde_json::value::RawValue;

use super::persisted::{Listed, PersistedDocuments};
use crate::caller::Caller;
use crate::changes::{self, Hub, Subscription};
use crate::error::{Code, Error};
use crate::model::Model;
use crate::operation::{Document, Documents, Kind, Variables};
use crate::request::Requests;
use crate::schema::Schema;
use crate::sequence::Sequence;

pub use crate::request::Answer;

/// What a client asks for, as text: a document, or the id or hash of one. Of `extensions` only `persistedQuery` is read.
#[derive(Debug)]
pub struct GraphqlRequest {
    /// The document.
    pub query: Option<String>,
    /// `documentId`.
    pub document_id: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub sha256: Option<String>,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// A JSON object, unparsed.
    pub variables: Option<Box<RawValue>>,
}

/// JSON text of `data`, message by message. An `Err` is the last item; an end without one is a completion.
pub type Changes = Pin<Box<dyn Stream<Item = Result<Bytes, Vec<Error>>> + Send>>;

/// What became of a request.
pub enum Outcome {
    /// One answer.
    Answer(Answer),
    /// A subscription's messages.
    Stream(Changes),
    /// Nothing ran: the operation may not come this way.
    Refused(Refusal),
}

/// Which kinds of operation the way in allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// GET.
    QueriesOnly,
    /// POST.
    QueriesAndMutations,
    /// The socket.
    Everything,
}

/// Why an operation may not come this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A mutation by GET, which must be free of effects.
    MutationByGet,
    /// A subscription where only one answer can be given.
    SubscriptionByHttp,
}

impl Refusal {
    /// The error that tells the client where to go.
    pub fn error(self) -> Error {
        match self {
            Self::MutationByGet => Error::new(Code::BadRequest, "a mutation cannot be sent by GET; send it by POST"),
            Self::SubscriptionByHttp => Error::new(
                Code::Unsupported,
                "subscriptions need the WebSocket: connect to this address with the subprotocol \
                 graphql-transport-ws",
            ),
        }
    }
}

/// The way to the core. One for the whole server.
pub struct Gateway {
    documents: Arc<Present>,
    persisted: PersistedDocuments,
    requests: Requests,
    feed: Feed,
}

/// The feed of changes, or why there is none.
#[derive(Clone)]
pub enum Feed {
    /// It runs; it may be interrupted for a while.
    Running(Arc<Hub>),
    /// This database offers none; what to do about it.
    Missing(String),
}

impl Gateway {
    /// Over the parts of the core.
    pub fn new(documents: Documents, persisted: PersistedDocuments, requests: Requests, feed: Feed) -> Self {
        let gateway =
            Self { documents: Arc::new(Present(RwLock::new(Arc::new(documents)))), persisted, requests, feed };
        gateway.report_listed();
        gateway
    }

    /// A document that was listed and does not fit the database would be found out by a user.
    fn report_listed(&self) {
        let (documents, caller) = (self.documents.get(), Caller::default());
        for (id, text) in self.persisted.listed().texts() {
            if let Err(errors) = documents.prepare(&caller, text, None) {
                let errors: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
                tracing::warn!(id, ?errors, "a listed document does not fit the schema");
            }
        }
    }

    /// Takes another list of documents in place of the present one.
    pub fn list(&self, listed: Listed) {
        self.persisted.list(listed);
        self.report_listed();
    }

    /// Builds the schema of an altered database; what is given back makes it that of all requests from then on.
    /// Requests that run go on by the schema they began with.
    ///
    /// # Errors
    /// A defect: the generated schema is not a valid one.
    pub fn prepare(&self, model: Arc<Model>) -> Result<impl FnOnce() + Send + use<>, String> {
        let generation = model.generation;
        let next = self.documents.get().over(Arc::new(Schema::build(model)?));
        let documents = Arc::clone(&self.documents);
        Ok(move || documents.set(next, generation))
    }

    /// The pool of requests and the schema of the present, to compare with the database.
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(self.documents.get().schema())
    }

    /// Whether this subscription can be followed here: the schema has what it names, and there is a feed.
    pub fn can_follow(&self, document: &str) -> bool {
        let known = || self.documents.get().prepare(&Caller::default(), document, None).is_ok();
        matches!(self.feed, Feed::Running(_)) && known()
    }

    /// Runs a request. Dropping the future abandons the request: a mutation is then done as a whole or not
    /// at all.
    pub async fn run(&self, request: &GraphqlRequest, allowed: Allowed) -> Outcome {
        let caller = Caller::default();
        let documents = self.documents.get();
        let resolved = match self.persisted.resolve(request) {
            Ok(resolved) => resolved,
            Err(error) => return Outcome::Answer(Answer::request_error(error)),
        };
        let document = match documents.prepare(&caller, &resolved.text, request.operation_name.as_deref()) {
            Ok(document) => document,
            Err(errors) => return Outcome::Answer(Answer::refused(errors)),
        };
        self.persisted.learn(&resolved);
        match (document.kind, allowed) {
            (Kind::Mutation, Allowed::QueriesOnly) => return Outcome::Refused(Refusal::MutationByGet),
            (Kind::Subscription, Allowed::QueriesOnly | Allowed::QueriesAndMutations) => {
                return Outcome::Refused(Refusal::SubscriptionByHttp);
            }
            (Kind::Query | Kind::Mutation | Kind::Subscription, _) => {}
        }
        let variables = match document.variables(request.variables.as_deref()) {
            Ok(variables) => variables,
            Err(error) => return Outcome::Answer(Answer::request_error(error)),
        };
        if document.kind == Kind::Subscription {
            return match self.follow(caller, request, resolved.text, &documents, &document, &variables).await {
                Ok(changes) => Outcome::Stream(changes),
                Err(error) => Outcome::Answer(Answer::request_error(error)),
            };
        }
        let answer = self.requests.answer(documents.schema(), &document, &variables).await;
        if let (Feed::Running(hub), true) = (&self.feed, answer.errors.iter().any(is_schema_changed)) {
            hub.reload();
        }
        Outcome::Answer(answer)
    }

    async fn follow(
        &self,
        caller: Caller,
        request: &GraphqlRequest,
        text: Arc<str>,
        documents: &Documents,
        document: &Document,
        variables: &Variables,
    ) -> Result<Changes, Error> {
        let hub = match &self.feed {
            Feed::Running(hub) => hub,
            Feed::Missing(reason) => return Err(Error::new(Code::Unsupported, reason.clone())),
        };
        let fields = document.fields(variables)?;
        let (follow, since) = changes::plan(documents.schema(), &caller, &fields, variables)?;
        let again = Again {
            hub: Arc::clone(hub),
            documents: Arc::clone(&self.documents),
            caller,
            query: text,
            operation_name: request.operation_name.as_deref().map(Into::into),
            variables: request.variables.clone(),
        };
        let subscription = match hub.subscribe(follow, since).await {
            // The database was altered in between.
            Err(error) if is_schema_changed(&error) => again.subscribe(Begin::At(since), &error).await?,
            subscribed => subscribed?,
        };
        Ok(again.keep_on(subscription))
    }

    /// What is still missing before requests can be served; empty when ready.
    pub fn missing(&self) -> Vec<String> {
        match &self.feed {
            Feed::Running(hub) => hub.ready().err().into_iter().collect(),
            // A database without a feed is served without one; `everwire check` says what it lacks.
            Feed::Missing(_) => Vec::new(),
        }
    }
}

fn is_schema_changed(error: &Error) -> bool {
    error.code == Code::SchemaChanged
}

/// The documents of the schema of the present.
struct Present(RwLock<Arc<Documents>>);

impl Present {
    fn get(&self) -> Arc<Documents> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An older schema never takes the place of a newer one.
    fn set(&self, documents: Documents, generation: u32) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if present.schema().model.generation <= generation {
            *present = Arc::new(documents);
        }
    }
}

/// A subscription's request, kept for the day on which the database is altered under it.
struct Again {
    hub: Arc<Hub>,
    documents: Arc<Present>,
    caller: Caller,
    query: Arc<str>,
    operation_name: Option<Box<str>>,
    variables: Option<Box<RawValue>>,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy)]
enum Begin {
    /// As the request says.
    At(Option<Sequence>),
    /// From a copy, since the old one is no longer right.
    Anew,
}

impl Again {
    /// Messages, across alterations of the database, as long as the request makes sense.
    fn keep_on(self, subscription: Subscription) -> Changes {
        Box::pin(stream::unfold((self, Some(subscription)), |(again, subscription)| async move {
            let mut subscription = subscription?;
            loop {
                let altered = match subscription.next().await? {
                    Err(errors) if errors.iter().all(is_schema_changed) => errors,
                    item => return Some((item, (again, Some(subscription)))),
                };
                let error = altered.into_iter().next()?;
                match again.subscribe(Begin::Anew, &error).await {
                    Ok(another) => subscription = another,
                    Err(error) => return Some((Err(vec![error]), (again, None))),
                }
            }
        }))
    }

    /// Asks again, by the schema of the present. `altered` is why, and what a client is told if it cannot be asked.
    async fn subscribe(&self, begin: Begin, altered: &Error) -> Result<Subscription, Error> {
        const TRIES: usize = 5;
        let vanished = |error: &Error| {
            let message =
                format!("{}; subscribe again with what the schema offers now: {}", altered.message, error.message);
            Error { message, ..altered.clone() }
        };
        let mut result = Err(altered.clone());
        for _ in 0..TRIES {
            let documents = self.documents.get();
            let prepared = documents.prepare(&self.caller, &self.query, self.operation_name.as_deref());
            let document = prepared.map_err(|errors| errors.first().map_or_else(|| altered.clone(), vanished))?;
            let variables = document.variables(self.variables.as_deref()).map_err(|error| vanished(&error))?;
            let fields = document.fields(&variables).map_err(|error| vanished(&error))?;
            let planned = changes::plan(documents.schema(), &self.caller, &fields, &variables);
            let (follow, _) = planned.map_err(|error| vanished(&error))?;
            result = match begin {
                Begin::At(since) => self.hub.subscribe(follow, since).await,
                Begin::Anew => self.hub.subscribe_anew(follow).await,
            };
            if !result.as_ref().is_err_and(is_schema_changed) {
                break;
            }
        }
        result
    }
}
