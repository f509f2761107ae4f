#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod attribute_test;
mod bucket;
mod choice;
mod compile;
mod condition;
mod context;
mod definition;
mod evaluate;
mod explain;
mod fault;
mod graph;
mod key;
mod kind;
mod members;
mod network;
mod number;
mod parse;
mod percent;
mod rule;
mod value;
mod version;

pub use bucket::{BUCKETS, bucket};
pub use choice::{Choice, Serve};
pub use compile::{FlagSet, MAX_VISITS, Source};
pub use context::{Attribute, Context};
pub use definition::{
    ConditionDefinition, FlagDefinition, FlagFile, FlagType, Operator, PrerequisiteDefinition, RolloutDefinition,
    RuleDefinition, SchedulePoint, SegmentDefinition,
};
pub use explain::{
    ConditionExplanation, Explanation, PrerequisiteExplanation, RolloutExplanation, RuleExplanation, RuleOutcome,
};
pub use fault::Fault;
pub use key::{FlagKey, InvalidKey, Key, SegmentKey};
pub use members::Members;
pub use parse::parse;
pub use percent::Percent;
pub use value::{Evaluation, Reason, Value};
