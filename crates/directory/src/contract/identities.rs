//! The part of the suite that is about logins of providers.

use alloc::{format, vec, vec::Vec};

use super::{Fixture, OTHER_TENANT, TENANT, ok, parse, refusal, sample_user, set_up, uuid_of};
use crate::{
    Identity, Login, Newcomer, Outcome, Permit, Profile, Refused, Storage, User, UserRef, UserStatus, Write,
    delete_user, sign_in,
};

pub(super) fn identities_come_back_as_written<F: Fixture>(fixture: &mut F) {
    let bare = sample_identity("google", "Aa", 1);
    let full = Identity {
        email: Some(parse("Ada@example.com")),
        is_source: true,
        used_at_us: 7,
        ..sample_identity("git_hub-2", "!~", 1)
    };
    fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        for identity in [&bare, &full, &sample_identity("google", "aa", 2)] {
            assert_eq!(find(storage, identity), None);
            ok(storage.put_identity(identity));
        }
    });
    fixture.transact(TENANT, |storage| {
        for identity in [&bare, &full] {
            assert_eq!(find(storage, identity).as_ref(), Some(identity));
        }
        assert_eq!(find(storage, &sample_identity("google", "AA", 1)), None, "case counts");
        assert_eq!(find(storage, &sample_identity("google2", "Aa", 1)), None);
        let elsewhere = Identity { issuer: parse("https://idp.example/"), ..sample_identity("google", "Aa", 2) };
        assert_eq!(find(storage, &elsewhere), None, "the same subject of another issuer is somebody else");
        ok(storage.put_identity(&elsewhere));
        assert_eq!(find(storage, &elsewhere).map(|it| it.user_id), Some(2));
        assert_eq!(find(storage, &bare).map(|it| it.user_id), Some(1));
        assert_eq!(ok(storage.identities_of(1)), [full.clone(), bare.clone()]);
        assert_eq!(ok(storage.identities_of(3)), []);

        let foreign = Identity { user_id: 2, created_at_us: 9, email: None, used_at_us: 8, ..full.clone() };
        ok(storage.put_identity(&foreign));
        let changed = Identity { user_id: 1, created_at_us: full.created_at_us, ..foreign };
        assert_eq!(find(storage, &full), Some(changed), "it stays whose it is");
        let deleted = User { deleted_at_us: Some(5), ..sample_user(TENANT, 1, None, "user-1") };
        assert_eq!(ok(storage.update_user(&deleted)), Write::Done);
        assert_eq!(find(storage, &bare), Some(bare.clone()), "a deleted user keeps it");
    });
    fixture.transact(OTHER_TENANT, |storage| {
        set_up(storage, OTHER_TENANT);
        assert_eq!(find(storage, &bare), None);
        assert_eq!(ok(storage.identities_of(1)), []);
        ok(storage.put_identity(&Identity { user_id: 2, ..bare.clone() }));
    });
    fixture.transact(TENANT, |storage| assert_eq!(find(storage, &bare), Some(bare.clone())));
}

pub(super) fn users_are_found_by_verified_addresses<F: Fixture>(fixture: &mut F) {
    let with = |id, email: &str, email_verified| User {
        email: Some(parse(email)),
        email_verified,
        ..sample_user(TENANT, id, None, &format!("user-{id}"))
    };
    let suspended = User { status: UserStatus::Suspended, ..with(4, "ADA@Example.com", true) };
    let users = [
        suspended.clone(),
        with(1, "ada@example.com", false),
        with(2, "grace@example.com", true),
        User { deleted_at_us: Some(5), ..with(3, "ada@example.com", true) },
        with(6, "ada@example.com", true),
        with(5, "Ada@example.COM", true),
    ];
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.users_by_verified_email(&parse("ada@example.com"))), []);
        for user in &users {
            assert_eq!(ok(storage.insert_user(user)), Write::Done);
        }
    });
    fixture.transact(TENANT, |storage| {
        let mut ids = |email| -> Vec<i64> {
            ok(storage.users_by_verified_email(&parse(email))).iter().map(|user| user.id).collect()
        };
        assert_eq!(ids("aDa@example.com"), [4, 5], "the first two");
        assert_eq!(ids("grace@example.com"), [2]);
        assert_eq!(ids("ad_@example.com"), [0; 0], "no pattern");
        assert_eq!(ids("da@example.com"), [0; 0]);
        assert_eq!(ok(storage.users_by_verified_email(&parse("ada@example.com"))).first(), Some(&suspended));
    });
    fixture.transact(OTHER_TENANT, |storage| {
        assert_eq!(ok(storage.users_by_verified_email(&parse("grace@example.com"))), []);
    });
}

pub(super) fn logins_are_kept<F: Fixture>(fixture: &mut F) {
    let at = |provider: &str| Login {
        provider: parse(provider),
        issuer: parse("https://idp.example"),
        subject: parse("248289761001"),
        profile: Profile {
            email: Some(parse("Ada@example.com")),
            email_verified: true,
            display_name: Some(parse("Ada")),
            avatar_url: Some(parse("https://example.com/ada.png")),
        },
    };
    let ada = fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        let made = ok(sign_in(storage, &at("google"), None, draw, 1001, 50));
        assert_eq!(made.outcome, Outcome::Created);
        made.user
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.user(&ada.name_ref())), Some(ada.clone()));
        assert_eq!((ada.username.as_str(), ada.email_verified), ("Ada@example.com", true));
        assert_eq!(ok(storage.permits(11)), [Permit::new(11, 1001)]);
        let again = ok(sign_in(storage, &at("google"), None, draw, 1002, 51));
        assert_eq!((&again.user, again.outcome), (&ada, Outcome::SignedIn));
        let linked = ok(sign_in(storage, &at("other"), None, draw, 1002, 52));
        assert_eq!((&linked.user, linked.outcome), (&ada, Outcome::Linked));
        assert_eq!(ok(storage.permits(11)), [1001, 1002].map(|app_id| Permit::new(11, app_id)));
    });
    fixture.transact(TENANT, |storage| {
        let identities = ok(storage.identities_of(11));
        let seen: Vec<_> = identities.iter().map(|it| (it.provider.as_str(), it.is_source, it.used_at_us)).collect();
        assert_eq!(seen, vec![("google", true, 51), ("other", false, 52)]);
        let taken = refusal(sign_in(storage, &at("google"), Some(1), draw, 1001, 53));
        assert_eq!(taken, Some(Refused::IdentityTaken));
        ok(delete_user(storage, &ada, 54));
        assert_eq!(refusal(sign_in(storage, &at("google"), None, draw, 1001, 55)), Some(Refused::Deleted));
        assert_eq!(ok(storage.user(&UserRef::Id(12))), None);
    });
}

#[expect(clippy::unnecessary_wraps, reason = "drawing may fail, elsewhere")]
fn draw<S: Storage>(_: &mut S) -> Result<Newcomer, S::Error> {
    Ok(Newcomer { id: 11, uuid: uuid_of(TENANT, 11), tenant_id: TENANT })
}

fn find<S: Storage>(storage: &mut S, like: &Identity) -> Option<Identity> {
    ok(storage.identity(&like.provider, &like.issuer, &like.subject))
}

fn sample_identity(provider: &str, subject: &str, user_id: i64) -> Identity {
    Identity {
        provider: parse(provider),
        issuer: parse("https://idp.example"),
        subject: parse(subject),
        user_id,
        email: None,
        is_source: false,
        created_at_us: 1_700_000_000_000_003,
        used_at_us: 1_700_000_000_000_004,
    }
}
