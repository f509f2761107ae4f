//! The context that an evaluation by `OpenFeature`'s protocol brings, and what is stored above it.

use std::cell::Cell;
use std::fmt;

use osaycore_flags::{Attribute, Context};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::FlagContext;

/// The name by which a context says whom it is about.
const TARGETING_KEY: &str = "targetingKey";
/// What a targeting key gives: hashing these is impossible without one.
const BY_TARGETING_KEY: [&str; 2] = ["user_id", "external_id"];

/// A context as it was given: a JSON object of any members, each once, without U+0000; `targetingKey`, if it is there and
/// not null, is a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given(Map<String, Value>);

impl Given {
    /// These attributes, of whom this targeting key means.
    pub(crate) fn about(targeting_key: &str, mut attributes: Map<String, Value>) -> Self {
        attributes.insert(TARGETING_KEY.to_owned(), targeting_key.into());
        Self(attributes)
    }

    /// Whom it is about; an empty one is none.
    pub(crate) fn targeting_key(&self) -> Option<&str> {
        self.0.get(TARGETING_KEY)?.as_str().filter(|key| !key.is_empty())
    }

    /// The whole of it, the same bytes for the same context: members in the order of their names.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

/// What rules may ask: what is stored of the user, and where that has no such attribute, what was given. Whoever is not
/// known here is nobody but their targeting key.
pub(crate) struct Layers<'a> {
    stored: Option<FlagContext<'a>>,
    given: &'a Given,
    app_id: String,
    lacks_key: Cell<bool>,
}

impl<'a> Layers<'a> {
    /// `stored`: of the user whom the targeting key means, if there is one. `app_id` is the app's public id.
    pub(crate) fn new(stored: Option<FlagContext<'a>>, given: &'a Given, app_id: String) -> Self {
        Self { stored, given, app_id, lacks_key: Cell::new(false) }
    }

    /// What sticky rules are kept by: the user's UUID, or the targeting key of whoever is not known here.
    pub(crate) fn unit(&self) -> Option<&str> {
        match self.attribute("user_id") {
            Some(Attribute::Text(unit)) if self.given.targeting_key().is_some() => Some(unit),
            _ => None,
        }
    }

    /// Whether, since this was asked last, an evaluation came to something that hashes the user, and there was no
    /// targeting key: the answer would depend on it.
    pub(crate) fn lacked_key(&self) -> bool {
        self.lacks_key.take()
    }
}

impl Context for Layers<'_> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        let stored = match &self.stored {
            Some(stored) => stored.attribute(name),
            None if name == "user_id" => self.given.targeting_key().map(Attribute::Text),
            None => None,
        };
        match stored {
            None if name == "app_id" => Some(Attribute::Text(&self.app_id)),
            None => self.given.0.attribute(name),
            stored => stored,
        }
    }

    fn unit_missing(&self, units: &[String]) {
        if self.given.targeting_key().is_none() && units.iter().any(|unit| BY_TARGETING_KEY.contains(&unit.as_str())) {
            self.lacks_key.set(true);
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Given, A::Error> {
        let mut given = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value: Value = members.next_value()?;
            if given.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name} is given twice")));
            }
            if name.contains('\0') || has_nul(&value) {
                return Err(A::Error::custom(format_args!("{}: U+0000 is not allowed", name.escape_debug())));
            }
            if name == TARGETING_KEY && !matches!(value, Value::String(_) | Value::Null) {
                return Err(A::Error::custom(format_args!("{TARGETING_KEY} must be a text")));
            }
            given.insert(name, value);
        }
        Ok(Given(given))
    }
}

