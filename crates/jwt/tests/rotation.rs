//! Rotation: each step and what refuses it, and beside it servers that are late, whose tokens no step may break.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use osaycore_jwt::rotation::{Rotation, RotationError, SLACK_S, Stage};
use osaycore_jwt::{KeyState, MAX_LIFETIME_S};
use proptest::prelude::*;

const NOW_S: i64 = 1_678_886_400;
const LEAD_S: i64 = 3_600;

const fn us(seconds: i64) -> i64 {
    seconds * 1_000_000
}

fn first() -> Rotation {
    load([("a", Stage::Active { since_us: us(NOW_S) })]).unwrap()
}

fn load<'k>(stages: impl IntoIterator<Item = (&'k str, Stage)>) -> Result<Rotation, RotationError> {
    Rotation::load(stages.into_iter().map(|(kid, stage)| (kid.to_owned(), stage)))
}

fn stages(rotation: &Rotation) -> Vec<(&str, Stage)> {
    rotation.stages().collect()
}

#[test]
fn a_key_goes_from_next_to_gone() {
    let from_us = us(NOW_S + LEAD_S);
    let published = first().publish("b", from_us).unwrap();
    let next = ("b", Stage::Next { active_from_us: from_us });
    assert_eq!(stages(&published), [("a", Stage::Active { since_us: us(NOW_S) }), next]);
    assert_eq!(published.clone().promote(from_us - 1), published, "not before its time");
    let promoted = published.promote(from_us + 7);
    let drop_after_us = from_us + 7 + us(MAX_LIFETIME_S + SLACK_S);
    let (retiring, active) = (("a", Stage::Retiring { drop_after_us }), ("b", Stage::Active { since_us: from_us + 7 }));
    assert_eq!(stages(&promoted), [retiring, active]);
    assert_eq!(promoted.clone().promote(i64::MAX), promoted, "one that issues has no turn to wait for");
    assert_eq!(stages(&promoted.clone().without_gone(drop_after_us - 1)), [retiring, active]);
    assert_eq!(stages(&promoted.without_gone(drop_after_us)), [active]);
}

#[test]
fn steps_that_are_refused() {
    let named = |of: fn(String) -> RotationError, kid: &str| Err(of(kid.to_owned()));
    assert_eq!(first().publish("a", 0), named(RotationError::DuplicateKid, "a"));
    let published = first().publish("b", us(NOW_S)).unwrap();
    assert_eq!(published.clone().publish("c", 0), named(RotationError::NextExists, "b"));
    assert_eq!(published.clone().publish("b", 0), named(RotationError::DuplicateKid, "b"));
    assert_eq!(published.clone().without("a"), named(RotationError::Issues, "a"));
    assert_eq!(published.clone().without("c"), named(RotationError::Unknown, "c"));
    // A next and a retiring one may be dropped.
    assert_eq!(published.clone().without("b").unwrap(), first());
    let promoted = published.promote(us(NOW_S));
    assert_eq!(stages(&promoted.without("a").unwrap()), [("b", Stage::Active { since_us: us(NOW_S) })]);
}

#[test]
fn only_a_ring_that_can_issue_loads() {
    let (next, active) = (Stage::Next { active_from_us: 1 }, Stage::Active { since_us: 1 });
    let retiring = Stage::Retiring { drop_after_us: 1 };
    let table = [
        (vec![], false),
        (vec![("a", next), ("b", retiring)], false),
        (vec![("a", active), ("b", active)], false),
        (vec![("a", active), ("b", next), ("c", next)], false),
        (vec![("a", retiring), ("b", active), ("c", next), ("d", retiring)], true),
    ];
    for (stages, good) in table {
        let what = format!("{stages:?}");
        assert_eq!(load(stages).err(), (!good).then_some(RotationError::Inconsistent), "{what}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish,
    Promote,
    DropGone,
    /// A server that is late by so many seconds issues a token that lives for so many.
    Issue(i64, i64),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Publish),
        Just(Step::Promote),
        Just(Step::DropGone),
        (0..=SLACK_S, prop_oneof![1..=MAX_LIFETIME_S, Just(MAX_LIFETIME_S)])
            .prop_map(|(late_s, lifetime_s)| Step::Issue(late_s, lifetime_s)),
        prop_oneof![0..2 * SLACK_S, 0..MAX_LIFETIME_S, Just(MAX_LIFETIME_S), Just(SLACK_S), Just(LEAD_S)]
            .prop_map(Step::Pass),
    ]
}

/// Every state that was committed, and when.
struct History(Vec<(i64, Rotation)>);

impl History {
    /// What a server has read that is late by so many seconds.
    fn seen(&self, at_s: i64) -> &Rotation {
        let (_, rotation) = self.0.iter().rev().find(|(since_s, _)| *since_s <= at_s).unwrap_or(&self.0[0]);
        rotation
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whichever server issued it, and whichever is asked, each late by up to the slack.
    #[test]
    fn no_key_with_unexpired_tokens_is_unknown(steps in prop::collection::vec(step(), 0..60)) {
        let mut now_s = NOW_S;
        let mut history = History(vec![(now_s, first())]);
        let mut tokens: Vec<(String, i64)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let current = history.seen(now_s).clone();
            let next = match step {
                Step::Publish => current.publish(&number.to_string(), us(now_s + SLACK_S)).ok(),
                Step::Promote => Some(current.promote(us(now_s))),
                Step::DropGone => Some(current.without_gone(us(now_s))),
                Step::Issue(late_s, lifetime_s) => {
                    let seen = history.seen(now_s - late_s);
                    let (kid, _) = seen.stages().find(|(_, stage)| stage.state() == KeyState::Active).unwrap();
                    tokens.push((kid.to_owned(), now_s + lifetime_s));
                    None
                }
                Step::Pass(seconds) => {
                    now_s += seconds;
                    None
                }
            };
            history.0.extend(next.map(|rotation| (now_s, rotation)));
            for (kid, expires_at_s) in &tokens {
                for late_s in [0, 1, SLACK_S] {
                    let known = history.seen(now_s - late_s).stage(kid).is_some();
                    prop_assert!(known || *expires_at_s <= now_s, "{kid} at {now_s}, late by {late_s}");
                }
            }
            let current = history.seen(now_s);
            let count = |state| current.stages().filter(|(_, stage)| stage.state() == state).count();
            prop_assert!(count(KeyState::Active) == 1 && count(KeyState::Next) <= 1);
            let stored = current.stages().map(|(kid, stage)| (kid.to_owned(), stage));
            prop_assert_eq!(&Rotation::load(stored).unwrap(), current);
        }
    }
}
