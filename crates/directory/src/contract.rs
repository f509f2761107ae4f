//! What every [`Storage`] must do, as one suite: memory, the server's databases and an embedder's own run it.

mod identities;

use alloc::{format, vec::Vec};
use core::fmt::Debug;

use uuid::Uuid;

use crate::{
    App, AppRef, AppSettings, ExternalId, Failure, Group, GroupRef, Link, NewUser, Permit, PermitChange, Rate, Refused,
    Role, Scopes, Storage, Unique, User, UserChange, UserPage, UserRef, UserStatus, Write, change_user, create_user,
    delete_user, permit_user, restore_user, user_by_api_id,
};

/// A storage under test, holding the tenants 1 and 2 and nothing of either.
pub trait Fixture {
    /// The transaction, which may borrow a connection of the fixture's.
    type Storage<'a>: Storage
    where
        Self: 'a;

    /// Opens a transaction of the tenant, does the work and commits.
    fn transact<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Self::Storage<'_>) -> R) -> R;
}

/// Runs the whole suite, each part on a new fixture.
///
/// # Panics
/// Where the storage breaks its contract.
pub fn run<F: Fixture>(mut fresh: impl FnMut() -> F) {
    apps_come_back_as_written(&mut fresh());
    users_come_back_as_written(&mut fresh());
    users_are_listed_in_pages(&mut fresh());
    names_are_unique_in_their_directory(&mut fresh());
    permits_come_back_as_written(&mut fresh());
    external_ids_are_unique_in_their_app(&mut fresh());
    deleted_users_give_up_what_is_unique(&mut fresh());
    groups_join_users_and_apps(&mut fresh());
    identities::identities_come_back_as_written(&mut fresh());
    identities::users_are_found_by_verified_addresses(&mut fresh());
    tenants_do_not_meet(&mut fresh());
    decisions_hold(&mut fresh());
    identities::logins_are_kept(&mut fresh());
}

const TENANT: i64 = 1;
const OTHER_TENANT: i64 = 2;

fn apps_come_back_as_written<F: Fixture>(fixture: &mut F) {
    let mut app = sample_app(TENANT, 1001);
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.app(AppRef::Id(1001))), None);
        // Not in the order of the ids.
        ok(storage.insert_app(&sample_app(TENANT, 1002)));
        ok(storage.insert_app(&app));
    });
    app.name = parse("Renamed");
    app.disabled = true;
    app.scopes = parse("read_audit add_credits");
    ok(app.settings.set("redirect-uris", &["https://app.example/done"]));
    fixture.transact(TENANT, |storage| {
        ok(storage.update_app(&app));
        assert_eq!(ok(storage.app(AppRef::Id(1001))), Some(app.clone()), "its own write is seen");
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.app(AppRef::Id(1001))), Some(app.clone()));
        assert_eq!(ok(storage.app(AppRef::Uuid(app.uuid))), Some(app.clone()));
        assert_eq!(ok(storage.app(AppRef::Uuid(Uuid::from_u128(9)))), None);
        assert_eq!(ok(storage.apps()), [app.clone(), sample_app(TENANT, 1002)]);
    });
}

fn users_come_back_as_written<F: Fixture>(fixture: &mut F) {
    let plain = sample_user(TENANT, 1, None, "Ådá");
    let full = User {
        email: Some(parse("ada@example.com")),
        email_verified: true,
        display_name: Some(parse("Ada \"the first\" 👩‍💻")),
        avatar_url: Some(parse("https://example.com/ada.png?size=64")),
        role: parse("admin"),
        status: UserStatus::Suspended,
        bypass_otp: true,
        ..sample_user(TENANT, 2, Some("staff"), "ada")
    };
    fixture.transact(TENANT, |storage| {
        for user in [&plain, &full] {
            assert_eq!(ok(storage.insert_user(user)), Write::Done);
        }
    });
    fixture.transact(TENANT, |storage| {
        for user in [&plain, &full] {
            for reference in [UserRef::Id(user.id), UserRef::Uuid(user.uuid), user.name_ref()] {
                assert_eq!(ok(storage.user(&reference)).as_ref(), Some(user), "{reference}");
            }
        }
        for unknown in ["3", "00000000-0000-0000-0000-0000000000ff", "\\ada", "staff\\Ada", "other\\ada"] {
            assert_eq!(ok(storage.user(&parse(unknown))), None, "{unknown}");
        }
        let changed = User { username: parse("countess"), updated_at_us: 9, email: None, ..full.clone() };
        assert_eq!(ok(storage.update_user(&changed)), Write::Done);
        assert_eq!(ok(storage.user(&UserRef::Id(2))), Some(changed.clone()));
        assert_eq!(ok(storage.user(&full.name_ref())), None, "the old name is gone");
        assert_eq!(ok(storage.user(&UserRef::Id(1))), Some(plain.clone()), "the neighbour stays");
    });
}

