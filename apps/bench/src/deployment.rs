//! A server with an app, users, credits and flags, as the load needs it.

use anyhow::Context as _;
use osaycore_signing::SigningKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::load::{self, Requests};
use crate::report;
use crate::server::{Installation, Process};
use crate::target::Target;

/// Connections that prepare.
pub(crate) const CONNECTIONS: usize = 64;
/// Requests that are prepared at once.
const CHUNK: usize = 5_000;

/// Half of them decided by a rollout. `reference::ceiling` answers with as many.
const FLAGS: usize = 10;

/// An installation, its server, and who may be charged.
#[derive(Debug)]
pub(crate) struct Deployment {
    installation: Installation,
    pub(crate) process: Process,
    pub(crate) target: Target,
}

#[derive(Deserialize)]
struct NewApp {
    app_id: String,
    api_key: String,
    secret_key: String,
}

#[derive(Deserialize)]
struct NewUser {
    user_id: String,
}

#[derive(Deserialize)]
struct NewToken {
    jwt_token: String,
}

impl Deployment {
    /// `users` users, of whom `active`, evenly spread, have credits and a token.
    pub(crate) fn create(installation: Installation, users: usize, active: usize) -> anyhow::Result<Self> {
        let app = installation.run([
            "app",
            "create",
            "--name",
            "bench",
            "--scope",
            "add_credits",
            "--scope",
            "manage_users",
            "--json",
        ])?;
        let app: NewApp = serde_json::from_slice(&app).context("the answer of `app create`")?;
        // All load comes from one app.
        installation.run(["app", "set", &app.app_id, "--requests_per_second", "1000000"])?;
        let flags = installation.folder().join("flags.json");
        std::fs::write(&flags, flag_file().to_string())?;
        installation.run(["flag".as_ref(), "apply".as_ref(), flags.as_os_str()])?;
        let process = installation.serve()?;
        let target = Target {
            address: process.address,
            key: SigningKey::new(app.secret_key.as_bytes()),
            api_key: app.api_key,
            tokens: Vec::new(),
        };
        let mut made = Self { installation, process, target };
        made.target.tokens = made.populate(users, active)?;
        Ok(made)
    }

    /// Stops the server and starts it again, so that nothing of the preparation is in its memory.
    pub(crate) fn restarted(self) -> anyhow::Result<Self> {
        self.stopped_for(|_| Ok(())).map(|(made, ())| made)
    }

    /// Does `work` on the database while no server runs on it.
    pub(crate) fn stopped_for<T>(
        self,
        work: impl FnOnce(&Installation) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Self, T)> {
        let Self { installation, process, target } = self;
        process.stop()?;
        let done = work(&installation)?;
        let process = installation.serve()?;
        let address = process.address;
        Ok((Self { installation, process, target: Target { address, ..target } }, done))
    }

    /// Stops the server and removes its folder, with the database where that is a file.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        self.process.stop()?;
        std::fs::remove_dir_all(self.installation.folder()).context("removing a database")
    }

    /// Every balance against its entries, by `osaycore credits verify`: what was measured did its work.
    pub(crate) fn verify(&self) -> anyhow::Result<()> {
        self.installation.run(["credits", "verify"]).context("the ledger after the load").map(drop)
    }

    /// Adds a login of the console.
    pub(crate) fn make_owner(&self, email: &str, password: &str) -> anyhow::Result<()> {
        let file = self.installation.folder().join("password");
        std::fs::write(&file, password)?;
        let create = ["admin", "create", "--email", email, "--role", "owner", "--password-file"];
        self.installation.run(create.iter().map(std::ffi::OsStr::new).chain([file.as_os_str()])).map(drop)
    }

    /// → the tokens.
    fn populate(&self, users: usize, active: usize) -> anyhow::Result<Vec<String>> {
        let bodies: Vec<String> = (0..users).map(|number| format!(r#"{{"username":"user-{number}"}}"#)).collect();
        let made: Vec<NewUser> = self.post("/api/users", "making users", &bodies)?;
        let step = users.checked_div(active).unwrap_or(1).max(1);
        let ids: Vec<String> = made.into_iter().step_by(step).take(active).map(|user| user.user_id).collect();
        let bodies: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"user_id":"{id}","amount":1000000,"transaction_type":"BONUS"}}"#))
            .collect();
        let _: Vec<serde_json::Value> = self.post("/api/credits/add-credits", "adding credits", &bodies)?;
        let bodies: Vec<String> =
            ids.iter().map(|id| format!(r#"{{"user_id":"{id}","expires_in_seconds":86400}}"#)).collect();
        let tokens: Vec<NewToken> = self.post("/api/auth/generate-user-jwt", "issuing tokens", &bodies)?;
        Ok(tokens.into_iter().map(|token| token.jwt_token).collect())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, what: &'static str, bodies: &[String]) -> anyhow::Result<Vec<T>> {
        let progress = report::steps_bar(bodies.len(), what);
        let mut answers = Vec::with_capacity(bodies.len());
        for chunk in bodies.chunks(CHUNK) {
            let requests: Requests = self.target.posts(path, chunk.iter().cloned());
            for body in load::each(self.target.address, CONNECTIONS, requests).context(what)? {
                answers.push(serde_json::from_slice(&body).context(what)?);
            }
            progress.set_position(u64::try_from(answers.len())?);
        }
        progress.finish_and_clear();
        Ok(answers)
    }
}

fn flag_file() -> serde_json::Value {
    let flags: Vec<serde_json::Value> = (0..FLAGS)
        .map(|number| match number % 2 {
            0 => serde_json::json!({"key": format!("feature_{number}"), "default": true}),
            _ => serde_json::json!({"key": format!("feature_{number}"), "default": false, "rules": [
                {"name": "half", "rollout": {"percent": 50}, "serve": true}]}),
        })
        .collect();
    serde_json::json!({ "flags": flags })
}
