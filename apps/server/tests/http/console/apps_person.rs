//! Who runs an app, in a real browser.

use super::browser::all_is_well;
use super::{PASSWORD, login};
use crate::support::browser::Script;
use crate::support::{World, on_postgres};

#[test]
fn somebody_rotates_a_secret_registers_a_redirect_uri_and_opens_an_app_to_a_group() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let (email, app, zoe) = (login(&world, "ada", "admin"), world.app("Shop", &[]), world.rich_user("zoe", "1000"));
    world.serve();
    let id = app.oasis_app_id.to_string();
    let arguments = [&world.base_url(), &email, PASSWORD, &id, &app.api_key, &app.secret_key, &zoe.id];
    all_is_well(&Script::start("console_apps.mjs", &arguments).end());
}
