//! A deployment in which every screen of the console has something on it, in every state that it may be in.

use serde_json::json;

use super::routes::{self, Least, Route};
use super::users::{enrolled, lock};
use super::{Browser, PASSWORD, login, login_of};
use crate::sign_in::{DONE, Deployment};
use crate::support::{App, Call, User, World, now_s};

/// What runs, or breaks out, wherever a page takes a text for markup. It has characters of every context: an element's text,
/// an attribute, a `textarea`, a template.
pub(super) const HOSTILE: &str =
    "\"'></textarea></title><script>hit()</script><img src=//evil.test/x onerror=hit()>{{7*7}}&lt;";

/// Names that want to be broken somewhere.
const SHOP: &str = "A shop with a rather long name that wants to be broken somewhere";
const LONG_NAME: &str = "ann.with.a.rather.long.name.that.wants.to.be.broken";

pub(super) struct Town {
    pub(super) deployment: Deployment,
    /// Of each role; `hal` has a second factor as well.
    pub(super) viewer: String,
    pub(super) admin: String,
    pub(super) owner: String,
    pub(super) hal: String,
    /// An owner of another tenant.
    pub(super) stranger: String,
    /// What may stand for the parameters of a path, by the beginning of paths that have them.
    examples: Vec<(&'static str, Vec<String>)>,
}

impl Town {
    /// With plain names.
    pub(super) fn new() -> Self {
        Self::with("", "")
    }

    /// With hostile text wherever somebody can have text stored.
    pub(super) fn hostile() -> Self {
        Self::with("javascript:hit()//", HOSTILE)
    }