fn users_are_listed_in_pages<F: Fixture>(fixture: &mut F) {
    let page = UserPage { after_id: 0, limit: 10, linked_to: None, with_deleted: false };
    fixture.transact(TENANT, |storage| {
        ok(storage.insert_app(&sample_app(TENANT, 1001)));
        ok(storage.insert_app(&sample_app(TENANT, 1002)));
        for id in [3, 1, 4, 2] {
            assert_eq!(ok(storage.insert_user(&sample_user(TENANT, id, None, &format!("user-{id}")))), Write::Done);
        }
        for (user_id, app_id) in [(1, 1001), (4, 1001), (2, 1002)] {
            assert_eq!(ok(storage.put_permit(&Permit::new(user_id, app_id))), Write::Done);
        }
        let deleted = User { deleted_at_us: Some(7), ..sample_user(TENANT, 4, None, "user-4") };
        assert_eq!(ok(storage.update_user(&deleted)), Write::Done);
    });
    fixture.transact(TENANT, |storage| {
        let mut ids = |page| -> Vec<i64> { ok(storage.users(page)).iter().map(|user| user.id).collect() };
        assert_eq!(ids(page), [1, 2, 3]);
        assert_eq!(ids(UserPage { limit: 2, ..page }), [1, 2]);
        assert_eq!(ids(UserPage { after_id: 2, ..page }), [3]);
        assert_eq!(ids(UserPage { limit: 0, ..page }), [0; 0]);
        assert_eq!(ids(UserPage { with_deleted: true, ..page }), [1, 2, 3, 4]);
        assert_eq!(ids(UserPage { linked_to: Some(1001), ..page }), [1]);
        assert_eq!(ids(UserPage { linked_to: Some(1001), with_deleted: true, ..page }), [1, 4]);
        assert_eq!(ids(UserPage { linked_to: Some(1002), limit: 1, ..page }), [2], "limited after the filter");
        assert_eq!(ids(UserPage { linked_to: Some(1003), ..page }), [0; 0]);
    });
}

fn names_are_unique_in_their_directory<F: Fixture>(fixture: &mut F) {
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.insert_user(&sample_user(TENANT, 1, None, "ada"))), Write::Done);
        let second = sample_user(TENANT, 2, None, "ada");
        assert_eq!(ok(storage.insert_user(&second)), Write::Taken(Unique::Name), "no directory is one place");
        assert_eq!(ok(storage.user(&UserRef::Id(2))), None, "nothing was written");
        // The transaction goes on after that answer.
        assert_eq!(ok(storage.insert_user(&sample_user(TENANT, 2, Some("staff"), "ada"))), Write::Done);
        let third = sample_user(TENANT, 3, Some("staff"), "Ada");
        assert_eq!(ok(storage.insert_user(&third)), Write::Done, "case counts");
        let renamed = User { username: parse("ada"), ..third.clone() };
        assert_eq!(ok(storage.update_user(&renamed)), Write::Taken(Unique::Name));
        assert_eq!(ok(storage.user(&UserRef::Id(3))), Some(third.clone()), "nothing was written");
        assert_eq!(ok(storage.update_user(&third)), Write::Done, "one's own name is not taken");
    });
}

