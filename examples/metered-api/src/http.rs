//! The service: `POST /count` for 0.25 credits, `GET /balance` for nothing.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Mutex;

use osaycore_flags::FlagSet;
use osaycore_ledger::{Amount, Credits};
use serde::Serialize;
use tiny_http::{Header, Method, Request, Response, Server};
use uuid::Uuid;

use crate::features::{self, Caller};
use crate::meter::{Charged, Meter};

/// Bytes of a text, at most.
const LONGEST: u64 = 64 * 1024;

/// The program's only clock and randomness, handed in: a test may bring others.
pub struct Outside {
    /// Unix microseconds, UTC.
    pub now_us: fn() -> i64,
    /// A new id.
    pub id: fn() -> Uuid,
}

/// Everything that a request needs.
pub struct Service {
    callers: HashMap<String, Caller>,
    meter: Mutex<Meter>,
    flags: FlagSet,
    price: Amount,
    outside: Outside,
}

/// Credits write themselves as JSON numbers, exactly: `9.75`, never by way of a float.
#[derive(Serialize)]
struct Counted {
    words: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentences: Option<usize>,
    balance: Credits,
}

#[derive(Serialize)]
struct Balance {
    balance: Option<Credits>,
}

#[derive(Serialize)]
struct Refused {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortfall: Option<Credits>,
}

/// Status, body, and whether it is the outcome of an earlier request.
type Answer = (u16, String, bool);

impl Service {
    /// With two callers: alice (10 credits, plan pro) and bob (0.50 credits, plan free).
    pub fn new(outside: Outside) -> anyhow::Result<Self> {
        let mut meter = Meter::default();
        let mut callers = HashMap::new();
        for (account_id, name, plan, credits) in [(1, "alice", "pro", "10"), (2, "bob", "free", "0.50")] {
            meter.open_account(account_id, credits.parse()?, (outside.id)(), (outside.now_us)())?;
            let caller = Caller { account_id, name: name.to_owned(), plan: plan.to_owned() };
            callers.insert(format!("{name}-key"), caller);
        }
        Ok(Self { callers, meter: Mutex::new(meter), flags: features::load()?, price: "0.25".parse()?, outside })
    }

    /// Answers requests until the server is unblocked.
    pub fn serve(&self, server: &Server) {
        for mut request in server.incoming_requests() {
            let (status, body, replayed) = self.answer(&mut request).unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                (500, r#"{"error":"internal"}"#.to_owned(), false)
            });
            let mut response = Response::from_string(body).with_status_code(status);
            let mut headers = vec![("Content-Type", "application/json")];
            headers.extend(replayed.then_some(("Idempotent-Replayed", "true")));
            for (name, value) in headers {
                if let Ok(header) = Header::from_bytes(name, value) {
                    response.add_header(header);
                }
            }
            // A caller that went away has been charged: the same Idempotency-Key gets the answer.
            let _ = request.respond(response);
        }
    }

    fn answer(&self, request: &mut Request) -> anyhow::Result<Answer> {
        let key = header(request, "Authorization").and_then(|value| value.strip_prefix("Bearer "));
        let Some(caller) = key.and_then(|key| self.callers.get(key)) else {
            return refuse(401, "unknown caller", None);
        };
        match (request.method(), request.url()) {
            (Method::Post, "/count") => {
                let mut text = String::new();
                if request.as_reader().take(LONGEST).read_to_string(&mut text).is_err() {
                    return refuse(400, "the body is not UTF-8", None);
                }
                self.count(caller, header(request, "Idempotency-Key"), &text)
            }
            (Method::Get, "/balance") => {
                let balance = self.lock()?.balance(caller.account_id)?;
                Ok((200, serde_json::to_string(&Balance { balance })?, false))
            }
            _ => refuse(404, "not found", None),
        }
    }

    fn count(&self, caller: &Caller, reference: Option<&str>, text: &str) -> anyhow::Result<Answer> {
        let (id, now_us) = ((self.outside.id)(), (self.outside.now_us)());
        let what = format!("count {}", Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()));
        let charged = self.lock()?.charge(caller.account_id, self.price, what, reference, id, now_us)?;
        let (balance, replayed) = match charged {
            Charged::Now { balance } => (balance, false),
            Charged::Before { balance } => (balance, true),
            Charged::CannotPay { shortfall } => return refuse(402, "not enough credits", Some(shortfall)),
            Charged::OtherRequest => return refuse(409, "the key was used for another request", None),
        };
        let sentences = features::has(&self.flags, "sentences", caller, now_us)
            .then(|| text.split_terminator(['.', '!', '?']).filter(|part| !part.trim().is_empty()).count());
        let counted = Counted { words: text.split_whitespace().count(), sentences, balance };
        Ok((200, serde_json::to_string(&counted)?, replayed))
    }

    fn lock(&self) -> anyhow::Result<std::sync::MutexGuard<'_, Meter>> {
        self.meter.lock().map_err(|_| anyhow::anyhow!("a request panicked while it charged"))
    }
}

fn refuse(status: u16, error: &'static str, shortfall: Option<Credits>) -> anyhow::Result<Answer> {
    Ok((status, serde_json::to_string(&Refused { error, shortfall })?, false))
}

fn header<'r>(request: &'r Request, name: &'static str) -> Option<&'r str> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}
