//! Amounts: tables of spellings, and properties beside `rust_decimal` and JSON's grammar as `serde_json` reads it.

use osaycore_ledger::{
    Amount,
    AmountError::{self, NotANumber, NotPositive, TooLarge, TooPrecise},
    Credits, Currency, EntryKind,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Deserialize;

#[test]
fn tokens() {
    for (token, expected) in [
        ("10", Ok(10_000_000)),
        ("10.00", Ok(10_000_000)),
        ("10.000000000000000000000000000000000000000", Ok(10_000_000)),
        ("0.000001", Ok(1)),
        ("0.0000010", Ok(1)),
        ("1e-05", Ok(10)),
        ("1E-6", Ok(1)),
        ("1e+2", Ok(100_000_000)),
        ("1e002", Ok(100_000_000)),
        ("10e-7", Ok(1)),
        ("0.00000000000001e8", Ok(1)),
        ("1000000000000", Ok(1_000_000_000_000_000_000)),
        ("1000000000000.000000", Ok(1_000_000_000_000_000_000)),
        ("999999999999.999999", Ok(999_999_999_999_999_999)),
        ("12345678901.123456", Ok(12_345_678_901_123_456)),
        ("1e12", Ok(1_000_000_000_000_000_000)),
        ("0.1e13", Ok(1_000_000_000_000_000_000)),
        ("\"10.50\"", Ok(10_500_000)),
        ("\"10\\u002e50\"", Ok(10_500_000)),
        ("\"007.5\"", Ok(7_500_000)),
        ("\".5\"", Ok(500_000)),
        ("\"5.\"", Ok(5_000_000)),
        ("0", Err(NotPositive)),
        ("-0.0", Err(NotPositive)),
        ("0e99999999999999999999", Err(NotPositive)),
        ("0e-99999999999999999999", Err(NotPositive)),
        ("-1", Err(NotPositive)),
        ("-1e400", Err(NotPositive)),
        ("-0.0000001", Err(NotPositive)),
        ("\"0.00\"", Err(NotPositive)),
        ("0.30000000000000004", Err(TooPrecise)),
        ("0.0000001", Err(TooPrecise)),
        ("1e-7", Err(TooPrecise)),
        ("1e-99999999999999999999", Err(TooPrecise)),
        ("99999999999999999999.0000001", Err(TooPrecise)),
        ("1000000000000.000001", Err(TooLarge)),
        ("1000000000001", Err(TooLarge)),
        ("9223372036854775808", Err(TooLarge)),
        ("123456789012345678901234567890123456789012", Err(TooLarge)),
        ("1e13", Err(TooLarge)),
        ("1e400", Err(TooLarge)),
        ("1e99999999999999999999", Err(TooLarge)),
        ("", Err(NotANumber)),
        ("-", Err(NotANumber)),
        ("+1", Err(NotANumber)),
        ("01", Err(NotANumber)),
        ("-01", Err(NotANumber)),
        (".5", Err(NotANumber)),
        ("5.", Err(NotANumber)),
        ("5.e1", Err(NotANumber)),
        ("1e", Err(NotANumber)),
        ("1e+", Err(NotANumber)),
        ("1e1.0", Err(NotANumber)),
        ("1e1e1", Err(NotANumber)),
        ("0e", Err(NotANumber)),
        ("1_000", Err(NotANumber)),
        ("1 ", Err(NotANumber)),
        ("0x10", Err(NotANumber)),
        ("\u{661}", Err(NotANumber)),
        ("NaN", Err(NotANumber)),
        ("null", Err(NotANumber)),
        ("true", Err(NotANumber)),
        ("[1]", Err(NotANumber)),
        ("{}", Err(NotANumber)),
        ("\"", Err(NotANumber)),
        ("\"\"", Err(NotANumber)),
        ("\".\"", Err(NotANumber)),
        ("\"1.2.3\"", Err(NotANumber)),
        ("\"-1\"", Err(NotANumber)),
        ("\"+1\"", Err(NotANumber)),
        ("\"1e3\"", Err(NotANumber)),
        ("\"1,5\"", Err(NotANumber)),
        ("\" 1\"", Err(NotANumber)),
        ("\"1\\n\"", Err(NotANumber)),
        ("\"1\\u0000\"", Err(NotANumber)),
    ] {
        assert_eq!(Amount::parse_json_token(token).map(Amount::micros), expected, "{token}");
    }
}

#[test]
fn sums_are_written_with_two_to_six_decimals() {
    for (micros, written) in [
        (0, "0.00"),
        (95_000_000, "95.00"),
        (1_000, "0.001"),
        (-10_500_000, "-10.50"),
        (-500_000, "-0.50"),
        (-1, "-0.000001"),
        (123_456, "0.123456"),
        (1_000_000_000_000_000_000, "1000000000000.00"),
        (-999_999_999_999_999_999, "-999999999999.999999"),
    ] {
        let credits = Credits::from_micros(micros).unwrap();
        assert_eq!(credits.to_string(), written);
        assert_eq!(serde_json::to_string(&credits).unwrap(), written, "a JSON number");
        assert_eq!(written.parse(), Ok(credits), "and back");
        if let Some(amount) = Amount::from_micros(micros) {
            assert_eq!(amount.to_string(), written);
            assert_eq!(serde_json::to_string(&amount).unwrap(), written);
        }
    }
}

#[test]
fn ranges_are_closed() {
    let limit = 1_000_000_000_000_000_000;
    assert_eq!(Credits::from_micros(limit), Some(Credits::MAX));
    assert_eq!(Credits::from_micros(limit + 1), None);
    assert_eq!(Credits::from_micros(-limit - 1), None);
    assert_eq!(Credits::from_micros(i64::MIN), None);
    assert_eq!(Amount::from_micros(limit), Some(Amount::MAX));
    assert_eq!(Amount::from_micros(limit + 1), None);
    assert_eq!(Amount::from_micros(0), None);
    assert_eq!(Amount::from_micros(-1), None);
    let one = Credits::from_micros(1).unwrap();
    let least = Credits::from_micros(-limit).unwrap();
    assert_eq!(Credits::MAX.checked_add(one), None);
    assert_eq!(least.checked_sub(one), None);
    assert_eq!(Credits::MAX.checked_add(least), Some(Credits::ZERO));
    assert_eq!("-1000000000000.000001".parse::<Credits>(), Err(TooLarge));
    assert_eq!("--1".parse::<Credits>(), Err(NotANumber));
}

#[test]
fn products_are_exact_or_refused() {
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    for (units, rate, expected) in [
        ("3", "0.5", Ok(amount("1.5"))),
        ("0.001", "0.001", Ok(amount("0.000001"))),
        ("1000000000000", "1", Ok(Amount::MAX)),
        ("1000000000000", "0.000001", Ok(amount("1000000"))),
        ("0.001", "0.0001", Err(TooPrecise)),
        ("0.333333", "1.1", Err(TooPrecise)),
        ("0.000001", "0.000001", Err(TooPrecise)),
        ("1000000000000", "1.000001", Err(TooLarge)),
        ("1000000000000", "1000000000000", Err(TooLarge)),
    ] {
        assert_eq!(amount(units).checked_mul(amount(rate)), expected, "{units} × {rate}");
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    amount: Amount,
    #[serde(default)]
    units: Option<Amount>,
}

#[test]
fn requests_are_read_from_their_text() {
    let read = |text: &str| serde_json::from_str::<Request>(text);
    let request = read(r#"{"amount" : 999999999999.999999 , "units": "10.50"}"#).unwrap();
    assert_eq!(request.amount.micros(), 999_999_999_999_999_999);
    assert_eq!(request.units.map(Amount::micros), Some(10_500_000));
    assert_eq!(read(r#"{"amount": 1, "units": null}"#).unwrap().units, None);
    for (value, expected) in [
        ("0.30000000000000004", TooPrecise),
        ("1e13", TooLarge),
        ("-1", NotPositive),
        ("\"ten\"", NotANumber),
        ("[1]", NotANumber),
        ("null", NotANumber),
    ] {
        let message = read(&format!("{{\"amount\": {value}}}")).unwrap_err().to_string();
        assert_eq!(AmountError::from_message(&message), Some(expected), "{value}: {message}");
    }
    let missing = read("{}").unwrap_err().to_string();
    assert_eq!(AmountError::from_message(&missing), None, "{missing}");
}

#[test]
fn names_are_exact() {
    for name in ["DEDUCTION", "PURCHASE", "BONUS", "REFUND", "ADJUSTMENT", "EARNED"] {
        assert_eq!(name.parse::<EntryKind>().unwrap().as_str(), name);
    }
    assert!("DEDUCTION".parse::<osaycore_ledger::AddKind>().is_err(), "not to be added");
    assert!("bonus".parse::<osaycore_ledger::AddKind>().is_err());
    assert!("BONUS ".parse::<EntryKind>().is_err());
    assert_eq!("EUR".parse::<Currency>().unwrap().to_string(), "EUR");
    for code in ["eur", "EU", "EURO", "E1R", "", "ÄR"] {
        assert!(code.parse::<Currency>().is_err(), "{code}");
    }
}

/// What `rust_decimal` makes of a number's text, where it can hold it; its own reading takes more than JSON does.
fn reference(token: &str) -> Option<Result<i64, AmountError>> {
    let decimal = match token.split_once(['e', 'E']) {
        Some(_) => Decimal::from_scientific(token),
        None => Decimal::from_str_exact(token),
    };
    Some(Amount::try_from(decimal.ok()?).map(Amount::micros))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_to_decimal(token in "(0|[1-9][0-9]{0,13})(\\.[0-9]{1,9}0{0,4})?([eE][+-]?0?[0-9])?") {
        if let Some(expected) = reference(&token) {
            prop_assert_eq!(Amount::parse_json_token(&token).map(Amount::micros), expected);
        }
    }

    #[test]
    fn exactly_the_numbers_of_json(token in "-{0,1}[0-9]{0,3}[.e+-]{0,2}[0-9]{0,2}[.eE]?[+-]?[0-9_x]{0,2}") {
        let grammar = serde_json::from_str::<&serde_json::value::RawValue>(&token).is_ok();
        prop_assert_eq!(Amount::parse_json_token(&token) != Err(NotANumber), grammar, "{}", token);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,40}") {
        let _ = Amount::parse_json_token(&text);
        let _ = Amount::parse_json_token(&format!("\"{text}\""));
        let _ = text.parse::<Credits>();
    }

    #[test]
    fn a_shifted_point_is_the_same_value(micros in 1_i64..=1_000_000_000_000_000_000, shift in 0_usize..40) {
        let expected = Amount::from_micros(micros).unwrap();
        let (zeros, moved) = ("0".repeat(shift), shift + 6);
        prop_assert_eq!(Amount::parse_json_token(&format!("{micros}{zeros}e-{moved}")), Ok(expected));
        let small = format!("0.{zeros}{micros}e{}", shift + micros.to_string().len());
        let scaled = Amount::parse_json_token(&small);
        prop_assert_eq!(scaled.ok(), micros.checked_mul(1_000_000).and_then(Amount::from_micros));
    }

    #[test]
    fn round_trips(micros in -1_000_000_000_000_000_000_i64..=1_000_000_000_000_000_000) {
        let credits = Credits::from_micros(micros).unwrap();
        prop_assert_eq!(credits.to_string().parse::<Credits>(), Ok(credits));
        prop_assert_eq!(Credits::try_from(Decimal::from(credits)), Ok(credits));
        if let Some(amount) = Amount::from_micros(micros) {
            let written = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&written).unwrap(), amount);
            prop_assert_eq!(Amount::try_from(Decimal::from(amount)), Ok(amount));
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
    }

    #[test]
    fn products_equal_decimals(units in 1_i64..=2_000_000_000, rate in 1_i64..=2_000_000_000) {
        let (units, rate) = (Amount::from_micros(units).unwrap(), Amount::from_micros(rate).unwrap());
        let product = Decimal::from(units) * Decimal::from(rate);
        prop_assert_eq!(units.checked_mul(rate), Amount::try_from(product));
    }
}
