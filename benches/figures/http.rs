//! The least of an HTTP client: requests are bytes made beforehand, answers are told apart by their length. The
//! client shares the machine with the server, so it must cost little.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A POST of this body to `/graphql`, on a connection that stays.
pub(crate) fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One connection, one request at a time.
pub(crate) struct Connection {
    tcp: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, buffer: vec![0; 64 << 10] })
    }

    /// Sends a request and reads its answer, which must be one without errors.
    pub(crate) async fn ask(&mut self, request: &[u8]) {
        self.tcp.write_all(request).await.expect("the server reads");
        let mut filled = 0;
        let mut end = None;
        while end.is_none_or(|end| filled < end) {
            let read = self.tcp.read(&mut self.buffer[filled..]).await.expect("the server answers");
            assert!(read > 0, "the server hung up, or the answer is larger than the buffer");
            filled += read;
            end = end.or_else(|| answer_end(&self.buffer[..filled]));
        }
        let answer = &self.buffer[..filled];
        let good = answer.starts_with(b"HTTP/1.1 200") && !contains(answer, br#""errors":"#);
        assert!(good, "{}", String::from_utf8_lossy(answer));
    }
}

/// Where the answer ends, once its head is complete.
fn answer_end(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head of ASCII");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    Some(head + length.parse::<usize>().expect("a number"))
}

/// Looks at the beginning alone: errors after data would be seen by their size only, and there are none.
fn contains(answer: &[u8], what: &[u8]) -> bool {
    let beginning = &answer[..answer.len().min(400)];
    beginning.windows(what.len()).any(|window| window == what)
}
