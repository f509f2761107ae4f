//! Signing in by other people's servers: the client side of OAuth 2.0 (RFC 6749, RFC 9700) and OpenID Connect Core 1.0.
//!
//! A flow is begun, which gives the address to send a browser to and what has to be kept meanwhile; when the browser
//! comes back it is finished, which gives who it was. The authorization code flow alone, with PKCE (RFC 7636) and,
//! where the provider has them, `nonce` and `iss` (RFC 9207). No database and no routes: what is kept goes through the
//! caller. Why these crates, and what is done here by hand: decision 18.

mod address;
pub(crate) mod flow;
mod github;
pub(crate) mod http;
mod openid;
pub(crate) mod provider;
#[cfg(test)]
mod tests;
