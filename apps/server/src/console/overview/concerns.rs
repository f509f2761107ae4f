//! What somebody should look at.

use crate::admin::flags;
use crate::console::names::{self, Names};
use crate::console::text::{When, count};
use crate::error::Failure;
use crate::store::apps::{self, SecretKind};
use crate::store::lists::Asked;
use crate::store::lists::users::{self, Users};
use crate::store::tx::Tx;
use crate::store::{admin_factors, outbox};

/// Secrets that end within this are told of.
const SOON_US: i64 = 7 * 24 * 3_600_000_000;
/// So many attempts at a mail are no accident.
const ATTEMPTS: i64 = 3;
/// So many of a kind are named.
const NAMED: usize = 5;

pub(super) struct Concern {
    pub(super) title: String,
    pub(super) text: String,
    /// Where it is put right, and what the link says.
    pub(super) link: Option<(String, &'static str)>,
}

impl Concern {
    fn new(title: impl Into<String>, text: impl Into<String>, link: Option<(&str, &'static str)>) -> Self {
        let link = link.map(|(path, label)| (path.to_owned(), label));
        Self { title: title.into(), text: text.into(), link }
    }
}

/// What the person and the tenant have.
pub(super) fn of_tenant(tx: &mut Tx<'_>, admin_id: i64, now_us: i64) -> Result<Vec<Concern>, Failure> {
    let mut concerns = Vec::new();
    if !admin_factors::is_in_force(tx, admin_id)? {
        let text = "Whoever learns it has everything that you have here.";
        let link = Some(("/console/profile", "Set up a second factor"));
        concerns.push(Concern::new("Your password alone signs you in", text, link));
    }
    concerns.extend(secrets(tx, now_us)?);
    concerns.extend(locked(tx, now_us)?);
    let flags = flags::wanting(tx, now_us)?;
    concerns.extend(unserved(&flags.unserved));
    concerns.extend(stale(&flags.stale));
    let failing = outbox::failing(tx, ATTEMPTS)?;
    if failing > 0 {
        let title = if failing == 1 {
            "A mail keeps failing".to_owned()
        } else {
            format!("{} mails keep failing", count(failing))
        };
        let text = "The mail server refuses them or is not reached, after three attempts and more. \
                    The log says why; they are tried again until they expire.";
        concerns.push(Concern::new(title, text, None));
    }
    Ok(concerns)
}

/// What the deployment has.
pub(super) fn of_deployment(public_url: &str) -> Option<Concern> {
    let text = "The public URL of this server begins with http: passwords and keys go over the network in the clear. \
                Put a proxy with TLS before it and set the public URL to the https one.";
    (!public_url.starts_with("https://")).then(|| Concern::new("No TLS", text, None))
}

/// Secrets that were replaced and whose grace ends.
fn secrets(tx: &mut Tx<'_>, now_us: i64) -> Result<Vec<Concern>, Failure> {
    let at_most = i64::try_from(NAMED).unwrap_or(i64::MAX);
    let ending = apps::ending(tx, now_us, now_us.saturating_add(SOON_US), at_most)?;
    let names = Names::of(tx, [])?;
    let concern = |(app_id, kind, at_us): (i64, SecretKind, i64)| {
        let what = match kind {
            SecretKind::Oasis => "application key",
            SecretKind::Signing => "secret",
        };
        Concern {
            title: format!("A replaced {what} of {} ends", names.app(app_id)),
            text: format!(
                "It is good until {}. Whatever still signs by it is refused from then on.",
                When(at_us).text()
            ),
            link: Some((format!("/console/apps/{app_id}"), "Look at the app's keys")),
        }
    };
    Ok(ending.into_iter().map(concern).collect())
}

/// Users whom wrong codes have locked out.
fn locked(tx: &mut Tx<'_>, now_us: i64) -> Result<Option<Concern>, Failure> {
    let meant = Users { locked_at_us: Some(now_us), ..Users::default() };
    let page = users::list(tx, &meant, &Asked { cursor: None, limit: u32::try_from(NAMED).unwrap_or(u32::MAX) })?;
    if page.items.is_empty() {
        return Ok(None);
    }
    let mut text = page.items.iter().map(names::name).collect::<Vec<_>>().join(", ");
    if page.next.is_some() {
        text.push_str(" and others");
    }
    text.push_str(": too many wrong codes of the second factor. The lock ends by itself, or you end it.");
    Ok(Some(Concern::new("Users are locked out", text, Some(("/console/users?locked=yes", "Look at who is locked")))))
}

/// Flags that this release does not take.
fn unserved(wrong: &[String]) -> Option<Concern> {
    let more = wrong.len().saturating_sub(NAMED);
    let named = wrong.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let others = if more > 0 { format!("; and {more} more") } else { String::new() };
    let text = format!(
        "They do not compile in this release, and whoever asks for them gets the default in the code. Edit or archive \
         them; one that cannot be read is applied or imported anew. {named}{others}"
    );
    let link = Some(("/console/flags", "Look at the flags"));
    (!wrong.is_empty()).then(|| Concern::new("Flags are not served", text, link))
}

/// Flags that decide nothing any more.
fn stale(keys: &[String]) -> Option<Concern> {
    let more = keys.len().saturating_sub(NAMED);
    let named = keys.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "{named}{others}: everybody gets the same, or their time is over. Take them out of the code, then archive them."
    );
    let link = Some(("/console/flags", "Look at the flags"));
    (!keys.is_empty()).then(|| Concern::new("Stale flags", text, link))
}
