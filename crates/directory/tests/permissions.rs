//! Effective permissions, the order of refusals, and changes of users and permits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use osaycore_directory::{
    App, AppScopes, AppSettings, Custom, Denied, Failure, NewUser, Permit, PermitChange, Rate, Refused, Role, Scopes,
    Storage as _, User, UserChange, UserRef, UserStatus, Write, edit_user, effective, may_deduct, memory::Memory,
    replace_permit,
};
use uuid::Uuid;

fn app(default_rate: Option<&str>, restricted: bool) -> App {
    App {
        id: 1001,
        uuid: Uuid::from_u128(1),
        tenant_id: 1,
        name: "App".parse().unwrap(),
        api_key: "key".to_owned(),
        scopes: AppScopes::default(),
        disabled: false,
        settings: AppSettings {
            default_credit_rate: default_rate.map(|rate| rate.parse().unwrap()),
            restrict_to_groups: restricted,
            ..AppSettings::default()
        },
        created_at_us: 0,
    }
}

fn user() -> User {
    NewUser {
        id: 1,
        uuid: Uuid::from_u128(2),
        tenant_id: 1,
        directory: Some("staff".parse().unwrap()),
        username: "ada".parse().unwrap(),
        email: Some("ada@example.com".parse().unwrap()),
        display_name: None,
        role: Role::default(),
    }
    .into_user(5)
}

#[test]
fn authorization_is_can_use_and_where_restricted_membership() {
    for (can_use, restricted, shares_group, expected) in [
        (None, false, false, true),
        (None, false, true, true),
        (None, true, false, false),
        (None, true, true, true),
        (Some(true), false, false, true),
        (Some(true), true, false, false),
        (Some(true), true, true, true),
        (Some(false), false, false, false),
        (Some(false), false, true, false),
        (Some(false), true, true, false),
    ] {
        let permit = can_use.map(|can_use| Permit { can_use, ..Permit::new(1, 1001) });
        let found = effective(&app(None, restricted), permit.as_ref(), shares_group);
        assert_eq!(found.is_authorized, expected, "{can_use:?} {restricted} {shares_group}");
        assert_eq!(found.can_use, can_use.unwrap_or(true), "groups do not change can_use");
    }
}

