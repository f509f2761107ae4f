//! The closed catalogues: what can happen, and which values an event can hold.

use alloc::string::String;

use serde::{Deserialize, Deserializer, de};

use crate::Error;

/// Writes an enum, its names and its way back from the same table, so that they cannot disagree.
macro_rules! catalogue {
    ($(#[$meta:meta])* $Catalogue:ident, $unknown:path; $($Variant:ident $name:literal $doc:literal)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $Catalogue { $(#[doc = $doc] $Variant,)+ }

        impl $Catalogue {
            /// Every member of the catalogue, in its order.
            pub const ALL: &[Self] = &[$(Self::$Variant),+];

            /// The name that is stored and shown; it never changes its meaning.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }

            /// The same for people: a short phrase in English, without a full stop.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$Variant => $doc),+ }
            }
        }

        impl core::str::FromStr for $Catalogue {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self, Error> {
                match name {
                    $($name => Ok(Self::$Variant),)+
                    _ => Err($unknown(name.into())),
                }
            }
        }

        impl core::fmt::Display for $Catalogue {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $Catalogue {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Owned: a borrowed `&str` would refuse a name that arrives from a reader.
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

catalogue! {
    /// What happened. Names are `subject.past_participle`; one is added here before it is written
    /// anywhere, and never taken away: old logs hold it.
    Action, Error::UnknownAction;

    TenantCreated "tenant.created" "Tenant created"
    TenantUpdated "tenant.updated" "Tenant changed"
    TenantApiKeyRotated "tenant.api_key_rotated" "API key of the tenant rotated"
    AppCreated "app.created" "App created"
    AppUpdated "app.updated" "Settings of the app changed"
    AppSecretRotated "app.secret_rotated" "Secret of the app rotated"
    AppEvalKeyCreated "app.eval_key_created" "Evaluation key of the app made"
    AppEvalKeyRemoved "app.eval_key_removed" "Evaluation key of the app removed"
    AppDisabled "app.disabled" "App disabled"
    AppEnabled "app.enabled" "App enabled"
    UserCreated "user.created" "User created"
    UserUpdated "user.updated" "User changed"
    UserDisabled "user.disabled" "User disabled"
    UserEnabled "user.enabled" "User enabled"
    UserLocked "user.locked" "User locked after failed attempts"
    UserUnlocked "user.unlocked" "User unlocked"
    UserDeleted "user.deleted" "User deleted"
    UserRestored "user.restored" "User restored"
    UserPermitted "user.permitted" "Permissions of the user in an app changed"
    UserSignedIn "user.signed_in" "User signed in"
    UserLinked "user.linked" "Identity of a provider linked to the user"
    UserUnlinked "user.unlinked" "Identity of a provider taken from the user"
    GroupCreated "group.created" "Group created"
    GroupUpdated "group.updated" "Group changed"
    GroupDeleted "group.deleted" "Group deleted"
    GroupMemberAdded "group.member_added" "User added to the group"
    GroupMemberRemoved "group.member_removed" "User removed from the group"
    GroupAppAllowed "group.app_allowed" "App opened to the group"
    GroupAppDisallowed "group.app_disallowed" "App closed to the group"
    CreditsDeducted "credits.deducted" "Credits deducted"
    CreditsAdded "credits.added" "Credits added"
    CreditsRefunded "credits.refunded" "Deduction refunded"
    CreditsHeld "credits.held" "Credits held"
    CreditsCaptured "credits.captured" "Held credits captured"
    CreditsReleased "credits.released" "Held credits released"
    CreditsRefused "credits.refused" "Deduction refused"
    PaymentCreated "payment.created" "Payment created"
    PaymentUpdated "payment.updated" "Payment changed"
    TokenIssued "token.issued" "Token issued"
    TokenRefreshed "token.refreshed" "Token refreshed"
    TokenRevoked "token.revoked" "Token revoked"
    TokenRefused "token.refused" "Token refused"
    AccessRefused "access.refused" "Access refused"
    SignatureRefused "signature.refused" "Signature refused"
    SignInRefused "sign_in.refused" "Sign-in refused"
    OtpVerified "otp.verified" "One-time password accepted"
    OtpBypassed "otp.bypassed" "One-time password bypassed"
    OtpEnrollmentStarted "otp.enrollment_started" "Enrolment of a second factor begun"
    OtpEnrolled "otp.enrolled" "Second factor enrolled"
    OtpReset "otp.reset" "Second factors reset"
    OtpRecoveryCodesReplaced "otp.recovery_codes_replaced" "Recovery codes replaced"
    OtpRefused "otp.refused" "One-time password refused"
    FlagApplied "flag.applied" "Flag created or replaced"
    FlagArchived "flag.archived" "Flag archived"
    FlagsRolledBack "flag.rolled_back" "Flags taken back to an earlier version"
    SegmentApplied "segment.applied" "Segment created or replaced"
    SegmentRemoved "segment.removed" "Segment removed"
    ProviderSet "provider.set" "OAuth provider set"
    ProviderRemoved "provider.removed" "OAuth provider removed"
    AdminCreated "admin.created" "Console login created"
    AdminSignedIn "admin.signed_in" "Operator signed in to the console"
    AdminTokenCreated "admin_token.created" "Token of the admin API made"
    AdminTokenRemoved "admin_token.removed" "Token of the admin API removed"
    AdminSignedOut "admin.signed_out" "Session of the console ended"
    AdminUpdated "admin.updated" "Console login changed"
    AdminPasswordSet "admin.password_set" "Password of a console login set"
    AdminLocked "admin.locked" "Console login locked after failed attempts"
    KeyRotated "key.rotated" "Key rotated"
    KeyDropped "key.dropped" "Token key dropped"
    BackupCreated "backup.created" "Backup made"
    BackupRestored "backup.restored" "Backup restored"
    AuditExported "audit.exported" "Audit trail exported"
}

impl Action {
    /// Whether something was asked for and not done. Refusals change nothing but this log, and
    /// only they are counted: one event may stand for many ([`Event::count`](crate::Event::count)).
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::CreditsRefused
                | Self::TokenRefused
                | Self::AccessRefused
                | Self::SignatureRefused
                | Self::SignInRefused
                | Self::OtpRefused
        )
    }
}

catalogue! {
    /// The name of a value that an event may hold. There is none for a secret, a token, a
    /// password, a code or key material, so an event cannot name one; a new field must not either.
    Field, Error::UnknownField;

    AllowBypass "allow_bypass" "Bypass of one-time passwords allowed"
    Amount "amount" "Amount in credits"
    App "app" "App"
    AvatarUrl "avatar_url" "Avatar URL"
    Balance "balance" "Balance in credits"
    BypassOtp "bypass_otp" "Bypasses one-time passwords"
    CanUse "can_use" "May use the app"
    ClientId "client_id" "Id at the provider"
    CredentialReplaced "credential_replaced" "Credential replaced"
    CreditRate "credit_rate" "Credits per unit"
    Currency "currency" "Currency"
    Custom "custom" "Custom permissions"
    DefaultCreditRate "default_credit_rate" "Default credits per unit"
    DeletedAtUs "deleted_at_us" "Deleted at, in microseconds"
    Description "description" "Description"
    Directory "directory" "Directory"
    Disabled "disabled" "Disabled"
    DisplayName "display_name" "Display name"
    Email "email" "E-mail address"
    EmailVerified "email_verified" "E-mail address verified"
    Enabled "enabled" "Enabled"
    ExpiresAtUs "expires_at_us" "Expires at, in microseconds"
    ExternalId "external_id" "External id"
    FileName "file_name" "File name"
    GraceSeconds "grace_seconds" "Grace in seconds"
    Group "group" "Group"
    Issuer "issuer" "Issuer"
    Jti "jti" "JWT id"
    Kid "kid" "Id of a key, not the key"
    Kind "kind" "Kind"
    LifetimeEarned "lifetime_earned" "Credits earned in all"
    LifetimeSpent "lifetime_spent" "Credits spent in all"
    LockedUntilUs "locked_until_us" "Locked until, in microseconds"
    LockoutSeconds "lockout_seconds" "Lockout in seconds"
    LockoutThreshold "lockout_threshold" "Failed attempts before a lockout"
    Method "method" "HTTP method"
    MinBalance "min_balance" "Least balance in credits"
    MonthlyUserLimit "monthly_user_limit" "Users per month"
    Name "name" "Name"
    OasisResponseSignature "oasis_response_signature" "Manner of OASIS response signatures"
    Payment "payment" "Payment"
    PrivateNetwork "private_network" "In the private network"
    Provider "provider" "OAuth provider"
    Rate "rate" "Credits per unit in force"
    RedirectUris "redirect_uris" "Redirect URIs"
    Reference "reference" "Client's reference"
    ReplayProtection "replay_protection" "Replay protection"
    RequestsPerSecond "requests_per_second" "Requests per second"
    RequireSignatureV2 "require_signature_v2" "Signature version 2 required"
    Required "required" "Credits required"
    RestrictToGroups "restrict_to_groups" "Restricted to groups"
    Role "role" "Role"
    Route "route" "Route"
    Rows "rows" "Number of rows"
    Scopes "scopes" "Scopes"
    SessionLifetimeSeconds "session_lifetime_seconds" "Life of a session in seconds"
    Settings "settings" "Settings"
    Shortfall "shortfall" "Credits short"
    Status "status" "Status"
    Subject "subject" "Who it is at the provider"
    TotpAlgorithm "totp_algorithm" "TOTP algorithm"
    TotpDigits "totp_digits" "TOTP digits"
    TotpPeriod "totp_period" "TOTP period in seconds"
    Transaction "transaction" "Transaction"
    Units "units" "Units"
    User "user" "User"
    Username "username" "Username"
    Version "version" "Version"
}
