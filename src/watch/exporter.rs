//! A responder for one page over HTTP/1, so that a monitoring system can read the counts of a watch.
//!
//! One thread answers one client after the other, each within seconds. It shares nothing with the watch but a text that the
//! watch replaces now and then: whatever a client does, the capture does not wait for it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::time::Span;
use crate::watch::clock::EdgeClock;

/// The longest request head that is read.
const LONGEST_HEAD: usize = 8 * 1_024;
/// For how long a client is listened to, and for how long it may keep a write waiting.
const PATIENCE: Span = Span::from_secs(2);
/// How long a single read or write may take: how often the patience is looked at.
const SLICE: Duration = Duration::from_millis(500);
/// After a failure to accept (no file descriptor is left, say) the next try waits.
const PAUSE: Duration = Duration::from_millis(200);

/// A socket that is bound, and the page.
#[derive(Debug)]
pub struct Exporter {
    listener: TcpListener,
    page: Page,
}

/// The page that is served; the text can be replaced at any time.
#[derive(Clone, Debug, Default)]
pub struct Page(Arc<Mutex<Arc<str>>>);

impl Page {
    /// Serves `text` from now on.
    pub fn replace(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
    }

    fn text(&self) -> Arc<str> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Exporter {
    /// Binds `address`. Nothing is answered yet.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address)?, page: Page::default() })
    }

    /// Where it listens: with port 0, the port that the system chose.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers from now on, in a thread of its own that ends with the process.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(self, content_type: &'static str) -> io::Result<Page> {
        let page = self.page.clone();
        let serve = move || {
            for client in self.listener.incoming() {
                match client {
                    // A client that goes away has its answer.
                    Ok(client) => drop(answer(client, &self.page, content_type)),
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        };
        thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(page)
    }
}

fn answer(mut client: TcpStream, page: &Page, content_type: &str) -> io::Result<()> {
    client.set_read_timeout(Some(SLICE))?;
    client.set_write_timeout(Some(SLICE))?;
    let clock = EdgeClock::new();
    let head = read_head(&mut client, &clock)?;
    let (status, extra, body) = respond(&head, page);
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n{extra}\r\n",
        body.len()
    );
    if !head.starts_with(b"HEAD ") {
        response.push_str(&body);
    }
    write_all(&mut client, response.as_bytes(), &clock)?;
    client.shutdown(std::net::Shutdown::Write)?;
    // What the client still sends is read, so that closing does not reset the answer on its way.
    let mut rest = [0; 1_024];
    while clock.elapsed() < PATIENCE && client.read(&mut rest)? > 0 {}
    Ok(())
}

/// The request up to its empty line; what was read, where it is too long.
fn read_head(client: &mut TcpStream, clock: &EdgeClock) -> io::Result<Vec<u8>> {
    let (mut head, mut chunk) = (Vec::new(), [0; 1_024]);
    while !is_whole(&head) && head.len() < LONGEST_HEAD {
        if clock.elapsed() > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        match client.read(&mut chunk) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => head.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if is_temporary(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

fn write_all(client: &mut TcpStream, mut bytes: &[u8], clock: &EdgeClock) -> io::Result<()> {
    while !bytes.is_empty() {
        if clock.elapsed() > PATIENCE.times(2) {
            return Err(ErrorKind::TimedOut.into());
        }
        match client.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if is_temporary(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

/// Status, further header lines and body.
fn respond(head: &[u8], page: &Page) -> (&'static str, &'static str, Arc<str>) {
    if !is_whole(head) {
        return ("431 Request Header Fields Too Large", "", "the request is too long\n".into());
    }
    let line = head.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.split(|octet| *octet == b' ');
    let (method, target, version) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !version.starts_with(b"HTTP/1.") || words.next().is_some() {
        return ("400 Bad Request", "", "this is not HTTP/1\n".into());
    }
    let path = target.split(|octet| *octet == b'?').next().unwrap_or_default();
    match (method, path) {
        (Some(b"GET" | b"HEAD"), b"/metrics") => ("200 OK", "", page.text()),
        (Some(b"GET" | b"HEAD"), _) => ("404 Not Found", "", "the page is /metrics\n".into()),
        _ => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD\n".into()),
    }
}