    /// `before` is put before every text that is no name, `after` behind every text.
    fn with(before: &str, after: &str) -> Self {
        let text = |text: &str| format!("{text}{after}");
        let words = |words: &str| format!("{before}{words}{after}");
        let account = |sub: &str| {
            json!({"sub": text(sub), "email": format!("{sub}@example.com"), "email_verified": false, "name": text(LONG_NAME),
                "picture": format!("https://example.com/{}", text(sub).replace(['<', '>', '"', ' ', '{', '}'], "%3C"))})
        };
        let world = World::new();
        let shop = world.app(&text(SHOP), &["add_credits", "manage_users", "manage_payments"]);
        let deployment = Deployment::of(world, shop, &[DONE], &json!([account("ann")]).to_string());
        let (world, shop) = (&deployment.world, &deployment.app);
        world.run(&["tenant", "create", "--name", "Elsewhere"]);
        let stranger = login_of(world, "sam", "owner", "Elsewhere");
        let owner = login(world, "ada", "owner");
        let [admin, viewer, hal] =
            [("eve", "admin"), (LONG_NAME, "viewer"), ("hal", "viewer")].map(|(name, role)| login(world, name, role));

        // Apps: in use, disabled.
        world.run(&["app", "set", &shop.id, "--default-credit-rate", "3"]);
        world.run(&["app", "rotate-secret", &shop.id, "--grace-seconds", "3600"]);
        world.run(&["app", "rotate-secret", &shop.id, "--oasis", "--grace-seconds", "3600"]);
        world.run(&["app", "eval-key", &shop.id, "--name", &text("web")]);
        let old = world.app(&text("Old"), &[]);
        world.run(&["app", "disable", &old.id]);

        // Users: signed in, locked, deleted, disabled, shut out.
        let session = deployment.token_of(&urlencoding(&text("ann")));
        let ann = deployment.summary(&session)["id"].as_str().unwrap().to_owned();
        let shown = world.run_json(&["user", "show", &ann]);
        let ann = User { oasis_id: shown["oasis_user_id"].as_i64().unwrap(), id: ann };
        world.credit(&ann, "100");
        let permit = ["--external-id", &words("customer 7"), "--custom", &json!({ "note": words("gold") }).to_string()];
        world.run(&[&["user", "permit", &ann.id, &shop.id, "--can-use", "true"], &permit[..]].concat());
        world.run(&["user", "permit", &ann.id, &old.id, "--can-use", "false"]);
        let (_, liz) = enrolled(world, shop, "liz");
        lock(world, shop, "liz");
        world.run(&["user", "set", "liz", "--bypass-otp", "true", "--min-balance", "-5"]);
        let (gone, out) = (world.user_with("gone", &["--display-name", &text("Gone")]), world.user("out"));
        world.run(&["user", "disable", "out"]);
        world.run(&["user", "permit", "out", &shop.id, "--can-use", "false"]);
        world.run(&["user", "delete", "gone"]);

        // Groups: with everything, with nothing.
        let group = |name: &str| world.run_json(&["group", "create", "--name", &text(name)])["group_id"].to_string();
        let (staff, empty) = (group("staff"), group("empty"));
        world.run(&["group", "allow", &text("staff"), &shop.id]);
        for user in [&ann.id, &liz.id] {
            world.run(&["group", "add", &text("staff"), user]);
        }

        // Money.
        let token = world.token(shop, &ann);
        let of = |body: serde_json::Value, member: &str| body[member].as_str().unwrap().to_owned();
        let charge =
            json!({"amount": 10, "description": words("a book"), "client_reference_id": words("order")}).to_string();
        let charge = of(world.deduct(shop, &token, members(&charge)).ok(), "transaction_id");
        let bonus = json!({"amount": 1, "transaction_type": "BONUS", "description": words("=1+1")}).to_string();
        let bonus = of(world.add(shop, &ann, members(&bonus)).ok(), "transaction_id");
        let payment = json!({"user_id": ann.id, "amount": 9.99, "currency": "EUR", "credits": 100, "status": "succeeded",
            "external_id": words("pi")});
        let payment = of(world.call(shop, "POST", "/api/payments", &payment.to_string()).ok(), "payment_id");
        assert_eq!(world.deduct(shop, &token, r#""amount":9999"#).status, 402);
        let session = json!({"user_id": ann.id, "refresh_token": true, "expires_in_seconds": 1000});
        Call::post("/api/auth/generate-user-jwt", session.to_string()).signed(shop).send(world).ok();

        flags(world, shop, &text, &words);

        // The deployment's own.
        world.run(&["key", "rotate", "jwt", "--algorithm", "EdDSA", "--lead-seconds", "3600"]);
        let keys = world.run_json(&["key", "list"]);
        let next = keys.as_array().unwrap().iter().find(|key| key["state"] == "next").unwrap()["kid"].clone();
        let logins = world.run_json(&["admin", "list"]);
        let number = |email: &str| {
            let of = logins.as_array().unwrap().iter().find(|login| login["email"] == email).unwrap();
            format!("/settings/logins/{}", of["admin_id"])
        };
        let events =
            |action: &str| format!("/audit/{}", world.run_json(&["audit", "list", "--action", action])[0]["id"]);
        let (ann, liz, gone, out) = (user(&ann), user(&liz), user(&gone), user(&out));
        let (shop_id, old_id) = (shop.oasis_app_id, old.oasis_app_id);
        let scopes = ["/flags/all".to_owned(), format!("/flags/{shop_id}")];
        let below = |rest: &str| scopes.iter().map(|scope| format!("{scope}{rest}")).collect::<Vec<_>>();
        let wallet = |of: &str| format!("{ann}/wallet/{of}");
        let examples = vec![
            ("/assets/{name}", vec![]),
            ("/apps/{id}", vec![format!("/apps/{shop_id}"), format!("/apps/{old_id}")]),
            ("/groups/{id}", vec![format!("/groups/{staff}"), format!("/groups/{empty}")]),
            ("/users/{id}", vec![ann.clone(), liz.clone(), gone, out.clone()]),
            ("/users/{id}/apps/{app}", [&ann, &liz, &out].map(|user| format!("{user}/apps/{shop_id}")).to_vec()),
            ("/users/{id}/wallet/{transaction}", vec![wallet(&charge), wallet(&bonus)]),
            ("/credits/{transaction}", vec![format!("/credits/{charge}"), format!("/credits/{bonus}")]),
            ("/credits/payments/{payment}", vec![format!("/credits/payments/{payment}")]),
            ("/audit/{id}", ["app.updated", "user.created", "credits.deducted"].map(events).to_vec()),
            ("/flags/{scope}", scopes.to_vec()),
            ("/flags/{scope}/flags/{key}", [below("/flags/checkout"), below("/flags/aside")].concat()),
            (
                "/flags/{scope}/segments/edit/{key}",
                [below("/segments/edit/eu"), below("/segments/edit/unused")].concat(),
            ),
            ("/flags/{scope}/segments/remove/{key}", below("/segments/remove/unused")),
            ("/settings/logins/{id}", vec![number(&viewer), number(&hal)]),
            ("/settings/providers/{name}", vec!["/settings/providers/local".to_owned()]),
            ("/settings/keys/{kid}", vec![format!("/settings/keys/{}", next.as_str().unwrap())]),
        ];
        Self { deployment, viewer, admin, owner, hal, stranger, examples }
    }

    pub(super) fn world(&self) -> &World {
        &self.deployment.world
    }

    /// The paths that a route has here.
    #[track_caller]
    pub(super) fn paths(&self, route: &Route) -> Vec<String> {
        let known = self.examples.iter().filter(|(beginning, _)| route.path.starts_with(beginning));
        let Some((beginning, examples)) = known.max_by_key(|(beginning, _)| beginning.len()) else {
            assert!(!route.path.contains('{'), "an example of {} is missing", route.path);
            return vec![format!("/console{}", route.path)];
        };
        let rest = route.path.split_at(beginning.len()).1;
        assert!(!rest.contains('{'), "an example of {} is missing", route.path);
        examples.iter().map(|example| format!("/console{example}{rest}")).collect()
    }

    /// Every page that somebody who is signed in can open, with what else its query may ask for.
    pub(super) fn screens(&self) -> Vec<String> {
        let further = [
            "?range=7d",
            "/users?search=nobody",
            "/users?locked=yes&status=king",
            "/credits?reference=nothing-like-it",
            "/credits?from=yesterday",
            "/audit?action=app.",
            "/flags?state=archived",
            "/flags/explain?flag=checkout&user=ann",
            "/flags/all/versions/compare?from=1&to=2",
            "/nothing/here",
        ];
        let routes = routes::all();
        let pages =
            routes.iter().filter(|route| route.method == "GET" && route.least > Least::Halfway && !is_file(route));
        let pages = pages.flat_map(|route| self.paths(route));
        pages.chain(further.iter().map(|rest| format!("/console{rest}"))).collect()
    }

    /// Somebody who has given the password of a login with a second factor, and no code.
    pub(super) fn halfway(&self) -> Browser<'_> {
        Browser::signed_in(self.world(), &self.hal).enrol(now_s());
        let mut browser = Browser::new(self.world());
        browser.sign_in(&self.hal, PASSWORD);
        browser.page("/console/sign-in/code");
        browser
    }
}

/// Flags, twice: of every app and of one.
fn flags(world: &World, shop: &App, text: &dyn Fn(&str) -> String, words: &dyn Fn(&str) -> String) {
    for (percent, further) in [(5, &[][..]), (7, &[]), (9, &["--app", &shop.id])] {
        let flag = json!({"key": "checkout", "description": words("The new checkout"), "owner": text("web"),
            "tags": [text("tag")], "type": "string", "variants": {"old": words("v1"), "new": words("v2")}, "default": "old",
            "rules": [{"name": "staff", "when": [{"attribute": "role", "op": "=", "value": text("staff")},
                {"segment": "eu"}], "serve": "new"}, {"name": "some", "rollout": {"percent": percent}, "serve": "new"}]});
        let aside = json!({"key": "aside", "expires_at": "2020-01-01T00:00:00Z"});
        let eu = json!({"key": "eu", "when": [{"attribute": "country", "op": "in", "values": [text("de")]}]});
        let file = world.folder().join("flags.json");
        std::fs::write(
            &file,
            json!({"flags": [flag, aside], "segments": [eu, {"key": "unused", "users": ["u"]}]}).to_string(),
        )
        .unwrap();
        world.run(&[&["flag", "apply", file.to_str().unwrap()], further].concat());
    }
}

/// Whether it is downloaded and not shown.
pub(super) fn is_file(route: &Route) -> bool {
    route.path.contains('.') || route.path.ends_with("/export") || route.path.starts_with("/assets/")
}

/// What is between the braces.
fn members(object: &str) -> &str {
    object.trim_start_matches('{').strip_suffix('}').unwrap()
}

fn user(user: &User) -> String {
    format!("/users/{}", user.oasis_id)
}

fn urlencoding(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
