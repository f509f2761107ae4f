//! A flag as a form has it: every member as text ([`notation`]), so that what is typed is kept whatever it is.
//!
//! What the form has no field for travels along in hidden ones, as JSON.

mod condition;
mod rule;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use osaycore_flags::{Choice, FlagDefinition, FlagType, PrerequisiteDefinition};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::notation::{self, json};
use crate::extract::console::{Filled, Refused};
use condition::Condition;
pub(super) use condition::OPERATORS;
pub(super) use rule::Rule;

/// The name of a rule's field.
pub(super) fn of_rule(at: impl Display, member: &str) -> String {
    format!("rule.{at}.{member}")
}

/// The name of a field of a rule's condition.
pub(super) fn of_condition(at: impl Display, inner: impl Display, member: &str) -> String {
    format!("rule.{at}.when.{inner}.{member}")
}

/// The fields of the flag itself. `definition`: the one that is edited, as JSON.
const FIELDS: [&str; 14] = [
    "definition",
    "description",
    "owner",
    "tags",
    "expires_at",
    "type",
    "default",
    "off",
    "overrides",
    "variants",
    "starts_at",
    "ends_at",
    "prerequisites",
    "holdouts",
];

/// The form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    texts: Texts,
    enabled: bool,
    pub(super) rules: Vec<Rule>,
}

impl Draft {
    pub(super) fn of(flag: &FlagDefinition) -> Self {
        Self {
            texts: Texts(vec![
                ("definition", json(flag)),
                ("description", optional(flag.description.as_ref())),
                ("owner", optional(flag.owner.as_ref())),
                ("tags", notation::names(&flag.tags)),
                ("expires_at", optional(flag.expires_at.as_ref())),
                ("type", json(&flag.flag_type).trim_matches('"').to_owned()),
                ("default", flag.default.as_ref().map(notation::choice).unwrap_or_default()),
                ("off", flag.off.as_ref().map(notation::choice).unwrap_or_default()),
                ("overrides", notation::lines(flag.overrides.iter(), notation::choice)),
                ("variants", notation::lines(flag.variants.iter(), json)),
                ("starts_at", optional(flag.starts_at.as_ref())),
                ("ends_at", optional(flag.ends_at.as_ref())),
                ("prerequisites", notation::lines(flag.prerequisites.iter().map(needed), notation::choices)),
                ("holdouts", notation::names(&flag.holdouts)),
            ]),
            enabled: flag.enabled,
            rules: flag.rules.iter().map(Rule::of).collect(),
        }
    }

    pub(super) fn read(filled: &Filled) -> Self {
        let rules = (0..).map_while(|at| {
            let name = |member: &str| of_rule(at, member);
            filled.is_ticked(&name("serve")).then(|| Rule::read(filled, name))
        });
        Self {
            texts: Texts::read(filled, &FIELDS, str::to_owned),
            enabled: filled.is_ticked("enabled"),
            rules: rules.collect(),
        }
    }

    /// Does what a button of the rules says: `add-rule`, `remove-rule.0`, `up.1`, `down.0`, `add-condition.0`,
    /// `remove-condition.0.1`. → whether it was one of these.
    pub(super) fn press(&mut self, button: &str) -> bool {
        let mut words = button.split('.');
        let verb = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        let (rule, condition) = (number(), number());
        match (verb, rule, condition) {
            ("add-rule", None, None) => self.rules.push(Rule::new()),
            ("remove-rule", Some(at), None) if at < self.rules.len() => drop(self.rules.remove(at)),
            ("up", Some(at), None) if at > 0 && at < self.rules.len() => self.rules.swap(at, at.saturating_sub(1)),
            ("down", Some(at), None) if at.saturating_add(1) < self.rules.len() => {
                self.rules.swap(at, at.saturating_add(1));
            }
            ("add-condition", Some(at), None) => {
                if let Some(rule) = self.rules.get_mut(at) {
                    rule.conditions.push(Condition::new());
                }
            }
            ("remove-condition", Some(at), Some(inner)) => {
                let conditions = self.rules.get_mut(at).map(|rule| &mut rule.conditions);
                if let Some(conditions) = conditions.filter(|conditions| inner < conditions.len()) {
                    conditions.remove(inner);
                }
            }
            _ => {
                return matches!(
                    verb,
                    "add-rule" | "remove-rule" | "up" | "down" | "add-condition" | "remove-condition"
                );
            }
        }
        true
    }

