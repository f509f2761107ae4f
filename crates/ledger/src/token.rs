//! Decimal text to millionths, exactly: no float, no rounding, any number of digits, any exponent.

use crate::amount::AmountError;

/// The largest magnitude of a stored sum, in millionths: 10^12 credits.
pub(crate) const MAX_MICROS: i64 = 1_000_000_000_000_000_000;

/// A number of JSON's grammar (RFC 8259 §6) as millionths, `-MAX_MICROS..=MAX_MICROS`. Never `NotPositive`.
pub(crate) fn json_number(token: &str) -> Result<i64, AmountError> {
    let (negative, unsigned) = split_sign(token);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(AmountError::NotANumber),
        None => (mantissa, ""),
    };
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(AmountError::NotANumber);
    }
    micros(whole, fraction, exponent.unwrap_or("0")).map(|micros| signed(negative, micros))
}

/// Digits with at most one point, and at least one digit, as millionths, `0..=MAX_MICROS`. Never `NotPositive`.
pub(crate) fn decimal(text: &str) -> Result<i64, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(AmountError::NotANumber);
    }
    micros(whole, fraction, "0")
}

/// [`decimal`] with an optional minus sign before it.
pub(crate) fn signed_decimal(text: &str) -> Result<i64, AmountError> {
    let (negative, unsigned) = split_sign(text);
    decimal(unsigned).map(|micros| signed(negative, micros))
}

/// The value of `whole.fraction × 10^exponent`. Both may be empty; what is not a digit is refused here.
///
/// Runs of zeros are counted before they are multiplied in. So zeros at the end cost no precision, and the number is
/// `significant × 10^power` with a `significant` that does not end in zero: a negative `power` is a value with more
/// than six decimals, whatever the spelling.
fn micros(whole: &str, fraction: &str, exponent: &str) -> Result<i64, AmountError> {
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if exponent_digits.is_empty() || ![whole, fraction, exponent_digits].into_iter().all(digits) {
        return Err(AmountError::NotANumber);
    }
    // `None` is more than any amount has; the rest of the digits still decides which error it is.
    let mut significant: Option<i64> = Some(0);
    let mut zeros: u32 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).map(|byte| i64::from(byte & 0x0f)) {
        if digit == 0 {
            zeros = zeros.saturating_add(1);
            continue;
        }
        significant = match significant {
            Some(0) => Some(digit),
            so_far => so_far
                .zip(10_i64.checked_pow(zeros.saturating_add(1)))
                .and_then(|(value, shift)| value.checked_mul(shift)?.checked_add(digit)),
        };
        zeros = 0;
    }
    if significant == Some(0) {
        return Ok(0);
    }
    let Ok(exponent) = exponent.parse::<i64>() else {
        // Beyond an i64: no text is long enough to make up for it with zeros.
        let tiny = exponent.starts_with('-');
        return Err(if tiny { AmountError::TooPrecise } else { AmountError::TooLarge });
    };
    let decimals = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let power = exponent.saturating_add(i64::from(zeros)).saturating_sub(decimals).saturating_add(i64::from(DECIMALS));
    if power < 0 {
        return Err(AmountError::TooPrecise);
    }
    u32::try_from(power)
        .ok()
        .and_then(|power| 10_i64.checked_pow(power))
        .zip(significant)
        .and_then(|(scale, significant)| significant.checked_mul(scale))
        .filter(|&micros| micros <= MAX_MICROS)
        .ok_or(AmountError::TooLarge)
}

/// Decimal places of a millionth.
pub(crate) const DECIMALS: u32 = 6;

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    }
}

fn signed(negative: bool, micros: i64) -> i64 {
    if negative { micros.saturating_neg() } else { micros }
}
