//! Who a provider's login is: the decision over all of its inputs, and what is kept of a login.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use osaycore_directory::{
    App, AppScopes, AppSettings, Arrival, Email, Failure, Flaw, Identity, Login, NewUser, Newcomer, Outcome,
    ParseError, Profile, ProviderName, Refused, Role, SignedIn, Storage, Subject, User, UserChange, UserRef,
    UserStatus, arrive, change_user,
    memory::{Error, Memory},
    sign_in,
};
use uuid::Uuid;

const ADDRESS: &str = "ada@example.com";
const APP: i64 = 1001;

fn user(id: i64) -> User {
    let new = NewUser {
        id,
        uuid: Uuid::from_u128(id.unsigned_abs().into()),
        tenant_id: 1,
        directory: None,
        username: format!("user-{id}").parse().unwrap(),
        email: Some("Ada@Example.com".parse().unwrap()),
        display_name: None,
        role: Role::default(),
    };
    User { email_verified: true, ..new.into_user(1) }
}

/// Active, deleted, and the two ways not to be active.
fn states(id: i64) -> [User; 4] {
    [
        user(id),
        User { deleted_at_us: Some(1), status: UserStatus::Disabled, ..user(id) },
        User { status: UserStatus::Suspended, ..user(id) },
        User { status: UserStatus::Disabled, ..user(id) },
    ]
}

fn refusal_of(user: &User) -> Option<Refused> {
    match (user.deleted_at_us, user.status) {
        (Some(_), _) => Some(Refused::Deleted),
        (None, UserStatus::Active) => None,
        (None, _) => Some(Refused::Inactive),
    }
}

fn profile(email: Option<&str>, email_verified: bool) -> Profile {
    Profile { email: email.map(|email| email.parse().unwrap()), email_verified, ..Profile::default() }
}

