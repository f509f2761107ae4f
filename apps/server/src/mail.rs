//! Mail: what is written, and how it is sent.

use std::time::Duration;

use anyhow::Context as _;
use askama::Template;
use lettre::message::{Mailbox, MultiPart};
use lettre::{Message, SmtpTransport, Transport as _};
use osaycore_directory::Email;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// How long a mail server may take with each of its answers.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A mail, as it is kept until it is sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Mail {
    to: String,
    subject: String,
    text: String,
    html: String,
}

/// What the mail of an enrolment says.
pub(crate) struct Invitation<'a> {
    /// Whose accounts it is about.
    pub(crate) issuer: &'a str,
    /// How the user is addressed.
    pub(crate) name: &'a str,
    pub(crate) username: &'a str,
    pub(crate) link: &'a str,
}

#[derive(Template)]
#[template(path = "invitation.txt")]
struct Text<'a> {
    invitation: &'a Invitation<'a>,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Html<'a> {
    invitation: &'a Invitation<'a>,
}

/// The mail that asks a user to enrol.
pub(crate) fn invitation(to: &Email, invitation: &Invitation<'_>) -> Result<Mail, askama::Error> {
    Ok(Mail {
        to: to.as_str().to_owned(),
        subject: format!("Set up your second factor for {}", invitation.issuer),
        text: Text { invitation }.render()?,
        html: Html { invitation }.render()?,
    })
}

/// The way to the mail server.
pub(crate) struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
}

impl Mailer {
    /// The mailer of the configuration, if it names a mail server.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.smtp_url else { return Ok(None) };
        let wrong = "--smtp-url: use smtp://[user:password@]host[:port] (STARTTLS where the server has it; \
                     ?tls=required insists) or smtps://…";
        let mut url: url::Url = url.parse().context(wrong)?;
        if url.scheme() == "smtp" && url.query().is_none() {
            url.set_query(Some("tls=opportunistic"));
        }
        // The default of that is the port for submissions, which relays do not listen on.
        if url.scheme() == "smtp" && url.port().is_none() && url.password().is_none() {
            let _ = url.set_port(Some(25));
        }
        let transport = SmtpTransport::from_url(url.as_str()).map_err(|_| anyhow::anyhow!(wrong))?;
        let from = match &config.mail_from {
            Some(from) => from.clone(),
            None => format!("OsayCore <no-reply@{}>", sender_domain(config)),
        };
        let from = from.parse().context("--mail-from: use name@example.com or Name <name@example.com>")?;
        Ok(Some(Self { transport: transport.timeout(Some(TIMEOUT)).build(), from }))
    }

    /// Hands a mail to the mail server; → once that has accepted it.
    pub(crate) fn send(&self, mail: Mail) -> anyhow::Result<()> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.parse()?)
            .subject(mail.subject)
            .message_id(None)
            .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))?;
        self.transport.send(&message)?;
        Ok(())
    }
}

/// The host that people know the server by.
fn sender_domain(config: &Config) -> String {
    let host = config.public_url.as_deref().and_then(|url| url.parse::<url::Url>().ok()?.domain().map(str::to_owned));
    host.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_is_called_stays_text() {
        let mail = invitation(
            &"ada@example.com".parse().unwrap(),
            &Invitation {
                issuer: "A & B",
                name: "<b>Ada</b>",
                username: "ada",
                link: "https://osaycore.example/enroll/1/abc",
            },
        )
        .unwrap();
        assert_eq!(mail.subject, "Set up your second factor for A & B");
        assert!(mail.text.contains("<b>Ada</b>") && mail.text.contains("https://osaycore.example/enroll/1/abc"));
        assert!(!mail.html.contains("<b>Ada</b>") && mail.html.contains("https://osaycore.example/enroll/1/abc"));
    }
}