fn permits_come_back_as_written<F: Fixture>(fixture: &mut F) {
    let bare = Permit::new(1, 1002);
    let full = Permit {
        external_id: Some(parse("Kunde 7/ü")),
        can_use: false,
        credit_rate: Rate::from_micros(1),
        scopes: Some(parse("deduct_credits beta:write")),
        custom: parse(r#"{"seats": 1.10, "plan": "ü"}"#),
        ..Permit::new(1, 1001)
    };
    fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        assert_eq!(ok(storage.permit(1, 1001)), None);
        for permit in [&bare, &full] {
            assert_eq!(ok(storage.put_permit(permit)), Write::Done);
        }
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.permit(1, 1001)), Some(full.clone()));
        assert_eq!(ok(storage.permit(1, 1002)), Some(bare.clone()));
        assert_eq!(ok(storage.permit(2, 1001)), None);
        assert_eq!(ok(storage.permits(1)), [full.clone(), bare.clone()]);
        assert_eq!(ok(storage.permits(2)), []);
        let emptied = Permit { scopes: Some(Scopes::default()), external_id: None, ..full.clone() };
        assert_eq!(ok(storage.put_permit(&emptied)), Write::Done);
        assert_eq!(ok(storage.permit(1, 1001)), Some(emptied), "no scopes is not the same as none named");
    });
}

fn external_ids_are_unique_in_their_app<F: Fixture>(fixture: &mut F) {
    fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        let seven: ExternalId = parse("7");
        let known_as =
            |user_id, app_id, id: &ExternalId| Permit { external_id: Some(id.clone()), ..Permit::new(user_id, app_id) };
        assert_eq!(ok(storage.put_permit(&known_as(1, 1001, &seven))), Write::Done);
        assert_eq!(ok(storage.put_permit(&known_as(1, 1001, &seven))), Write::Done, "one's own is not taken");
        assert_eq!(ok(storage.put_permit(&known_as(2, 1001, &seven))), Write::Taken(Unique::ExternalId));
        assert_eq!(ok(storage.permit(2, 1001)), None, "nothing was written");
        assert_eq!(ok(storage.put_permit(&known_as(2, 1002, &seven))), Write::Done, "another app, another id");
        assert_eq!(ok(storage.put_permit(&Permit::new(2, 1001))), Write::Done);
        assert_eq!(ok(storage.put_permit(&known_as(2, 1001, &seven))), Write::Taken(Unique::ExternalId));
        assert_eq!(ok(storage.permit(2, 1001)), Some(Permit::new(2, 1001)), "nothing was written");
        let mut id_of = |app_id, text| ok(storage.user_by_external_id(app_id, &parse(text))).map(|user| user.id);
        assert_eq!(id_of(1001, "7"), Some(1));
        assert_eq!(id_of(1002, "7"), Some(2));
        assert_eq!(id_of(1002, "07"), None);
    });
}

fn deleted_users_give_up_what_is_unique<F: Fixture>(fixture: &mut F) {
    let first = sample_user(TENANT, 1, None, "user-1");
    let deleted = User { deleted_at_us: Some(5), ..first.clone() };
    let heir = sample_user(TENANT, 3, None, "user-1");
    let seven: ExternalId = parse("7");
    let permit = Permit { external_id: Some(seven.clone()), ..Permit::new(1, 1001) };
    let heirs_permit = Permit { external_id: Some(seven.clone()), ..Permit::new(3, 1001) };
    fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        assert_eq!(ok(storage.put_permit(&permit)), Write::Done);
        assert_eq!(ok(storage.update_user(&deleted)), Write::Done);
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.user(&first.name_ref())), None);
        assert_eq!(ok(storage.user_by_external_id(1001, &seven)), None);
        assert_eq!(ok(storage.user(&UserRef::Id(1))), Some(deleted.clone()));
        assert_eq!(ok(storage.user(&UserRef::Uuid(first.uuid))), Some(deleted.clone()));
        assert_eq!(ok(storage.permit(1, 1001)), Some(permit.clone()), "the permit stays");

        assert_eq!(ok(storage.update_user(&first)), Write::Done, "nobody took it");
        assert_eq!(ok(storage.user_by_external_id(1001, &seven)), Some(first.clone()));
        assert_eq!(ok(storage.update_user(&deleted)), Write::Done);

        assert_eq!(ok(storage.insert_user(&heir)), Write::Done);
        assert_eq!(ok(storage.put_permit(&heirs_permit)), Write::Done);
        assert_eq!(ok(storage.user(&first.name_ref())), Some(heir.clone()));
        assert_eq!(ok(storage.user_by_external_id(1001, &seven)), Some(heir.clone()));
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.update_user(&first)), Write::Taken(Unique::Name), "the name comes first");
        let renamed = User { username: parse("lovelace"), ..first.clone() };
        assert_eq!(ok(storage.update_user(&renamed)), Write::Taken(Unique::ExternalId));
        assert_eq!(ok(storage.user(&UserRef::Id(1))), Some(deleted.clone()), "nothing was written");
        assert_eq!(ok(storage.user(&renamed.name_ref())), None, "nothing was written");
        assert_eq!(ok(storage.put_permit(&Permit::new(3, 1001))), Write::Done);
        assert_eq!(ok(storage.update_user(&renamed)), Write::Done, "the heir let go of it");
        assert_eq!(ok(storage.user_by_external_id(1001, &seven)), Some(renamed.clone()));
    });
}

