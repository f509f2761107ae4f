//! An authenticator app: scans the QR code and shows codes, by programs that others wrote.

use tempfile::TempDir;

use super::programs::{output, program};

/// What the app keeps of an `otpauth://totp/…` URI; what the URI leaves out is as the apps take it.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator {
    pub(crate) uri: String,
    /// Base32.
    pub(crate) secret: String,
    pub(crate) digits: u32,
    pub(crate) period_s: u32,
    /// As oathtool calls it: `sha1`, `sha256`, `sha512`.
    pub(crate) algorithm: String,
}

impl Authenticator {
    /// Of a PNG image with the QR code.
    #[expect(dead_code, reason = "for the enrolment page, which is not there yet")]
    #[track_caller]
    pub(crate) fn scan(png: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let image = folder.path().join("qr.png");
        std::fs::write(&image, png).unwrap();
        let mut command = program("zbarimg");
        command.args(["--raw", "-q"]).arg(&image);
        Self::of(&output(command))
    }

    #[track_caller]
    pub(crate) fn of(uri: &str) -> Self {
        let Some(rest) = uri.strip_prefix("otpauth://totp/") else { panic!("not a URI of TOTP: {uri:?}") };
        let parameters = rest.split_once('?').unwrap_or_default().1;
        let parameter = |name: &str| {
            let mut named = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
            named.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let number = |name, usual| parameter(name).map_or(usual, |text| text.parse().unwrap());
        Self {
            uri: uri.to_owned(),
            secret: parameter("secret").unwrap_or_else(|| panic!("no secret in {uri:?}")).to_owned(),
            digits: number("digits", 6),
            period_s: number("period", 30),
            algorithm: parameter("algorithm").unwrap_or("SHA1").to_lowercase(),
        }
    }

    /// The code at that Unix second.
    #[track_caller]
    pub(crate) fn code_at(&self, now_s: i64) -> String {
        let mut command = program("oathtool");
        command.args(["-b", &format!("--totp={}", self.algorithm), &format!("--digits={}", self.digits)]);
        command.args([&format!("--time-step-size={}s", self.period_s), &format!("--now=@{now_s}"), &self.secret]);
        output(command)
    }
}
