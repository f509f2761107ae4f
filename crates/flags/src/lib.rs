#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod assemble;
mod attribute_test;
mod bucket;
mod choice;
mod compile;
mod condition;
mod context;
mod definition;
mod diff;
mod evaluate;
mod explain;
mod explanation;
mod fault;
mod graph;
mod groups;
pub mod import;
mod key;
mod kind;
mod lookup;
mod members;
mod murmur;
mod needs;
mod network;
mod number;
mod parse;
mod pattern;
mod percent;
mod reach;
mod rule;
mod stale;
mod units;
mod value;
mod variants;
mod version;

pub use bucket::{BUCKETS, Hash, bucket};
pub use choice::{Choice, Serve};
pub use compile::{FlagSet, MAX_VISITS, Source};
pub use context::{Attribute, Context};
pub use definition::{
    ConditionDefinition, ExclusionDefinition, FlagDefinition, FlagFile, FlagType, Operator, PrerequisiteDefinition,
    RolloutDefinition, RuleDefinition, SchedulePoint, SegmentDefinition, SplitDefinition,
};
pub use diff::{Buckets, Change, Changed, Diff};
pub use explanation::{
    ConditionExplanation, ExclusionExplanation, Explanation, PrerequisiteExplanation, RedactedExplanation,
    RolloutExplanation, RuleExplanation, RuleOutcome, SegmentExplanation,
};
pub use fault::Fault;
pub use key::{FlagKey, InvalidKey, Key, SegmentKey};
pub use members::Members;
pub use parse::parse;
pub use percent::Percent;
pub use stale::Stale;
pub use units::Units;
pub use value::{Evaluation, Reason, Value};
