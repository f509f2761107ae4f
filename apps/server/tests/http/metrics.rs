//! What operators watch: that everything is measured, that labels stay few whatever is sent, and that what reads the metrics
//! names those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::authenticator::Authenticator;
use crate::support::mail::Sink;
use crate::support::oasis::{LOGIN, Library, NewUser};
use crate::support::{App, Call, World, now_s, patiently, unique};

fn text(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn metrics(world: &World) -> String {
    Call::get("/metrics").send(world).text().to_owned()
}

/// Every series without its value, but for buckets.
fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// The label names of every metric that there is, by the name that queries use.
fn known(metrics: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.strip_prefix('{').map_or("", |rest| rest.split_once('}').unwrap_or((rest, "")).0);
        // No value of a label has a comma in it, but for the patterns of routes, whose names have no equals sign.
        let names = labels.split(',').filter_map(|label| label.split_once("=\"")).map(|(name, _)| name.to_owned());
        known.entry(name.to_owned()).or_default().extend(names);
    }
    known
}

/// A world in which everything that is measured has happened, but for sign-ins and traces.
fn busy() -> (World, App) {
    let mut sink = Sink::refusing_first(1);
    let mut world = World::new();
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    let app = world.app_of_every_scope();
    std::fs::write(world.folder().join("flags.json"), r#"{"flags": [{"key": "plain", "default": true}]}"#).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
    let user = world.rich_user("ann", "10");
    world.serve();
    let token = world.token(&app, &user);
    world.deduct(&app, &token, r#""amount":1"#).ok();
    world.deduct(&app, &token, r#""amount":100"#).refused(402, "insufficient_credits");
    world.read(&app, &token, "/api/user/context").ok();
    Call::post("/ofrep/v1/evaluate/flags", "{}").signed(&app).send(&world);
    let library = Library::of(&app);
    let eve =
        NewUser { username: "eve", email: Some("eve@example.com"), send_enrollment_email: true, ..NewUser::default() };
    library.send(&world, &library.register_user(&eve)).ok();
    library.send(&world, &library.request_authentication_state("nobody", LOGIN)).ok();
    library.send(&world, &library.verify_user_otp("nobody", "123456", LOGIN)).ok();
    let link = sink.receive().link().to_owned();
    let path = link.split_at(link.find("/enroll/").unwrap()).1.to_owned();
    let page = Call::get(&path).send(&world);
    let uri = page
        .text()
        .split_once("otpauth://")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let code = Authenticator::of(&format!("otpauth://{uri}")).code_at(now_s());
    let form = Call::post(&path, format!("code={code}")).set("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.send(&world).status, 200);
    (world, app)
}

#[test]
fn everything_that_happens_is_measured() {
    let (world, _) = busy();
    let value = |name: &str| world.metric::<f64>(name);
    for (name, expected) in [
        (r#"osaycore_http_requests_total{route="/api/action/deduct-credits",method="POST",status="200"}"#, 1.0),
        (r#"osaycore_http_requests_total{route="/api/action/deduct-credits",method="POST",status="402"}"#, 1.0),
        (r#"osaycore_http_request_duration_seconds_count{route="/api/action/deduct-credits",method="POST"}"#, 2.0),
        (r#"osaycore_refusals_total{code="insufficient_credits"}"#, 1.0),
        (r#"osaycore_flag_evaluations_total{surface="context",reason="STATIC"}"#, 1.0),
        (r#"osaycore_otp_answers_total{asked="state",state="NOTREGISTERED"}"#, 1.0),
        (r#"osaycore_otp_answers_total{asked="verify",state="NOTREGISTERED"}"#, 1.0),
        (r#"osaycore_otp_answers_total{asked="enrolment",state="VALID"}"#, 1.0),
        (r#"osaycore_mails_total{outcome="failed"}"#, 1.0),
        (r#"osaycore_mails_total{outcome="sent"}"#, 1.0),
        ("osaycore_servers", 1.0),
    ] {
        assert_eq!(value(name), Some(expected), "{name} in {}", metrics(&world));
    }
    // As many have waited as were in groups.
    assert_eq!(value("osaycore_group_wait_seconds_count"), value("osaycore_group_size_sum"));
    assert!(value("osaycore_group_wait_seconds_count") >= Some(8.0));
    assert!(value("osaycore_snapshot_age_seconds") < Some(5.0));
    let started: i64 = world.metric("osaycore_start_time_seconds").unwrap();
    assert!((now_s() - 600..=now_s()).contains(&started), "{started}");
    let readers = |state: &str| value(&format!("osaycore_readers{{state=\"{state}\"}}")).unwrap();
    assert!(readers("idle") >= 1.0 && readers("busy") >= 0.0);
}

#[test]
fn what_waits_in_the_outbox_is_told_by_every_server() {
    let sink = Sink::start();
    let mut world = World::new();
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    drop(sink);
    let library = Library::of(&world.app("app", &[]));
    world.serve();
    let eve =
        NewUser { username: "eve", email: Some("eve@example.com"), send_enrollment_email: true, ..NewUser::default() };
    library.send(&world, &library.register_user(&eve)).ok();
    let other = if crate::support::on_postgres() { Some(world.another()) } else { None };
    for server in std::iter::once(&world).chain(&other) {
        let waits = || server.metric("osaycore_mails_waiting") == Some(1);
        assert!(patiently(std::time::Duration::from_secs(25), waits), "{}", metrics(server));
        let age: i64 = server.metric("osaycore_mail_oldest_seconds").unwrap();
        assert!((0..60).contains(&age), "{age}");
    }
}

/// The names of the labels; what values they may have is in `metrics.rs`.
const LABELS: [&str; 14] = [
    "asked", "code", "database", "le", "method", "outcome", "provider", "reason", "route", "state", "status",
    "surface", "task", "version",
];

#[test]
fn labels_stay_few_whatever_is_sent() {
    let (world, app) = busy();
    let barrage = || {
        for n in 0..40 {
            let odd = unique("odd");
            for call in [
                Call::get(&format!("/{odd}")),
                Call::get(&format!("/api/{odd}/{n}")),
                Call::get(&format!("/api/users/{odd}")).signed(&app),
                Call::new(&format!("ODD{n}"), "/api/users"),
                Call::new("DELETE", &format!("/api/ApplicationAPI/{odd}")),
                Call::post(&format!("/ofrep/v1/evaluate/flags/{odd}"), r#"{"context":{}}"#).signed(&app),
                Call::post("/ofrep/v1/evaluate/flags", "{}").bearer(&odd),
                Call::get(&format!("/ofrep/v1/changes?channel={odd}")),
                Call::get(&format!("/enroll/{n}/{odd}")),
                Call::get(&format!("/api/auth/oauth/callback/{odd}?state={odd}")),
                Call::post("/api/auth/oauth/initiate", format!(r#"{{"provider":"{odd}","redirect_uri":"{odd}:/"}}"#))
                    .signed(&app),
                Call::post("/api/users", "{}").signed(&app).set("X-OSAYCORE-API-KEY", &odd),
                Call::post("/api/users", "{}").signed(&app).set("X-OSAYCORE-SIGNATURE", &odd),
                Call::post("/api/users", format!(r#"{{"{odd}":1}}"#)).signed(&app),
                Call::get("/healthz").also("X-Request-Id", &odd),
            ] {
                call.send(&world);
            }
        }
    };
    barrage();
    // That it was asked for is measured, too.
    metrics(&world);
    let first = series(&metrics(&world));
    assert!(first.len() > 40, "{first:?}");
    barrage();
    let text = metrics(&world);
    let new: Vec<_> = series(&text).difference(&first).cloned().collect();
    // A task may have ended for the first time meanwhile.
    let new: Vec<_> = new.iter().filter(|line| !line.starts_with("osaycore_task_")).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(!text.contains("odd") && !text.contains("ODD"), "{text}");
    let labels: BTreeSet<String> = known(&text).into_values().flatten().collect();
    let unbounded: Vec<_> = labels.iter().filter(|label| !LABELS.contains(&label.as_str())).collect();
    assert!(unbounded.is_empty(), "{unbounded:?}");
}

/// The metrics of a query with the names of the labels that it asks for, in braces or after `by`.
fn named(query: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = vec![];
    for (at, _) in query.match_indices("osaycore_") {
        if query.split_at(at).0.ends_with(is_word) {
            continue;
        }
        let rest = query.split_at(at).1;
        let (name, rest) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let braces = rest.strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        let labels = braces.split(',').filter_map(|label| label.split(['=', '!']).next()).map(str::trim);
        found.push((name.to_owned(), labels.filter(|label| !label.is_empty()).map(str::to_owned).collect()));
    }
    found
}

/// Every value of a member of this name, however deep.
fn members<'j>(json: &'j Value, name: &str, found: &mut Vec<&'j str>) {
    match json {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(value) if key == name => found.push(value),
                    _ => members(value, name, found),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|value| members(value, name, found)),
        _ => {}
    }
}

/// The expressions of the alerts: what follows `expr: ` on its line.
fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect()
}

#[test]
fn the_dashboard_and_the_alerts_name_metrics_that_there_are() {
    let (world, _) = busy();
    let mut known = known(&metrics(&world));
    // What did not happen here: `everything_that_happens_is_measured` and its neighbours see the others.
    let elsewhere = [("sign_ins", ["provider", "outcome"].as_slice()), ("spans", &["outcome"])];
    for (name, labels) in elsewhere {
        assert!(text("apps/server/src/metrics.rs").contains(&format!("all.add(\"{name}\"")), "{name}");
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        known.insert(format!("osaycore_{name}_total"), labels);
    }
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/osaycore.json")).unwrap();
    let mut queries = vec![];
    members(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 25, "the queries were not found: {queries:?}");
    let rules = text("deploy/prometheus/alerts.yml");
    assert!(alerts(&rules).len() > 8, "the alerts were not found");
    queries.extend(alerts(&rules));
    let mut faults = vec![];
    for query in &queries {
        for (name, labels) in named(query) {
            match known.get(&name) {
                None => faults.push(format!("{query}: there is no {name}")),
                Some(known) => faults.extend(
                    labels
                        .iter()
                        .filter(|label| !known.contains(*label) && !["job", "instance"].contains(&label.as_str()))
                        .map(|label| format!("{query}: {name} has no {label}")),
                ),
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // And nothing is measured that nobody sees.
    let seen: BTreeSet<String> = queries.iter().flat_map(|query| named(query)).map(|(name, _)| name).collect();
    let base = |name: &str| {
        ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let seen: BTreeSet<String> = seen.iter().map(|name| base(name)).collect();
    let unseen: Vec<_> = known.keys().map(|name| base(name)).filter(|name| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn every_alert_says_what_to_do_for_it() {
    let (rules, page) = (text("deploy/prometheus/alerts.yml"), text("docs/operations.md"));
    let anchors: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(|title| title.to_lowercase().replace(' ', "-").replace(|c: char| !c.is_alphanumeric() && c != '-', ""))
        .collect();
    let mut names = 0;
    for alert in rules.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        let runbook = alert.lines().find_map(|line| line.trim().strip_prefix("runbook: ")).unwrap_or_default();
        let anchor = runbook.strip_prefix("docs/operations.md#").unwrap_or_default();
        assert!(anchors.contains(anchor), "{name}: {runbook:?} leads nowhere");
        assert!(page.contains(&format!("| `{name}` |")), "docs/operations.md does not say what to do for {name}");
        assert!(alert.contains("severity: ") && alert.contains("summary: "), "{name}");
        names += 1;
    }
    assert_eq!(names, alerts(&rules).len());
}

/// What Prometheus itself says of the files, where its tool is installed: queries, and what they fire at.
#[test]
fn prometheus_reads_the_rules_and_they_fire_when_they_should() {
    let there = Command::new("promtool").arg("--version").stdin(Stdio::null()).output();
    if !there.is_ok_and(|found| found.status.success()) {
        return eprintln!("did not run: promtool is not installed (Debian: apt-get install prometheus)");
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus");
    // The dashboard's queries, as rules.
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/osaycore.json")).unwrap();
    let mut queries = vec![];
    members(&dashboard, "expr", &mut queries);
    let rules = queries.iter().enumerate().map(|(n, query)| {
        let query = query.replace("$__rate_interval", "1m").replace("$job", "osaycore").replace("$instance", ".*");
        json!({"record": format!("dashboard:{n}"), "expr": query})
    });
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules.collect::<Vec<_>>()}]});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, rules.to_string()).unwrap();
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "alerts.yml"],
        &["check", "rules", &file.path().display().to_string()],
        &["test", "rules", "alerts_test.yml"],
    ] {
        let output = Command::new("promtool").args(arguments).current_dir(&folder).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "promtool {arguments:?}: {out}{err}");
    }
}