fn groups_join_users_and_apps<F: Fixture>(fixture: &mut F) {
    let [first, second] = [(1, "staff"), (2, "Gäste")].map(|(id, name)| sample_group(TENANT, id, name));
    fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        assert_eq!(ok(storage.insert_group(&second)), Write::Done);
        assert_eq!(ok(storage.insert_group(&first)), Write::Done);
        let again = sample_group(TENANT, 3, "staff");
        assert_eq!(ok(storage.insert_group(&again)), Write::Taken(Unique::Name));
        assert_eq!(ok(storage.groups()), [first.clone(), second.clone()]);
        assert_eq!(ok(storage.group(&GroupRef::Id(2))), Some(second.clone()));
        assert_eq!(ok(storage.group(&parse("staff"))), Some(first.clone()));
        assert_eq!(ok(storage.group(&parse("Staff"))), None);
        assert_eq!(ok(storage.group(&GroupRef::Id(3))), None);
        let taken = Group { name: first.name.clone(), ..second.clone() };
        assert_eq!(ok(storage.rename_group(&taken)), Write::Taken(Unique::Name));
        let renamed = Group { name: parse("guests"), ..second.clone() };
        assert_eq!(ok(storage.rename_group(&renamed)), Write::Done);
        assert_eq!(ok(storage.rename_group(&renamed)), Write::Done, "it may have the name that it has");
        assert_eq!(ok(storage.groups()), [first.clone(), renamed]);
        assert_eq!(ok(storage.group(&parse("Gäste"))), None);
        assert_eq!(ok(storage.rename_group(&second)), Write::Done);

        assert!(ok(storage.add_member(2, 1)));
        assert!(ok(storage.add_member(1, 1)));
        assert!(!ok(storage.add_member(1, 1)), "already in it");
        assert!(ok(storage.add_member(2, 2)));
        assert!(ok(storage.allow_app(1, 1001)));
        assert!(!ok(storage.allow_app(1, 1001)), "already allowed");
        assert!(ok(storage.allow_app(1, 1002)));
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.groups_of_user(1)), [1, 2]);
        assert_eq!(ok(storage.groups_of_user(2)), [2]);
        assert_eq!(ok(storage.groups_of_app(1001)), [1]);
        let mut shares = |user_id, app_id| ok(storage.shares_group(user_id, app_id));
        assert!(shares(1, 1001) && shares(1, 1002));
        assert!(!shares(2, 1001), "in a group, but in none that is allowed");
        assert!(!shares(3, 1001) && !shares(1, 1003));
        assert!(ok(storage.disallow_app(1, 1001)));
        assert!(!ok(storage.disallow_app(1, 1001)), "not allowed any more");
        assert!(!ok(storage.shares_group(1, 1001)));
        assert!(ok(storage.shares_group(1, 1002)));
        assert!(ok(storage.remove_member(1, 1)));
        assert!(!ok(storage.remove_member(1, 1)), "not in it any more");
        assert!(!ok(storage.shares_group(1, 1002)));
        assert_eq!(ok(storage.groups_of_user(1)), [2]);
    });
}

