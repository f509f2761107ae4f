//! Rows 7, 8 and 14: flags, in process.

use std::hint::black_box;

use osaycore_flags::{Attribute, Context, FlagSet, Source, parse};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::measure::in_process;
use crate::rows::Measured;

#[cfg(feature = "engines")]
mod beside;
#[cfg(feature = "engines")]
mod features;
#[cfg(feature = "engines")]
mod others;

#[cfg(feature = "engines")]
pub(super) use beside::{every_flag, one_flag};

/// Some time in 2027.
const NOW_US: i64 = 1_800_000_000_000_000;

/// Row 14: a flag whose one rule has a list that the user is on, by turns with one whose list is short.
pub(super) fn list(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (long, short) = (listed(10_000)?, listed(10)?);
    let user = Listed("user-7");
    let ask = |set: &FlagSet| set.evaluate(black_box("flag"), black_box(&user), NOW_US).is_some_and(|it| it.enabled);
    anyhow::ensure!(ask(&long) && ask(&short), "the user is on both lists");
    let (ours, reference) = in_process(&bench.extent, || ask(&long), || ask(&short));
    Ok(Measured { ours, reference: Some(reference), note: None })
}

fn listed(users: usize) -> anyhow::Result<FlagSet> {
    let users: Vec<String> = (0..users).map(|number| format!("user-{number}")).collect();
    let rule = json!({"when": [{"attribute": "user_id", "op": "in", "values": users}], "serve": true});
    compiled(&json!({"flags": [{"key": "flag", "rules": [rule]}]}))
}

fn compiled(file: &Value) -> anyhow::Result<FlagSet> {
    let file = parse(&file.to_string())?;
    let sources = file.flags.iter().map(|definition| Source { definition, salt: "k3v9" });
    FlagSet::compile(sources, &file.segments).map_err(|faults| anyhow::anyhow!("{faults:?}"))
}

struct Listed(&'static str);

impl Context for Listed {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        (name == "user_id").then_some(Attribute::Text(self.0))
    }
}
