//! Every route of the console, as its source registers it, and who may use it.

use std::collections::BTreeSet;
use std::path::Path;

/// Who somebody is to the console: each may what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Least {
    /// Whoever opens it.
    Anybody,
    /// Whoever has given the password, and not yet the code.
    Halfway,
    Viewer,
    Admin,
    Owner,
    /// The owners of the first tenant: what they see to is the deployment's.
    FirstOwner,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) least: Least,
}

/// Methods, path, the least that somebody has to be.
const TABLE: &str = "
    GET       /assets/{name}                              anybody
    GET,POST  /sign-in                                    anybody
    GET,POST  /sign-in/code                               halfway
    GET                                                   viewer
    GET       /apps                                       viewer
    GET,POST  /apps/new                                   admin
    GET       /apps/{id}                                  viewer
    POST      /apps/{id}/secret                           admin
    GET       /apps/{id}/settings                         viewer
    POST      /apps/{id}/settings                         admin
    GET       /apps/{id}/redirect-uris                    viewer
    POST      /apps/{id}/redirect-uris                    admin
    POST      /apps/{id}/redirect-uris/remove             admin
    GET       /apps/{id}/evaluation-keys                  viewer
    POST      /apps/{id}/evaluation-keys                  admin
    POST      /apps/{id}/evaluation-keys/remove           admin
    GET       /apps/{id}/groups                           viewer
    POST      /apps/{id}/groups/disallow                  admin
    POST      /apps/{id}/groups/allow                     admin
    POST      /apps/{id}/disable                          admin
    POST      /apps/{id}/enable                           admin
    GET       /groups                                     viewer
    GET,POST  /groups/new                                 admin
    GET       /groups/{id}                                viewer
    POST      /groups/{id}/rename                         admin
    POST      /groups/{id}/members/add                    admin
    POST      /groups/{id}/members/remove                 admin
    POST      /groups/{id}/apps/disallow                  admin
    POST      /groups/{id}/apps/allow                     admin
    GET       /users                                      viewer
    GET,POST  /users/new                                  admin
    GET       /users/{id}                                 viewer
    GET,POST  /users/{id}/edit                            admin
    POST      /users/{id}/email-verified                  admin
    POST      /users/{id}/identities/unlink               admin
    GET       /users/{id}/apps                            viewer
    GET       /users/{id}/apps/{app}                      viewer
    POST      /users/{id}/apps/{app}                      admin
    POST      /users/{id}/apps/{app}/allow                admin
    GET       /users/{id}/groups                          viewer
    POST      /users/{id}/groups/remove                   admin
    POST      /users/{id}/groups/add                      admin
    GET       /users/{id}/wallet                          viewer
    POST      /users/{id}/wallet/add                      admin
    POST      /users/{id}/wallet/floor                    admin
    GET       /users/{id}/wallet/{transaction}            viewer
    POST      /users/{id}/wallet/{transaction}/refund     admin
    GET       /users/{id}/second-factor                   viewer
    POST      /users/{id}/second-factor/unlock            admin
    POST      /users/{id}/second-factor/recovery-codes    admin
    POST      /users/{id}/second-factor/bypass            admin
    POST      /users/{id}/second-factor/reset             admin
    GET       /users/{id}/sessions                        viewer
    POST      /users/{id}/sessions/end                    admin
    POST      /users/{id}/sessions/end-all                admin
    GET       /users/{id}/audit                           viewer
    POST      /users/{id}/status                          admin
    POST      /users/{id}/delete                          admin
    POST      /users/{id}/restore                         admin
    GET       /credits                                    viewer
    GET       /credits/transactions.csv                   viewer
    GET       /credits/{transaction}                      viewer
    GET       /credits/payments                           viewer
    GET       /credits/payments/{payment}                 viewer
    GET       /audit                                      viewer
    GET       /audit/events.ndjson                        viewer
    GET       /audit/{id}                                 viewer
    GET       /flags                                      viewer
    GET       /flags/explain                              viewer
    GET,POST  /flags/{scope}/new                          admin
    GET       /flags/{scope}/flags/{key}                  viewer
    GET,POST  /flags/{scope}/flags/{key}/edit             admin
    POST      /flags/{scope}/flags/{key}/switch           admin
    POST      /flags/{scope}/flags/{key}/rollout          admin
    POST      /flags/{scope}/flags/{key}/archive          admin
    GET       /flags/{scope}/segments                     viewer
    GET,POST  /flags/{scope}/segments/edit                admin
    GET,POST  /flags/{scope}/segments/edit/{key}          admin
    POST      /flags/{scope}/segments/remove/{key}        admin
    GET,POST  /flags/{scope}/import                       admin
    GET       /flags/{scope}/export                       viewer
    GET       /flags/{scope}/versions                     viewer
    GET       /flags/{scope}/versions/compare             viewer
    POST      /flags/{scope}/versions/rollback            admin
    GET       /settings                                   viewer
    GET       /settings/logins                            owner
    GET,POST  /settings/logins/new                        owner
    GET,POST  /settings/logins/{id}                       owner
    POST      /settings/logins/{id}/second-factor         owner
    POST      /settings/logins/{id}/password              owner
    GET       /settings/providers                         owner
    GET,POST  /settings/providers/new                     owner
    GET,POST  /settings/providers/{name}                  owner
    POST      /settings/providers/{name}/remove           owner
    GET,POST  /settings/limit                             owner
    POST      /settings/keys/{kid}/drop                   first-owner
    GET,POST  /settings/keys                              first-owner
    GET       /profile                                    viewer
    GET,POST  /profile/second-factor                      viewer
    POST      /profile/second-factor/start                viewer
    POST      /profile/second-factor/remove               viewer
    POST      /profile/recovery-codes                     viewer
    POST      /profile/password                           viewer
    POST      /profile/sessions/end                       viewer
    POST      /profile/sessions/end-others                viewer
    POST      /profile/api-key                            owner
    POST      /sign-out                                   viewer
";

/// All of them; fails where the table has not what the source registers.
pub(super) fn all() -> Vec<Route> {
    let routes: Vec<Route> = TABLE.lines().filter(|line| !line.trim().is_empty()).flat_map(line).collect();
    let listed: BTreeSet<(String, String)> =
        routes.iter().map(|route| (route.method.into(), route.path.into())).collect();
    let registered = registered();
    assert_eq!(listed.len(), routes.len(), "each is there once");
    let (new, gone): (Vec<_>, Vec<_>) =
        (registered.difference(&listed).collect(), listed.difference(&registered).collect());
    assert!(new.is_empty() && gone.is_empty(), "say in this table who may use {new:?}; there is no {gone:?}");
    routes
}

fn line(line: &'static str) -> Vec<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (path, least) = if words.len() == 2 { ("", words[1]) } else { (words[1], words[2]) };
    let least = match least {
        "anybody" => Least::Anybody,
        "halfway" => Least::Halfway,
        "viewer" => Least::Viewer,
        "admin" => Least::Admin,
        "owner" => Least::Owner,
        "first-owner" => Least::FirstOwner,
        other => panic!("{other} is nobody"),
    };
    words[0].split(',').map(|method| Route { method, path, least }).collect()
}

/// Method and path of every `resource("…", "…")` under the source of the console.
fn registered() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = std::fs::read_to_string(path).unwrap();
            for rest in code.split("resource(").skip(1) {
                if let [before, path, _, methods] = rest.split('"').take(4).collect::<Vec<_>>()[..]
                    && before.trim().is_empty()
                {
                    found.extend(methods.split(", ").map(|method| (method.to_owned(), path.to_owned())));
                }
            }
        }
    }
    found
}
