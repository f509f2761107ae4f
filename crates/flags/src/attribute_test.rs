//! What is asked of an attribute: compiled from operator and operands, typed.

use crate::{
    Attribute, ConditionDefinition, Operator,
    context::time_us,
    kind::Kind,
    lookup::{Lookup, STATE, equals, folded},
    network::Network,
    number::Number,
    pattern::Pattern,
    version::{OwnedVersion, Version},
};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};
use core::{cmp::Ordering, net::IpAddr};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde_json::Value as Json;

/// What is asked of an attribute.
#[derive(Debug, PartialEq)]
pub(crate) enum Test {
    Exists,
    /// Of which the text must be one: what most conditions ask.
    Texts(Lookup<()>),
    OneOf(Box<Candidates>),
    Text {
        part: Part,
        values: Vec<String>,
        fold: bool,
    },
    /// Of which one must be found in the text.
    Patterns(Vec<Pattern>),
    Number {
        comparison: Comparison,
        value: Number,
    },
    /// Microseconds since 1970.
    Before(i64),
    After(i64),
    Version {
        comparison: Comparison,
        value: Box<OwnedVersion>,
    },
    Networks(Vec<Network>),
}

/// Values of which an attribute must equal one, where not all are texts.
#[derive(Debug, PartialEq)]
pub(crate) struct Candidates {
    texts: Lookup<()>,
    numbers: HashSet<Number, FixedState>,
    yes: bool,
    no: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    Anywhere,
    Start,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Test {
    /// The error says what is wrong.
    pub(crate) fn compile(name: &str, op: Operator, definition: &ConditionDefinition) -> Result<Self, String> {
        let kind = Kind::of(name);
        if !kind.takes(op) {
            return Err(format!("`{name}` is {}; use {}", kind.noun(), kind.operators()));
        }
        let values = operands(op, definition)?;
        let fold = definition.case_insensitive;
        if fold && !takes_case(op) {
            return Err("`case_insensitive` is for comparing texts".to_owned());
        }
        let single = values.first();
        Ok(match op {
            Operator::Exists => Self::Exists,
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => {
                Candidates::compile(kind, &values, fold)?.into()
            }
            Operator::Contains => Self::text(Part::Anywhere, &values, fold)?,
            Operator::StartsWith => Self::text(Part::Start, &values, fold)?,
            Operator::EndsWith => Self::text(Part::End, &values, fold)?,
            Operator::Matches => Self::patterns(&values, fold)?,
            Operator::Less => Self::number(Comparison::Less, single)?,
            Operator::LessOrEqual => Self::number(Comparison::LessOrEqual, single)?,
            Operator::Greater => Self::number(Comparison::Greater, single)?,
            Operator::GreaterOrEqual => Self::number(Comparison::GreaterOrEqual, single)?,
            Operator::Before => Self::Before(time_operand(single)?),
            Operator::After => Self::After(time_operand(single)?),
            Operator::VersionEqual | Operator::VersionNotEqual => Self::version(Comparison::Equal, single)?,
            Operator::VersionLess => Self::version(Comparison::Less, single)?,
            Operator::VersionLessOrEqual => Self::version(Comparison::LessOrEqual, single)?,
            Operator::VersionGreater => Self::version(Comparison::Greater, single)?,
            Operator::VersionGreaterOrEqual => Self::version(Comparison::GreaterOrEqual, single)?,
            Operator::Cidr => Self::Networks(
                values
                    .iter()
                    .map(|value| {
                        let network = value.as_str().and_then(Network::parse);
                        network.ok_or_else(|| format!("{value} is no address or network such as \"10.0.0.0/8\""))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    fn text(part: Part, values: &[&Json], fold: bool) -> Result<Self, String> {
        let values = values
            .iter()
            .map(|value| match value.as_str() {
                None => Err(format!("{value} is no text")),
                Some("") => Err("the empty text is part of every text".to_owned()),
                Some(text) if fold => Ok(folded(text).collect()),
                Some(text) => Ok(text.to_owned()),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::Text { part, values, fold })
    }

    fn patterns(values: &[&Json], fold: bool) -> Result<Self, String> {
        const MAX_PATTERNS: usize = 16;
        if values.len() > MAX_PATTERNS {
            return Err(format!("more than {MAX_PATTERNS} regular expressions"));
        }
        let compile = |value: &&Json| match value.as_str() {
            None => Err(format!("{value} is no text")),
            Some(text) => Pattern::compile(text, fold),
        };
        values.iter().map(compile).collect::<Result<_, _>>().map(Self::Patterns)
    }

    fn number(comparison: Comparison, value: Option<&&Json>) -> Result<Self, String> {
        match value {
            Some(Json::Number(number)) => Ok(Self::Number { comparison, value: exact(number)? }),
            _ => Err("`value` must be a number".to_owned()),
        }
    }

    fn version(comparison: Comparison, value: Option<&&Json>) -> Result<Self, String> {
        value
            .and_then(|value| value.as_str())
            .and_then(OwnedVersion::parse)
            .map(|value| Self::Version { comparison, value: Box::new(value) })
            .ok_or_else(|| "`value` must be a semantic version such as \"1.2.3\"".to_owned())
    }

    /// The values, if it is a list of nothing but texts.
    pub(crate) fn listed_texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Texts(texts) => Some(texts.iter().map(|(text, ())| text.to_owned()).collect()),
            _ => None,
        }
    }

    /// Whether the attribute, or one of its list, passes.
    ///
    /// The frequent tests are part of the caller; the rest is called, for it needs more of the stack.
    #[inline]
    pub(crate) fn passes(&self, attribute: &Attribute<'_>) -> bool {
        match (self, attribute) {
            (Self::Texts(texts), Attribute::Text(text)) => texts.find(text).is_some(),
            (Self::Text { part, values, fold }, Attribute::Text(text)) => {
                values.iter().any(|value| part.is(value, text, *fold))
            }
            (Self::Number { comparison, value }, Attribute::Integer(_) | Attribute::Millionths(_)) => {
                number_of(attribute).is_some_and(|number| comparison.accepts(number.cmp(value)))
            }
            _ => self.passes_otherwise(attribute),
        }
    }

    #[inline(never)]
    fn passes_otherwise(&self, attribute: &Attribute<'_>) -> bool {
        match (self, attribute) {
            (Self::Exists, _) => true,
            // Of a list, `contains` asks for a member.
            (Self::Text { part: Part::Anywhere, values, fold }, Attribute::List(_) | Attribute::JsonList(_)) => {
                attribute.any(|item| {
                    let Attribute::Text(text) = item else { return false };
                    values.iter().any(|value| equals(value, text, *fold))
                })
            }
            (_, Attribute::List(_) | Attribute::JsonList(_)) => attribute.any(|scalar| self.passes_scalar(scalar)),
            (_, scalar) => self.passes_scalar(scalar),
        }
    }

    fn passes_scalar(&self, attribute: &Attribute<'_>) -> bool {
        match (self, attribute) {
            (Self::Exists, _) => true,
            (Self::OneOf(candidates), _) => candidates.contain(attribute),
            (Self::Number { comparison, value }, _) => {
                number_of(attribute).is_some_and(|number| comparison.accepts(number.cmp(value)))
            }
            (Self::Before(at_us), _) => time_of(attribute).is_some_and(|time| time < *at_us),
            (Self::After(at_us), _) => time_of(attribute).is_some_and(|time| time > *at_us),
            (_, Attribute::Text(text)) => self.passes_text(text),
            _ => false,
        }
    }

    fn passes_text(&self, text: &str) -> bool {
        match self {
            Self::Texts(texts) => texts.find(text).is_some(),
            Self::Text { part, values, fold } => values.iter().any(|value| part.is(value, text, *fold)),
            Self::Patterns(patterns) => patterns.iter().any(|pattern| pattern.is_in(text)),
            Self::Version { comparison, value } => {
                let version = Version::parse(text);
                version.as_ref().is_some_and(|version| comparison.accepts(value.precedence_of(version)))
            }
            Self::Networks(networks) => text
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.holds(address.to_canonical()))),
            _ => false,
        }
    }
}

impl Candidates {
    fn compile(kind: Kind, values: &[&Json], fold: bool) -> Result<Self, String> {
        let (mut texts, mut numbers) = (Vec::new(), HashSet::with_hasher(STATE));
        let (mut yes, mut no) = (false, false);
        for value in values {
            let fits = match kind {
                Kind::Any => value.is_string() || value.is_number() || value.is_boolean(),
                Kind::Text | Kind::List => value.is_string(),
                Kind::Number => value.is_number(),
                Kind::Boolean => value.is_boolean(),
                Kind::Time => false,
            };
            match value {
                Json::String(text) if fits => texts.push((text.clone(), ())),
                Json::Number(number) if fits => numbers.extend([exact(number)?]),
                Json::Bool(true) if fits => yes = true,
                Json::Bool(false) if fits => no = true,
                _ => return Err(format!("{value} is no {}", kind.value())),
            }
        }
        Ok(Self { texts: Lookup::new(texts, fold), numbers, yes, no })
    }

    fn contain(&self, attribute: &Attribute<'_>) -> bool {
        let is_number =
            || !self.numbers.is_empty() && number_of(attribute).is_some_and(|number| self.numbers.contains(&number));
        match attribute {
            Attribute::Boolean(true) => self.yes,
            Attribute::Boolean(false) => self.no,
            Attribute::Text(text) => self.texts.find(text).is_some() || is_number(),
            _ => is_number(),
        }
    }
}

impl From<Candidates> for Test {
    fn from(candidates: Candidates) -> Self {
        let Candidates { texts, numbers, yes, no } = candidates;
        if numbers.is_empty() && !yes && !no {
            return Self::Texts(texts);
        }
        Self::OneOf(Box::new(Candidates { texts, numbers, yes, no }))
    }
}

impl Part {
    /// `value` is folded already if `fold`.
    #[inline]
    fn is(self, value: &str, text: &str, fold: bool) -> bool {
        match (self, fold) {
            (Self::Anywhere, false) => text.contains(value),
            (Self::Start, false) => text.starts_with(value),
            (Self::End, false) => text.ends_with(value),
            (Self::Start, true) => starts_folded(text, value),
            (Self::Anywhere, true) => {
                text.char_indices().filter_map(|(at, _)| text.get(at..)).any(|rest| starts_folded(rest, value))
            }
            (Self::End, true) => {
                let mut reversed = text.chars().rev().flat_map(|c| c.to_lowercase().rev());
                value.chars().rev().all(|c| reversed.next() == Some(c))
            }
        }
    }
}

impl Comparison {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// The values to compare with: from `value` or `values`, whichever the operator takes.
fn operands(op: Operator, definition: &ConditionDefinition) -> Result<Vec<&Json>, String> {
    use Operator as O;
    let several = matches!(op, O::In | O::NotIn);
    let either = matches!(op, O::Contains | O::StartsWith | O::EndsWith | O::Matches | O::Cidr);
    match (&definition.value, &definition.values) {
        (None, None) if op == O::Exists => Ok(Vec::new()),
        (_, _) if op == O::Exists => Err("takes neither `value` nor `values`".to_owned()),
        (Some(value), None) if !several => Ok(Vec::from([value])),
        (None, Some(values)) if several || either => {
            if values.is_empty() {
                return Err("`values` is empty".to_owned());
            }
            Ok(values.iter().collect())
        }
        _ if either => Err("takes either `value` or `values`".to_owned()),
        _ if several => Err("takes `values`".to_owned()),
        _ => Err("takes `value`".to_owned()),
    }
}

fn takes_case(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Equal | O::NotEqual | O::In | O::NotIn)
        || matches!(op, O::Contains | O::StartsWith | O::EndsWith | O::Matches)
}

fn exact(number: &serde_json::Number) -> Result<Number, String> {
    Number::from_json_exactly(number)
        .ok_or_else(|| format!("{number} has more than 18 decimals or is beyond ±1.7 × 10²⁰"))
}

fn time_operand(value: Option<&&Json>) -> Result<i64, String> {
    value
        .and_then(|value| value.as_str())
        .and_then(time_us)
        .ok_or_else(|| "`value` must be an RFC 3339 time such as \"2026-01-31T12:00:00Z\"".to_owned())
}

#[inline]
fn number_of(attribute: &Attribute<'_>) -> Option<Number> {
    match attribute {
        Attribute::Integer(value) => Some(Number::from_integer(*value)),
        Attribute::Millionths(value) => Some(Number::from_millionths(*value)),
        Attribute::Float(value) => Number::from_float(*value),
        Attribute::Text(text) => Number::from_text(text),
        _ => None,
    }
}

fn time_of(attribute: &Attribute<'_>) -> Option<i64> {
    match attribute {
        Attribute::Time(at_us) => Some(*at_us),
        Attribute::Text(text) => time_us(text),
        _ => None,
    }
}

fn starts_folded(text: &str, value: &str) -> bool {
    let mut text = folded(text);
    value.chars().all(|c| text.next() == Some(c))
}
