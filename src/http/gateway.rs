//! The seam to the core: a GraphQL request goes in; an answer, or a stream of changes, comes out. `data` is
//! JSON text that nothing on this side parses.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use serde_json::value::RawValue;

use crate::caller::Caller;
use crate::changes::{self, Hub};
use crate::error::{Code, Error};
use crate::operation::{Document, Documents, Kind, Variables};
use crate::request::Requests;

pub use crate::request::Answer;

/// What a client asks for, as text. `extensions` of the request are checked to be an object and ignored.
#[derive(Debug)]
pub struct GraphqlRequest {
    /// The document.
    pub query: String,
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
    documents: Documents,
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
    pub fn new(documents: Documents, requests: Requests, feed: Feed) -> Self {
        Self { documents, requests, feed }
    }

    /// Runs a request. Dropping the future abandons the request: a mutation is then done as a whole or not
    /// at all.
    pub async fn run(&self, request: &GraphqlRequest, allowed: Allowed) -> Outcome {
        let caller = Caller::default();
        let prepared = self.documents.prepare(&caller, &request.query, request.operation_name.as_deref());
        let document = match prepared {
            Ok(document) => document,
            Err(errors) => return Outcome::Answer(Answer::refused(errors)),
        };
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
            return match self.follow(&caller, &document, &variables).await {
                Ok(changes) => Outcome::Stream(changes),
                Err(error) => Outcome::Answer(Answer::request_error(error)),
            };
        }
        Outcome::Answer(self.requests.answer(self.documents.schema(), &document, &variables).await)
    }

    async fn follow(&self, caller: &Caller, document: &Document, variables: &Variables) -> Result<Changes, Error> {
        let hub = match &self.feed {
            Feed::Running(hub) => hub,
            Feed::Missing(reason) => return Err(Error::new(Code::Unsupported, reason.clone())),
        };
        let fields = document.fields(variables)?;
        let (follow, since) = changes::plan(self.documents.schema(), caller, &fields, variables)?;
        Ok(Box::pin(hub.subscribe(follow, since).await?))
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