/// Known or not × linking or not, the same or another × the profile × who has the address, in every state.
#[test]
fn who_a_login_is() {
    let none_and = |users: [User; 4]| users.into_iter().map(Some).chain([None]).collect::<Vec<_>>();
    let profiles =
        [profile(Some(ADDRESS), true), profile(Some(ADDRESS), false), profile(None, true), profile(None, false)];
    let unverified = User { email_verified: false, ..user(5) };
    let other_address = User { email: Some("bob@example.com".parse().unwrap()), ..user(6) };
    let without = User { email: None, ..user(7) };
    let mut holders: Vec<Vec<User>> = states(3).map(|user| vec![user]).into();
    holders.extend(states(4).map(|second| vec![user(3), second]));
    holders.extend([vec![], vec![unverified.clone()], vec![other_address], vec![without]]);
    holders.push(vec![unverified, user(3)]);
    let mut tried = 0;
    for known in &none_and(states(1)) {
        for linking in none_and(states(1)).iter().chain(&none_and(states(2))) {
            for profile in &profiles {
                for holders in &holders {
                    let with_address: Vec<&User> = holders
                        .iter()
                        .filter(|user| user.email_verified && user.deleted_at_us.is_none())
                        .filter(|user| user.email.as_ref().is_some_and(|it| it.as_str() == "Ada@Example.com"))
                        .collect();
                    let by_email = match with_address[..] {
                        [only] if profile.email.is_some() && profile.email_verified => Some(only),
                        _ => None,
                    };
                    let expected = match (known, linking, by_email) {
                        (Some(known), Some(linking), _) if known.id != linking.id => Err(Refused::IdentityTaken),
                        (Some(known), ..) => refusal_of(known).map_or(Ok(Arrival::SignsIn(known)), Err),
                        (None, Some(user), _) | (None, None, Some(user)) => {
                            refusal_of(user).map_or(Ok(Arrival::Links(user)), Err)
                        }
                        (None, None, None) => Ok(Arrival::Creates),
                    };
                    let arrival = arrive(known.as_ref(), linking.as_ref(), profile, holders);
                    assert_eq!(arrival, expected, "{known:?} {linking:?} {profile:?} {holders:?}");
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 5 * 10 * 4 * 13);
}

#[test]
fn an_unverified_account_is_neither_given_nor_taken() {
    let unverified = [User { email_verified: false, ..user(3) }];
    let [verified, claimed] = [true, false].map(|verified| profile(Some(ADDRESS), verified));
    assert_eq!(arrive(None, None, &verified, &unverified), Ok(Arrival::Creates));
    assert_eq!(arrive(None, None, &claimed, &[user(3)]), Ok(Arrival::Creates));
    assert_eq!(arrive(None, None, &claimed, &unverified), Ok(Arrival::Creates));
    assert_eq!(arrive(None, None, &verified, &[user(3), user(4)]), Ok(Arrival::Creates), "two have it: nobody");
}

/// A directory with the app, and the logins that come to it.
struct Directory {
    storage: Memory,
    next_id: i64,
    now_us: i64,
}

impl Directory {
    fn new() -> Self {
        let mut storage = Memory::new(1);
        let app = App {
            id: APP,
            uuid: Uuid::from_u128(0xa),
            tenant_id: 1,
            name: "App".parse().unwrap(),
            api_key: "key".to_owned(),
            scopes: AppScopes::default(),
            disabled: false,
            settings: AppSettings::default(),
            created_at_us: 0,
        };
        storage.insert_app(&app).unwrap();
        Self { storage, next_id: 101, now_us: 10 }
    }

    fn with(user: &User) -> Self {
        let mut directory = Self::new();
        assert_eq!(directory.storage.insert_user(user), Ok(osaycore_directory::Write::Done));
        directory
    }

    fn try_login(
        &mut self,
        (provider, subject): (&str, &str),
        profile: Profile,
        linking: Option<i64>,
    ) -> Result<SignedIn, Failure<Error>> {
        let login = Login {
            provider: provider.parse().unwrap(),
            issuer: ISSUER.parse().unwrap(),
            subject: subject.parse().unwrap(),
            profile,
        };
        let (id, next_id) = (self.next_id, &mut self.next_id);
        let draw = |_: &mut Memory| {
            *next_id += 1;
            Ok(Newcomer { id, uuid: Uuid::from_u128(id.unsigned_abs().into()), tenant_id: 1 })
        };
        self.now_us += 1;
        sign_in(&mut self.storage, &login, linking, draw, APP, self.now_us)
    }

    fn login(&mut self, who: (&str, &str), profile: Profile) -> SignedIn {
        self.try_login(who, profile, None).unwrap()
    }
}

fn ada() -> Profile {
    Profile {
        display_name: Some("Ada".parse().unwrap()),
        avatar_url: Some("https://example.com/ada.png".parse().unwrap()),
        ..profile(Some(ADDRESS), true)
    }
}

fn email(text: &str) -> Option<Email> {
    text.parse().ok()
}

const ISSUER: &str = "https://idp.example";
const HERS: (&str, &str) = ("google", "1");

#[test]
fn a_new_user_has_what_the_provider_says() {
    let mut directory = Directory::new();
    let SignedIn { user, before, is_new_in_app, identity, outcome } = directory.login(HERS, ada());
    assert_eq!((outcome, before, is_new_in_app), (Outcome::Created, None, true));
    assert_eq!((user.id, user.username.as_str(), user.role.as_str()), (101, ADDRESS, "basic"));
    assert_eq!((&user.email, user.email_verified), (&email(ADDRESS), true));
    assert_eq!((&user.display_name, &user.avatar_url), (&ada().display_name, &ada().avatar_url));
    let kept = Identity {
        provider: "google".parse().unwrap(),
        issuer: ISSUER.parse().unwrap(),
        subject: "1".parse().unwrap(),
        user_id: 101,
        email: email(ADDRESS),
        is_source: true,
        created_at_us: 11,
        used_at_us: 11,
    };
    assert_eq!(identity, kept);
    assert!(directory.storage.permit(101, APP).unwrap().is_some(), "the link to the app");

    let again = directory.login(HERS, ada());
    assert_eq!((again.outcome, &again.user), (Outcome::SignedIn, &user), "nothing new, nothing written");
    assert_eq!((again.before, again.is_new_in_app), (Some(user), false));
    assert_eq!(again.identity, Identity { used_at_us: 12, ..kept });
    assert_eq!(directory.next_id, 102, "ids are drawn for new users alone");
}

#[test]
fn a_new_users_name_is_the_verified_address_or_free() {
    let named = |directory: &mut Directory, who, profile| directory.login(who, profile).user.username;
    // SHA-256 of "1" begins with 6b86b273ff34fce1.
    let mut directory = Directory::with(&User { username: ADDRESS.parse().unwrap(), email: None, ..user(1) });
    assert_eq!(named(&mut directory, HERS, ada()).as_str(), "google-6b86b273ff34", "another has the name");
    let mut directory = Directory::with(&User { directory: "staff".parse().ok(), ..user(1) });
    assert_eq!(named(&mut directory, HERS, profile(Some("b@example.com"), true)).as_str(), "b@example.com");
    let mut directory = Directory::with(&User { username: "google-6b86b273ff34".parse().unwrap(), ..user(1) });
    assert_eq!(named(&mut directory, HERS, profile(None, false)).as_str(), "google-6b86b273ff34fc", "one byte more");
    let mut directory = Directory::new();
    let claimed = directory.login(HERS, profile(Some(ADDRESS), false)).user;
    assert_eq!(claimed.username.as_str(), "google-6b86b273ff34", "nobody is found by an address that is not theirs");
    assert_eq!((claimed.email, claimed.email_verified), (email(ADDRESS), false));
}

#[test]
fn an_account_made_with_an_unverified_address_stays_apart() {
    let local = User { email_verified: false, ..user(1) };
    let mut directory = Directory::with(&local);
    let arrived = directory.login(HERS, ada());
    assert_eq!((arrived.outcome, arrived.user.id), (Outcome::Created, 101));
    assert_eq!(directory.storage.user(&UserRef::Id(1)).unwrap(), Some(local), "and as it was");
    assert_eq!(directory.storage.identities_of(1).unwrap(), []);
}

#[test]
fn a_login_is_linked_by_an_address_that_both_sides_have_verified() {
    let mut directory = Directory::with(&user(1));
    let linked = directory.login(HERS, ada());
    assert_eq!((linked.outcome, linked.user.id), (Outcome::Linked, 1));
    assert_eq!(linked.user.display_name, ada().display_name, "the profile was empty");
    assert!(linked.identity.is_source);
    let second = directory.login(("github", "7"), Profile { display_name: "A. L.".parse().ok(), ..ada() });
    assert_eq!((second.outcome, second.user.id, second.identity.is_source), (Outcome::Linked, 1, false));
    assert_eq!(second.user.display_name, ada().display_name, "one source");

    let named = User { display_name: "Countess".parse().ok(), ..user(1) };
    let mut directory = Directory::with(&named);
    let linked = directory.login(HERS, ada());
    assert!(!linked.identity.is_source, "a profile of one's own stays");
    assert_eq!((linked.user.display_name, linked.user.avatar_url), (named.display_name, None));
}

#[test]
fn a_link_that_is_asked_for_needs_no_address() {
    let local = User { email_verified: false, ..user(1) };
    let mut directory = Directory::with(&local);
    let linked = directory.try_login(HERS, profile(None, false), Some(1)).unwrap();
    assert_eq!((linked.outcome, linked.user.email_verified), (Outcome::Linked, false));
    assert_eq!(directory.try_login(HERS, ada(), Some(1)).unwrap().outcome, Outcome::SignedIn);
    assert!(directory.storage.user(&UserRef::Id(1)).unwrap().unwrap().email_verified, "the provider vouches for it");
    assert_eq!(directory.storage.insert_user(&user(2)), Ok(osaycore_directory::Write::Done));
    assert_eq!(directory.try_login(HERS, ada(), Some(2)), Err(Refused::IdentityTaken.into()));
    assert_eq!(directory.try_login(("github", "7"), ada(), Some(3)), Err(Refused::Deleted.into()), "nobody");
}

#[test]
fn a_profile_follows_its_source() {
    let mut directory = Directory::new();
    directory.login(HERS, ada());
    directory.login(("github", "7"), ada());
    let moved =
        |address, verified| Profile { display_name: "Ada King".parse().ok(), ..profile(Some(address), verified) };

    let user = directory.login(HERS, moved("ada@new.example", false)).user;
    assert_eq!(user.display_name, "Ada King".parse().ok());
    assert_eq!(user.avatar_url, ada().avatar_url, "what is not said stays");
    assert_eq!((&user.email, user.email_verified), (&email(ADDRESS), true), "nobody vouches for the new one");
    let user = directory.login(("github", "7"), Profile { display_name: None, ..moved("a@github.example", true) }).user;
    assert_eq!(user.email, email(ADDRESS), "not the source");
    let user = directory.login(HERS, moved("ada@new.example", true)).user;
    assert_eq!((&user.email, user.email_verified), (&email("ada@new.example"), true), "now somebody does");
    assert_eq!(user.username.as_str(), ADDRESS, "a name stays");

    let change = UserChange { email: email("own@example.com"), ..UserChange::default() };
    change_user(&mut directory.storage, &user, change, 90).unwrap();
    let user = directory.login(HERS, moved("ada@third.example", true)).user;
    assert_eq!((&user.email, user.email_verified), (&email("own@example.com"), false), "an address of one's own stays");
    let user = directory.login(("github", "7"), moved("OWN@example.com", true)).user;
    assert_eq!((&user.email, user.email_verified), (&email("own@example.com"), true), "any provider may vouch for it");
}

#[test]
fn a_user_without_an_address_gets_the_first_that_is_verified() {
    let mut directory = Directory::new();
    assert_eq!(directory.login(HERS, profile(None, false)).user.email, None);
    assert_eq!(directory.login(HERS, profile(Some(ADDRESS), false)).user.email, None);
    let user = directory.login(HERS, ada()).user;
    assert_eq!((user.email, user.email_verified), (email(ADDRESS), true));
}

#[test]
fn names_of_providers_and_subjects() {
    fn flaw<T: std::str::FromStr<Err = ParseError> + std::fmt::Debug>(text: &str) -> Result<(), Flaw> {
        text.parse::<T>().map(drop).map_err(|error| error.flaw)
    }
    for (text, expected) in [
        ("google", Ok(())),
        ("a_b-9", Ok(())),
        (&*"a".repeat(32), Ok(())),
        (&*"a".repeat(33), Err(Flaw::TooLong { max: 32 })),
        ("", Err(Flaw::Empty)),
        ("Google", Err(Flaw::Forbidden('G'))),
        ("a/b", Err(Flaw::Forbidden('/'))),
    ] {
        assert_eq!(flaw::<ProviderName>(text), expected, "{text}");
    }
    for (text, expected) in [
        ("248289761001", Ok(())),
        ("!~|\"", Ok(())),
        (&*"a".repeat(255), Ok(())),
        (&*"a".repeat(256), Err(Flaw::TooLong { max: 255 })),
        ("", Err(Flaw::Empty)),
        ("CN=Ada Lovelace", Ok(())),
        ("a\u{7f}", Err(Flaw::Forbidden('\u{7f}'))),
        ("é", Err(Flaw::Forbidden('é'))),
    ] {
        assert_eq!(flaw::<Subject>(text), expected, "{text}");
    }
}
