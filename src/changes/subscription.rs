//! What does one subscriber get next? A stream over what its group shares; holds a position and nothing else.
//! Never waits for other subscribers, and nobody waits for it.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::WeakShared;
use futures_util::{FutureExt, Stream};
use tokio::task::JoinSet;

use super::backlog::catch_up;
use super::copy::{self, Given, Reading, StartingCopy, Taking};
use super::follow::Reset;
use super::group::{CaughtUp, Group, Next};
use super::large::{self, Made, Told};
use super::shared::Shared;
use crate::error::{Code, Error};
use crate::sequence::Sequence;

/// A running subscription: the JSON texts of `data`. Dropping it ends it.
pub struct Subscription {
    shared: Arc<Shared>,
    group: Arc<Group>,
    /// Its place in the group.
    place: u32,
    state: State,
}

enum State {
    Joining(Pin<Box<dyn Future<Output = Result<Joined, Error>> + Send>>),
    Copying(Copying),
    Following(Sequence),
    /// Waits for a message of a commit that is not in memory.
    Telling(Pin<Box<dyn Future<Output = Result<Told, Error>> + Send>>),
    Ended,
}

/// A copy and how far it has been read.
struct Copying {
    copy: Arc<StartingCopy>,
    reason: Reset,
    index: usize,
    /// The message with this index, on its way from its file.
    reading: Option<Reading>,
}

/// How a subscriber got to where the log goes on.
enum Joined {
    Resumed(Sequence),
    Copied(Arc<StartingCopy>, Reset),
}

impl Subscription {
    /// Begins after `since` if the history allows it, with a copy if not; without it with a copy for this reason.
    /// The group has a place for it.
    pub(super) fn new(
        shared: Arc<Shared>,
        group: Arc<Group>,
        place: u32,
        since: Option<Sequence>,
        reason: Reset,
    ) -> Self {
        let state = match since {
            Some(at) => State::Joining(Box::pin(resume(Arc::clone(&shared), Arc::clone(&group), at, Reset::Expired))),
            None => State::Joining(Box::pin(start(Arc::clone(&shared), Arc::clone(&group), reason))),
        };
        Self { shared, group, place, state }
    }

    fn resume(&self, at: Sequence) -> State {
        State::Joining(Box::pin(resume(Arc::clone(&self.shared), Arc::clone(&self.group), at, Reset::Lagged)))
    }

    /// Goes on after a message of a commit.
    fn told(&mut self, (sequence, message): Made) -> Poll<Option<<Self as Stream>::Item>> {
        self.state = State::Following(sequence);
        Poll::Ready(Some(Ok(message)))
    }

    /// Ends with an error.
    fn fail(&mut self, error: Error) -> Poll<Option<<Self as Stream>::Item>> {
        self.state = State::Ended;
        Poll::Ready(Some(Err(vec![error.at(&self.group.follow.root_key)])))
    }

    fn start(&self, reason: Reset) -> State {
        State::Joining(Box::pin(start(Arc::clone(&self.shared), Arc::clone(&self.group), reason)))
    }
}