/// Bodies are at most as deep as their limit says.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use osaycore_directory::{Effective, NewUser, Rate, Scopes, User};
    use osaycore_ledger::Account;
    use uuid::Uuid;

    use super::*;

    fn given(json: &str) -> Given {
        serde_json::from_str(json).unwrap()
    }

    fn user() -> User {
        NewUser {
            id: 7,
            uuid: Uuid::from_u128(7),
            tenant_id: 1,
            directory: None,
            username: "alice".parse().unwrap(),
            email: None,
            display_name: None,
            role: "staff".parse().unwrap(),
        }
        .into_user(1_000_000)
    }

    #[test]
    fn what_is_stored_wins_and_what_is_not_is_given() {
        let given = given(
            r#"{"targetingKey": "alice-1", "role": "admin", "email": "a@example.com", "country": "de", "user_id": "x",
                "app_id": "y", "custom.tier": "gold"}"#,
        );
        let (user, account) = (user(), Account::new(7));
        let effective = Effective {
            can_use: true,
            is_authorized: true,
            credit_rate: Rate::ONE,
            scopes: Scopes::of_everyone(),
            custom: "{}".parse().unwrap(),
        };
        let stored = FlagContext::new(&user, None, &effective, &[], &account);
        let known = Layers::new(Some(stored), &given, "the app".to_owned());
        let unknown = Layers::new(None, &given, "the app".to_owned());
        let shown = |context: &Layers<'_>, name: &str| context.attribute(name).map(|value| value.to_string());
        for (name, of_known, of_unknown) in [
            ("user_id", Some("00000000-0000-0000-0000-000000000007"), Some("alice-1")),
            ("role", Some("staff"), Some("admin")),
            ("email", Some("a@example.com"), Some("a@example.com")),
            ("country", Some("de"), Some("de")),
            ("custom.tier", Some("gold"), Some("gold")),
            ("credit_balance", Some("0.000000"), None),
            ("app_id", Some("the app"), Some("the app")),
            ("targetingKey", Some("alice-1"), Some("alice-1")),
            ("none", None, None),
        ] {
            assert_eq!(shown(&known, name).as_deref(), of_known, "{name}");
            assert_eq!(shown(&unknown, name).as_deref(), of_unknown, "{name}");
        }
    }

    #[test]
    fn a_key_is_lacked_where_the_user_is_hashed_and_nowhere_else() {
        let lacks = |json: &str, units: &[&str]| {
            let (given, units) = (given(json), units.iter().map(ToString::to_string).collect::<Vec<_>>());
            let context = Layers::new(None, &given, String::new());
            context.unit_missing(&units);
            let lacked = context.lacked_key();
            assert!(!context.lacked_key(), "asked once");
            lacked
        };
        assert!(lacks("{}", &["user_id"]));
        assert!(lacks(r#"{"targetingKey": ""}"#, &["company", "user_id"]));
        assert!(lacks(r#"{"targetingKey": null}"#, &["external_id"]));
        assert!(!lacks("{}", &["company"]));
        assert!(!lacks(r#"{"targetingKey": "u"}"#, &["external_id"]));
    }

    #[test]
    fn odd_contexts_are_refused_and_the_member_is_named() {
        for (json, member) in [
            ("[]", "object"),
            ("7", "object"),
            (r#"{"a": 1, "a": 1}"#, "a is given twice"),
            (r#"{"targetingKey": 7}"#, "targetingKey"),
            (r#"{"targetingKey": ["a"]}"#, "targetingKey"),
            (r#"{"targetingKey": "a\u0000"}"#, "targetingKey"),
            (r#"{"deep": [{"x": "\u0000"}]}"#, "deep"),
        ] {
            let error = serde_json::from_str::<Given>(json).unwrap_err().to_string();
            assert!(error.contains(member), "{json}: {error}");
        }
    }

    #[test]
    fn the_same_context_is_the_same_bytes() {
        let (one, other) = (given(r#"{"b": {"y": 1, "x": 2}, "a": 1}"#), given(r#"{"a":1,"b":{"x":2,"y":1}}"#));
        assert_eq!(one.canonical(), other.canonical());
        assert_ne!(one.canonical(), given(r#"{"a":1,"b":{"x":2,"y":1.0}}"#).canonical());
    }
}
