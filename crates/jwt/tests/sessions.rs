//! Sessions beside the plainest model there is: the list of every token that was ever given out.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use osaycore_jwt::session::{
    DEFAULT_GRACE_S, DEFAULT_MAX_AGE_S, Memory, Presented, RefreshToken, Refreshed, Refused, Session, Storage,
    Successor, TokenHash, refresh,
};
use osaycore_jwt::{Claims, MAX_LIFETIME_S, Revocations};
use proptest::prelude::*;
use uuid::Uuid;

const NOW_S: i64 = 1_678_886_400;
const GRACE_S: i64 = DEFAULT_GRACE_S;
const SUB: Uuid = Uuid::from_u128(1);
const AUD: Uuid = Uuid::from_u128(2);

fn token(number: u64) -> RefreshToken {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&number.to_be_bytes());
    RefreshToken::new(random)
}

/// A session of which the first token is number 0.
fn signed_in(max_age_s: i64) -> (Memory, Session) {
    let mut store = Memory::new();
    let session = Session::new(Uuid::from_u128(9), SUB, AUD, max_age_s, NOW_S);
    store.insert(&session, &token(0).hash()).unwrap();
    (store, session)
}

/// Presents a token; `new` is its successor, sealed as the digits of its number.
fn present(store: &mut Memory, old: u64, new: u64, now_s: i64) -> Refreshed {
    let sealed = new.to_string();
    let successor = Successor { hash: token(new).hash(), sealed: sealed.as_bytes() };
    refresh(store, &Presented { token: &token(old), aud: AUD, grace_s: GRACE_S, now_s }, &successor).unwrap()
}

fn unsealed(refreshed: &Refreshed) -> Option<u64> {
    match refreshed {
        Refreshed::Repeated { sealed, .. } => std::str::from_utf8(sealed).unwrap().parse().ok(),
        _ => None,
    }
}

#[test]
fn a_token_is_told_and_read_as_base64url() {
    let token = RefreshToken::new([0xfb; 32]);
    let text = token.to_text();
    assert_eq!((text.len(), RefreshToken::parse(&text)), (43, Some(token.clone())));
    assert_eq!(format!("{token:?}"), "RefreshToken");
    let hash = RefreshToken::new([0; 32]).hash();
    assert!(hash.as_bytes().starts_with(&[0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77]), "SHA-256 of 32 zeros");
    assert_eq!(TokenHash::from_bytes(*hash.as_bytes()), hash);
    let short = text.get(1..).unwrap();
    for other in ["", "AAAA", short, &format!("{}=", *text), &format!(" {}", *text), &format!("{}A", *text)] {
        assert_eq!(RefreshToken::parse(other), None, "{other:?}");
    }
}

#[test]
fn the_grace_is_counted_from_the_replacement_and_ends() {
    for (after_s, repeated) in [(-5, true), (0, true), (GRACE_S - 1, true), (GRACE_S, false), (i64::MAX, false)] {
        let (mut store, session) = signed_in(DEFAULT_MAX_AGE_S);
        let session = Session { expires_at_s: i64::MAX, ..session };
        store.insert(&session, &token(0).hash()).unwrap();
        assert_eq!(present(&mut store, 0, 1, NOW_S + 100), Refreshed::Rotated(session));
        let again = present(&mut store, 0, 2, (NOW_S + 100).saturating_add(after_s).min(i64::MAX - 1));
        assert_eq!(unsealed(&again), repeated.then_some(1), "{after_s} s after");
        assert_eq!(matches!(again, Refreshed::Reused(_)), !repeated, "{after_s} s after");
    }
}

#[test]
fn without_a_grace_a_second_use_is_a_reuse() {
    let (mut store, session) = signed_in(DEFAULT_MAX_AGE_S);
    let successor = Successor { hash: token(1).hash(), sealed: b"1" };
    let presented = Presented { token: &token(0), aud: AUD, grace_s: 0, now_s: NOW_S };
    assert_eq!(refresh(&mut store, &presented, &successor), Ok(Refreshed::Rotated(session)));
    let revoked = Session { revoked_at_s: Some(NOW_S), ..session };
    assert_eq!(refresh(&mut store, &presented, &successor), Ok(Refreshed::Reused(revoked)));
}

#[test]
fn an_older_token_is_a_reuse_even_within_the_grace() {
    let (mut store, session) = signed_in(DEFAULT_MAX_AGE_S);
    assert_eq!(present(&mut store, 0, 1, NOW_S), Refreshed::Rotated(session));
    assert_eq!(present(&mut store, 1, 2, NOW_S), Refreshed::Rotated(session));
    assert!(matches!(present(&mut store, 0, 3, NOW_S), Refreshed::Reused(_)));
    assert_eq!(present(&mut store, 2, 4, NOW_S), Refreshed::Refused(Refused::Revoked));
}

