//! Is this a GraphQL request? From the JSON of a body or a `subscribe` message, or from a query string, to a
//! [`GraphqlRequest`]. Looks at the form only; nothing here reads the document.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gateway::GraphqlRequest;
use crate::error::{Code, Error};

/// The members of a request, unparsed, so that each is refused by its name. `null` counts as absent.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    query: Option<&'a RawValue>,
    #[serde(borrow, rename = "operationName")]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
    #[serde(borrow, rename = "documentId")]
    document_id: Option<&'a RawValue>,
}

/// What is read of `extensions`.
#[derive(Deserialize)]
struct Extensions<'a> {
    #[serde(borrow, rename = "persistedQuery")]
    persisted_query: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PersistedQuery {
    version: u32,
    #[serde(rename = "sha256Hash")]
    sha256: String,
}

impl GraphqlRequest {
    /// From a JSON object.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        // serde would also take an array for a struct, member by member.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(malformed("a request is one JSON object"));
        }
        let members: Members = serde_json::from_slice(text)
            .map_err(|cause| malformed(format!("the request is not JSON as expected: {cause}")))?;
        let text = |name: &str, raw: Option<&RawValue>| raw.map(|raw| string(name, raw)).transpose();
        let request = Self {
            query: text("query", members.query)?,
            document_id: text("documentId", members.document_id)?,
            sha256: persisted_hash(object("extensions", members.extensions)?)?,
            operation_name: text("operationName", members.operation_name)?,
            variables: object("variables", members.variables)?.map(RawValue::to_owned),
        };
        request.naming_a_document()
    }

    /// From the query string of a URL; `variables` and `extensions` are JSON text in there, and empty text
    /// counts as absent.
    pub fn from_query_string(text: &str) -> Result<Self, Error> {
        let mut query = None;
        let mut operation_name = None;
        let mut variables = None;
        let mut extensions = None;
        let mut document_id = None;
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let slot = match &*name {
                "query" => &mut query,
                "operationName" => &mut operation_name,
                "variables" => &mut variables,
                "extensions" => &mut extensions,
                "documentId" => &mut document_id,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(malformed(format!("`{name}` is given twice")));
            }
        }
        let request = Self {
            query,
            document_id,
            sha256: persisted_hash(json_object("extensions", extensions)?.as_deref())?,
            operation_name: operation_name.filter(|name| !name.is_empty()),
            variables: json_object("variables", variables)?,
        };
        request.naming_a_document()
    }

    fn naming_a_document(self) -> Result<Self, Error> {
        if self.query.is_none() && self.document_id.is_none() && self.sha256.is_none() {
            return Err(malformed("`query` is missing"));
        }
        Ok(self)
    }
}

/// The hash of Apollo's automatic persisted queries, if the client uses them.
fn persisted_hash(extensions: Option<&RawValue>) -> Result<Option<String>, Error> {
    const NAME: &str = "extensions.persistedQuery";
    let Some(extensions) = extensions else { return Ok(None) };
    let broken = |cause: serde_json::Error| malformed(format!("`{NAME}` is not as expected: {cause}"));
    let Extensions { persisted_query } = serde_json::from_str(extensions.get()).map_err(broken)?;
    let Some(query) = object(NAME, persisted_query)? else { return Ok(None) };
    let PersistedQuery { version, sha256 } = serde_json::from_str(query.get()).map_err(broken)?;
    if version != 1 {
        return Err(malformed(format!("`{NAME}` has the version {version}; 1 is known")));
    }
    Ok(Some(sha256))
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::BadRequest, message)
}

fn string(name: &str, raw: &RawValue) -> Result<String, Error> {
    serde_json::from_str(raw.get()).map_err(|_| malformed(format!("`{name}` is not a string")))
}

fn object<'a>(name: &str, raw: Option<&'a RawValue>) -> Result<Option<&'a RawValue>, Error> {
    match raw {
        Some(raw) if !raw.get().starts_with('{') => Err(malformed(format!("`{name}` is not an object"))),
        absent_or_object => Ok(absent_or_object),
    }
}

