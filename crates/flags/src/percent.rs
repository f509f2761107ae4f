//! Percentages, in whole thousandths.

use crate::number::Number;
use alloc::format;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A percentage from 0 to 100 with up to three decimals, kept in thousandths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// 100 %.
    pub const ALL: Self = Self(crate::BUCKETS);

    /// From thousandths of a percent; None above 100,000.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths <= crate::BUCKETS { Some(Self(thousandths)) } else { None }
    }

    /// In thousandths of a percent, 0 to 100,000: as many buckets are taken.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(1000) {
            serializer.serialize_u32(self.0 / 1000)
        } else {
            // The double nearest to the decimal, which prints as that decimal.
            serializer.serialize_f64(f64::from(self.0) / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Number::from_json_exactly(&number).and_then(Number::thousandths).and_then(Self::from_thousandths).ok_or_else(
            || de::Error::custom(format!("{number} is no percentage from 0 to 100 with up to three decimals")),
        )
    }
}
