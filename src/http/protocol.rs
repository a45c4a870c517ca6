//! The messages of the subprotocol `graphql-transport-ws`, both ways, and the codes with which a socket is
//! closed (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>). Text to values and values to
//! text; what happens when stands in `socket.rs`.

use std::fmt::Write;
use std::sync::Arc;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// The name that a client offers in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "graphql-transport-ws";

/// The longest id of an operation, in bytes. Clients count or draw UUIDs; an id is kept while its operation
/// runs and stands in each of its frames.
const LONGEST_ID: usize = 256;

/// RFC 6455 gives a control frame 125 bytes, of which the code takes two.
const LONGEST_REASON: usize = 123;

/// The id of an operation on one connection, as JSON text: compared and written far more often than read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperationId(Arc<str>);

impl OperationId {
    fn from_name(name: &str) -> Result<Self, Closing> {
        if name.is_empty() || name.len() > LONGEST_ID {
            return Err(Closing::bad_message(format!("`id` has 1 to {LONGEST_ID} bytes, not {}", name.len())));
        }
        Ok(Self(serde_json::Value::from(name).to_string().into()))
    }

    /// The quoted and escaped text.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// What a client says.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// `connection_init`: the first message. Its payload, an object, is for authentication.
    Init,
    /// `ping`, with a payload to be sent back.
    Ping(Option<&'a RawValue>),
    /// `pong`: an answer, or just a sign of life.
    Pong,
    /// `subscribe`: run a query, mutation or subscription under this id.
    Subscribe {
        /// Chosen by the client.
        id: OperationId,
        /// The request: `query`, `operationName`, `variables`, `extensions`.
        payload: &'a RawValue,
    },
    /// `complete`: the client is done with this operation.
    Complete {
        /// As in `subscribe`.
        id: OperationId,
    },
}

/// Any message. (An internally tagged enum cannot hold a `RawValue`.)
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl<'a> Incoming<'a> {
    /// Reads a text frame; what is not a message of the protocol closes the socket.
    pub fn decode(text: &'a str) -> Result<Self, Closing> {
        // serde would also take an array for a struct, member by member.
        if !text.trim_start().starts_with('{') {
            return Err(Closing::bad_message("a message is one JSON object"));
        }
        let members: Members = serde_json::from_str(text)
            .map_err(|cause| Closing::bad_message(format!("the message is not JSON: {cause}")))?;
        let kind = name("type", members.kind)?;
        let object = match members.payload {
            Some(payload) if !payload.get().starts_with('{') => {
                return Err(Closing::bad_message("`payload` is not an object"));
            }
            object => object,
        };
        match kind.as_str() {
            "connection_init" => Ok(Self::Init),
            "ping" => Ok(Self::Ping(object)),
            "pong" => Ok(Self::Pong),
            "subscribe" => Ok(Self::Subscribe {
                id: OperationId::from_name(&name("id", members.id)?)?,
                payload: object.ok_or_else(|| Closing::bad_message("`subscribe` has no `payload`"))?,
            }),
            "complete" => Ok(Self::Complete { id: OperationId::from_name(&name("id", members.id)?)? }),
            other => Err(Closing::bad_message(format!("no client message has the type {other}"))),
        }
    }
}

fn name(member: &str, raw: Option<&RawValue>) -> Result<String, Closing> {
    let raw = raw.ok_or_else(|| Closing::bad_message(format!("`{member}` is missing")))?;
    serde_json::from_str(raw.get()).map_err(|_| Closing::bad_message(format!("`{member}` is not a string")))
}

/// The number of a `next` message on its connection; they count 1, 2, 3 … over all operations together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageNumber(u64);

impl MessageNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What the server says.
#[derive(Debug)]
pub enum Outgoing<'a> {
    /// `connection_ack`
    Ack,
    /// `pong`, with the payload of its `ping`.
    Pong(Option<&'a RawValue>),
    /// `next`: one result.
    Next {
        /// Whose.
        id: &'a OperationId,
        /// JSON text; none is `null`.
        data: Option<&'a [u8]>,
        /// At most for a part of the data.
        errors: &'a [Error],
        /// The transaction that a mutation made.
        transaction: Option<&'a str>,
        /// This message's number; `lastMessageId` is the one before.
        number: MessageNumber,
    },
    /// `error`: the operation was refused, or broke off. Its id is free again.
    Error {
        /// Whose.
        id: &'a OperationId,
        /// Why; never empty.
        errors: &'a [Error],
    },
    /// `complete`: no more of this operation. Its id is free again.
    Complete {
        /// Whose.
        id: &'a OperationId,
    },
}

impl Outgoing<'_> {
    /// Appends the JSON text.
    pub fn encode(&self, buffer: &mut BytesMut) {
        match self {
            Self::Ack => put(buffer, &[r#"{"type":"connection_ack"}"#]),
            Self::Pong(None) => put(buffer, &[r#"{"type":"pong"}"#]),
            Self::Pong(Some(payload)) => {
                put(buffer, &[r#"{"type":"pong","payload":"#, payload.get(), "}"]);
            }
            Self::Next { id, data, errors, transaction, number } => {
                let data = data.unwrap_or(b"null");
                buffer.reserve(id.as_json().len() + data.len() + 128);
                put(buffer, &[r#"{"id":"#, id.as_json()]);
                put(buffer, &[r#","type":"next","payload":{"data":"#]);
                buffer.extend_from_slice(data);
                if !errors.is_empty() {
                    put(buffer, &[r#","errors":"#, &errors_json(errors)]);
                }
                put_numbers(buffer, *number);
                if let Some(transaction) = transaction {
                    put(buffer, &[r#","transaction":"#, &json_string(transaction)]);
                }
                put(buffer, &["}}}"]);
            }
            Self::Error { id, errors } => {
                put(buffer, &[r#"{"id":"#, id.as_json()]);
                put(buffer, &[r#","type":"error","payload":"#]);
                put(buffer, &[&errors_json(errors), "}"]);
            }
            Self::Complete { id } => {
                put(buffer, &[r#"{"id":"#, id.as_json(), r#","type":"complete"}"#]);
            }
        }
    }
}

fn put(buffer: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        buffer.extend_from_slice(part.as_bytes());
    }
}

fn put_numbers(buffer: &mut BytesMut, MessageNumber(number): MessageNumber) {
    let last = number.saturating_sub(1);
    write!(buffer, r#","extensions":{{"messageId":{number},"lastMessageId":{last}"#)
        .expect("a buffer in memory takes everything");
}

/// The JSON array of errors in a result or an `error` message.
pub(super) fn errors_json(errors: &[Error]) -> String {
    serde_json::Value::from_iter(errors.iter().map(Error::to_json)).to_string()
}

/// Text as JSON, quoted and escaped.
pub(super) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Why a socket is closed, as the number that the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Nothing ran on the socket for long; connect again when something shall.
    Normal = 1000,
    /// The server stops; connect again, to another one or a little later.
    GoingAway = 1001,
    /// A frame that RFC 6455 does not allow.
    ProtocolError = 1002,
    /// A text frame that is not UTF-8.
    NotText = 1007,
    /// A message larger than the server takes.
    TooLarge = 1009,
    /// A defect of the server.
    Internal = 1011,
    /// Not a message of the protocol.
    BadMessage = 4400,
    /// `subscribe` before `connection_ack`.
    Unauthorized = 4401,
    /// Reserved for a `connection_init` whose payload is refused, once there is authentication.
    Forbidden = 4403,
    /// The client did not offer [`SUBPROTOCOL`].
    SubprotocolNotAcceptable = 4406,
    /// No `connection_init` in time.
    InitTimeout = 4408,
    /// `subscribe` with the id of an operation that is still running.
    DuplicateId = 4409,
    /// A second `connection_init`.
    TooManyInits = 4429,
}

impl CloseCode {
    /// The number in the close frame.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// The last thing said on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// For the program.
    pub code: CloseCode,
    /// For the person; at most 123 bytes.
    pub reason: String,
}

impl Closing {
    /// With as much of the reason as a close frame can hold.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        Self { code, reason }
    }

    /// 4400, with what is wrong with the message.
    pub fn bad_message(reason: impl Into<String>) -> Self {
        Self::new(CloseCode::BadMessage, reason)
    }

    /// 4409. The id stands in the reason as the client wrote it.
    pub fn duplicate_id(id: &OperationId) -> Self {
        let name: String = serde_json::from_str(id.as_json()).unwrap_or_default();
        Self::new(CloseCode::DuplicateId, format!("Subscriber for {name} already exists"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn closing(text: &str) -> Closing {
        Incoming::decode(text).unwrap_err()
    }

    fn text(message: &Outgoing) -> String {
        let mut buffer = BytesMut::new();
        message.encode(&mut buffer);
        String::from_utf8(buffer.to_vec()).unwrap()
    }

    #[test]
    fn decodes_every_client_message() {
        let decode = |text| Incoming::decode(text).unwrap();
        assert!(matches!(decode(r#"{"type":"connection_init"}"#), Incoming::Init));
        let init = r#"{"payload":{"token":"x"},"type":"connection_init"}"#;
        assert!(matches!(decode(init), Incoming::Init));
        assert!(matches!(decode(r#"{"type":"pong","payload":null}"#), Incoming::Pong));
        let Incoming::Ping(Some(payload)) = decode(r#"{"type":"ping","payload":{"n":1.0}}"#) else {
            panic!("a ping");
        };
        assert_eq!(payload.get(), r#"{"n":1.0}"#);
        let subscribe = r#"{"id":"a\u0062","type":"subscribe","payload":{"query":"{a}"}}"#;
        let Incoming::Subscribe { id, payload } = decode(subscribe) else {
            panic!("a subscribe");
        };
        assert_eq!(id.as_json(), r#""ab""#);
        assert_eq!(payload.get(), r#"{"query":"{a}"}"#);
        let Incoming::Complete { id } = decode(r#"{"id":"é\"","type":"complete"}"#) else {
            panic!("a complete");
        };
        assert_eq!(id.as_json(), r#""é\"""#);
    }

    #[test]
    fn closes_with_4400_on_anything_else() {
        for text in [
            "",
            "{",
            "null",
            "[]",
            r#"["ping",null,null]"#,
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"ping","payload":"x"}"#,
            r#"{"type":"subscribe","payload":{}}"#,
            r#"{"type":"subscribe","id":"","payload":{}}"#,
            r#"{"type":"subscribe","id":1,"payload":{}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"ping"} {}"#,
        ] {
            assert_eq!(closing(text).code, CloseCode::BadMessage, "{text}");
        }
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(257));
        assert_eq!(closing(&long).code, CloseCode::BadMessage);
    }

    #[test]
    fn encodes_every_server_message() {
        let id = OperationId::from_name("a").unwrap();
        let payload: Box<RawValue> = serde_json::from_str(r#"{"n":1}"#).unwrap();
        let errors = [Error::new(Code::OperationsLimit, "too many")];
        let error = r#"[{"message":"too many","extensions":{"code":"OPERATIONS_LIMIT_EXCEEDED"}}]"#;
        assert_eq!(text(&Outgoing::Ack), r#"{"type":"connection_ack"}"#);
        assert_eq!(text(&Outgoing::Pong(None)), r#"{"type":"pong"}"#);
        assert_eq!(text(&Outgoing::Pong(Some(&payload))), r#"{"type":"pong","payload":{"n":1}}"#);
        assert_eq!(text(&Outgoing::Complete { id: &id }), r#"{"id":"a","type":"complete"}"#);
        assert_eq!(
            text(&Outgoing::Error { id: &id, errors: &errors }),
            format!(r#"{{"id":"a","type":"error","payload":{error}}}"#)
        );
    }

    #[test]
    fn a_next_message_carries_its_number_and_the_one_before() {
        let id = OperationId::from_name("a").unwrap();
        let number = MessageNumber::default().next();
        let plain = Outgoing::Next { id: &id, data: Some(br#"{"a":1}"#), errors: &[], transaction: None, number };
        assert_eq!(
            text(&plain),
            r#"{"id":"a","type":"next","payload":{"data":{"a":1},"extensions":{"messageId":1,"lastMessageId":0}}}"#
        );
        let errors = [Error::new(Code::Internal, "no").at("a")];
        let full =
            Outgoing::Next { id: &id, data: None, errors: &errors, transaction: Some("7\""), number: number.next() };
        let value: serde_json::Value = serde_json::from_str(&text(&full)).unwrap();
        let payload = &value["payload"];
        assert_eq!(payload["data"], serde_json::Value::Null);
        assert_eq!(payload["errors"][0]["path"][0], "a");
        assert_eq!(payload["extensions"]["messageId"], 2);
        assert_eq!(payload["extensions"]["lastMessageId"], 1);
        assert_eq!(payload["extensions"]["transaction"], "7\"");
    }

    #[test]
    fn a_reason_fits_its_frame() {
        let closing = Closing::bad_message("é".repeat(100));
        assert_eq!(closing.reason.len(), 122);
        let id = OperationId::from_name("a\"b").unwrap();
        assert_eq!(Closing::duplicate_id(&id).reason, "Subscriber for a\"b already exists");
        assert_eq!(CloseCode::Forbidden.number(), 4403);
    }
}
