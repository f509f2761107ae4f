//! What several servers on one database share out among them.

use std::str::FromStr;
use std::time::Duration;

use crate::support::{Call, World, patiently};

/// A lease of six seconds, the two until the others look again, and as much again for a busy machine.
const HANDED_OVER: Duration = Duration::from_secs(16);

/// The value of a metric; none while there is none.
fn metric<T: FromStr>(server: &World, line: &str) -> Option<T> {
    let answer = Call::get("/metrics").send(server);
    let value = |found: &str| found.strip_prefix(line)?.trim().parse().ok();
    answer.text().lines().find_map(value)
}

/// How often the server ran the task.
fn runs(server: &World) -> u64 {
    metric(server, r#"osaycore_task_runs_total{task="expiry",outcome="done"}"#).unwrap_or(0)
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
