//! What a request is recognised as: the table, and a model of a whole endpoint.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use osaycore_signing::{
    Mac,
    replay::{Memory, Recognition, ReplayGuard, Sight, Sighting, Target, forget_before_s, recognise},
};
use proptest::prelude::*;
use uuid::Uuid;

const TARGETS: [(&str, &str); 4] = [
    ("POST", "/api/action/deduct-credits"),
    ("DELETE", "/api/action/deduct-credits"),
    ("POST", "/api/action/deduct-credits?dry=1"),
    ("POST", "/api/auth/generate-user-jwt"),
];

fn sight(user: u8, target: usize) -> Sight {
    let (method, path_and_query) = TARGETS[target];
    Sight {
        app_id: 1,
        timestamp_s: 1_678_886_400,
        mac: Mac::from_bytes([7; 32]),
        subject: (user > 0).then(|| Uuid::from_u128(user.into())),
        target: Target::new(method, path_and_query),
    }
}

#[test]
fn a_target_is_method_path_and_query() {
    let targets = TARGETS.map(|(method, path)| Target::new(method, path));
    for (index, target) in targets.iter().enumerate() {
        assert_eq!(targets.iter().position(|other| other == target), Some(index));
        assert_eq!(Target::from_bytes(*target.as_bytes()), *target);
    }
    // sha256sum of "GET /"
    let expected = "c767025d0edc7a064cf0003cc4d5a2f5f9e013c608f7a6909554afcdb1126fb2";
    assert_eq!(hex::encode(Target::new("GET", "/").as_bytes()), expected);
}

#[test]
fn a_request_is_recognised() {
    let seen = [
        sight(1, 0).sighting(0, 10, Some(b"tx".to_vec())),
        sight(2, 0).sighting(1, 20, None),
        sight(3, 0).sighting(2, 30, Some(vec![])),
    ];
    let table: [(&str, Sight, &[Sighting], Recognition<'_>); 9] = [
        ("nothing seen", sight(0, 0), &[], Recognition::First { ordinal: 0 }),
        ("had an effect", sight(1, 0), &seen, Recognition::Done { sighting: &seen[0], outcome: b"tx" }),
        ("had none", sight(2, 0), &seen, Recognition::Again { sighting: &seen[1] }),
        ("an empty outcome is one", sight(3, 0), &seen, Recognition::Done { sighting: &seen[2], outcome: b"" }),
        ("another subject", sight(4, 0), &seen, Recognition::First { ordinal: 3 }),
        ("no subject is not every subject", sight(0, 0), &seen, Recognition::First { ordinal: 3 }),
        ("another method", sight(1, 1), &seen, Recognition::Elsewhere),
        ("another query, no effect yet", sight(2, 2), &seen, Recognition::Elsewhere),
        ("another path, new subject", sight(4, 3), &seen, Recognition::Elsewhere),
    ];
    for (what, sight, seen, expected) in table {
        assert_eq!(recognise(&sight, seen), expected, "{what}");
    }
}

#[test]
fn sightings_are_kept_for_twice_the_window() {
    for (now_s, window_s, expected) in [(1_000, 300, 400), (0, 300, -600), (i64::MIN, 300, i64::MIN), (5, 0, 5)] {
        assert_eq!(forget_before_s(now_s, window_s), expected);
    }
}

/// An endpoint that charges: the guard in front of a counter, as a server would use it.
fn charge(guard: &mut Memory, charges: &mut Vec<u8>, request: (u8, usize), works: bool) -> Option<Vec<u8>> {
    let sight = sight(request.0, request.1);
    let seen = guard.sightings(sight.app_id, sight.timestamp_s, &sight.mac).unwrap();
    let sighting = match recognise(&sight, &seen) {
        Recognition::Elsewhere => return None,
        Recognition::Done { outcome, .. } => return Some(outcome.to_vec()),
        Recognition::Again { sighting } => sighting.clone(),
        Recognition::First { ordinal } => sight.sighting(ordinal, 0, None),
    };
    let outcome = works.then(|| {
        charges.push(request.0);
        vec![u8::try_from(charges.len()).unwrap()]
    });
    guard.record(&sight, &Sighting { outcome: outcome.clone(), ..sighting }).unwrap();
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// One MAC, any users and targets, in any order, working or failing: each user is charged at most once, always
    /// hears of the same charge, and nothing happens at any but the first target.
    #[test]
    fn one_signature_charges_a_user_once_and_at_one_target(
        requests in prop::collection::vec((0..4_u8, 0..TARGETS.len(), any::<bool>()), 1..40)
    ) {
        let (mut guard, mut charges) = (Memory::new(), Vec::new());
        let bound_to = requests[0].1;
        let mut told: [Option<Vec<u8>>; 4] = Default::default();
        for (user, target, works) in requests {
            let before = charges.len();
            let answer = charge(&mut guard, &mut charges, (user, target), works);
            let known = &mut told[usize::from(user)];
            if target != bound_to {
                prop_assert_eq!(answer, None);
                prop_assert_eq!(charges.len(), before);
            } else if known.is_some() {
                prop_assert_eq!(&answer, &*known);
                prop_assert_eq!(charges.len(), before);
            } else {
                prop_assert_eq!(answer.is_some(), works);
                prop_assert_eq!(charges.len(), before + usize::from(works));
                *known = answer;
            }
        }
    }
}