#[test]
fn a_session_ends_at_its_age_however_often_it_is_refreshed() {
    let (mut store, session) = signed_in(100);
    for (old, after_s) in [(0, 50), (1, 98), (2, 99)] {
        assert_eq!(present(&mut store, old, old + 1, NOW_S + after_s), Refreshed::Rotated(session));
    }
    for old in 0..=3 {
        assert_eq!(present(&mut store, old, 9, NOW_S + 100), Refreshed::Refused(Refused::Expired), "{old}");
    }
    assert_eq!(store.forget(NOW_S + 100), Ok(1));
    assert_eq!(present(&mut store, 3, 9, NOW_S + 100), Refreshed::Refused(Refused::Unknown));
}

#[test]
fn another_app_can_neither_refresh_nor_end_a_session() {
    let (mut store, session) = signed_in(100);
    assert_eq!(present(&mut store, 0, 1, NOW_S), Refreshed::Rotated(session));
    for old in [0, 1] {
        let presented = Presented { token: &token(old), aud: SUB, grace_s: GRACE_S, now_s: NOW_S + 50 };
        let successor = Successor { hash: token(9).hash(), sealed: b"9" };
        let refreshed = refresh(&mut store, &presented, &successor);
        assert_eq!(refreshed, Ok(Refreshed::Refused(Refused::WrongAudience)));
    }
    assert_eq!(present(&mut store, 1, 2, NOW_S + 50), Refreshed::Rotated(session));
}

#[test]
fn a_revoked_session_takes_its_access_tokens_along() {
    let (_, session) = signed_in(DEFAULT_MAX_AGE_S);
    let revocation = session.revocation(NOW_S + 5);
    let revoked: Revocations = [revocation].into_iter().collect();
    let (aud, jti, exp) = (AUD, Uuid::from_u128(3), NOW_S + 5 + MAX_LIFETIME_S);
    let of = |sid| Claims { iss: String::new(), sub: SUB, aud, jti, iat: NOW_S, nbf: NOW_S, exp, sid };
    assert!(revoked.is_revoked(&of(Some(session.id))));
    assert!(!revoked.is_revoked(&of(None)) && !revoked.is_revoked(&of(Some(SUB))));
    assert!(revocation.is_needed(exp - 1), "as long as the longest token lives");
    assert_eq!(session.access_lifetime_s(3_600, NOW_S), 3_600);
    assert_eq!(session.access_lifetime_s(3_600, session.expires_at_s - 10), 10, "not beyond the session");
}

/// A session as the model has it: every token in its order, with the second at which it was replaced.
struct Naive {
    session: u128,
    ends_at_s: i64,
    chain: Vec<(u64, Option<i64>)>,
    is_revoked: bool,
}

#[derive(Debug, PartialEq)]
enum Expected {
    Successor,
    Again(u64),
    Reuse,
    Refused(Refused),
}

impl Naive {
    fn present(&mut self, position: usize, new: u64, now_s: i64) -> Expected {
        let last = self.chain.len() - 1;
        let (_, replaced_at_s) = self.chain[position];
        if self.is_revoked {
            return Expected::Refused(Refused::Revoked);
        }
        if now_s >= self.ends_at_s {
            return Expected::Refused(Refused::Expired);
        }
        if position == last {
            self.chain[last].1 = Some(now_s);
            self.chain.push((new, None));
            return Expected::Successor;
        }
        if position + 1 == last && now_s - replaced_at_s.unwrap() < GRACE_S {
            return Expected::Again(self.chain[last].0);
        }
        self.is_revoked = true;
        Expected::Reuse
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A session of one of two users.
    SignIn(u128),
    /// Any token of any session: of those the one so far from the end.
    Present(prop::sample::Index, usize),
    Revoke(prop::sample::Index),
    RevokeAll(u128),
    Forget,
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        1 => (0..2_u128).prop_map(Step::SignIn),
        12 => (any(), prop_oneof![6 => Just(0_usize), 3 => Just(1), 1 => 2..9_usize])
            .prop_map(|(of, back)| Step::Present(of, back)),
        1 => any().prop_map(Step::Revoke),
        1 => (0..2_u128).prop_map(Step::RevokeAll),
        1 => Just(Step::Forget),
        8 => prop_oneof![0..GRACE_S, Just(GRACE_S), 0..200_i64].prop_map(Step::Pass),
    ]
}

fn user(session: u128) -> Uuid {
    Uuid::from_u128(session % 2)
}

