//! HTTP as far as signalling needs it: one request a connection, bodies of a stated length.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest head, and longest body.
const BYTES_MAX: usize = 64 * 1024;
/// How long a server may take over an answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// How long a client may take over a request.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// A request or an answer.
pub struct Message {
    /// Its first line.
    pub first: String,
    headers: Vec<(String, String)>,
    /// Its body as text.
    pub body: String,
}

impl Message {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Makes a request of `http://IP:PORT/PATH`.
///
/// # Errors
/// No connection, no answer in time, or one that is not 2xx.
pub fn request(method: &str, url: &str, body: &str) -> Result<Message> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url} is not http"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = host.parse().with_context(|| host.to_owned())?;
    let mut stream = TcpStream::connect_timeout(&address, REQUEST_TIME)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIME))?;
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let answer = read(&mut stream)?;
    match answer.first.split_whitespace().nth(1) {
        Some(status) if status.starts_with('2') => Ok(answer),
        _ => bail!("{}: {}", answer.first, answer.body),
    }
}

/// What a server is asked.
pub enum Asked {
    /// An SDP offer.
    Offer(String),
    /// To forget the viewer of this number.
    Bye(u64),
}

/// Serves `POST /whep` and `DELETE /whep/N` on threads of its own, for as long as the process lives. `answer`
/// gives an SDP answer and the viewer's number.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve_whep(
    address: &str,
    answer: impl Fn(Asked) -> Option<(String, u64)> + Send + Sync + 'static,
) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| address.to_owned())?;
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || serve_one(stream, &*answer));
        }
    });
    Ok(())
}

fn serve_one(mut stream: TcpStream, answer: &dyn Fn(Asked) -> Option<(String, u64)>) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REQUEST_TIME))?;
    let request = read(&mut stream)?;
    let path = request.first.split_whitespace().nth(1).unwrap_or_default();
    let number = path.rsplit('/').next().and_then(|number| number.parse().ok());
    let (status, body) = if request.first.starts_with("POST") {
        match answer(Asked::Offer(request.body)) {
            Some((sdp, number)) => (format!("201 Created\r\nLocation: /whep/{number}"), sdp),
            None => ("503 Service Unavailable".to_owned(), String::new()),
        }
    } else {
        number.map(|number| answer(Asked::Bye(number)));
        ("200 OK".to_owned(), String::new())
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    Ok(())
}

fn read(stream: &mut TcpStream) -> Result<Message> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    let mut is_over = false;
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let message = parse(&bytes, end);
            let length = message.header("content-length").and_then(|length| length.parse().ok());
            // Without a length the body ends with the connection.
            if length.map_or(is_over, |length: usize| bytes.len() - end - 4 >= length) {
                return Ok(message);
            }
        }
        if is_over || bytes.len() > 2 * BYTES_MAX {
            bail!("a message that is cut or too long");
        }
        let count = stream.read(&mut chunk)?;
        is_over = count == 0;
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn parse(bytes: &[u8], end: usize) -> Message {
    let head = String::from_utf8_lossy(&bytes[..end]);
    let (first, lines) = head.split_once("\r\n").unwrap_or((&head, ""));
    let headers = lines.split("\r\n").filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Message {
        first: first.to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
    }
}
