//! Rotation: each step and what refuses it, and beside it servers that are late, whose tokens no step may break.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use osaycore_jwt::rotation::{Rotation, RotationError, SLACK_S, Stage};
use osaycore_jwt::{KeyState, MAX_KID_BYTES, MAX_LIFETIME_S};
use proptest::prelude::*;

const NOW_S: i64 = 1_678_886_400;
const LEAD_S: i64 = 3_600;

fn stages(rotation: &Rotation) -> Vec<(&str, Stage)> {
    rotation.stages().collect()
}

#[test]
fn a_key_goes_from_next_to_gone() {
    let first = Rotation::start("a", NOW_S).unwrap();
    assert_eq!(stages(&first), [("a", Stage::Active { since_s: NOW_S })]);
    let published = first.publish("b", NOW_S + 10).unwrap();
    let next = ("b", Stage::Next { since_s: NOW_S + 10 });
    assert_eq!(stages(&published), [("a", Stage::Active { since_s: NOW_S }), next]);
    let at_s = NOW_S + 10 + LEAD_S;
    let promoted = published.promote(LEAD_S, at_s).unwrap();
    let (retiring, active) = (("a", Stage::Retiring { since_s: at_s }), ("b", Stage::Active { since_s: at_s }));
    assert_eq!(stages(&promoted), [retiring, active]);
    let gone_from_s = at_s + MAX_LIFETIME_S + SLACK_S;
    assert_eq!(promoted.stage("a").unwrap().gone_from_s(), Some(gone_from_s));
    assert_eq!(stages(&promoted.clone().without_gone(gone_from_s - 1)), [retiring, active]);
    assert_eq!(stages(&promoted.without_gone(gone_from_s)), [active]);
}

#[test]
fn steps_that_are_refused() {
    let long = "k".repeat(MAX_KID_BYTES + 1);
    let first = Rotation::start("a", NOW_S).unwrap();
    assert_eq!(first.clone().promote(0, NOW_S), Err(RotationError::NoNext));
    assert_eq!(first.clone().publish("a", NOW_S), Err(RotationError::DuplicateKid));
    assert_eq!(first.clone().publish("", NOW_S), Err(RotationError::KidLength));
    assert_eq!(first.clone().publish(long.as_str(), NOW_S), Err(RotationError::KidLength));
    assert_eq!(Rotation::start(long, NOW_S), Err(RotationError::KidLength));
    let published = first.publish("b", NOW_S).unwrap();
    assert_eq!(published.clone().publish("c", NOW_S), Err(RotationError::NextExists));
    let early = Err(RotationError::TooEarly { from_s: NOW_S + LEAD_S });
    assert_eq!(published.clone().promote(LEAD_S, NOW_S + LEAD_S - 1), early);
    assert_eq!(published.clone().promote(i64::MAX, NOW_S), Err(RotationError::TooEarly { from_s: i64::MAX }));
    assert!(published.clone().promote(LEAD_S, NOW_S + LEAD_S).is_ok());
    assert!(published.promote(0, NOW_S).is_ok(), "at once, where it has to be");
}

#[test]
fn only_a_ring_that_can_issue_loads() {
    let (next, active) = (Stage::Next { since_s: NOW_S }, Stage::Active { since_s: NOW_S });
    let retiring = Stage::Retiring { since_s: NOW_S };
    let table = [
        (vec![], Some(RotationError::Inconsistent)),
        (vec![("a", next), ("b", retiring)], Some(RotationError::Inconsistent)),
        (vec![("a", active), ("b", active)], Some(RotationError::Inconsistent)),
        (vec![("a", active), ("b", next), ("c", next)], Some(RotationError::Inconsistent)),
        (vec![("a", active), ("a", next)], Some(RotationError::DuplicateKid)),
        (vec![("", active)], Some(RotationError::KidLength)),
        (vec![("a", retiring), ("b", active), ("c", next), ("d", retiring)], None),
    ];
    for (stages, refusal) in table {
        let what = format!("{stages:?}");
        let loaded = Rotation::load(stages.into_iter().map(|(kid, stage)| (kid.to_owned(), stage)));
        assert_eq!(loaded.err(), refusal, "{what}");
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
        let mut history = History(vec![(now_s, Rotation::start("0", now_s).unwrap())]);
        let mut tokens: Vec<(String, i64)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let current = history.seen(now_s).clone();
            let next = match step {
                Step::Publish => current.publish((number + 1).to_string(), now_s).ok(),
                Step::Promote => current.promote(SLACK_S, now_s).ok(),
                Step::DropGone => Some(current.without_gone(now_s)),
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
