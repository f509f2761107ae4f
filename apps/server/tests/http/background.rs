//! What several servers on one database share out among them.

use std::time::{Duration, Instant};

use crate::support::{App, World, patiently, within_a_second};

/// A lease of six seconds, the two until the others look again, and as much again for a busy machine.
const HANDED_OVER: Duration = Duration::from_secs(16);

/// How often the server ran the task.
fn runs(server: &World) -> u64 {
    server.metric(r#"osaycore_task_runs_total{task="expiry",outcome="done"}"#).unwrap_or(0)
}

/// How many servers this one counts.
fn servers(server: &World) -> u32 {
    server.metric("osaycore_servers").unwrap()
}

#[test]
fn one_server_does_a_task_for_all_and_another_takes_over() {
    let (mut first, _) = World::served();
    assert!(patiently(HANDED_OVER, || runs(&first) > 0), "the only one does it");
    let mut second = first.another();
    let before = runs(&first);
    assert!(patiently(HANDED_OVER, || runs(&first) > before), "and goes on");
    assert_eq!(runs(&second), 0, "the other leaves it to the first");
    first.kill();
    assert!(patiently(HANDED_OVER, || runs(&second) > 0), "the other takes over from the dead");
    first.serve();
    let before = runs(&second);
    assert!(patiently(HANDED_OVER, || runs(&second) > before), "and keeps it");
    assert_eq!(runs(&first), 0);
    second.stop();
    assert!(patiently(HANDED_OVER, || runs(&first) > 0), "who stops hands over");
    first.stop();
    assert!(!first.log().contains("lease"), "{}", first.log());
}

/// Requests of the app, over all of `servers` in turn and one after the other; → how many were accepted, in how long.
#[expect(clippy::disallowed_methods, reason = "a rate is measured")]
fn accepted(servers: &[&World], app: &App, time: Duration) -> (f64, f64) {
    let (started, mut accepted) = (Instant::now(), 0_u32);
    for server in servers.iter().cycle() {
        if started.elapsed() > time {
            break;
        }
        match server.call(app, "GET", "/api/users", "").status {
            200 => accepted += 1,
            status => assert_eq!(status, 429),
        }
    }
    (f64::from(accepted), started.elapsed().as_secs_f64())
}

#[test]
fn an_apps_limit_is_one_over_all_servers_and_served_whole_whoever_is_gone() {
    const LIMIT: f64 = 20.0;
    const MEASURED: Duration = Duration::from_secs(3);
    let (first, app) = World::served();
    let mut second = first.another();
    let both = [&first, &second];
    within_a_second("they know of each other", || both.iter().all(|server| servers(server) == 2));
    first.run(&["app", "set", &app.id, "--requests-per-second", "20"]);
    // Until what was saved up is used up.
    let refuses = |server: &World| server.call(&app, "GET", "/api/users", "").status == 429;
    assert!(patiently(HANDED_OVER, || both.iter().all(|server| refuses(server))));
    let (together, seconds) = accepted(&both, &app, MEASURED);
    assert!(together <= LIMIT * (seconds + 1.0), "{together} in {seconds} s: each serves the whole limit");
    assert!(together >= LIMIT * seconds * 0.6, "{together} in {seconds} s: the limit is not served");

    second.kill();
    assert!(patiently(HANDED_OVER, || servers(&first) == 1), "the dead one is not counted any more");
    assert!(patiently(HANDED_OVER, || refuses(&first)));
    let (alone, seconds) = accepted(&[&first], &app, MEASURED);
    assert!(alone > LIMIT / 2.0 * (seconds + 1.0), "{alone} in {seconds} s: it serves its share only");
    assert!(alone <= LIMIT * (seconds + 1.0), "{alone} in {seconds} s");

    second.serve();
    within_a_second("it is back", || servers(&first) == 2);
    second.stop();
    within_a_second("it said that it goes", || servers(&first) == 1);
}