fn json_object(name: &str, text: Option<String>) -> Result<Option<Box<RawValue>>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let raw: Option<Box<RawValue>> =
        serde_json::from_str(&text).map_err(|cause| malformed(format!("`{name}` is not JSON: {cause}")))?;
    object(name, raw.as_deref())?;
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        GraphqlRequest::from_json(text.as_bytes()).unwrap_err().message
    }

    #[test]
    fn takes_what_the_specification_allows() {
        let text = r#" {"query":"{a}","operationName":null,"variables":{"a": 1.0},"extensions":{},"more":1}"#;
        let request = GraphqlRequest::from_json(text.as_bytes()).unwrap();
        assert_eq!(request.query.as_deref(), Some("{a}"));
        assert_eq!((request.operation_name, request.document_id, request.sha256), (None, None, None));
        assert_eq!(request.variables.unwrap().get(), r#"{"a": 1.0}"#);
        let hash = r#"{"extensions":{"other":[1],"persistedQuery":{"version":1,"sha256Hash":"ab","more":2}}}"#;
        assert_eq!(GraphqlRequest::from_json(hash.as_bytes()).unwrap().sha256.as_deref(), Some("ab"));
        let id = GraphqlRequest::from_json(br#"{"documentId":"one"}"#).unwrap();
        assert_eq!((id.query, id.document_id.as_deref()), (None, Some("one")));
    }

    #[test]
    fn refuses_each_member_by_name() {
        assert_eq!(message("{}"), "`query` is missing");
        assert_eq!(message(r#"{"query":1}"#), "`query` is not a string");
        let name = r#"{"query":"{a}","operationName":[]}"#;
        assert_eq!(message(name), "`operationName` is not a string");
        let variables = r#"{"query":"{a}","variables":[]}"#;
        assert_eq!(message(variables), "`variables` is not an object");
        let extensions = r#"{"query":"{a}","extensions":0}"#;
        assert_eq!(message(extensions), "`extensions` is not an object");
        assert_eq!(message(r#"{"documentId":1}"#), "`documentId` is not a string");
        let persisted =
            |text: &str| message(&format!(r#"{{"query":"{{a}}","extensions":{{"persistedQuery":{text}}}}}"#));
        assert_eq!(persisted("[]"), "`extensions.persistedQuery` is not an object");
        assert!(persisted(r#"{"version":1}"#).contains("missing field `sha256Hash`"));
        assert!(persisted(r#"{"version":2,"sha256Hash":"ab"}"#).contains("version 2"));
    }

    #[test]
    fn refuses_arrays_and_broken_text() {
        assert_eq!(message(r#"["{a}",null,null,null]"#), "a request is one JSON object");
        assert_eq!(message(""), "a request is one JSON object");
        assert!(message(r#"{"query":"{a}","#).contains("not JSON"));
        assert!(message(r#"{"query":"{a}","query":"{b}"}"#).contains("duplicate field"));
        assert!(GraphqlRequest::from_json(b"{\"query\":\"\xff\"}").is_err());
    }

    #[test]
    fn reads_query_strings() {
        let text = "query=%7Ba%7D&variables=%7B%22b%22%3A1%7D&operationName=&other=1";
        let request = GraphqlRequest::from_query_string(text).unwrap();
        assert_eq!(request.query.as_deref(), Some("{a}"));
        assert_eq!(request.operation_name, None);
        assert_eq!(request.variables.unwrap().get(), r#"{"b":1}"#);
        let id = GraphqlRequest::from_query_string("documentId=sha256:ab&extensions=%7B%7D").unwrap();
        assert_eq!(id.document_id.as_deref(), Some("sha256:ab"));
        for refused in ["", "query=a&query=b", "query=a&variables=1", "query=a&variables={"] {
            assert!(GraphqlRequest::from_query_string(refused).is_err(), "{refused}");
        }
    }
}
