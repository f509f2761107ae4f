//! The suite that every [`Storage`] passes (feature `contract`). It panics at the first broken promise.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

use std::fmt::Debug;

use uuid::Uuid;

use super::{Place, Presented, RefreshToken, Refreshed, Refused, Session, Storage, Successor, TokenHash, refresh};

/// The users that the suite signs in; a store with foreign keys has them beforehand.
pub const SUBS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(u128::MAX)];

/// The apps that it signs them in to; likewise.
pub const AUDS: [Uuid; 2] = [Uuid::from_u128(2), Uuid::from_u128(u128::MAX - 1)];

const NOW_S: i64 = 1_678_886_400;

/// A store under test.
pub trait Fixture {
    /// The storage: one open transaction, which may borrow its connection.
    type Storage<'t>: Storage<Error: Debug>;

    /// Opens a transaction of the same store and tenant, runs the work in it and commits it.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Storage<'_>) -> R) -> R;
}

/// Runs the suite on a store without sessions, and leaves it so.
///
/// # Panics
/// At the first promise of [`Storage`] that the store breaks.
pub fn run<F: Fixture>(store: &mut F) {
    chains(store);
    revoking(store);
    forgetting(store);
    refreshing(store);
}

fn chains<F: Fixture>(store: &mut F) {
    let ([sub, _], [aud, other_aud]) = (SUBS, AUDS);
    let (one, two) = (session(1, sub, aud), session(2, sub, other_aud));
    assert_eq!(find(store, 10), None, "nobody has a session at first");
    insert(store, &one, 10);
    insert(store, &two, 20);
    assert_eq!(find(store, 10), Some((one, Place::Live)), "the first token is live");
    assert_eq!(find(store, 11), None, "a token is unknown before it is issued");
    store.transact(|storage| {
        rotate(storage, 1, 10, 11, NOW_S + 5);
        let found = storage.find(&token(11).hash()).expect("find");
        assert_eq!(found, Some((one, Place::Live)), "a transaction sees what it replaced");
    });
    let previous = |replaced_at_s, sealed: u8| Place::Previous { replaced_at_s, sealed: vec![sealed; 70] };
    assert_eq!(find(store, 10), Some((one, previous(NOW_S + 5, 11))), "its successor is kept, as it was sealed");
    assert_eq!(find(store, 20), Some((two, Place::Live)), "another session stays as it is");
    store.transact(|storage| rotate(storage, 1, 11, 12, NOW_S + 6));
    assert_eq!(find(store, 10), Some((one, Place::Older)), "only the last successor is kept");
    assert_eq!(find(store, 11), Some((one, previous(NOW_S + 6, 12))));
    assert_eq!(find(store, 12), Some((one, Place::Live)));
    store.transact(|storage| {
        rotate(storage, 1, 12, 13, NOW_S + 7);
        rotate(storage, 1, 13, 14, NOW_S + 7);
    });
    for (token, place) in [(10, Place::Older), (11, Place::Older), (12, Place::Older), (14, Place::Live)] {
        assert_eq!(find(store, token), Some((one, place)), "{token} after two steps of one transaction");
    }
    assert_eq!(find(store, 13), Some((one, previous(NOW_S + 7, 14))));
    assert_eq!(read(store, 1), Some(one));
    assert_eq!(read(store, 3), None, "there is no such session");
}

fn revoking<F: Fixture>(store: &mut F) {
    let ([sub, other], [aud, other_aud]) = (SUBS, AUDS);
    insert(store, &session(3, other, aud), 30);
    for now_s in [NOW_S + 8, NOW_S + 9] {
        store.transact(|storage| storage.revoke(Uuid::from_u128(1), now_s).expect("revoke"));
        let revoked = Session { revoked_at_s: Some(NOW_S + 8), ..session(1, sub, aud) };
        assert_eq!(read(store, 1), Some(revoked), "revoked once, since then");
        assert_eq!(find(store, 14).map(|(session, _)| session), Some(revoked), "by whatever token it is found");
        assert_eq!(find(store, 10).map(|(session, _)| session), Some(revoked), "by whatever token it is found");
    }
    store.transact(|storage| storage.revoke(Uuid::from_u128(99), NOW_S).expect("of none nothing happens"));
    assert_eq!(read(store, 99), None);
    assert_eq!(read(store, 2), Some(session(2, sub, other_aud)), "another session of the user goes on");
    assert_eq!(revoke_all(store, sub, NOW_S + 10), 1, "the one that was not revoked yet");
    let revoked_at_s = |found: Option<Session>| found.and_then(|session| session.revoked_at_s);
    assert_eq!(revoked_at_s(read(store, 1)), Some(NOW_S + 8), "since it was first");
    assert_eq!(revoked_at_s(read(store, 2)), Some(NOW_S + 10), "of whatever app");
    assert_eq!(revoke_all(store, sub, NOW_S + 11), 0);
    assert_eq!(read(store, 3), Some(session(3, other, aud)), "another user's session goes on");
    assert_eq!(revoke_all(store, other, NOW_S + 100), 0, "an expired one does not count");
}

