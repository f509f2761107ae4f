//! The signed answers. Members are named as the vendor's library reads them, and states are numbers.

use osaycore_signing::oasis::sign_response;
use serde::Serialize;

use crate::error::{ApiError, Code};
use crate::extract::Caller;
use crate::extract::caller::Scheme;
use crate::system;

/// What every 200 of a POST carries.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Signature {
    random_token: String,
    signed_time: i64,
    signed_response: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StateResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    pub(super) state: u8,
    #[serde(rename = "UserID")]
    pub(super) user_id: i64,
    #[serde(rename = "UserQRCode")]
    pub(super) user_qr_code: Option<&'a String>,
}

/// The image goes by both names that there are: the guide's and the library's.
#[derive(Serialize)]
pub(super) struct RegisterResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    #[serde(rename = "UserID")]
    pub(super) user_id: i64,
    #[serde(rename = "UserQRCode")]
    pub(super) user_qr_code: Option<&'a String>,
    #[serde(rename = "QRData")]
    pub(super) qr_data: Option<&'a String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    pub(super) state: u8,
    pub(super) user_token: Option<String>,
    pub(super) data: Option<&'a String>,
}

impl Signature {
    /// Signs an answer with the application key that the request named.
    pub(super) fn of(caller: &Caller, data1: &str, data2: &str) -> Result<Self, ApiError> {
        let Scheme::Oasis { key_index, .. } = caller.scheme() else { return Err(Code::Internal.into()) };
        let key = caller.served().oasis.application_keys.get(key_index).ok_or(Code::Internal)?;
        let random_token = hex::encode(system::random::<16>());
        let signed_time = system::now_s();
        let signed_response = sign_response(key.signing_key(), data1, data2, &random_token, signed_time);
        Ok(Self { random_token, signed_time, signed_response })
    }
}
