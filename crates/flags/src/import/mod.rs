//! Flags of other systems, as a flag file that answers alike.
//!
//! Each function reads what the other's SDKs are given, names what it cannot say, and gives a file
//! that compiles. Hashes, salts and weights are carried over, so that every user stays where they
//! are.

mod alternatives;
mod growthbook;
mod launchdarkly;
mod naming;
mod unleash;
mod values;

pub use growthbook::growthbook;
pub use launchdarkly::launchdarkly;
pub use unleash::unleash;

use crate::{Fault, FlagFile, FlagSet, Key, Percent, RolloutDefinition, Source};
use alloc::{string::String, vec::Vec};
use serde::de::DeserializeOwned;

/// What was read of another system's flags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Flags and segments; they compile.
    pub file: FlagFile,
    /// The name of each flag there and its key here.
    pub keys: Vec<(String, Key)>,
    /// What does not carry over, and what was made of it.
    pub notes: Vec<Fault>,
}

impl Import {
    /// Takes out what would be refused: rules that are never reached or ask for what cannot be
    /// asked. A flag that is at fault itself is switched off; of a segment nothing but its list is
    /// left.
    fn settle(mut self) -> Self {
        // Each round takes out at least one rule or switches off one flag.
        loop {
            let sources = self.file.flags.iter().map(|definition| Source { definition, salt: "" });
            let Err(faults) = FlagSet::compile(sources, &self.file.segments) else { return self };
            let before = self.file.clone();
            for fault in faults {
                let flag = self.file.flags.iter_mut().find(|flag| fault.flag.as_deref() == Some(flag.key.as_str()));
                match (flag, &fault.rule) {
                    (Some(flag), Some(name)) => {
                        // Of two rules of one name none is left: importers give each its own.
                        flag.rules.retain(|rule| rule.name.as_ref() != Some(name));
                    }
                    (Some(flag), None) => {
                        flag.enabled = false;
                        flag.prerequisites.clear();
                    }
                    (None, _) => {
                        let key = fault.segment.as_deref();
                        let segments = self.file.segments.iter_mut();
                        for segment in segments.filter(|segment| key == Some(segment.key.as_str())) {
                            segment.when.clear();
                            let percent = Percent::from_thousandths(0);
                            segment.rollout = Some(RolloutDefinition { percent, ..RolloutDefinition::default() });
                        }
                    }
                }
                self.notes.push(fault);
            }
            if self.file == before {
                return Self { file: FlagFile::default(), ..self };
            }
        }
    }
}

fn read<D: DeserializeOwned>(text: &str) -> Result<D, Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| Fault::file(alloc::format!("`{}`: {}", error.path(), error.inner())))
}