impl Copying {
    /// The next message; `None` after the last.
    fn poll(
        &mut self,
        shared: &Shared,
        group: &Group,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let message = ready!(reading.as_mut().poll(context));
                self.reading = None;
                self.index += 1;
                return Poll::Ready(message.map(Some));
            }
            match self.copy.message(&shared.model(), group, self.reason, self.index) {
                Given::Message(message) => {
                    self.index += 1;
                    return Poll::Ready(Ok(Some(message)));
                }
                Given::Reading(reading) => self.reading = Some(reading),
                Given::End => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Bytes, Vec<Error>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            this.state = match &mut this.state {
                State::Joining(joining) => match ready!(joining.as_mut().poll(context)) {
                    Ok(Joined::Resumed(at)) => State::Following(at),
                    Ok(Joined::Copied(copy, reason)) => {
                        State::Copying(Copying { copy, reason, index: 0, reading: None })
                    }
                    Err(error) => return this.fail(error),
                },
                State::Copying(copying) => match ready!(copying.poll(&this.shared, &this.group, context)) {
                    Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                    Ok(None) => State::Following(copying.copy.at),
                    Err(error) => return this.fail(error),
                },
                State::Following(at) => match this.group.next(*at, this.place, context) {
                    Next::Pending => return Poll::Pending,
                    Next::Message(sequence, message) => {
                        *at = sequence;
                        #[cfg(feature = "sabotage")]
                        if super::sabotage::strikes(super::sabotage::Defect::Message) {
                            continue;
                        }
                        return Poll::Ready(Some(Ok(message)));
                    }
                    Next::Large(commit, after) => {
                        match large::tell_at_once(&this.shared, &this.group, &commit, after) {
                            Some(Told::Message(made)) => return this.told(made),
                            Some(Told::Untold(reason)) => this.start(reason),
                            None => {
                                let (shared, group) = (Arc::clone(&this.shared), Arc::clone(&this.group));
                                State::Telling(Box::pin(large::tell(shared, group, commit, after)))
                            }
                        }
                    }
                    Next::Behind => {
                        let at = *at;
                        this.resume(at)
                    }
                    Next::Restarted(reason) => this.start(reason),
                    Next::Ended(error) => return this.fail(error),
                },
                State::Telling(telling) => match ready!(telling.as_mut().poll(context)) {
                    Ok(Told::Message(made)) => return this.told(made),
                    Ok(Told::Untold(reason)) => this.start(reason),
                    Err(error) => return this.fail(error),
                },
                State::Ended => return Poll::Ready(None),
            };
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.group.leave(self.place);
    }
}

/// Goes on after `at`, or starts over with this reason where the history does not reach it.
async fn resume(shared: Arc<Shared>, group: Arc<Group>, at: Sequence, otherwise: Reset) -> Result<Joined, Error> {
    if let Some(reason) = group.refuses(at) {
        return start(shared, group, reason).await;
    }
    if shared.is_ahead(at).await? {
        return start(shared, group, Reset::Epoch).await;
    }
    if group.reaches(at) {
        return Ok(Joined::Resumed(at));
    }
    match catch_up(&shared, &group, at).await {
        CaughtUp::Done => Ok(Joined::Resumed(at)),
        CaughtUp::TooFar => start(shared, group, otherwise).await,
        CaughtUp::Untold(reason) => start(shared, group, reason).await,
    }
}

/// Starts with a copy, shared with all who wait for one of this group or come in the same moment.
async fn start(shared: Arc<Shared>, group: Arc<Group>, reason: Reset) -> Result<Joined, Error> {
    if let Some(copy) = group.recent() {
        return Ok(Joined::Copied(copy, reason));
    }
    let flight = {
        let mut flight = group.flight.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = flight.as_ref().and_then(WeakShared::upgrade).filter(|flight| match flight.peek() {
            None => true,
            // A copy from before the log's beginning, or of another history, would not lead anywhere.
            Some(Ok(copy)) => group.goes_on_from(copy),
            Some(Err(_)) => false,
        });
        under_way.unwrap_or_else(|| {
            let (shared, group) = (Arc::clone(&shared), Arc::clone(&group));
            let taken: Taking = Box::pin(apart(async move {
                let copy = Arc::new(copy::take(&shared, &group).await?);
                group.lend(&copy);
                if !shared.spool.is_crowded() {
                    group.keep(&copy);
                }
                Ok(copy)
            }));
            let taken = taken.shared();
            *flight = taken.downgrade();
            taken
        })
    };
    Ok(Joined::Copied(flight.await?, reason))
}

/// Runs in a task of its own, which ends with the caller. A subscriber is polled only while its socket takes something:
/// what holds a connection to the database, or others wait for, must not depend on that.
pub(super) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(_)) | None => Err(Error::new(Code::Internal, "the work for a subscription broke off")),
    }
}
