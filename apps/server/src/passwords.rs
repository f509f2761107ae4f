//! Passwords of console logins: which are taken, and how they are kept.
//!
//! Argon2id (RFC 9106) as OWASP recommends it: 19 MiB, two passes, one lane. A guess costs what the server can afford a few
//! times a second; so only so many are worked at at once, on threads that may block.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::{ApiError, Code};
use crate::system;

/// Characters that a password has at least, and bytes at most.
pub(crate) const SHORTEST: usize = 12;
const LONGEST_BYTES: usize = 1024;
/// How many are worked at at once: 19 MiB each.
const AT_ONCE: usize = 4;
/// How many may wait for that; one more is answered 503.
const WAITING: usize = 64;
/// What is compared with where there is no such login, so that it takes as long: made of random bytes by the same
/// parameters, and of no password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$gZ8mZ3m1qk4w0v8n3xq5Vw$mW8v7bqk1yQ0pXW2mJ5l3i8H0aN4c6R9sTzUuEoYdKg";

/// Why a text is no password that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("must have {SHORTEST} characters or more")]
    Short,
    #[error("must have {LONGEST_BYTES} bytes or fewer")]
    Long,
    #[error("must be another than the e-mail address")]
    IsEmail,
    #[error("must not be one character again and again")]
    OneCharacter,
}

/// Refuses what anybody would guess. Nothing is asked of its characters: long is what counts (NIST SP 800-63B §3.1.1).
pub(crate) fn check(password: &str, email: &str) -> Result<(), Unfit> {
    let first = password.chars().next();
    if password.chars().count() < SHORTEST {
        return Err(Unfit::Short);
    }
    if password.len() > LONGEST_BYTES {
        return Err(Unfit::Long);
    }
    if password.trim().eq_ignore_ascii_case(email) {
        return Err(Unfit::IsEmail);
    }
    if password.chars().all(|letter| Some(letter) == first) { Err(Unfit::OneCharacter) } else { Ok(()) }
}

/// What is kept of a password.
pub(crate) fn hash(password: &str) -> Result<String, ApiError> {
    let hashed = hasher().hash_password_with_salt(password.as_bytes(), &system::random::<16>());
    hashed.map(|hash: PasswordHash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Code::Internal.into()
    })
}

/// A password for whoever gave none: 100 random bits, in groups that are easy to read.
pub(crate) fn generate() -> Zeroizing<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = Zeroizing::new(system::random::<20>());
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map_or('a', char::from);
    let groups = random.chunks(5).map(|group| group.iter().map(letter).collect::<String>());
    Zeroizing::new(groups.collect::<Vec<_>>().join("-"))
}

/// Whether it is the password that was hashed; with none to compare with it takes as long, and is not.
fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = PasswordHash::new(hash.unwrap_or(NOBODY));
    let is_it = known.is_ok_and(|known| hasher().verify_password(password.as_bytes(), &known).is_ok());
    is_it && hash.is_some()
}

/// The parameters are those of [`Params::DEFAULT`], which a test holds to OWASP's.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// Where the server works at passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    waiting: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING)), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Whether it is the password of this hash; none: there is no such login.
    pub(crate) async fn verify(&self, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, ApiError> {
        self.work(move || verify(&password, hash.as_deref())).await
    }

    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, ApiError> {
        self.work(move || hash(&password)).await?
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Code::Unavailable)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Code::Unavailable)?;
        // Whoever goes away meanwhile has the place until the work is done.
        let worked = actix_web::web::block(move || {
            let _place = place;
            work()
        });
        worked.await.map_err(|_| Code::Unavailable.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_those_that_owasp_recommends() {
        let kept = hash("correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash("correct horse battery").unwrap(), "the salt is another");
    }

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let kept = hash("correct horse battery").unwrap();
        assert!(verify("correct horse battery", Some(&kept)));
        assert!(!verify("correct horse batterx", Some(&kept)));
        assert!(!verify("correct horse battery", Some("not a hash")));
        assert!(!verify("", None));
    }

    #[test]
    fn nobodys_hash_takes_the_same_work() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let own = hash("correct horse battery").unwrap();
        let own = PasswordHash::new(&own).unwrap();
        assert_eq!((nobody.algorithm, nobody.version, &nobody.params), (own.algorithm, own.version, &own.params));
        let length = |hash: &PasswordHash| hash.hash.map(|output| output.len());
        assert_eq!(length(&nobody), length(&own));
    }

    #[test]
    fn what_anybody_would_guess_is_refused() {
        let email = "ada.lovelace@example.com";
        for (password, fault) in [
            ("elevenchars", Some(Unfit::Short)),
            ("twelve chars", None),
            ("zwölf Zeichn", None),
            ("Ada.Lovelace@example.com", Some(Unfit::IsEmail)),
            ("aaaaaaaaaaaaaaaa", Some(Unfit::OneCharacter)),
            (&"ab".repeat(512), None),
            (&"ab".repeat(513), Some(Unfit::Long)),
        ] {
            assert_eq!(check(password, email).err(), fault, "{password}");
        }
        let made = generate();
        assert!(check(&made, email).is_ok() && made.len() == 23, "{}", *made);
        assert_ne!(*made, *generate());
    }
}
