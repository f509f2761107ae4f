//! A compiled condition: what is asked of one attribute, or of a segment.

use crate::{Attribute, ConditionDefinition, Context, Operator, attribute_test::Test, lookup::Lookup, rule::Rollout};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use serde_json::Value as Json;

/// One condition of a rule or segment.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) subject: Subject,
    /// Written as `negate`, or part of `!=` and `not_in`; both together cancel out.
    pub(crate) negate: bool,
    /// The condition in the words of the file.
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) enum Subject {
    Attribute {
        name: String,
        test: Test,
    },
    /// The position of the segment in the set.
    Segment(usize),
}

/// A named set of users.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) key: String,
    pub(crate) when: Vec<Condition>,
    pub(crate) rollout: Option<Rollout>,
    pub(crate) users: Lookup<()>,
}

/// What an evaluation is asked with.
#[derive(Debug)]
pub(crate) struct Asked<'s, 'c, C: ?Sized> {
    pub(crate) segments: &'s [Segment],
    pub(crate) context: &'c C,
    pub(crate) now_us: i64,
}

impl Condition {
    /// `segment_at` finds a segment's position by key. The error says what is wrong.
    pub(crate) fn compile(
        definition: &ConditionDefinition,
        segment_at: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, String> {
        if let Some(key) = &definition.segment {
            let alone = ConditionDefinition {
                segment: Some(key.clone()),
                negate: definition.negate,
                ..ConditionDefinition::default()
            };
            if alone != *definition {
                return Err(format!("a condition on segment `{key}` takes `negate` and no more"));
            }
            let position = segment_at(key).ok_or_else(|| format!("unknown segment `{key}`"))?;
            let text = format!("{}in segment {key}", if definition.negate { "not " } else { "" });
            let subject = Subject::Segment(position);
            return Ok(Self { subject, negate: definition.negate, text });
        }
        let (Some(name), Some(op)) = (&definition.attribute, definition.op) else {
            return Err("a condition has `attribute` and `op`, or `segment`".to_owned());
        };
        if name.is_empty() {
            return Err("`attribute` is empty".to_owned());
        }
        let test = Test::compile(name, op, definition).map_err(|what| format!("`{name}` `{op}`: {what}"))?;
        let inverse = op.positive() != op;
        Ok(Self {
            subject: Subject::Attribute { name: name.clone(), test },
            negate: definition.negate != inverse,
            text: describe(name, op, definition),
        })
    }

    /// Whether the condition holds. An attribute that is absent or of another kind than asked for
    /// passes no test, so that it fulfils exactly the negated ones.
    #[inline]
    pub(crate) fn holds(&self, asked: &Asked<'_, '_, impl Context + ?Sized>) -> bool {
        let plain = match &self.subject {
            Subject::Segment(position) => asked.segments.get(*position).is_some_and(|segment| segment.holds(asked)),
            Subject::Attribute { name, test } => {
                asked.context.attribute(name).as_ref().is_some_and(|attribute| test.passes(attribute))
            }
        };
        plain != self.negate
    }
}

impl Segment {
    /// Whether the user is one of those listed, or all conditions hold and the rollout takes them.
    #[inline(never)]
    pub(crate) fn holds(&self, asked: &Asked<'_, '_, impl Context + ?Sized>) -> bool {
        let has_description = !self.when.is_empty() || self.rollout.is_some();
        self.lists(asked.context)
            || has_description
                && self.when.iter().all(|condition| condition.holds(asked))
                && self.rollout.as_ref().is_none_or(|rollout| rollout.takes(asked) == Some(true))
    }

    pub(crate) fn lists(&self, context: &(impl Context + ?Sized)) -> bool {
        find_user(&self.users, context).is_some()
    }
}

/// The entry of the user by `user_id`, else by `external_id`.
pub(crate) fn find_user<'e, V>(entries: &'e Lookup<V>, context: &(impl Context + ?Sized)) -> Option<&'e V> {
    if entries.is_empty() {
        return None;
    }
    ["user_id", "external_id"].into_iter().find_map(|name| {
        let Some(Attribute::Text(id)) = context.attribute(name) else { return None };
        entries.find(id)
    })
}

/// The condition in the words of the file; a long list is named by its size.
fn describe(name: &str, op: Operator, definition: &ConditionDefinition) -> String {
    const SHOWN_VALUES: usize = 10;
    let not = if definition.negate { "not " } else { "" };
    match (&definition.value, &definition.values) {
        (Some(value), _) => format!("{not}{name} {op} {value}"),
        (None, Some(values)) if values.len() > SHOWN_VALUES => {
            format!("{not}{name} {op} ({} values)", values.len())
        }
        (None, Some(values)) => format!("{not}{name} {op} {}", Json::Array(values.clone())),
        (None, None) => format!("{not}{name} {op}"),
    }
}
