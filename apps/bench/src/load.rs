//! The closed-loop load generator: each connection sends its next request when the last one is answered.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::task::{JoinSet, LocalSet};

use crate::http::Connection;
use crate::measure::{Sample, latencies, nanoseconds};

/// Requests, written and signed before the clock starts.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Appends what `write` writes as one request.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..*self.ends.get(index)?)
    }
}

/// What to do when every request was sent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// Measuring ends.
    Stop,
    /// From the start again: requests that only read.
    Repeat,
}

/// Keeps `connections` busy for `limit`, and counts. Any answer but 200 fails the run.
pub(crate) fn closed_loop(
    address: SocketAddr,
    connections: usize,
    requests: Requests,
    exhausted: Exhausted,
    limit: Duration,
) -> anyhow::Result<Sample> {
    let run = Rc::new(Run {
        requests,
        exhausted,
        next: Cell::new(0),
        started: Cell::new(Instant::now()),
        limit,
        done: Cell::new(0),
        latency: RefCell::new(latencies()?),
        bodies: None,
    });
    let elapsed = run.clone().start(address, connections)?;
    let Run { done, latency, .. } = Rc::into_inner(run).context("a connection is still running")?;
    Ok(Sample { done: done.into_inner(), elapsed, latency: latency.into_inner() })
}

/// Sends every request once and gives the bodies of the answers, in the order of the requests. For preparing.
pub(crate) fn each(address: SocketAddr, connections: usize, requests: Requests) -> anyhow::Result<Vec<Vec<u8>>> {
    let bodies = vec![Vec::new(); requests.len()];
    let run = Rc::new(Run {
        requests,
        exhausted: Exhausted::Stop,
        next: Cell::new(0),
        started: Cell::new(Instant::now()),
        limit: Duration::MAX,
        done: Cell::new(0),
        latency: RefCell::new(latencies()?),
        bodies: Some(RefCell::new(bodies)),
    });
    run.clone().start(address, connections)?;
    let Run { bodies, .. } = Rc::into_inner(run).context("a connection is still running")?;
    Ok(bodies.map(RefCell::into_inner).unwrap_or_default())
}

struct Run {
    requests: Requests,
    exhausted: Exhausted,
    next: Cell<usize>,
    started: Cell<Instant>,
    limit: Duration,
    done: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    bodies: Option<RefCell<Vec<Vec<u8>>>>,
}

impl Run {
    /// All connections on one thread: the client takes one core at the most.
    fn start(self: Rc<Self>, address: SocketAddr, connections: usize) -> anyhow::Result<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async move {
            let mut open = Vec::with_capacity(connections);
            for _ in 0..connections {
                open.push(Connection::open(address).await?);
            }
            let started = Instant::now();
            self.started.set(started);
            let mut running = JoinSet::new();
            for connection in open {
                running.spawn_local(Rc::clone(&self).drive(connection));
            }
            while let Some(ended) = running.join_next().await {
                ended??;
            }
            Ok(started.elapsed())
        })
    }

    async fn drive(self: Rc<Self>, mut connection: Connection) -> anyhow::Result<()> {
        let mut sent = Instant::now();
        while sent.duration_since(self.started.get()) < self.limit {
            let Some((index, request)) = self.take() else { break };
            let answer = connection.exchange(request).await?;
            anyhow::ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            self.keep(index, answer.body);
            let answered = Instant::now();
            self.latency.borrow_mut().saturating_record(nanoseconds(answered.duration_since(sent)));
            self.done.set(self.done.get().saturating_add(1));
            sent = answered;
        }
        Ok(())
    }

    fn take(&self) -> Option<(usize, &[u8])> {
        let mut index = self.next.get();
        if index >= self.requests.len() && self.exhausted == Exhausted::Repeat {
            index = 0;
        }
        self.next.set(index.saturating_add(1));
        Some((index, self.requests.get(index)?))
    }

    fn keep(&self, index: usize, body: &[u8]) {
        let Some(bodies) = &self.bodies else { return };
        if let Some(slot) = bodies.borrow_mut().get_mut(index) {
            *slot = body.to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(texts: &[&str], exhausted: Exhausted) -> Run {
        let mut requests = Requests::default();
        for text in texts {
            requests.push(|bytes| bytes.extend_from_slice(text.as_bytes()));
        }
        Run {
            requests,
            exhausted,
            next: Cell::new(0),
            started: Cell::new(Instant::now()),
            limit: Duration::MAX,
            done: Cell::new(0),
            latency: RefCell::new(latencies().unwrap()),
            bodies: None,
        }
    }

    #[test]
    fn every_request_is_sent_once_unless_they_repeat() {
        let taken = |run: &Run| (0..5).map(|_| run.take().map(|(_, text)| text.to_vec())).collect::<Vec<_>>();
        let some = |text: &str| Some(text.as_bytes().to_vec());
        let once = run(&["a", "", "bc"], Exhausted::Stop);
        assert_eq!(taken(&once), [some("a"), some(""), some("bc"), None, None]);
        let again = run(&["a", "bc"], Exhausted::Repeat);
        assert_eq!(taken(&again), [some("a"), some("bc"), some("a"), some("bc"), some("a")]);
    }
}
