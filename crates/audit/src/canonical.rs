//! The one text of an event, and its way back. The README documents the form byte for byte.

use alloc::{borrow::Cow, string::String};
use core::fmt::{Display, Write as _};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{Action, Actor, Details, Error, Event, Record, Target, Value};

/// How every text of this version begins.
const VERSION_1: &str = r#"{"v":1,"#;

/// Room for the text of a deduction: one allocation instead of several.
const USUAL_LENGTH: usize = 640;

/// The hash of a leaf of the Merkle tree, RFC 6962 §2.1: SHA-256 of the byte 0 and the text.
pub fn leaf_hash(canonical: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(canonical).finalize().into()
}

impl Event {
    /// The canonical text of the event at the position `id` of its log: JSON, UTF-8, version 1.
    /// Equal arguments give equal texts, different ones different texts.
    pub fn canonical(&self, id: i64) -> String {
        let mut text = String::with_capacity(USUAL_LENGTH);
        text.push_str(VERSION_1);
        push_number(&mut text, r#""id":"#, id);
        push_number(&mut text, r#","tenant_id":"#, self.tenant_id);
        push_number(&mut text, r#","at_us":"#, self.at_us);
        // The catalogue's names need no escape; a test says so.
        push_plain(&mut text, r#","action":"#, self.action.as_str());
        push_number(&mut text, r#","count":"#, self.count);
        push_optional(&mut text, r#","reason":"#, self.reason.as_deref());
        text.push_str(r#","actor":"#);
        push_actor(&mut text, &self.actor);
        push_optional_number(&mut text, r#","app_id":"#, self.app_id);
        push_optional_number(&mut text, r#","user_id":"#, self.user_id);
        text.push_str(r#","target":"#);
        push_target(&mut text, self.target.as_ref());
        push_optional(&mut text, r#","address":"#, self.address.as_deref());
        push_optional(&mut text, r#","request_id":"#, self.request_id.as_deref());
        text.push_str(r#","before":"#);
        push_details(&mut text, &self.before);
        text.push_str(r#","after":"#);
        push_details(&mut text, &self.after);
        text.push('}');
        text
    }
}

impl Record {
    /// The canonical text: [`Event::canonical`] of the event at its place.
    pub fn canonical(&self) -> String {
        self.event.canonical(self.id)
    }

    /// Reads a canonical text back. It accepts nothing else: what it returns has exactly `text`
    /// as its canonical text.
    pub fn from_canonical(text: &str) -> Result<Self, Error> {
        if !text.starts_with(VERSION_1) {
            return Err(Error::UnknownVersion);
        }
        let record: Self = serde_json::from_str::<Members>(text).map_err(Error::Malformed)?.into();
        // Spaces, another order, other escapes, `1e0`: the same event in another text.
        if record.canonical() == text { Ok(record) } else { Err(Error::NotCanonical) }
    }
}

/// The members of the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(rename = "v")]
    _version: u64,
    id: i64,
    tenant_id: i64,
    at_us: i64,
    action: Action,
    count: u64,
    reason: Option<String>,
    actor: Actor,
    app_id: Option<i64>,
    user_id: Option<i64>,
    target: Option<Target>,
    address: Option<String>,
    request_id: Option<String>,
    before: Details,
    after: Details,
}

impl From<Members> for Record {
    fn from(members: Members) -> Self {
        let event = Event {
            action: members.action,
            actor: members.actor,
            tenant_id: members.tenant_id,
            app_id: members.app_id,
            target: members.target,
            user_id: members.user_id,
            address: members.address,
            request_id: members.request_id,
            at_us: members.at_us,
            count: members.count,
            reason: members.reason.map(Cow::Owned),
            before: members.before,
            after: members.after,
        };
        Self { id: members.id, event }
    }
}

fn push_actor(text: &mut String, actor: &Actor) {
    match actor {
        Actor::App(id) => push_number(text, r#"{"app":"#, *id),
        Actor::User(uuid) => {
            let mut buffer = uuid::Uuid::encode_buffer();
            push_plain(text, r#"{"user":"#, uuid.hyphenated().encode_lower(&mut buffer));
        }
        Actor::Operator(name) => {
            text.push_str(r#"{"operator":"#);
            push_escaped(text, name);
        }
        Actor::Token(name) => {
            text.push_str(r#"{"token":"#);
            push_escaped(text, name);
        }
        Actor::System => return text.push_str(r#""system""#),
    }
    text.push('}');
}

fn push_target(text: &mut String, target: Option<&Target>) {
    let Some(target) = target else { return text.push_str("null") };
    push_plain(text, r#"{"kind":"#, target.kind.as_str());
    text.push_str(r#","id":"#);
    push_escaped(text, &target.id);
    text.push('}');
}

fn push_details(text: &mut String, details: &Details) {
    text.push('{');
    let mut separator = "";
    for (field, value) in details.iter() {
        push_plain(text, separator, field.as_str());
        text.push(':');
        match value {
            Value::Null => text.push_str("null"),
            Value::Boolean(true) => text.push_str("true"),
            Value::Boolean(false) => text.push_str("false"),
            Value::Integer(number) => push_number(text, "", number),
            Value::Text(value) => push_escaped(text, value),
        }
        separator = ",";
    }
    text.push('}');
}

fn push_number(text: &mut String, before: &str, number: impl Display) {
    text.push_str(before);
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{number}");
}

fn push_optional_number(text: &mut String, before: &str, number: Option<i64>) {
    match number {
        Some(number) => push_number(text, before, number),
        None => text.extend([before, "null"]),
    }
}

/// A string that holds no character to escape.
fn push_plain(text: &mut String, before: &str, plain: &str) {
    text.extend([before, "\"", plain, "\""]);
}

fn push_optional(text: &mut String, before: &str, value: Option<&str>) {
    text.push_str(before);
    match value {
        Some(value) => push_escaped(text, value),
        None => text.push_str("null"),
    }
}

/// A JSON string as RFC 8785 §3.2.2.2 writes it: only what JSON forces is escaped.
fn push_escaped(text: &mut String, value: &str) {
    text.push('"');
    if value.bytes().any(|byte| matches!(byte, 0..=0x1F | b'"' | b'\\')) {
        for character in value.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\u{8}' => text.push_str("\\b"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\u{C}' => text.push_str("\\f"),
                '\r' => text.push_str("\\r"),
                '\0'..='\u{1F}' => {
                    // Writing to a `String` cannot fail.
                    let _ = write!(text, "\\u{:04x}", u32::from(character));
                }
                other => text.push(other),
            }
        }
    } else {
        text.push_str(value);
    }
    text.push('"');
}
