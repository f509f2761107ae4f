//! The flag engines of others.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use eppo_core::eval::get_assignment;
use eppo_core::ufc::{AssignmentValue, UniversalFlagConfig, VariationType};
use eppo_core::{Attributes, Configuration, SdkMetadata, Str};
use launchdarkly_server_sdk_evaluation as launchdarkly;
use serde_json::{Value, json};
use unleash_yggdrasil::{Context, EngineState};

use super::features::{User, listed, percent};

/// `unleash-yggdrasil`, on which Unleash's SDKs stand.
pub(super) struct Unleash(EngineState);

impl Unleash {
    pub(super) fn new(features: Value) -> anyhow::Result<Self> {
        let engine = EngineState::default();
        let warnings = engine.apply_client_features(serde_json::from_value(features)?);
        anyhow::ensure!(warnings.is_none(), "every strategy is known");
        Ok(Self(engine))
    }

    pub(super) fn context(user: &User) -> Context {
        let mut properties: HashMap<String, String> =
            user.texts().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        properties.insert("credit_balance".to_owned(), user.credits.to_string());
        Context {
            user_id: Some(user.id.clone()),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: Some(properties),
        }
    }

    pub(super) fn is_enabled(&self, name: &str, context: &Context) -> bool {
        self.0.is_enabled(name, context, &None)
    }

    /// How many features there are.
    pub(super) fn resolve_all(&self, context: &Context) -> usize {
        black_box(self.0.resolve_all(context, &None)).map_or(0, |all| all.len())
    }

    pub(super) fn enabled(&self, context: &Context) -> anyhow::Result<BTreeMap<String, bool>> {
        let all = self.0.resolve_all(context, &None).context("features are there")?;
        Ok(all.into_iter().map(|(name, toggle)| (name, toggle.enabled)).collect())
    }
}

/// `launchdarkly-server-sdk-evaluation` with one flag like the first feature. Whoever fulfils the last rule's condition is
/// decided by it, in the percentage or not.
pub(super) struct LaunchDarkly {
    flag: launchdarkly::Flag,
    user: launchdarkly::Context,
}

impl LaunchDarkly {
    pub(super) fn new(key: &str, user: &User) -> anyhow::Result<Self> {
        let clause = |attribute: &str, op: &str, values: &[&str], negate: bool| json!({"contextKind": "user", "attribute": attribute, "op": op, "values": values, "negate": negate});
        let rule =
            |id: &str, clauses: Vec<Value>| json!({"id": id, "clauses": clauses, "variation": 1, "trackEvents": false});
        let (listed, share) = (listed(0), percent(0) * 1_000);
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let credits =
            json!({"contextKind": "user", "attribute": "credit_balance", "op": "greaterThanOrEqual", "values": [100]});
        let rollout = json!({"contextKind": "user", "bucketBy": "key", "variations": [
            {"variation": 1, "weight": share}, {"variation": 0, "weight": 100_000 - share}]});
        let flag = json!({
        "key": key, "version": 1, "on": true, "salt": "salt", "variations": [false, true],
        "targets": [], "prerequisites": [], "fallthrough": {"variation": 0}, "offVariation": 0,
        "clientSide": false,
        "rules": [
            rule("listed", vec![clause("key", "in", &listed, false)]),
            rule("staff", vec![clause("email", "endsWith", &["@staff.example.com"], false)]),
            rule("testers", vec![clause("role", "in", &["tester", "admin"], false)]),
            rule("paying", vec![
                clause("custom.plan", "in", &["pro", "enterprise"], false),
                clause("directory", "in", &["field"], true),
            ]),
            {"id": "share", "clauses": [credits], "rollout": rollout, "trackEvents": false},
        ]});
        let mut builder = launchdarkly::ContextBuilder::new(user.id.clone());
        for (name, text) in user.texts() {
            builder.set_string(name, text);
        }
        builder.set_value("credit_balance", launchdarkly::AttributeValue::Number(credits_of(user)?));
        let user = builder.build().map_err(anyhow::Error::msg)?;
        Ok(Self { flag: serde_json::from_value(flag)?, user })
    }

    /// The flag is at hand: this crate has no store of its own to look it up in.
    pub(super) fn is_on(&self) -> bool {
        let detail = launchdarkly::evaluate(&Nothing, black_box(&self.flag), black_box(&self.user), None);
        matches!(detail.value, Some(launchdarkly::FlagValue::Bool(true)))
    }
}

/// Neither prerequisites nor segments.
struct Nothing;

impl launchdarkly::Store for Nothing {
    fn flag(&self, _: &str) -> Option<launchdarkly::Flag> {
        None
    }

    fn segment(&self, _: &str) -> Option<launchdarkly::Segment> {
        None
    }
}

/// `eppo_core` with one flag like the first feature; the end of a text is a regular expression there.
pub(super) struct Eppo {
    configuration: Configuration,
    subject: Str,
    attributes: Arc<Attributes>,
}

impl Eppo {
    pub(super) fn new(key: &str, user: &User) -> anyhow::Result<Self> {
        let condition = |attribute: &str, operator: &str, value: Value| json!({"attribute": attribute, "operator": operator, "value": value});
        let everybody = json!([{"variationKey": "on", "shards": []}]);
        let allocation = |key: &str, conditions: Vec<Value>, splits: &Value| json!({"key": key, "rules": [{"conditions": conditions}], "splits": splits, "doLog": false});
        let shards = json!([{"variationKey": "on", "shards": [
            {"salt": key, "ranges": [{"start": 0, "end": percent(0) * 100}]}]}]);
        let flag = json!({
        "key": key, "enabled": true, "variationType": "BOOLEAN", "totalShards": 10_000,
        "variations": {"on": {"key": "on", "value": true}},
        "allocations": [
            allocation("listed", vec![condition("id", "ONE_OF", json!(listed(0)))], &everybody),
            allocation("staff", vec![condition("email", "MATCHES", json!(r"@staff\.example\.com$"))], &everybody),
            allocation("testers", vec![condition("role", "ONE_OF", json!(["tester", "admin"]))], &everybody),
            allocation("paying", vec![
                condition("custom.plan", "ONE_OF", json!(["pro", "enterprise"])),
                condition("directory", "NOT_ONE_OF", json!(["field"])),
            ], &everybody),
            allocation("share", vec![condition("credit_balance", "GTE", json!(100))], &shards),
        ]});
        let file = json!({
            "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": {"name": "bench"},
            "flags": {key: flag}, "bandits": {}});
        let sdk = SdkMetadata { name: "bench", version: "1" };
        let flags = UniversalFlagConfig::from_json(sdk, serde_json::to_vec(&file)?)?;
        let mut attributes: Attributes =
            user.texts().into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        attributes.insert("credit_balance".into(), credits_of(user)?.into());
        Ok(Self {
            configuration: Configuration::from_server_response(flags, None),
            subject: user.id.as_str().into(),
            attributes: Arc::new(attributes),
        })
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        let (subject, attributes) = (black_box(&self.subject), black_box(&self.attributes));
        let kind = Some(VariationType::Boolean);
        let assigned = get_assignment(Some(&self.configuration), key, subject, attributes, kind, UNIX_EPOCH.into());
        matches!(assigned, Ok(Some(assigned)) if assigned.value == AssignmentValue::Boolean(true))
    }
}

fn credits_of(user: &User) -> anyhow::Result<f64> {
    Ok(i32::try_from(user.credits)?.into())
}
