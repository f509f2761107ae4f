//! The time of a request, by which `v1` and `oasis` judge alike: its form, its window, what has expired by now.

/// How many whole seconds a timestamp may lie to either side of the server's clock, inclusive; the default.
pub const WINDOW_S: i64 = 300;

/// The most digits that a timestamp has.
const DIGITS: usize = 12;

/// A timestamp and the separator behind it as they were signed: the header's own text, not the number printed again.
pub(crate) struct Head {
    bytes: [u8; DIGITS + 1],
    length: usize,
}

impl Head {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The Unix seconds of `^[1-9][0-9]{0,11}$`, and the text with `separator` behind it.
pub(crate) fn parse(text: &str, separator: u8) -> Option<(i64, Head)> {
    let mut head = Head { bytes: [separator; DIGITS + 1], length: text.len().checked_add(1)? };
    let plain = (1..=DIGITS).contains(&text.len()) && !text.starts_with('0');
    let mut timestamp_s: i64 = 0;
    for (to, byte) in head.bytes.iter_mut().zip(text.bytes()).filter(|_| plain) {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        timestamp_s = timestamp_s.checked_mul(10)?.checked_add(digit.into())?;
        *to = byte;
    }
    plain.then_some((timestamp_s, head))
}

/// Whether `timestamp_s` lies at most `window_s` seconds to either side of `now_s`; never in a negative window.
pub(crate) fn in_window(timestamp_s: i64, window_s: i64, now_s: i64) -> bool {
    let age_s = now_s.saturating_sub(timestamp_s);
    age_s <= window_s && age_s >= window_s.saturating_neg()
}

/// Whether a key with this expiry is good at `now_s`: until the second before it.
pub(crate) fn is_active(expires_at_s: Option<i64>, now_s: i64) -> bool {
    expires_at_s.is_none_or(|expires_at_s| now_s < expires_at_s)
}
