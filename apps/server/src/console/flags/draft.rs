//! A flag as a form has it: every member as text, so that what is typed is kept whatever it is.
//!
//! What the form has no field for travels along in hidden ones, as JSON.

use std::fmt::{Display, Write as _};

use osaycore_flags::{
    Choice, ConditionDefinition, FlagDefinition, FlagType, Members, Operator, Percent, RuleDefinition, Serve,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::words;
use crate::extract::console::{Filled, Refused};

/// What stands for an operator where a segment is asked of.
const SEGMENT: &str = "segment";
/// The operators, with what a condition does by them.
pub(super) const OPERATORS: [(&str, &str); 23] = [
    ("=", "="),
    ("!=", "!="),
    ("in", "in"),
    ("not_in", "not in"),
    ("contains", "contains"),
    ("starts_with", "starts with"),
    ("ends_with", "ends with"),
    ("matches", "matches (regular expression)"),
    ("<", "<"),
    ("<=", "<="),
    (">", ">"),
    (">=", ">="),
    ("before", "before"),
    ("after", "after"),
    ("semver_=", "version ="),
    ("semver_!=", "version !="),
    ("semver_<", "version <"),
    ("semver_<=", "version <="),
    ("semver_>", "version >"),
    ("semver_>=", "version >="),
    ("cidr", "in network (CIDR)"),
    ("exists", "exists"),
    (SEGMENT, "is in segment (value: its key)"),
];

/// The name of a rule's field.
pub(super) fn of_rule(at: impl Display, member: &str) -> String {
    format!("rule.{at}.{member}")
}

/// The name of a field of a rule's condition.
pub(super) fn of_condition(at: impl Display, inner: impl Display, member: &str) -> String {
    format!("rule.{at}.when.{inner}.{member}")
}

/// The form.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The fields of the flag itself, by name.
    plain: Vec<(&'static str, String)>,
    enabled: bool,
    /// The definition that is edited, as JSON.
    rest: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    name: String,
    serve: String,
    percent: String,
    rest: String,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    attribute: String,
    op: String,
    value: String,
    rest: String,
    negate: bool,
}

const PLAIN: [&str; 9] =
    ["description", "owner", "tags", "expires_at", "type", "default", "off", "overrides", "variants"];

impl Draft {
    pub(super) fn of(flag: &FlagDefinition) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let chosen = |of: &Option<Choice>| of.as_ref().map(words::choice).unwrap_or_default();
        let (mut overrides, mut variants) = (String::new(), String::new());
        for (user, to) in flag.overrides.iter() {
            let _ = writeln!(overrides, "{user} = {}", words::choice(to));
        }
        for (name, value) in flag.variants.iter() {
            let _ = writeln!(variants, "{name} = {value}");
        }
        Self {
            plain: vec![
                ("description", text(&flag.description)),
                ("owner", text(&flag.owner)),
                ("tags", flag.tags.join(", ")),
                ("expires_at", text(&flag.expires_at)),
                ("type", json(&flag.flag_type).trim_matches('"').to_owned()),
                ("default", chosen(&flag.default)),
                ("off", chosen(&flag.off)),
                ("overrides", overrides),
                ("variants", variants),
            ],
            enabled: flag.enabled,
            rest: json(flag),
            rules: flag.rules.iter().map(Rule::of).collect(),
        }
    }

    pub(super) fn read(filled: &Filled) -> Self {
        let rules = (0..).map_while(|at| {
            let name = |member: &str| format!("rule.{at}.{member}");
            filled.is_ticked(&name("serve")).then(|| Rule::read(filled, &name))
        });
        Self {
            plain: PLAIN.iter().map(|name| (*name, filled.text(name).to_owned())).collect(),
            enabled: filled.is_ticked("enabled"),
            rest: filled.text("definition").to_owned(),
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
            ("add-rule", None, None) => self.rules.push(Rule { serve: "true".to_owned(), ..Rule::default() }),
            ("remove-rule", Some(at), None) if at < self.rules.len() => drop(self.rules.remove(at)),
            ("up", Some(at), None) if at > 0 && at < self.rules.len() => self.rules.swap(at, at.saturating_sub(1)),
            ("down", Some(at), None) if at.saturating_add(1) < self.rules.len() => {
                self.rules.swap(at, at.saturating_add(1));
            }
            ("add-condition", Some(at), None) => {
                if let Some(rule) = self.rules.get_mut(at) {
                    rule.conditions.push(Condition { op: "=".to_owned(), ..Condition::default() });
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
        let mut fields: Vec<(String, String)> =
            self.plain.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        fields.push(("definition".to_owned(), self.rest.clone()));
        if self.enabled {
            fields.push(("enabled".to_owned(), "yes".to_owned()));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let mut put = |member: &str, value: &str| fields.push((format!("rule.{at}.{member}"), value.to_owned()));
            put("name", &rule.name);
            put("serve", &rule.serve);
            put("percent", &rule.percent);
            put("rest", &rule.rest);
            for (inner, condition) in rule.conditions.iter().enumerate() {
                put(&format!("when.{inner}.attribute"), &condition.attribute);
                put(&format!("when.{inner}.op"), &condition.op);
                put(&format!("when.{inner}.value"), &condition.value);
                put(&format!("when.{inner}.rest"), &condition.rest);
                if condition.negate {
                    put(&format!("when.{inner}.negate"), "yes");
                }
            }
        }
        fields
    }

    fn plain(&self, name: &str) -> &str {
        self.plain.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
    }

    /// The definition that it makes; what cannot be read is noted beside its field.
    pub(super) fn definition(&self, filled: &mut Filled) -> Result<FlagDefinition, Refused> {
        let mut flag: FlagDefinition = hidden(&self.rest)?;
        let was = Self::of(&flag);
        let text = |name: &str| Some(self.plain(name).to_owned()).filter(|text| !text.is_empty());
        // What is as it was stays as it was written: a name may have the comma or the `=` that separates here.
        let is_another = |name: &str| !self.plain(name).lines().eq(was.plain(name).lines());
        flag.description = text("description");
        flag.owner = text("owner");
        if is_another("tags") {
            flag.tags = listed(self.plain("tags"));
        }
        flag.expires_at = text("expires_at");
        flag.enabled = self.enabled;
        match serde_json::from_value::<FlagType>(Json::String(text("type").unwrap_or_default())) {
            Ok(of_type) => flag.flag_type = of_type,
            Err(_) => filled.refuse("type", "choose a type"),
        }
        if is_another("default") {
            flag.default = text("default").map(|text| chosen(&text));
        }
        if is_another("off") {
            flag.off = text("off").map(|text| chosen(&text));
        }
        if is_another("overrides") {
            flag.overrides = pairs(filled, "overrides", self.plain("overrides"), |to| Ok(chosen(to)));
        }
        if is_another("variants") {
            flag.variants = pairs(filled, "variants", self.plain("variants"), |value| {
                serde_json::from_str::<Json>(value).map_err(|_| "is no JSON: a text is written in quotation marks")
            });
        }
        flag.rules = Vec::with_capacity(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate() {
            flag.rules.push(rule.definition(filled, at)?);
        }
        Ok(flag)
    }
}

impl Rule {
    fn of(rule: &RuleDefinition) -> Self {
        let percent = rule.rollout.as_ref().and_then(|rollout| rollout.percent);
        Self {
            name: rule.name.clone().unwrap_or_default(),
            serve: words::serve(&rule.serve),
            percent: percent.map(words::percent).unwrap_or_default(),
            rest: json(rule),
            conditions: rule.when.iter().map(Condition::of).collect(),
        }
    }

    fn read(filled: &Filled, name: &impl Fn(&str) -> String) -> Self {
        let text = |member: &str| filled.text(&name(member)).to_owned();
        let conditions = (0..).map_while(|inner| {
            let member = |of: &str| name(&format!("when.{inner}.{of}"));
            let text = |of: &str| filled.text(&member(of)).to_owned();
            filled.is_ticked(&member("op")).then(|| Condition {
                attribute: text("attribute"),
                op: text("op"),
                value: text("value"),
                rest: text("rest"),
                negate: filled.is_ticked(&member("negate")),
            })
        });
        Self {
            name: text("name"),
            serve: text("serve"),
            percent: text("percent"),
            rest: text("rest"),
            conditions: conditions.collect(),
        }
    }

    fn definition(&self, filled: &mut Filled, at: usize) -> Result<RuleDefinition, Refused> {
        let mut rule: RuleDefinition =
            if self.rest.is_empty() { RuleDefinition::default() } else { hidden(&self.rest)? };
        rule.name = Some(self.name.trim().to_owned()).filter(|name| !name.is_empty());
        if self.rest.is_empty() || self.serve.trim() != Self::of(&rule).serve.trim() {
            match served(self.serve.trim()) {
                Ok(serve) => rule.serve = serve,
                Err(problem) => filled.refuse(&format!("rule.{at}.serve"), problem),
            }
        }
        let percent = self.percent.trim().trim_end_matches('%').trim_end();
        if percent.is_empty() {
            // A schedule goes on without it.
            if let Some(rollout) = &mut rule.rollout {
                rollout.percent = None;
            }
            rule.rollout = rule.rollout.filter(|rollout| !rollout.schedule.is_empty());
        } else {
            match serde_json::from_str::<Percent>(percent) {
                Ok(percent) => rule.rollout.get_or_insert_default().percent = Some(percent),
                Err(_) => filled.refuse(
                    &format!("rule.{at}.percent"),
                    "a percentage is a number from 0 to 100 with up to three decimals",
                ),
            }
        }
        rule.when = Vec::with_capacity(self.conditions.len());
        for (inner, condition) in self.conditions.iter().enumerate() {
            rule.when.push(condition.definition(filled, &format!("rule.{at}.when.{inner}"))?);
        }
        Ok(rule)
    }
}

impl Condition {
    fn of(condition: &ConditionDefinition) -> Self {
        let value = match (&condition.segment, &condition.value, &condition.values) {
            (Some(segment), _, _) => segment.clone(),
            (None, Some(value), _) => words::value(value),
            (None, None, Some(values)) => words::values(values),
            (None, None, None) => String::new(),
        };
        let op = if condition.segment.is_some() {
            SEGMENT.to_owned()
        } else {
            condition.op.map(|op| op.to_string()).unwrap_or_default()
        };
        Self {
            attribute: condition.attribute.clone().unwrap_or_default(),
            op,
            value,
            rest: json(condition),
            negate: condition.negate,
        }
    }

    fn definition(&self, filled: &mut Filled, name: &str) -> Result<ConditionDefinition, Refused> {
        let mut condition: ConditionDefinition =
            if self.rest.is_empty() { ConditionDefinition::default() } else { hidden(&self.rest)? };
        // What is as it was stays as it was written.
        let was = Self::of(&condition);
        condition.negate = self.negate;
        if (&was.attribute, &was.op, &was.value) == (&self.attribute, &self.op, &self.value) {
            return Ok(condition);
        }
        let (attribute, value) = (self.attribute.trim(), self.value.trim());
        (condition.attribute, condition.op, condition.value, condition.values, condition.segment) = Default::default();
        if self.op == SEGMENT {
            condition.segment = Some(value.to_owned());
            return Ok(condition);
        }
        if attribute.is_empty() {
            filled.refuse(&format!("{name}.attribute"), "name the attribute, such as role or email");
        }
        condition.attribute = Some(attribute.to_owned());
        match serde_json::from_value::<Operator>(Json::String(self.op.clone())) {
            Ok(op) => condition.op = Some(op),
            Err(_) => filled.refuse(&format!("{name}.op"), "choose one of these"),
        }
        let is_list = serde_json::from_str::<Vec<Json>>(value).ok();
        match condition.op {
            Some(Operator::In | Operator::NotIn) => {
                condition.values =
                    Some(is_list.unwrap_or_else(|| listed(value).iter().map(|one| typed(one)).collect()));
            }
            Some(Operator::Exists) if value.is_empty() => {}
            _ => match is_list {
                Some(values) => condition.values = Some(values),
                None => condition.value = Some(typed(value)),
            },
        }
        Ok(condition)
    }
}

/// A value as it is typed: JSON where it is such, else a text.
fn typed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

fn chosen(text: &str) -> Choice {
    match text {
        "true" => Choice::Boolean(true),
        "false" => Choice::Boolean(false),
        name => Choice::Variant(name.to_owned()),
    }
}

/// One value or variant, or weights as `name: weight, name: weight` or as a JSON object.
fn served(text: &str) -> Result<Serve, String> {
    const WEIGHT: &str = "weights are whole numbers from 1 on, as in `control: 50, treatment: 50`";
    if text.is_empty() {
        return Err("say what it serves: true, false, a variant, or weights".to_owned());
    }
    if text.starts_with('{') {
        return serde_json::from_str::<Members<u64>>(text).map(Serve::Weights).map_err(|_| WEIGHT.to_owned());
    }
    if !text.contains(':') {
        return Ok(Serve::Choice(chosen(text)));
    }
    let mut weights: Vec<(String, u64)> = Vec::new();
    for part in listed(text) {
        let (name, weight) = part.rsplit_once(':').ok_or(WEIGHT)?;
        let name = name.trim().to_owned();
        if weights.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} has two weights"));
        }
        weights.push((name, weight.trim().parse().map_err(|_| WEIGHT)?));
    }
    Ok(Serve::Weights(weights.into_iter().collect()))
}

/// What stands between commas.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Lines as `name = value`; what is none is noted beside the field.
fn pairs<V>(
    filled: &mut Filled,
    field: &str,
    text: &str,
    read: impl Fn(&str) -> Result<V, &'static str>,
) -> Members<V> {
    let mut found: Vec<(String, V)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            filled.refuse(field, format!("{line}: a line is a name, = and a value"));
            continue;
        };
        match read(value) {
            _ if found.iter().any(|(known, _)| known == name) => {
                filled.refuse(field, format!("{name} stands there twice"));
            }
            Ok(value) => found.push((name.to_owned(), value)),
            Err(problem) => filled.refuse(field, format!("{name}: {value} {problem}")),
        }
    }
    found.into_iter().collect()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What travels along: only we write it.
fn hidden<T: DeserializeOwned>(text: &str) -> Result<T, Refused> {
    serde_json::from_str(text).map_err(|_| Refused::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"flags": [{"key": "checkout", "type": "string", "owner": "pay", "tags": ["a", "b, c"],
        "variants": {"old": "o", "new": "n, = 5", "a=b": "x", "true": "t"}, "default": "true", "starts_at": "2026-01-01T00:00:00Z",
        "holdouts": ["held"], "overrides": {"ada": "new", "abc==": "old"}, "rules": [
          {"name": "staff", "serve": "new", "sticky": true, "when": [
            {"attribute": "role", "op": "in", "values": ["staff", "5", 5, "a,b"], "negate": true},
            {"attribute": "email", "op": "ends_with", "value": "@example.com", "case_insensitive": true},
            {"attribute": "age", "op": ">", "value": 17}, {"attribute": "x", "op": "exists"}, {"segment": "beta"}]},
          {"serve": {"old": 1, "a, b": 2}, "rollout": {"percent": 0.125, "unit": "company", "salt": "s"}},
          {"name": "later", "serve": "a:b", "rollout": {"schedule": [{"at": "2026-01-01T00:00:00Z", "percent": 5}]}}]}]}"#;

    fn filled(draft: &Draft) -> Filled {
        Filled::with(draft.fields().iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    #[test]
    fn nothing_is_lost_on_the_way_through_a_form() {
        let flag = osaycore_flags::parse(FILE).unwrap().flags.remove(0);
        let mut sent = filled(&Draft::of(&flag));
        let read = Draft::read(&sent);
        assert_eq!(read.definition(&mut sent).ok().unwrap(), flag);
        assert!(!sent.has_problems());
    }

    #[test]
    fn buttons_add_move_and_remove_and_keep_what_is_typed() {
        let flag = osaycore_flags::parse(FILE).unwrap().flags.remove(0);
        let mut draft = Draft::of(&flag);
        for button in ["add-rule", "up.3", "add-condition.2", "remove-condition.0.0", "remove-rule.1", "down.0"] {
            assert!(draft.press(button), "{button}");
        }
        let names: Vec<&str> = draft.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["", "staff", "later"]);
        assert_eq!(draft.rules.iter().map(|rule| rule.conditions.len()).collect::<Vec<_>>(), [1, 4, 0]);
        for button in ["up.0", "down.9", "remove-rule.9", "remove-condition.0.9", "add-condition.9", "up"] {
            assert!(draft.press(button), "{button} does nothing");
        }
        assert_eq!(draft.rules.len(), 3);
        assert!(!draft.press("save"));
        assert!(Draft::read(&filled(&draft)).rules.iter().any(|rule| rule.name == "staff"));
    }

    #[test]
    fn what_is_no_value_is_told_beside_its_field() {
        let mut draft = Draft::of(&osaycore_flags::parse(FILE).unwrap().flags.remove(0));
        draft.rules.truncate(1);
        let rule = draft.rules.first_mut().unwrap();
        (rule.percent, rule.serve) = ("101".to_owned(), "new: x".to_owned());
        rule.conditions = vec![Condition { op: "like".to_owned(), value: "5".to_owned(), ..Condition::default() }];
        for (name, text) in [("overrides", "ada"), ("variants", "old = o")] {
            draft.plain.iter_mut().find(|(known, _)| *known == name).unwrap().1 = text.to_owned();
        }
        let mut sent = filled(&draft);
        draft.definition(&mut sent).ok().unwrap();
        for name in
            ["overrides", "variants", "rule.0.percent", "rule.0.serve", "rule.0.when.0.attribute", "rule.0.when.0.op"]
        {
            assert!(sent.problem(name).is_some(), "{name}");
        }
    }
}