fn forgetting<F: Fixture>(store: &mut F) {
    let ([sub, _], [aud, _]) = (SUBS, AUDS);
    insert(store, &Session { expires_at_s: NOW_S + 101, ..session(4, sub, aud) }, 40);
    assert_eq!(forget(store, NOW_S + 99), 0, "an unexpired session is kept, revoked or not");
    assert!(find(store, 10).is_some());
    assert_eq!(forget(store, NOW_S + 100), 3);
    for token in [10, 14, 20, 30] {
        assert_eq!(find(store, token), None, "{token} is forgotten with its session");
    }
    assert_eq!(read(store, 1), None);
    assert!(find(store, 40).is_some(), "the one that lives longer");
    assert_eq!(forget(store, i64::MAX), 1, "all the rest");
    assert_eq!(forget(store, i64::MAX), 0, "nothing is left");
}

fn refreshing<F: Fixture>(store: &mut F) {
    let ([sub, _], [aud, other_aud]) = (SUBS, AUDS);
    let session = session(5, sub, aud);
    insert(store, &session, 50);
    let mut present = |old, aud, new, now_s| {
        let (token, successor) = (token(old), token(new));
        let presented = Presented { token: &token, aud, grace_s: 10, now_s };
        let sealed = [new; 70];
        let successor = Successor { hash: successor.hash(), sealed: &sealed };
        store.transact(|storage| refresh(storage, &presented, &successor).expect("refresh"))
    };
    let repeated = Refreshed::Repeated { session, sealed: vec![51; 70] };
    assert_eq!(present(50, other_aud, 51, NOW_S), Refreshed::Refused(Refused::WrongAudience));
    assert_eq!(present(50, aud, 51, NOW_S + 1), Refreshed::Rotated(session));
    assert_eq!(present(50, aud, 52, NOW_S + 2), repeated);
    assert_eq!(present(50, aud, 53, NOW_S + 10), repeated);
    assert_eq!(present(52, aud, 54, NOW_S + 10), Refreshed::Refused(Refused::Unknown), "it was never given out");
    assert_eq!(present(51, aud, 55, NOW_S + 11), Refreshed::Rotated(session));
    let revoked = Session { revoked_at_s: Some(NOW_S + 11), ..session };
    assert_eq!(present(50, aud, 56, NOW_S + 11), Refreshed::Reused(revoked));
    assert_eq!(present(55, aud, 57, NOW_S + 12), Refreshed::Refused(Refused::Revoked));
    assert_eq!(read(store, 5), Some(revoked));
    assert_eq!(forget(store, i64::MAX), 1);
}

fn session(id: u128, sub: Uuid, aud: Uuid) -> Session {
    Session::new(Uuid::from_u128(id), sub, aud, 100, NOW_S)
}

fn token(number: u8) -> RefreshToken {
    RefreshToken::new([number; 32])
}

fn insert<F: Fixture>(store: &mut F, session: &Session, first: u8) {
    store.transact(|storage| storage.insert(session, &token(first).hash()).expect("insert"));
}

fn rotate<S: Storage<Error: Debug>>(storage: &mut S, session_id: u128, from: u8, to: u8, now_s: i64) {
    let (hash, sealed): (TokenHash, _) = (token(to).hash(), [to; 70]);
    let successor = Successor { hash, sealed: &sealed };
    storage.rotate(Uuid::from_u128(session_id), &token(from).hash(), &successor, now_s).expect("rotate");
}

fn find<F: Fixture>(store: &mut F, number: u8) -> Option<(Session, Place)> {
    store.transact(|storage| storage.find(&token(number).hash()).expect("find"))
}

fn read<F: Fixture>(store: &mut F, id: u128) -> Option<Session> {
    store.transact(|storage| storage.session(Uuid::from_u128(id)).expect("session"))
}

fn revoke_all<F: Fixture>(store: &mut F, sub: Uuid, now_s: i64) -> u64 {
    store.transact(|storage| storage.revoke_all(sub, now_s).expect("revoke_all"))
}

fn forget<F: Fixture>(store: &mut F, now_s: i64) -> u64 {
    store.transact(|storage| storage.forget(now_s).expect("forget"))
}