    /// The fields as they are to be shown.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let mut fields = self.texts.named(str::to_owned);
        fields.extend(ticked("enabled", self.enabled));
        for (at, rule) in self.rules.iter().enumerate() {
            fields.extend(rule.fields(at));
        }
        fields
    }

    /// The definition that it makes; what cannot be read is noted beside its field.
    pub(super) fn definition(&self, filled: &mut Filled) -> Result<FlagDefinition, Refused> {
        let texts = &self.texts;
        let mut flag: FlagDefinition = hidden(texts.of("definition"))?;
        let mut take = |field: &str, read: Result<_, String>| {
            read.unwrap_or_else(|problem| {
                filled.refuse(field, problem);
                Vec::new()
            })
        };
        let description = broken(texts.of("description"));
        flag.description = Some(description).filter(|text| !text.is_empty()).map(|text| notation::read_text(&text));
        flag.owner = texts.optional("owner");
        flag.tags = take("tags", notation::read_names(texts.of("tags")));
        flag.holdouts = take("holdouts", notation::read_names(texts.of("holdouts")));
        flag.expires_at = texts.optional("expires_at");
        flag.starts_at = texts.optional("starts_at");
        flag.ends_at = texts.optional("ends_at");
        flag.enabled = self.enabled;
        match serde_json::from_value::<FlagType>(Json::String(texts.of("type").to_owned())) {
            Ok(of_type) => flag.flag_type = of_type,
            Err(_) => filled.refuse("type", "choose a type"),
        }
        let choice = |field: &str| Some(texts.of(field)).filter(|text| !text.is_empty()).map(notation::read_choice);
        flag.default = choice("default");
        flag.off = choice("off");
        flag.overrides = notation::read_members(
            texts.of("overrides"),
            |to| Ok(notation::read_choice(to)),
            |problem| filled.refuse("overrides", problem),
        );
        flag.variants = notation::read_members(
            texts.of("variants"),
            |value| {
                serde_json::from_str::<Json>(value)
                    .map_err(|_| format!("{value} is no JSON: a text is written in quotation marks"))
            },
            |problem| filled.refuse("variants", problem),
        );
        flag.prerequisites = self.prerequisites(&flag.prerequisites, filled);
        flag.rules = Vec::with_capacity(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate() {
            flag.rules.push(rule.definition(filled, at)?);
        }
        Ok(flag)
    }

    /// One that needs a single value may be written in two ways: what means the same stays as it was written.
    fn prerequisites(&self, were: &[PrerequisiteDefinition], filled: &mut Filled) -> Vec<PrerequisiteDefinition> {
        let mut read = Vec::new();
        for line in notation::read_lines(self.texts.of("prerequisites"), notation::read_choices) {
            match line {
                Ok((flag, wanted)) => {
                    let was = were.iter().find(|was| needed(was) == (&flag, &wanted)).cloned();
                    read.push(was.unwrap_or_else(|| needs(flag, wanted)));
                }
                Err(problem) => filled.refuse("prerequisites", problem),
            }
        }
        read
    }
}

/// A text of several lines, whose breaks browsers write in their own way, as it is kept.
fn broken(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A flag and what it must have one of.
fn needed(prerequisite: &PrerequisiteDefinition) -> (&str, &[Choice]) {
    let PrerequisiteDefinition { flag, value, values } = prerequisite;
    (flag, value.as_ref().map_or(values.as_slice(), std::slice::from_ref))
}

fn needs(flag: String, mut wanted: Vec<Choice>) -> PrerequisiteDefinition {
    let value = if wanted.len() == 1 { wanted.pop() } else { None };
    PrerequisiteDefinition { flag, value, values: wanted }
}

/// Fields by their names within the flag, the rule or the condition.
#[derive(Clone, Debug, Default, PartialEq)]
struct Texts(Vec<(&'static str, String)>);

impl Texts {
    fn read(filled: &Filled, fields: &[&'static str], name: impl Fn(&str) -> String) -> Self {
        Self(fields.iter().map(|field| (*field, filled.text(&name(field)).to_owned())).collect())
    }

    /// With the names that they have in the form.
    fn named(&self, name: impl Fn(&str) -> String) -> Vec<(String, String)> {
        self.0.iter().map(|(field, text)| (name(field), text.clone())).collect()
    }

    /// Without the white space around it.
    fn of(&self, field: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == field).map_or("", |(_, text)| text.trim())
    }

    /// Empty is none.
    fn optional(&self, field: &str) -> Option<String> {
        Some(self.of(field)).filter(|text| !text.is_empty()).map(notation::read_text)
    }
}

fn optional(text: Option<&String>) -> String {
    text.map(|text| notation::text(text)).unwrap_or_default()
}

/// A box, where it is ticked.
fn ticked(name: impl Into<String>, is_ticked: bool) -> Option<(String, String)> {
    is_ticked.then(|| (name.into(), "yes".to_owned()))
}

/// What travels along, or nothing yet: only we write it.
fn hidden<T: DeserializeOwned>(text: &str) -> Result<T, Refused> {
    serde_json::from_str(text).map_err(|_| Refused::Unreadable)
}
