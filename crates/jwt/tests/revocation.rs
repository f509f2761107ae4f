//! Revocations beside the plainest model there is: the list of everything that was ever revoked.

use osaycore_jwt::{Claims, MAX_LIFETIME_S, Revocation, Revocations, revocation::first_free_iat_s};
use proptest::prelude::*;
use uuid::Uuid;

const NOW_S: i64 = 1_678_886_400;

fn claims(sub: u128, jti: u128, iat: i64, exp: i64) -> Claims {
    let (sub, aud, jti) = (Uuid::from_u128(sub), Uuid::nil(), Uuid::from_u128(jti));
    Claims { iss: String::new(), sub, aud, jti, iat, nbf: iat, exp, sid: None }
}

#[test]
fn a_user_is_revoked_up_to_and_including_a_second() {
    let mut revocations = Revocations::default();
    revocations.revoke(&Revocation::User { sub: Uuid::from_u128(1), up_to_iat_s: NOW_S });
    for (sub, iat, revoked) in [(1, NOW_S - 1, true), (1, NOW_S, true), (1, NOW_S + 1, false), (2, NOW_S - 1, false)] {
        assert_eq!(revocations.is_revoked(&claims(sub, 9, iat, NOW_S + 10)), revoked, "{sub} {iat}");
    }
}

#[test]
fn a_token_is_revoked_by_its_own_name() {
    let mut revocations = Revocations::default();
    let (jti, sub) = (Uuid::from_u128(9), Uuid::from_u128(1));
    revocations.revoke(&Revocation::Token { jti, sub, expires_at_s: NOW_S });
    assert!(revocations.is_revoked(&claims(1, 9, NOW_S, NOW_S)));
    assert!(!revocations.is_revoked(&claims(1, 8, NOW_S, NOW_S)));
    assert_eq!(revocations.user_cutoff(sub), None);
}

#[test]
fn the_tokens_of_a_session_are_revoked_by_its_name() {
    let (session, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let revocation = Revocation::Token { jti: session, sub: Uuid::from_u128(1), expires_at_s: NOW_S };
    let revocations: Revocations = [revocation].into_iter().collect();
    for (sid, revoked) in [(Some(session), true), (Some(other), false), (None, false)] {
        let claims = Claims { sid, ..claims(1, 9, NOW_S, NOW_S) };
        assert_eq!(revocations.is_revoked(&claims), revoked, "{sid:?}");
        assert_eq!(revocation.revokes(&claims), revoked, "{sid:?}");
    }
}

#[test]
fn the_first_free_second_is_now_or_after_the_cutoff() {
    let table = [
        (None, NOW_S),
        (Some(NOW_S - 2), NOW_S),
        (Some(NOW_S - 1), NOW_S),
        (Some(NOW_S), NOW_S + 1),
        (Some(NOW_S + 1), NOW_S + 2),
        (Some(i64::MAX), i64::MAX),
    ];
    for (cutoff_s, expected) in table {
        assert_eq!(first_free_iat_s(cutoff_s, NOW_S), expected, "{cutoff_s:?}");
    }
}

#[test]
fn all_so_far_are_revoked_and_none_after_however_often_in_one_second() {
    let (mut revocations, sub) = (Revocations::default(), Uuid::from_u128(1));
    let mut issued = Vec::new();
    for jti in 0..5 {
        let iat = revocations.first_free_iat_s(sub, NOW_S);
        let token = claims(1, jti, iat, NOW_S + 100);
        assert!(!revocations.is_revoked(&token), "a new token is good");
        issued.push(token);
        let up_to_iat_s = revocations.first_free_iat_s(sub, NOW_S);
        revocations.revoke(&Revocation::User { sub, up_to_iat_s });
        assert!(issued.iter().all(|token| revocations.is_revoked(token)), "all so far are not");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Revoke(Revocation),
    Forget,
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let token = (0..4_u128, 0..3_u128).prop_map(|(jti, sub)| {
        // As in life, a `jti` belongs to one token, with one expiry.
        let expires_at_s = NOW_S + i64::try_from(jti).unwrap_or(0) * 1_000_000;
        let (jti, sub) = (Uuid::from_u128(jti), Uuid::from_u128(sub));
        Step::Revoke(Revocation::Token { jti, sub, expires_at_s })
    });
    let user = (0..3_u128, -5..5_i64).prop_map(|(sub, ahead_s)| {
        Step::Revoke(Revocation::User { sub: Uuid::from_u128(sub), up_to_iat_s: NOW_S + ahead_s })
    });
    prop_oneof![token, user, Just(Step::Forget), (0..MAX_LIFETIME_S).prop_map(Step::Pass)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn forgetting_never_frees_an_unexpired_token(steps in prop::collection::vec(step(), 0..30)) {
        let (mut revocations, mut ever, mut now_s) = (Revocations::default(), Vec::new(), NOW_S);
        for step in steps {
            match step {
                Step::Revoke(revocation) => {
                    revocations.revoke(&revocation);
                    ever.push(revocation);
                }
                Step::Forget => {
                    let before = revocations.iter().count();
                    let dropped = usize::try_from(revocations.forget(now_s)).unwrap_or(usize::MAX);
                    prop_assert_eq!(revocations.iter().count() + dropped, before);
                    prop_assert!(revocations.iter().all(|revocation| revocation.is_needed(now_s)));
                }
                Step::Pass(seconds) => now_s += seconds,
            }
            let again: Revocations = revocations.iter().collect();
            prop_assert_eq!(&again, &revocations);
            for sub in 0..3 {
                for jti in 0..5_u128 {
                    for iat in NOW_S - 6..NOW_S + 6 {
                        let own_s = NOW_S + i64::try_from(jti).unwrap_or(0) * 1_000_000;
                        let token = claims(sub, jti, iat, own_s.min(iat + MAX_LIFETIME_S));
                        if token.exp > now_s {
                            let expected = ever.iter().any(|revocation| revocation.revokes(&token));
                            prop_assert_eq!(revocations.is_revoked(&token), expected);
                        }
                    }
                }
            }
        }
    }
}