fn tenants_do_not_meet<F: Fixture>(fixture: &mut F) {
    for tenant_id in [TENANT, OTHER_TENANT] {
        // The same ids and names in both.
        fixture.transact(tenant_id, |storage| {
            set_up(storage, tenant_id);
            assert_eq!(ok(storage.insert_group(&sample_group(tenant_id, 1, "staff"))), Write::Done);
        });
    }
    fixture.transact(TENANT, |storage| {
        let permit = Permit { external_id: Some(parse("7")), ..Permit::new(1, 1001) };
        assert_eq!(ok(storage.put_permit(&permit)), Write::Done);
        assert!(ok(storage.add_member(1, 1)) && ok(storage.allow_app(1, 1001)));
        let deleted = User { deleted_at_us: Some(5), ..sample_user(TENANT, 2, None, "user-2") };
        assert_eq!(ok(storage.update_user(&deleted)), Write::Done);
    });
    fixture.transact(OTHER_TENANT, |storage| {
        let users = UserPage { after_id: 0, limit: 10, linked_to: None, with_deleted: true };
        let own = [1, 2].map(|id| sample_user(OTHER_TENANT, id, None, &format!("user-{id}")));
        assert_eq!(ok(storage.users(users)), own);
        assert_eq!(ok(storage.users(UserPage { linked_to: Some(1001), ..users })), []);
        assert_eq!(ok(storage.apps()), [1001, 1002].map(|id| sample_app(OTHER_TENANT, id)));
        assert_eq!(ok(storage.user(&UserRef::Uuid(sample_user(TENANT, 1, None, "x").uuid))), None);
        assert_eq!(ok(storage.app(AppRef::Uuid(sample_app(TENANT, 1001).uuid))), None);
        assert_eq!(ok(storage.permit(1, 1001)), None);
        assert_eq!(ok(storage.permits(1)), []);
        assert_eq!(ok(storage.user_by_external_id(1001, &parse("7"))), None);
        assert_eq!(ok(storage.groups()), [sample_group(OTHER_TENANT, 1, "staff")]);
        assert_eq!(ok(storage.groups_of_user(1)), [0; 0]);
        assert_eq!(ok(storage.groups_of_app(1001)), [0; 0]);
        assert!(!ok(storage.shares_group(1, 1001)));
        assert!(!ok(storage.remove_member(1, 1)) && !ok(storage.disallow_app(1, 1001)));
    });
    fixture.transact(TENANT, |storage| assert!(ok(storage.shares_group(1, 1001))));
}

