//! Which document does a request mean? Its text, or the id or hash of one that the server knows: listed in a file
//! ([`Listed`]), or learned from clients that sent it with its hash (automatic persisted queries).
//! <https://github.com/graphql/graphql-over-http/blob/main/spec/Appendix%20A%20--%20Persisted%20Documents.md>
//! <https://www.apollographql.com/docs/apollo-server/performance/apq>

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::gateway::GraphqlRequest;
use crate::error::{Code, Error, StartError};

/// About as long as documents are; only how the cache is laid out depends on it.
const USUAL_BYTES: usize = 1_000;

/// The scheme of an id that is a hash, in the appendix.
const SHA256: &str = "sha256:";

/// Documents of a file that maps ids to texts, as code generators write it.
#[derive(Debug, Default)]
pub struct Listed {
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<String, Arc<str>>,
    only: bool,
}

impl Listed {
    /// Reads the file; with `only` no other documents are taken.
    ///
    /// # Errors
    /// When it cannot be read, or is not a JSON object of texts.
    pub fn read(path: &Path, only: bool) -> Result<Self, StartError> {
        let failed = |cause: String| {
            StartError::new(
                format!("The documents in {} cannot be read: {cause}", path.display()),
                "--documents / EVERWIRE_DOCUMENTS",
                "The file is a JSON object of document texts by id, as GraphQL Code Generator writes persisted-documents.json",
            )
        };
        let text = fs::read_to_string(path).map_err(|cause| failed(cause.to_string()))?;
        let documents: HashMap<String, Arc<str>> =
            serde_json::from_str(&text).map_err(|cause| failed(cause.to_string()))?;
        Ok(Self::new(documents, only))
    }

    fn new(documents: HashMap<String, Arc<str>>, only: bool) -> Self {
        let by_hash = documents.values().map(|text| (sha256(text), Arc::clone(text))).collect();
        Self { by_id: documents, by_hash, only }
    }

    /// The ids and texts of the file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_id.iter().map(|(id, text)| (id.as_str(), text.as_ref()))
    }

    fn find(&self, id: &str) -> Option<Arc<str>> {
        self.by_id.get(id).or_else(|| self.by_hash.get(id)).cloned()
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<str>> for Bytes {
    fn weight(&self, hash: &String, text: &Arc<str>) -> u64 {
        (hash.len() + text.len()) as u64
    }
}

/// The documents that requests can name.
pub struct PersistedDocuments {
    /// Replaced as a whole where the file is read again; held for no longer than it takes to clone the pointer.
    listed: RwLock<Arc<Listed>>,
    /// By hash, the ones used last, in a bounded number of bytes. None: clients cannot teach any.
    learned: Option<Cache<String, Arc<str>, Bytes>>,
}

/// The document of a request.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) text: Arc<str>,
    /// The hash by which the client will name it from now on.
    hash: Option<String>,
}

impl PersistedDocuments {
    /// Those of the list, and as many bytes of learned ones; none are learned where only listed ones are taken.
    pub fn new(listed: Listed, learned_bytes: u64) -> Self {
        let learned = (learned_bytes > 0 && !listed.only).then(|| {
            let items = usize::try_from(learned_bytes).unwrap_or(usize::MAX) / USUAL_BYTES;
            Cache::with_weighter(items.max(1), learned_bytes, Bytes)
        });
        Self { listed: RwLock::new(Arc::new(listed)), learned }
    }

    /// The documents of the list.
    pub fn listed(&self) -> Arc<Listed> {
        Arc::clone(&self.listed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another list in place of this one. What runs goes on.
    pub(super) fn list(&self, listed: Listed) {
        *self.listed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(listed);
    }

    /// The text that is meant. Where a request has a text and an id, the text counts.
    pub(super) fn resolve(&self, request: &GraphqlRequest) -> Result<Resolved, Error> {
        let listed = self.listed();
        match (&request.query, &request.document_id, &request.sha256) {
            (Some(text), _, hash) => given(&listed, text, hash.as_deref()),
            (None, Some(id), _) => {
                let found = self.find(&listed, id.strip_prefix(SHA256).unwrap_or(id));
                let text = found.ok_or_else(|| not_found(id))?;
                Ok(Resolved { text, hash: None })
            }
            (None, None, Some(hash)) => {
                let text = self.find(&listed, hash).ok_or_else(|| self.not_learned(&listed))?;
                Ok(Resolved { text, hash: None })
            }
            (None, None, None) => Err(Error::new(Code::BadRequest, "`query` is missing")),
        }
    }

    /// Keeps a document that turned out to be valid.
    pub(super) fn learn(&self, resolved: &Resolved) {
        if let (Some(learned), Some(hash)) = (&self.learned, &resolved.hash) {
            learned.insert(hash.clone(), Arc::clone(&resolved.text));
        }
    }

    fn find(&self, listed: &Listed, id: &str) -> Option<Arc<str>> {
        listed.find(id).or_else(|| self.learned.as_ref()?.get(id))
    }

    fn not_learned(&self, listed: &Listed) -> Error {
        if listed.only {
            return not_allowed();
        }
        match self.learned {
            // The texts are part of the protocol: clients look for either the text or the code.
            Some(_) => Error::new(Code::PersistedQueryNotFound, "PersistedQueryNotFound"),
            None => Error::new(Code::PersistedQueryNotSupported, "PersistedQueryNotSupported"),
        }
    }
}

fn given(listed: &Listed, text: &str, hash: Option<&str>) -> Result<Resolved, Error> {
    if hash.is_none() && !listed.only {
        return Ok(Resolved { text: text.into(), hash: None });
    }
    let own = sha256(text);
    if hash.is_some_and(|hash| hash != own) {
        let message =
            "the hash is not that of the document: send the SHA-256 of the text in `query`, in lower-case hex";
        return Err(Error::new(Code::PersistedQueryMismatch, message));
    }
    if listed.only && !listed.by_hash.contains_key(&own) {
        return Err(not_allowed());
    }
    Ok(Resolved { text: text.into(), hash: hash.map(|_| own) })
}

fn not_found(id: &str) -> Error {
    Error::new(Code::DocumentNotFound, format!("no document with the id `{id}` is listed (setting: --documents)"))
}

fn not_allowed() -> Error {
    let message = "this server takes only the documents that are listed (settings: --documents, --only-documents)";
    Error::new(Code::DocumentNotAllowed, message)
}

/// In lower-case hex.
fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ __typename }";
    /// `printf '{ __typename }' | sha256sum`
    const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

