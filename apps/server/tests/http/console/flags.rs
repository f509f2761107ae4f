//! Flags in the console: edited by forms and text, refused, overtaken, taken back; and a person's tasks in a real browser.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::browser::all_is_well;
use super::{Browser, PASSWORD, login, login_of};
use crate::support::browser::Script;
use crate::support::{App, World, on_postgres, within_a_second};

const NASTY: &str = "<script>alert(1)</script>";
/// Where flag `checkout` of every app is.
const CHECKOUT: &str = "/console/flags/all/flags/checkout";

fn apply(world: &World, flags: &Value, further: &[&str]) {
    std::fs::write(world.folder().join("flags.json"), flags.to_string()).unwrap();
    world.run(&[&["flag", "apply", "flags.json"], further].concat());
}

/// The flag as it would be exported.
fn stored(world: &World) -> Value {
    let file = world.run_json(&["flag", "export"]);
    file["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == "checkout").cloned().unwrap_or_default()
}

fn checkout(percent: u32) -> Value {
    json!({"flags": [{"key": "checkout", "description": "The new checkout", "rules": [
        {"name": "staff", "when": [{"attribute": "role", "op": "=", "value": "staff"}], "serve": true},
        {"name": "some", "rollout": {"percent": percent, "unit": "external_id", "salt": "fixed"}, "serve": true}]}]})
}

/// What the last page's editor would send: every field as it stands.
fn fields(page: &str) -> Vec<(String, String)> {
    let form = page.split_once("id=\"as-form\"").unwrap().1.split_once("</form>").unwrap().0;
    super::markup::fields(form).into_iter().filter(|(name, _)| name != "do").collect()
}

/// Sends the editor's form of a page with some fields set, by a button.
fn submit(browser: &mut Browser<'_>, page: &str, set: &[(&str, &str)], button: &str) -> crate::support::Answer {
    let mut fields = fields(page);
    for (name, value) in set {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some(field) => (*value).clone_into(&mut field.1),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    fields.push(("do".to_owned(), button.to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(&format!("{CHECKOUT}/edit"), &fields)
}

fn begun() -> (World, String) {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    apply(&world, &checkout(0), &[]);
    world.serve();
    (world, email)
}

#[test]
fn a_flag_is_edited_by_its_form_and_keeps_what_the_form_has_no_field_for() {
    let (world, email) = begun();
    let mut browser = Browser::signed_in(&world, &email);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    let before = stored(&world);
    let unchanged = submit(&mut browser, &page, &[], "save");
    assert_eq!((unchanged.status, stored(&world)), (303, before), "saved as it was it is as it was");
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    let added = submit(&mut browser, &page, &[("description", NASTY)], "add-rule");
    let moved = submit(&mut browser, added.text(), &[("rule.2.name", "berlin")], "up.2");
    let asked = submit(&mut browser, moved.text(), &[], "add-condition.1");
    assert!(!asked.text().contains(NASTY) && asked.text().contains("&#60;script&#62;"), "{}", asked.text());
    let set = [
        ("rule.1.when.0.attribute", "city"),
        ("rule.1.when.0.op", "in"),
        ("rule.1.when.0.value", "Berlin, Potsdam"),
        ("rule.1.percent", "12.5"),
    ];
    let looked = submit(&mut browser, asked.text(), &set, "preview");
    assert_eq!(looked.status, 200, "{}", looked.text());
    assert!(looked.text().contains("rule `berlin`: added: +12,500 of 100,000 buckets"), "{}", looked.text());
    assert_eq!(stored(&world)["rules"].as_array().unwrap().len(), 2, "nothing is saved by looking");
    let saved = submit(&mut browser, looked.text(), &[], "save");
    assert_eq!((saved.status, saved.header("location")), (303, Some(CHECKOUT)), "{}", saved.text());
    let flag = stored(&world);
    let berlin = json!({"name": "berlin", "when": [{"attribute": "city", "op": "in", "values": ["Berlin", "Potsdam"]}],
        "rollout": {"percent": 12.5}, "serve": true});
    assert_eq!((&flag["rules"][1], &flag["description"]), (&berlin, &json!(NASTY)), "{flag}");
    assert_eq!(flag["rules"][2], checkout(0)["flags"][0]["rules"][1], "unit and salt are kept");
    for path in [CHECKOUT.to_owned(), "/console/flags".to_owned(), format!("{CHECKOUT}/edit")] {
        let page = browser.page(&path);
        assert!(!page.contains(NASTY) && page.contains("&#60;script&#62;"), "{path}: {page}");
    }
    let author = world.run_json(&["flag", "versions"])[0]["author"].as_str().unwrap().to_owned();
    assert!(author.contains(&email), "{author}");
}

#[test]
fn the_lines_of_a_description_stay() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let lines = "The new checkout.\nAsk Ann first.\n\nThen Bob.";
    let flag = |description: &str| json!({"flags": [{"key": "checkout", "description": description}]});
    apply(&world, &flag(lines), &[]);
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    assert!(page.contains("<textarea id=\"description\""), "a line of text would join them: {page}");
    // As browsers send what stands in several lines.
    let sent = lines.replace('\n', "\r\n");
    let saved = submit(&mut browser, &page, &[("description", &sent), ("owner", "ann")], "save");
    assert_eq!((saved.status, stored_description(&world)), (303, json!(lines)), "{}", saved.text());
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    submit(&mut browser, &page, &[("description", "One\r\ntwo")], "save");
    assert_eq!(stored_description(&world), "One\ntwo");
    assert!(browser.page("/console/flags/all/new").contains("<textarea id=\"description\""));
}

fn stored_description(world: &World) -> Value {
    stored(world)["description"].clone()
}

#[test]
fn what_a_form_shows_is_read_back_whatever_names_it_has_and_when_other_members_change() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let rules = json!([
        {"name": "a, b", "when": [{"attribute": "x:y", "op": "in", "values": ["a, b", "5", 5, "c=d"]}],
         "serve": {"a=b": 1, "c: d": 2, "true": 3}, "rollout": {"percent": 5, "salt": "kept"}},
        {"when": [{"attribute": "city", "op": "=", "value": "a, b", "case_insensitive": true}], "serve": "c: d"}]);
    let flag = json!({"key": "checkout", "type": "string", "tags": ["a, b"], "default": "a=b", "rules": rules,
        "variants": {"a=b": "1, 2", "c: d": "=", "true": "t"}, "overrides": {"u=1": "true"}});
    apply(&world, &json!({"flags": [{"key": "other", "default": true}, flag]}), &[]);
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    let set = [
        ("tags", r#""a, b", c"#),
        ("overrides", "\"u=1\" = \"true\"\r\nu2 = a=b\r\n"),
        ("prerequisites", "other = true"),
        ("ends_at", "2999-01-01T00:00:00Z"),
        ("rule.0.serve", r#"a=b: 1, "c: d": 2, true: 4"#),
        ("rule.0.schedule", "2026-01-01T00:00:00Z = 5\r\n2999-01-01T00:00:00Z = 50 %"),
        ("rule.0.sticky", "yes"),
        ("rule.0.when.0.value", r#""a, b", "5", 5, c=d, e"#),
    ];
    let saved = submit(&mut browser, &page, &set, "save");
    assert_eq!(saved.status, 303, "{}", saved.text());
    let mut expected = flag.clone();
    expected["tags"] = json!(["a, b", "c"]);
    expected["overrides"] = json!({"u=1": "true", "u2": "a=b"});
    expected["prerequisites"] = json!([{"flag": "other", "value": true}]);
    expected["ends_at"] = json!("2999-01-01T00:00:00Z");
    let rule = &mut expected["rules"][0];
    rule["serve"]["true"] = json!(4);
    rule["sticky"] = json!(true);
    rule["when"][0]["values"] = json!(["a, b", "5", 5, "c=d", "e"]);
    rule["rollout"]["schedule"] =
        json!([{"at": "2026-01-01T00:00:00Z", "percent": 5}, {"at": "2999-01-01T00:00:00Z", "percent": 50}]);
    assert_eq!(stored(&world), expected);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    assert!(page.contains("<details open>") && page.contains("<details>"), "what is set is shown: {page}");
    assert_eq!((submit(&mut browser, &page, &[], "save").status, stored(&world)), (303, expected));
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    let wrong = submit(&mut browser, &page, &[("prerequisites", "gone = true")], "save");
    assert!(wrong.status == 422 && wrong.text().contains("prerequisite `gone`: unknown flag"), "{}", wrong.text());
}

#[test]
fn what_does_not_compile_is_not_saved_and_what_was_typed_is_kept() {
    let (world, email) = begun();
    let mut browser = Browser::signed_in(&world, &email);
    let before = stored(&world);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    let wrong = [("rule.0.serve", "gold"), ("owner", "payments")];
    for button in ["preview", "save"] {
        let refused = submit(&mut browser, &page, &wrong, button);
        assert_eq!(refused.status, 422);
        let text = refused.text();
        assert!(text.contains("flag `checkout`, rule `staff`"), "{text}");
        assert!(text.contains("value=\"gold\"") && text.contains("value=\"payments\""), "{text}");
    }
    let refused = submit(&mut browser, &page, &[("rule.1.percent", "101")], "save");
    assert!(refused.status == 422 && refused.text().contains("A percentage is a number from 0 to 100"));
    let path = format!("{CHECKOUT}/edit");
    let version = fields(&page).into_iter().find(|(name, _)| name == "version").unwrap().1;
    for (text, says) in [
        (r#"{"key": "checkout", "rules": [{"name": "r", "when": [{"segment": "gone"}], "serve": true}]}"#, "rule `r`"),
        (r#"{"key": "checkout", "rules": [{"name": "r", "serve": true, "x": 1}]}"#, "rule `r`"),
        (r#"{"key": "another"}"#, "a key does not change"),
        (r#"{"key": "a"}, {"key": "checkout"}"#, "no JSON"),
        ("{\"key\": ", "no JSON"),
    ] {
        let refused = browser.post(&path, &[("version", &version), ("text", text), ("do", "save")]);
        assert_eq!(refused.status, 422, "{text}");
        assert!(refused.text().contains(says), "{says}: {}", refused.text());
    }
    assert_eq!(stored(&world), before);
    let text = r#"{"key": "checkout", "default": true}"#;
    assert_eq!(browser.post(&path, &[("version", &version), ("text", text), ("do", "save")]).status, 303);
    assert_eq!(stored(&world), json!({"key": "checkout", "default": true}));
}

#[test]
fn a_change_made_meanwhile_is_shown_and_nothing_is_lost() {
    let (world, email) = begun();
    let mut browser = Browser::signed_in(&world, &email);
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    apply(&world, &json!({"flags": [{"key": "another"}]}), &[]);
    let shown = browser.page(CHECKOUT);
    assert!(shown.contains("Rollout"));
    apply(&world, &checkout(7), &[]);
    let overtaken = submit(&mut browser, &page, &[("owner", "payments")], "save");
    assert_eq!(overtaken.status, 422);
    let text = overtaken.text();
    assert!(text.contains("somebody else has changed this meanwhile") && text.contains("+7,000 of 100,000"), "{text}");
    assert!(text.contains("value=\"payments\"") && !text.contains("flag `another`"), "{text}");
    assert_eq!(stored(&world), checkout(7)["flags"][0], "theirs stands");
    let again = submit(&mut browser, text, &[], "save");
    assert_eq!((again.status, &stored(&world)["owner"]), (303, &json!("payments")), "{}", again.text());
    // Another flag's change is in nobody's way.
    let page = browser.page(&format!("{CHECKOUT}/edit"));
    apply(&world, &json!({"flags": [{"key": "another", "default": true}]}), &[]);
    assert_eq!(submit(&mut browser, &page, &[("owner", "shop")], "save").status, 303);
}

#[test]
fn flags_are_imported_after_a_look_archived_by_name_and_put_back() {
    let (world, email) = begun();
    let mut browser = Browser::signed_in(&world, &email);
    let text = r#"{"flags": [{"key": "second", "default": true}], "segments": [{"key": "beta", "users": ["u"]}]}"#;
    let page = browser.page("/console/flags/all/import");
    let version = page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let send = |browser: &mut Browser<'_>, text: &str, button: &str| {
        let fields = [("version", version.as_str()), ("from", ""), ("text", text), ("do", button)];
        browser.post("/console/flags/all/import", &fields)
    };
    let looked = send(&mut browser, text, "preview");
    assert!(looked.status == 200 && looked.text().contains("flag `second`: added"), "{}", looked.text());
    assert_eq!(world.run_json(&["flag", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(send(&mut browser, "{\"flags\": 5}", "preview").status, 422);
    assert_eq!(send(&mut browser, text, "save").status, 303);
    assert_eq!(send(&mut browser, text, "save").status, 422, "the version is another by now");
    let exported = browser.page("/console/flags/all/export");
    assert_eq!(serde_json::from_str::<Value>(&exported).unwrap(), world.run_json(&["flag", "export"]));
    assert!(browser.page("/console/flags/all/segments").contains("beta"));
    let edit = "/console/flags/all/segments/edit/beta";
    browser.page(edit);
    let segment = r#"{"key": "beta", "users": ["u", "v"]}"#;
    assert_eq!(browser.post(edit, &[("version", "2"), ("text", segment), ("do", "preview")]).status, 200);
    assert_eq!(browser.post(edit, &[("version", "2"), ("text", segment), ("do", "save")]).status, 303);
    assert_eq!(browser.post(edit, &[("version", "2"), ("text", segment), ("do", "save")]).status, 422, "overtaken");

    browser.post("/console/flags/all/flags/second/archive", &[("confirm", "checkout")]);
    assert!(browser.page("/console/flags").contains("second"), "the key was not typed");
    browser.post("/console/flags/all/flags/second/archive", &[("confirm", "second")]);
    assert!(!browser.page("/console/flags").contains("flags/second"));
    assert!(browser.page("/console/flags?state=archived").contains("flags/second"));
    let back = |version, to| [("version", version), ("to", to), ("confirm", to)];
    browser.post("/console/flags/all/versions/rollback", &back("3", "3"));
    assert!(browser.page("/console/flags/all/versions").contains("changed the flags meanwhile"));
    browser.post("/console/flags/all/versions/rollback", &back("4", "3"));
    assert!(browser.page("/console/flags/all/versions").contains("Version 5 is version 3 again."));
    assert!(browser.page("/console/flags").contains("flags/second"));
}

#[test]
fn a_segment_is_removed_once_nothing_asks_of_it() {
    let (world, email) = begun();
    let asks = |key: &str, segment: &str| json!({"key": key, "rules": [{"name": "testers", "when": [{"segment": segment}], "serve": true}]});
    let held = json!({"key": "held", "holdouts": ["beta"]});
    let segments = json!([{"key": "beta", "users": ["u"]}, {"key": "inner", "when": [{"segment": "beta"}]}]);
    apply(&world, &json!({"flags": [asks("new-ui", "beta"), held], "segments": segments}), &[]);
    let mut browser = Browser::signed_in(&world, &email);
    let (edit, remove) = ("/console/flags/all/segments/edit/beta", "/console/flags/all/segments/remove/beta");
    assert!(browser.page(edit).contains("Remove the segment"));
    browser.post(remove, &[("confirm", "bet")]);
    assert!(browser.page(edit).contains("it stays"), "the key was not typed");
    let refused = browser.post(remove, &[("confirm", "beta")]);
    assert_eq!(refused.status, 422);
    for says in ["segment `beta` is in use", "flag `new-ui`, rule `testers`", "flag `held`", "segment `inner`"] {
        assert!(refused.text().contains(says), "{says}: {}", refused.text());
    }
    let cli = world.cli(&["flag", "remove-segment", "beta"]);
    assert!(!cli.status.success() && String::from_utf8_lossy(&cli.stderr).contains("flag `new-ui`"), "{cli:?}");
    assert_eq!(world.run_json(&["flag", "export"])["segments"], segments);
    // Renamed: the new one is made, asked of, and the old one removed.
    let renamed = json!([{"key": "testers", "users": ["u"]}, {"key": "inner", "when": [{"segment": "testers"}]}]);
    let held = json!({"key": "held", "holdouts": ["testers"]});
    apply(&world, &json!({"flags": [asks("new-ui", "testers"), held], "segments": renamed}), &[]);
    let removed = browser.post(remove, &[("confirm", "beta")]);
    assert_eq!((removed.status, removed.header("location")), (303, Some("/console/flags/all/segments")));
    assert!(browser.page("/console/flags/all/segments").contains("beta is removed."));
    assert_eq!(browser.post(remove, &[("confirm", "beta")]).status, 404);
    let event = world.run_json(&["audit", "list", "--action", "segment.removed"])[0].clone();
    assert!(event["actor"]["operator"] == email.as_str(), "{event}");
    world.run(&["flag", "rollback"]);
    assert_eq!(world.run_json(&["flag", "export"])["segments"][0]["key"], "beta", "it is taken back");
}

#[test]
fn who_may_not_change_sees_no_form_and_nobody_sees_another_tenants() {
    let (world, _) = begun();
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let shop = world.app("Shop", &[]);
    let (viewer, stranger) = (login(&world, "vera", "viewer"), login_of(&world, "sam", "owner", "Elsewhere"));
    let mut browser = Browser::signed_in(&world, &viewer);
    for path in [CHECKOUT, "/console/flags", "/console/flags/all/segments", "/console/flags/all/versions"] {
        let page = browser.page(path);
        let forms = page.matches("method=\"post\"").count();
        assert_eq!(forms, 1, "to sign out alone, at {path}");
    }
    for path in ["/edit", "/switch", "/rollout", "/archive"] {
        assert_eq!(browser.post(&format!("{CHECKOUT}{path}"), &[]).status, 403, "{path}");
    }
    let mut browser = Browser::signed_in(&world, &stranger);
    let of_shop = format!("/console/flags/{}/versions", shop.id);
    for path in [CHECKOUT, &format!("{CHECKOUT}/edit"), &of_shop, "/console/flags/x/versions"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    browser.page("/console/profile");
    assert_eq!(browser.post(&format!("{CHECKOUT}/switch"), &[("on", "no")]).status, 404);
}

/// What the app's user has of the flag.
fn has_checkout(world: &World, app: &App, token: &str) -> bool {
    world.read(app, token, "/api/user/context").ok()["enabled_features"]["checkout"] == true
}

#[test]
fn somebody_rolls_out_explains_and_takes_back() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let shop = world.app("Shop", &[]);
    let email = login(&world, "ada", "admin");
    apply(&world, &checkout(0), &[]);
    // Somebody whom 5 % takes, and somebody whom it does not.
    let bucket = |id: &str| osaycore_flags::bucket("fixed", id);
    let find = |taken: bool| (0..100_000).map(|n| format!("c-{n}")).find(|id| (bucket(id) < 5000) == taken).unwrap();
    let ann = world.user_with("ann", &["--app", &shop.id, "--external-id", &find(true)]);
    let bob = world.user_with("bob", &["--app", &shop.id, "--external-id", &find(false)]);
    world.serve();
    let (ann, bob) = (world.token(&shop, &ann), world.token(&shop, &bob));
    assert!(!has_checkout(&world, &shop, &ann));
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut person = Script::start("console_flags.mjs", &[&world.base_url(), &email, PASSWORD, path, &find(false)]);
    person.file(&folder.path().join("rolled-out"));
    within_a_second("the rollout", || has_checkout(&world, &shop, &ann));
    assert!(!has_checkout(&world, &shop, &bob));
    person.say("go on");
    let seen = person.end();
    all_is_well(&seen);
    within_a_second("taken back", || !has_checkout(&world, &shop, &ann));
    assert_eq!(stored(&world), checkout(0)["flags"][0]);
}