fn decisions_hold<F: Fixture>(fixture: &mut F) {
    let new = |id, username: &str| NewUser {
        id,
        uuid: uuid_of(TENANT, id),
        tenant_id: TENANT,
        directory: None,
        username: parse(username),
        email: None,
        display_name: None,
        role: Role::default(),
    };
    let link = |external_id: &str| Link { app_id: 1001, external_id: Some(parse(external_id)) };
    let ada = fixture.transact(TENANT, |storage| {
        set_up(storage, TENANT);
        ok(create_user(storage, new(11, "ada"), Some(link("7")), 50))
    });
    fixture.transact(TENANT, |storage| {
        assert_eq!(ok(storage.user(&UserRef::Id(11))), Some(ada.clone()));
        assert_eq!(refusal(create_user(storage, new(12, "ada"), None, 51)), Some(Refused::NameTaken));

        let known_as = |text: &str| PermitChange { external_id: Some(parse(text)), ..PermitChange::default() };
        let uuid = format!("{}", ada.uuid);
        for text in [uuid.clone(), uuid.to_uppercase()] {
            let refused = refusal(permit_user(storage, &ada, 1002, known_as(&text)));
            assert_eq!(refused, Some(Refused::ExternalIdIsUserId), "{text}");
        }
        let nobody = format!("{}", Uuid::from_u128(0xff));
        assert_eq!(refusal(permit_user(storage, &ada, 1002, known_as(&nobody))), None);
        for (app_id, text, expected) in [
            (1001, &*uuid, Some(11)),
            (1001, "7", Some(11)),
            (1002, "7", None),
            (1002, &*nobody, Some(11)),
            (1001, "", None),
        ] {
            let found = ok(user_by_api_id(storage, app_id, text)).map(|user| user.id);
            assert_eq!(found, expected, "{text:?} in app {app_id}");
        }

        let deleted = ok(delete_user(storage, &ada, 60));
        assert_eq!((deleted.deleted_at_us, deleted.updated_at_us), (Some(60), 60));
        assert_eq!(refusal(delete_user(storage, &deleted, 61)), Some(Refused::Deleted));
        assert_eq!(refusal(change_user(storage, &deleted, UserChange::default(), 61)), Some(Refused::Deleted));
        let change = PermitChange::default();
        assert_eq!(refusal(permit_user(storage, &deleted, 1001, change)), Some(Refused::Deleted));
        for text in [&*uuid, "7"] {
            assert_eq!(ok(user_by_api_id(storage, 1001, text)), None, "{text:?} is deleted");
        }

        let heir = ok(create_user(storage, new(12, "ada"), Some(link("7")), 70));
        assert_eq!(refusal(restore_user(storage, &deleted, 71)), Some(Refused::NameTaken));
        let change = UserChange { username: Some(parse("grace")), ..UserChange::default() };
        let heir = ok(change_user(storage, &heir, change, 72));
        assert_eq!(refusal(restore_user(storage, &deleted, 73)), Some(Refused::ExternalIdTaken));
        ok(delete_user(storage, &heir, 74));
        let restored = ok(restore_user(storage, &deleted, 75));
        assert_eq!(restored, User { updated_at_us: 75, ..ada.clone() });
        assert_eq!(refusal(restore_user(storage, &restored, 76)), Some(Refused::NotDeleted));
        assert_eq!(ok(user_by_api_id(storage, 1001, "7")), Some(restored));
    });
}

/// Apps 1001 and 1002, users 1 and 2.
fn set_up<S: Storage>(storage: &mut S, tenant_id: i64) {
    for id in [1001, 1002] {
        ok(storage.insert_app(&sample_app(tenant_id, id)));
    }
    for id in [1, 2] {
        let user = sample_user(tenant_id, id, None, &format!("user-{id}"));
        assert_eq!(ok(storage.insert_user(&user)), Write::Done);
    }
}

fn sample_app(tenant_id: i64, id: i64) -> App {
    App {
        id,
        uuid: uuid_of(tenant_id, id),
        tenant_id,
        name: parse("App"),
        api_key: format!("key-{tenant_id}-{id}"),
        scopes: parse("manage_users"),
        disabled: false,
        settings: AppSettings::default(),
        created_at_us: 1_700_000_000_000_000,
    }
}

fn sample_user(tenant_id: i64, id: i64, directory: Option<&str>, username: &str) -> User {
    let new = NewUser {
        id,
        uuid: uuid_of(tenant_id, id),
        tenant_id,
        directory: directory.map(parse),
        username: parse(username),
        email: None,
        display_name: None,
        role: Role::default(),
    };
    new.into_user(1_700_000_000_000_001)
}

fn sample_group(tenant_id: i64, id: i64, name: &str) -> Group {
    Group { id, tenant_id, name: parse(name), created_at_us: 1_700_000_000_000_002 }
}

/// Different in every tenant, as random ones would be.
fn uuid_of(tenant_id: i64, id: i64) -> Uuid {
    Uuid::from_u64_pair(0x0190_0000_0000_7000 ^ tenant_id.unsigned_abs(), 0x8000_0000_0000_0000 ^ id.unsigned_abs())
}

fn refusal<T: Debug, E: Debug>(result: Result<T, Failure<E>>) -> Option<Refused> {
    match result {
        Err(Failure::Refused(refused)) => Some(refused),
        other => {
            ok(other);
            None
        }
    }
}

fn parse<T: core::str::FromStr<Err: Debug>>(text: &str) -> T {
    ok(text.parse())
}

#[expect(clippy::panic, reason = "the suite fails as a test does")]
fn ok<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the storage failed: {error:?}"),
    }
}
