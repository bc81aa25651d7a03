//! A blocking HTTP/1.1 client of one request per connection, on which nothing is checked for politeness: bad requests
//! are what it is for, too.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a whole exchange may take, unless told otherwise.
pub const EXCHANGE_LIMIT: Duration = Duration::from_secs(20);

/// Bytes of a response that are read at most.
const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200, say.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text; what is not UTF-8 in it is replaced.
    pub body: String,
}

impl Response {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// This response, if its status is `status`.
    ///
    /// # Errors
    /// It is another; the text shows both and the body.
    pub fn expect(self, status: u16) -> Result<Response> {
        if self.status != status {
            bail!("status {} instead of {status}: {}", self.status, self.body);
        }
        Ok(self)
    }
}

/// Makes a request with a body; `headers` are whole lines.
///
/// # Errors
/// No connection, no answer in time, or none that is HTTP.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if !body.is_empty() || matches!(method, "POST" | "PATCH" | "PUT") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    exchange(to, &bytes, EXCHANGE_LIMIT)
}

/// Fetches a page.
///
/// # Errors
/// As [`request`].
pub fn get(to: SocketAddr, path: &str) -> Result<Response> {
    request(to, "GET", path, &[], b"")
}

/// Sends bytes as they are and reads one response.
///
/// # Errors
/// As [`request`].
pub fn exchange(to: SocketAddr, bytes: &[u8], limit: Duration) -> Result<Response> {
    let mut stream = connect(to, limit)?;
    // A server that refuses early closes while we still write: its response counts all the same.
    let written = stream.write_all(bytes);
    let response = read_response(&mut stream, limit);
    match (response, written) {
        (Ok(response), _) => Ok(response),
        (Err(_), Err(error)) => Err(error).context("writing the request"),
        (Err(error), Ok(())) => Err(error),
    }
}

/// A connection whose every read and write ends in time.
///
/// # Errors
/// Nobody listens.
pub fn connect(to: SocketAddr, limit: Duration) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, limit).with_context(|| format!("HTTP to {to}"))?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads a response: to its Content-Length, its last chunk, or the end of the connection.
///
/// # Errors
/// It is too long, too late, or not HTTP.
pub fn read_response(stream: &mut TcpStream, limit: Duration) -> Result<Response> {
    let begin = Instant::now();
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(response) = parse(&bytes, false)? {
            return Ok(response);
        }
        if bytes.len() > RESPONSE_BYTES_MAX || begin.elapsed() > limit {
            bail!("no whole response within {limit:?}: {} bytes", bytes.len());
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset && !bytes.is_empty() => break,
            Err(error) => return Err(error).context("reading the response"),
        }
    }
    parse(&bytes, true)?.context("the connection was closed without a response")
}

/// The response, once it is whole. `closed`: nothing follows.
fn parse(bytes: &[u8], closed: bool) -> Result<Option<Response>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).context("the head is not UTF-8")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = status.and_then(|line| line.get(2..5)?.parse().ok());
    let status = status.with_context(|| format!("not HTTP: {head:?}"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response { status, headers, body: String::new() };
    let rest = &bytes[end + 4..];
    let length = response.header("content-length").and_then(|value| value.parse::<usize>().ok());
    let body = if response.header("transfer-encoding") == Some("chunked") {
        dechunked(rest)
    } else if let Some(length) = length {
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        (closed || matches!(status, 101 | 204 | 304)).then(|| rest.to_vec())
    };
    Ok(body.map(|body| {
        response.body = String::from_utf8_lossy(&body).into_owned();
        response
    }))
}

/// The body of a chunked response, once its last chunk is here.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let data = rest.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(data.get(..size)?);
        rest = data.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_at_its_length_or_its_last_chunk() {
        let plain = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\nok";
        let response = parse(plain, false).unwrap().unwrap();
        assert_eq!((response.status, response.body.as_str()), (201, "ok"));
        assert_eq!(response.header("etag"), Some("\"x\""));
        assert_eq!(parse(&plain[..plain.len() - 1], false).unwrap(), None);

        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        assert_eq!(parse(chunked, false).unwrap().unwrap().body, "abc");
    }
}
