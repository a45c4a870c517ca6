//! WAL → commits → payloads → subscribers (being merged).
mod follow;
mod plan;
pub use follow::Follow;
pub use plan::plan;
/// stub
pub struct Hub;
impl Hub {
    /// stub
    pub async fn subscribe(
        &self,
        _: Follow,
        _: Option<crate::sequence::Sequence>,
    ) -> Result<futures_util::stream::Empty<Result<bytes::Bytes, Vec<crate::error::Error>>>, crate::error::Error> {
        tokio::task::yield_now().await;
        Ok(futures_util::stream::empty())
    }
    /// stub
    pub fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