    fn request(json: &str) -> GraphqlRequest {
        GraphqlRequest::from_json(json.as_bytes()).unwrap()
    }

    fn by_hash(query: Option<&str>, hash: &str) -> GraphqlRequest {
        let extensions = serde_json::json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        request(&serde_json::json!({ "query": query, "extensions": extensions }).to_string())
    }

    fn listed(only: bool) -> Listed {
        Listed::new(HashMap::from([("one".to_owned(), Arc::from(TEXT))]), only)
    }

    fn code(documents: &PersistedDocuments, request: &GraphqlRequest) -> Code {
        documents.resolve(request).unwrap_err().code
    }

    #[test]
    fn a_document_is_known_once_it_was_learned() {
        let documents = PersistedDocuments::new(Listed::default(), 10_000);
        assert_eq!(code(&documents, &by_hash(None, HASH)), Code::PersistedQueryNotFound);
        let resolved = documents.resolve(&by_hash(Some(TEXT), HASH)).unwrap();
        assert_eq!(code(&documents, &by_hash(None, HASH)), Code::PersistedQueryNotFound);
        documents.learn(&resolved);
        assert_eq!(&*documents.resolve(&by_hash(None, HASH)).unwrap().text, TEXT);
        let id = request(&format!(r#"{{"documentId":"sha256:{HASH}"}}"#));
        assert_eq!(&*documents.resolve(&id).unwrap().text, TEXT);
        assert_eq!(code(&documents, &by_hash(Some("{ other }"), HASH)), Code::PersistedQueryMismatch);
    }

    #[test]
    fn what_is_learned_is_bounded() {
        let documents = PersistedDocuments::new(Listed::default(), 100_000);
        let mut known = Vec::new();
        for number in 0..1_000 {
            let text = format!("{{ a{number}: __typename }} # {}", "x".repeat(1_000));
            let hash = sha256(&text);
            documents.learn(&documents.resolve(&by_hash(Some(&text), &hash)).unwrap());
            known.push(hash);
        }
        let found = known.iter().filter(|hash| documents.resolve(&by_hash(None, hash)).is_ok()).count();
        assert!((1..=100).contains(&found), "{found}");
        let none = PersistedDocuments::new(Listed::default(), 0);
        assert_eq!(code(&none, &by_hash(None, HASH)), Code::PersistedQueryNotSupported);
    }

    #[test]
    fn listed_documents_have_an_id_and_a_hash() {
        for only in [false, true] {
            let documents = PersistedDocuments::new(listed(only), 10_000);
            for id in ["one", HASH, &format!("sha256:{HASH}")] {
                let id = request(&serde_json::json!({ "documentId": id }).to_string());
                assert_eq!(&*documents.resolve(&id).unwrap().text, TEXT);
            }
            assert!(documents.resolve(&by_hash(None, HASH)).is_ok());
            assert!(documents.resolve(&by_hash(Some(TEXT), HASH)).is_ok());
            assert_eq!(code(&documents, &request(r#"{"documentId":"two"}"#)), Code::DocumentNotFound);
        }
    }

    #[test]
    fn nothing_else_is_taken_where_only_listed_ones_are() {
        let documents = PersistedDocuments::new(listed(true), 10_000);
        assert!(documents.resolve(&request(r#"{"query":"{ __typename }"}"#)).is_ok());
        let other = "{ other }";
        assert_eq!(code(&documents, &request(r#"{"query":"{ other }"}"#)), Code::DocumentNotAllowed);
        assert_eq!(code(&documents, &by_hash(Some(other), &sha256(other))), Code::DocumentNotAllowed);
        assert_eq!(code(&documents, &by_hash(None, &sha256(other))), Code::DocumentNotAllowed);
    }
}