#[test]
fn rates_scopes_and_custom_fall_back() {
    for (own, of_app, expected) in [
        (None, None, "1.00"),
        (None, Some("0.25"), "0.25"),
        (Some("3"), None, "3.00"),
        (Some("3"), Some("0.25"), "3.00"),
    ] {
        let permit = Permit { credit_rate: own.map(|rate: &str| rate.parse().unwrap()), ..Permit::new(1, 1001) };
        let found = effective(&app(of_app, false), Some(&permit), false);
        assert_eq!(found.credit_rate.to_string(), expected);
    }
    let nothing = effective(&app(None, false), None, false);
    assert_eq!(nothing.scopes.to_string(), "read_profile deduct_credits");
    assert_eq!((nothing.credit_rate, nothing.custom.as_str()), (Rate::ONE, "{}"));
    let bare = effective(&app(None, false), Some(&Permit::new(1, 1001)), false);
    assert_eq!(bare, nothing, "a bare link changes nothing");
    let permit =
        Permit { scopes: Some(Scopes::default()), custom: r#"{"seats":3}"#.parse().unwrap(), ..Permit::new(1, 1001) };
    let found = effective(&app(None, false), Some(&permit), false);
    assert!(found.scopes.is_empty(), "an empty set is not the default");
    assert_eq!(found.custom.as_str(), r#"{"seats":3}"#);
}

#[test]
fn the_first_reason_against_a_deduction_counts() {
    for (status, can_use, scopes, expected) in [
        (UserStatus::Active, true, None, Ok(())),
        (UserStatus::Active, true, Some("deduct_credits"), Ok(())),
        (UserStatus::Active, true, Some("read_profile"), Err(Denied::ScopeMissing)),
        (UserStatus::Active, true, Some(""), Err(Denied::ScopeMissing)),
        (UserStatus::Active, false, Some(""), Err(Denied::NotPermitted)),
        (UserStatus::Disabled, false, Some(""), Err(Denied::UserInactive)),
        (UserStatus::Suspended, true, None, Err(Denied::UserInactive)),
    ] {
        let scopes = scopes.map(|text: &str| text.parse().unwrap());
        let permit = Permit { can_use, scopes, ..Permit::new(1, 1001) };
        // Restricted and in no group: reported, but no reason against a deduction.
        let found = effective(&app(None, true), Some(&permit), false);
        assert_eq!(may_deduct(status, &found), expected);
    }
    let codes = [Denied::UserInactive, Denied::NotPermitted, Denied::ScopeMissing].map(Denied::code);
    assert_eq!(codes, ["user_inactive", "not_permitted", "scope_missing"]);
}

#[test]
fn a_permit_change_sets_what_it_names() {
    let full = PermitChange {
        external_id: Some("7".parse().unwrap()),
        can_use: Some(false),
        credit_rate: Some("2".parse().unwrap()),
        scopes: Some("a b".parse().unwrap()),
        custom: Some(r#"{"x":1}"#.parse().unwrap()),
    };
    let permit = Permit::new(1, 1001).changed(full.clone());
    assert_eq!(
        permit,
        Permit {
            user_id: 1,
            app_id: 1001,
            external_id: full.external_id,
            can_use: false,
            credit_rate: full.credit_rate,
            scopes: full.scopes,
            custom: full.custom.unwrap(),
        }
    );
    assert_eq!(permit.clone().changed(PermitChange::default()), permit);
    let emptied = PermitChange { scopes: Some(Scopes::default()), ..PermitChange::default() };
    assert_eq!(permit.clone().changed(emptied), Permit { scopes: Some(Scopes::default()), ..permit.clone() });
    let cleared = PermitChange { custom: Some(Custom::default()), can_use: Some(true), ..PermitChange::default() };
    assert_eq!(permit.clone().changed(cleared), Permit { can_use: true, custom: Custom::default(), ..permit });
}

#[test]
fn a_user_change_sets_what_it_names() {
    let user = User { email_verified: true, ..user() };
    let nothing = user.changed(UserChange::default(), 9);
    assert_eq!(nothing, User { updated_at_us: 9, ..user.clone() });
    let change = UserChange {
        username: Some("countess".parse().unwrap()),
        email: None,
        email_verified: None,
        display_name: Some("Ada L.".parse().unwrap()),
        avatar_url: Some("https://example.com/a.png".parse().unwrap()),
        role: Some("admin".parse().unwrap()),
        status: Some(UserStatus::Disabled),
        bypass_otp: Some(true),
    };
    let expected = User {
        username: "countess".parse().unwrap(),
        display_name: change.display_name.clone(),
        avatar_url: change.avatar_url.clone(),
        role: "admin".parse().unwrap(),
        status: UserStatus::Disabled,
        bypass_otp: true,
        updated_at_us: 9,
        ..user.clone()
    };
    assert_eq!(user.changed(change, 9), expected);
}

#[test]
fn a_new_address_is_not_verified() {
    for (was, email, word, expected) in [
        (true, None, None, true),
        (true, Some("ada@example.com"), None, true),
        (true, Some("other@example.com"), None, false),
        (true, Some("other@example.com"), Some(true), true),
        (false, Some("ada@example.com"), None, false),
        (false, None, Some(true), true),
        (true, None, Some(false), false),
    ] {
        let change = UserChange {
            email: email.map(|email| email.parse().unwrap()),
            email_verified: word,
            ..UserChange::default()
        };
        let changed = User { email_verified: was, ..user() }.changed(change, 9);
        assert_eq!(changed.email_verified, expected, "{was} {email:?} {word:?}");
        assert_eq!(changed.email.unwrap().as_str(), email.unwrap_or("ada@example.com"));
    }
}

/// A tenant with an app and a user.
fn memory() -> Memory {
    let mut memory = Memory::new(1);
    memory.insert_app(&app(None, false)).unwrap();
    assert_eq!(memory.insert_user(&user()).unwrap(), Write::Done);
    memory
}

#[test]
fn an_edit_takes_values_away_and_keeps_what_never_changes() {
    let mut memory = memory();
    let user = edit_user(&mut memory, &user(), User { email_verified: true, ..user() }, 6).unwrap();
    let edited = User {
        id: 9,
        uuid: Uuid::from_u128(9),
        tenant_id: 9,
        directory: None,
        created_at_us: 9,
        deleted_at_us: Some(9),
        updated_at_us: 9,
        email: None,
        email_verified: false,
        status: UserStatus::Suspended,
        ..user.clone()
    };
    let expected =
        User { email: None, email_verified: false, status: UserStatus::Suspended, updated_at_us: 7, ..user.clone() };
    assert_eq!(edit_user(&mut memory, &user, edited, 7).unwrap(), expected);
    assert_eq!(memory.user(&UserRef::Id(1)).unwrap(), Some(expected.clone()));
    let deleted = User { deleted_at_us: Some(8), ..expected };
    assert_eq!(edit_user(&mut memory, &deleted, user, 9), Err(Failure::Refused(Refused::Deleted)));
}

#[test]
fn a_permit_is_replaced_as_a_whole() {
    let mut memory = memory();
    let other = User { id: 2, uuid: Uuid::from_u128(3), username: "bob".parse().unwrap(), ..user() };
    assert_eq!(memory.insert_user(&other).unwrap(), Write::Done);
    let full = Permit {
        external_id: Some("c1".parse().unwrap()),
        can_use: false,
        credit_rate: Some(Rate::ONE),
        scopes: Some(Scopes::default()),
        ..Permit::new(1, 1001)
    };
    // Whosever it says that it is.
    let replaced = replace_permit(&mut memory, &user(), Permit { user_id: 2, ..full.clone() }).unwrap();
    assert_eq!((&replaced, memory.permit(1, 1001).unwrap().as_ref()), (&full, Some(&full)));
    assert_eq!(memory.permit(2, 1001).unwrap(), None);
    let refused = |memory: &mut Memory, id: &str, user: &User| {
        let permit = Permit { external_id: Some(id.parse().unwrap()), ..Permit::new(user.id, 1001) };
        replace_permit(memory, user, permit).unwrap_err()
    };
    assert_eq!(refused(&mut memory, "c1", &other), Failure::Refused(Refused::ExternalIdTaken));
    let uuid = other.uuid.to_string();
    assert_eq!(refused(&mut memory, &uuid, &user()), Failure::Refused(Refused::ExternalIdIsUserId));
    let deleted = User { deleted_at_us: Some(8), ..user() };
    assert_eq!(refused(&mut memory, "c3", &deleted), Failure::Refused(Refused::Deleted));
    // An id that was given before a user came to have it as the UUID stays.
    let named = Permit { external_id: Some("00000000-0000-0000-0000-000000000007".parse().unwrap()), ..full };
    replace_permit(&mut memory, &user(), named.clone()).unwrap();
    let late = User { id: 7, uuid: Uuid::from_u128(7), username: "late".parse().unwrap(), ..user() };
    assert_eq!(memory.insert_user(&late).unwrap(), Write::Done);
    assert_eq!(replace_permit(&mut memory, &user(), named.clone()).unwrap(), named);
    let bare = Permit::new(1, 1001);
    assert_eq!(replace_permit(&mut memory, &user(), bare.clone()).unwrap(), bare);
}
