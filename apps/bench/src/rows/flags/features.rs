//! What rows 7 and 8 ask: features of five strategies each, in Unleash's format, and users.

use osaycore_flags::{Attribute, Context};
use serde_json::{Value, json};
use uuid::Uuid;

/// As Unleash gives them to its SDKs.
pub(super) fn client_features(count: usize) -> Value {
    json!({"version": 2, "features": (0..count).map(feature).collect::<Vec<_>>()})
}

pub(super) fn name(number: usize) -> String {
    format!("feature-{number}")
}

/// Listed users, staff, testers, paying users outside the field service, and a percentage of those with credits: another
/// one for each feature.
fn feature(number: usize) -> Value {
    let is = |field: &str, operator: &str, values: &[&str]| json!({"contextName": field, "operator": operator, "values": values});
    let listed = listed(number);
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let credits = json!({"contextName": "credit_balance", "operator": "NUM_GTE", "value": "100"});
    json!({"name": name(number), "type": "release", "enabled": true, "strategies": [
        {"name": "default", "constraints": [is("userId", "IN", &listed)]},
        {"name": "default", "constraints": [is("email", "STR_ENDS_WITH", &["@staff.example.com"])]},
        {"name": "default", "constraints": [is("role", "IN", &["tester", "admin"])]},
        {"name": "default", "constraints": [
            is("custom.plan", "IN", &["pro", "enterprise"]), is("directory", "NOT_IN", &["field"])]},
        {"name": "flexibleRollout", "constraints": [credits], "parameters": {
            "rollout": percent(number).to_string(), "stickiness": "userId", "groupId": name(number)}}]})
}

/// The users that the first strategy lists.
pub(super) fn listed(number: usize) -> Vec<String> {
    (0..10).map(|at| User::new(number * 7 + at * 31 + 1).id).collect()
}

/// Of the last strategy: 50 % of the first feature.
pub(super) fn percent(number: usize) -> usize {
    (number * 37 + 50) % 100
}

/// Who asks, by the names of our contract.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) plan: &'static str,
    pub(super) directory: &'static str,
    pub(super) credits: i64,
}

impl User {
    /// Users differ in everything; most are neither staff, nor testers, nor paying.
    pub(super) fn new(number: usize) -> Self {
        let pick = |of: &[&'static str]| of.get(number % of.len()).copied().unwrap_or_default();
        let name = u128::try_from(number).unwrap_or_default().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Self {
            id: Uuid::from_u128(name).to_string(),
            email: format!(
                "user-{number}@{}",
                pick(&["example.com", "example.net", "example.org", "staff.example.com"])
            ),
            role: pick(&["member", "member", "tester", "member", "admin"]),
            plan: pick(&["free", "free", "pro", "free", "enterprise", "free", "free"]),
            directory: pick(&["corp", "field", "corp"]),
            credits: i64::try_from(number % 11).unwrap_or_default() * 40,
        }
    }

    /// In the words of the other engines, but for the id.
    pub(super) fn texts(&self) -> [(&'static str, &str); 4] {
        [("email", &self.email), ("role", self.role), ("custom.plan", self.plan), ("directory", self.directory)]
    }
}

impl Context for User {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        Some(match name {
            "user_id" => Attribute::Text(&self.id),
            "email" => Attribute::Text(&self.email),
            "role" => Attribute::Text(self.role),
            "directory" => Attribute::Text(self.directory),
            "credit_balance" => Attribute::Millionths(self.credits.saturating_mul(1_000_000)),
            "custom.plan" => Attribute::Text(self.plan),
            _ => return None,
        })
    }
}