/// Runs the steps at the store and at the model, and lets `check` look at both after each.
fn run(
    steps: Vec<Step>,
    mut check: impl FnMut(&Memory, &[Naive], i64) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut store, mut model, mut now_s, mut drawn) = (Memory::new(), Vec::<Naive>::new(), NOW_S, 0_u64);
    for step in steps {
        drawn += 1;
        match step {
            Step::SignIn(sub) => {
                let id = u128::from(drawn) * 2 + sub;
                let session = Session::new(Uuid::from_u128(id), user(id), AUD, 1_000, now_s);
                store.insert(&session, &token(drawn).hash()).unwrap();
                let chain = vec![(drawn, None)];
                model.push(Naive { session: id, ends_at_s: now_s + 1_000, chain, is_revoked: false });
            }
            Step::Present(..) | Step::Revoke(_) if model.is_empty() => {}
            Step::Present(of, back) => {
                let sessions = model.len();
                let naive = &mut model[of.index(sessions)];
                let position = (naive.chain.len() - 1).saturating_sub(back);
                let (old, _) = naive.chain[position];
                let refreshed = present(&mut store, old, drawn, now_s);
                let got = match &refreshed {
                    Refreshed::Rotated(_) => Expected::Successor,
                    Refreshed::Repeated { .. } => Expected::Again(unsealed(&refreshed).unwrap()),
                    Refreshed::Reused(_) => Expected::Reuse,
                    Refreshed::Refused(refused) => Expected::Refused(*refused),
                };
                prop_assert_eq!(got, naive.present(position, drawn, now_s));
            }
            Step::Revoke(of) => {
                let sessions = model.len();
                let naive = &mut model[of.index(sessions)];
                store.revoke(Uuid::from_u128(naive.session), now_s).unwrap();
                naive.is_revoked = true;
            }
            Step::RevokeAll(sub) => {
                let of_user = model.iter_mut().filter(|naive| naive.session % 2 == sub);
                let mut ended = 0;
                for naive in of_user {
                    ended += u64::from(!naive.is_revoked && naive.ends_at_s > now_s);
                    naive.is_revoked = true;
                }
                prop_assert_eq!(store.revoke_all(user(sub), now_s), Ok(ended));
            }
            Step::Forget => {
                let before = model.len();
                model.retain(|naive| naive.ends_at_s > now_s);
                prop_assert_eq!(store.forget(now_s), Ok(u64::try_from(before - model.len()).unwrap()));
            }
            Step::Pass(seconds) => now_s += seconds,
        }
        check(&store, &model, now_s)?;
    }
    Ok(())
}

/// What presenting each token of a session comes to, each on its own.
fn outcomes(store: &Memory, naive: &Naive, now_s: i64) -> Vec<Refreshed> {
    naive.chain.iter().map(|(number, _)| present(&mut store.clone(), *number, u64::MAX, now_s)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn sessions_are_as_the_model_has_them(steps in prop::collection::vec(step(), 0..80)) {
        run(steps, |_, _, _| Ok(()))?;
    }

    #[test]
    fn a_session_has_at_most_one_live_chain(steps in prop::collection::vec(step(), 0..40)) {
        run(steps, |store, model, now_s| {
            for naive in model {
                let outcomes = outcomes(store, naive, now_s);
                let live = outcomes.iter().filter(|outcome| matches!(outcome, Refreshed::Rotated(_))).count();
                prop_assert_eq!(live, usize::from(!naive.is_revoked && naive.ends_at_s > now_s));
                let (last, _) = naive.chain[naive.chain.len() - 1];
                prop_assert!(outcomes.iter().filter_map(unsealed).all(|successor| successor == last));
            }
            Ok(())
        })?;
    }

    #[test]
    fn after_a_reuse_nothing_of_the_family_is_accepted(
        steps in prop::collection::vec(step(), 0..40),
        later_s in 0..2_000_i64,
    ) {
        run(steps, |store, model, now_s| {
            for naive in model {
                for (number, _) in &naive.chain {
                    let mut store = store.clone();
                    if let Refreshed::Reused(session) = present(&mut store, *number, u64::MAX, now_s) {
                        prop_assert_eq!(session.revoked_at_s, Some(now_s));
                        for outcome in outcomes(&store, naive, now_s + later_s) {
                            prop_assert_eq!(outcome, Refreshed::Refused(Refused::Revoked));
                        }
                        let unused = present(&mut store, u64::MAX, 0, now_s + later_s);
                        prop_assert_eq!(unused, Refreshed::Refused(Refused::Unknown));
                    }
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn within_the_grace_any_number_of_repeats_gives_one_successor(
        before in 0..5_u64,
        repeats in prop::collection::vec(0..GRACE_S, 0..20),
    ) {
        let (mut store, session) = signed_in(DEFAULT_MAX_AGE_S);
        for old in 0..=before {
            prop_assert_eq!(present(&mut store, old, old + 1, NOW_S), Refreshed::Rotated(session));
        }
        for (number, after_s) in repeats.into_iter().enumerate() {
            let unused = 1_000 + u64::try_from(number).unwrap();
            let again = present(&mut store, before, unused, NOW_S + after_s);
            prop_assert_eq!(unsealed(&again), Some(before + 1));
            let refused = present(&mut store.clone(), unused, 0, NOW_S);
            prop_assert_eq!(refused, Refreshed::Refused(Refused::Unknown));
        }
        prop_assert_eq!(present(&mut store, before + 1, 9_999, NOW_S), Refreshed::Rotated(session));
    }
}
