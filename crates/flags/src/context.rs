//! What is known of the user, asked for attribute by attribute.

use alloc::string::String;
use core::fmt;
use serde_json::{Map, Value as Json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What the caller knows of the user. Nothing need be copied: values are borrowed.
pub trait Context {
    /// The attribute of that name, None if the user has none. Names are the contract's
    /// (`user_id`, `role`, `credit_balance`, `custom.NAME`, …) and those of an OFREP context.
    ///
    /// The same name must give the same value for as long as one evaluation lasts; otherwise
    /// rules contradict each other. `user_id` and `external_id` are texts, and are what overrides
    /// and the users of segments are compared with.
    fn attribute(&self, name: &str) -> Option<Attribute<'_>>;

    /// The variant that a rule of a flag served this unit before, where the caller kept it
    /// ([`Evaluation::sticky`](crate::Evaluation::sticky)); None if it served nothing. Asked of
    /// sticky rules alone.
    fn assignment(&self, flag: &str, rule: &str) -> Option<&str> {
        let _ = (flag, rule);
        None
    }

    /// Told that something hashes a unit and none of these attributes, of which the first that is
    /// there would be it, is one: what asks passes the user by. Nothing need be done; who must not
    /// guess can refuse to answer.
    fn unit_missing(&self, units: &[String]) {
        let _ = units;
    }
}

/// The value of an attribute. A text that holds a decimal number, an RFC 3339 time, a semantic
/// version or an IP address serves where one is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// A text.
    Text(&'a str),
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An amount in millionths: `credit_balance` of 12.5 credits is `12_500_000`.
    Millionths(i64),
    /// A floating-point number, taken as the shortest decimal that stands for it.
    Float(f64),
    /// A time in microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// A list of texts; a condition holds of it if it holds of one of them.
    List(&'a [String]),
    /// A list as JSON brings it; lists and objects within it are passed over.
    JsonList(&'a [Json]),
}

impl<'a> Attribute<'a> {
    /// None for null and for objects, which no condition can be asked of.
    pub fn from_json(value: &'a Json) -> Option<Self> {
        match value {
            Json::Null | Json::Object(_) => None,
            Json::Bool(value) => Some(Self::Boolean(*value)),
            Json::Number(number) => number.as_i64().map(Self::Integer).or_else(|| number.as_f64().map(Self::Float)),
            Json::String(text) => Some(Self::Text(text)),
            Json::Array(items) => Some(Self::JsonList(items)),
        }
    }

    /// Whether the test holds of the value, or of one of the list's.
    ///
    /// By reference, for a value that is moved right after it was made waits for memory.
    pub(crate) fn any(&self, mut test: impl FnMut(&Attribute<'_>) -> bool) -> bool {
        match self {
            Self::List(items) => items.iter().any(|item| test(&Attribute::Text(item))),
            Self::JsonList(items) => {
                let scalars = items.iter().filter(|item| !item.is_array()).filter_map(Attribute::from_json);
                scalars.into_iter().any(|scalar| test(&scalar))
            }
            scalar => test(scalar),
        }
    }
}

/// The members of a JSON object, as an OFREP context brings them.
impl Context for Map<String, Json> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.get(name).and_then(Attribute::from_json)
    }
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text(text) => f.write_str(text),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Millionths(value) => write_millionths(f, value),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Time(at_us) => write_time(f, at_us),
            Self::List(items) => write_list(f, items.iter().map(|item| Attribute::Text(item))),
            Self::JsonList(items) => write_list(f, items.iter().filter_map(Attribute::from_json)),
        }
    }
}

/// Microseconds since 1970 of an RFC 3339 text.
pub(crate) fn time_us(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).ok()
}

fn write_millionths(f: &mut fmt::Formatter<'_>, value: i64) -> fmt::Result {
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    write!(f, "{sign}{}.{:06}", magnitude / 1_000_000, magnitude % 1_000_000)
}

fn write_time(f: &mut fmt::Formatter<'_>, at_us: i64) -> fmt::Result {
    let at = OffsetDateTime::from_unix_timestamp(at_us.div_euclid(1_000_000));
    let Ok(at) = at else { return write!(f, "{at_us} µs since 1970") };
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let micros = at_us.rem_euclid(1_000_000);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

fn write_list<'a>(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = Attribute<'a>>) -> fmt::Result {
    f.write_str("[")?;
    for (position, item) in items.enumerate() {
        f.write_str(if position == 0 { "" } else { ", " })?;
        write!(f, "{item}")?;
    }
    f.write_str("]")
}
