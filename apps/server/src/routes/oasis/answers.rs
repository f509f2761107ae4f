//! The signed answers. Members are named as the vendor's library reads them, and states are numbers.

use osaycore_signing::oasis::sign_response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, Code};
use crate::extract::Caller;
use crate::extract::caller::Scheme;
use crate::schemas;
use crate::system;

/// What every 200 of a POST carries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Signature {
    random_token: String,
    /// Unix seconds.
    signed_time: i64,
    /// Base64 HMAC-SHA256, under the application key, of `{Data1}:{Data2}:{RandomToken}:{SignedTime}`.
    signed_response: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(examples(json!({
    "RandomToken": "43199a9af491561e2451869c8e14b9ed", "SignedTime": 1_795_518_847_i64,
    "SignedResponse": "DBWerxz+WqIirYTDjCWak4q7hl3F7esVXytnizqBJHI=", "State": 6, "UserID": 100_001, "UserQRCode": null
})))]
pub(super) struct StateResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    #[schema(value_type = schemas::UserState)]
    pub(super) state: u8,
    #[serde(rename = "UserID")]
    pub(super) user_id: i64,
    /// A PNG in Base64.
    #[serde(rename = "UserQRCode")]
    #[schema(value_type = Option<String>, required = true)]
    pub(super) user_qr_code: Option<&'a String>,
}

/// The image goes by both names that there are: the guide's and the library's.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "RandomToken": "b6d6355ba74e286df9164140ca81781f", "SignedTime": 1_795_518_847_i64,
    "SignedResponse": "9/49PHNnmE6HmvhlcSj5i3Ou+CsS/L1CacqDeBr3+vY=", "UserID": 100_001, "UserQRCode": "iVBORw0KGgo=",
    "QRData": "iVBORw0KGgo="
})))]
pub(super) struct RegisterResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    #[serde(rename = "UserID")]
    pub(super) user_id: i64,
    #[serde(rename = "UserQRCode")]
    #[schema(value_type = Option<String>, required = true)]
    pub(super) user_qr_code: Option<&'a String>,
    #[serde(rename = "QRData")]
    #[schema(value_type = Option<String>, required = true)]
    pub(super) qr_data: Option<&'a String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(examples(json!({
    "RandomToken": "3a44316a6cd49b27d55b66b735852725", "SignedTime": 1_795_518_673_i64,
    "SignedResponse": "Gh8elACVkSENFArBbhKrqwuqvKUgYA3FC+agebloQKU=", "State": 7, "UserToken": null, "Data": null
})))]
pub(super) struct VerifyResponse<'a> {
    #[serde(flatten)]
    pub(super) signature: Signature,
    #[schema(value_type = schemas::UserState)]
    pub(super) state: u8,
    /// With 8 VALID: a user token for this app.
    #[schema(required = true)]
    pub(super) user_token: Option<String>,
    /// While enrolment is pending: the image again.
    #[schema(value_type = Option<String>, required = true)]
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
