//! A second engine, written from the contract alone: slow, over JSON, sharing nothing.

use crate::{DAY_US, NEW_YEAR_US, SALT};
use serde_json::{Map, Value as Json};

/// `MurmurHash3_x86_32`, byte by byte.
pub(crate) fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = seed;
    for chunk in bytes.chunks(4) {
        let block = chunk.iter().rev().fold(0_u32, |k, byte| k << 8 | u32::from(*byte));
        hash ^= mix(block);
        if chunk.len() == 4 {
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        }
    }
    hash ^= u32::try_from(bytes.len()).unwrap();
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// Versions of the generated files, in their order.
pub(crate) const VERSIONS: [&str; 5] = ["0.9.0", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0", "1.10.0"];

pub(crate) struct Model<'m> {
    pub(crate) file: &'m Json,
    pub(crate) context: &'m Map<String, Json>,
    pub(crate) now_us: i64,
}

impl Model<'_> {
    /// Variant, reason and rule of a flag, as `crate::line` writes them; None if inactive.
    pub(crate) fn line(&self, key: &str) -> Option<String> {
        let flag = self.entry("flags", key);
        if flag["active"] == false {
            return None;
        }
        let default = Self::name(&flag["default"], "off");
        let is_boolean = flag["type"].is_null();
        let off = Self::name(&flag["off"], if is_boolean { "off" } else { &default });
        let met = items(&flag["prerequisites"]).iter().all(|wanted| {
            let line = self.line(wanted["flag"].as_str().unwrap());
            let wanted = Self::name(&wanted["value"], "");
            line.is_some_and(|line| line.split(' ').next() == Some(&wanted))
        });
        if flag["enabled"] == false || !self.is_now(flag) || !met {
            return Some(format!("{off} DISABLED"));
        }
        for id in ["user_id", "external_id"] {
            let over = self.context.get(id).and_then(|id| flag["overrides"].get(id.as_str()?));
            if let Some(over) = over {
                return Some(format!("{} TARGETING_MATCH", Self::name(over, "")));
            }
        }
        for rule in items(&flag["rules"]) {
            if let Some(served) = self.served(rule) {
                return Some(format!("{served} {}", rule["name"].as_str().unwrap()));
            }
        }
        let is_constant = items(&flag["rules"]).is_empty() && flag["overrides"].is_null();
        Some(format!("{default} {}", if is_constant { "STATIC" } else { "DEFAULT" }))
    }

    fn entry(&self, list: &str, key: &str) -> &Json {
        items(&self.file[list]).iter().find(|entry| entry["key"] == key).unwrap()
    }

    fn name(choice: &Json, default: &str) -> String {
        match choice {
            Json::Bool(true) => "on".to_owned(),
            Json::Bool(false) => "off".to_owned(),
            Json::String(name) => name.clone(),
            _ => default.to_owned(),
        }
    }

    /// Generated times are midnights of the first nine days of 2026.
    fn midnight(text: &Json) -> Option<i64> {
        let day: i64 = text.as_str()?.split('T').next()?.strip_prefix("2026-01-")?.parse().ok()?;
        Some(NEW_YEAR_US + (day - 1) * DAY_US)
    }

    fn is_now(&self, thing: &Json) -> bool {
        Self::midnight(&thing["starts_at"]).is_none_or(|at| at <= self.now_us)
            && Self::midnight(&thing["ends_at"]).is_none_or(|at| self.now_us < at)
    }

    fn served(&self, rule: &Json) -> Option<String> {
        if !self.is_now(rule) || !items(&rule["when"]).iter().all(|c| self.holds(c)) {
            return None;
        }
        let rollout = &rule["rollout"];
        let salt = rollout["salt"].as_str().unwrap_or(SALT);
        let unit = match self.context.get(rollout["unit"].as_str().unwrap_or("user_id")) {
            Some(Json::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Json::Number(number)) if number.is_i64() => Some(number.to_string()),
            _ => None,
        };
        let hash = |seed| unit.as_ref().map(|u| murmur3(format!("{salt}:{u}").as_bytes(), seed));
        if rollout.is_object() {
            let hash = hash(0)?;
            let bucket = i64::from(hash % 100 * 1000 + hash / 100 % 1000);
            if bucket >= self.thousandths(rollout) {
                return None;
            }
        }
        let Some(weights) = rule["serve"].as_object() else {
            let reason = if rollout.is_object() { "SPLIT" } else { "TARGETING_MATCH" };
            return Some(format!("{} {reason}", Self::name(&rule["serve"], "")));
        };
        // One slot for each unit of weight.
        let slots: Vec<&String> = weights
            .iter()
            .flat_map(|(name, weight)| std::iter::repeat_n(name, usize::try_from(weight.as_u64().unwrap()).unwrap()))
            .collect();
        let slot = usize::try_from(hash(86_028_157)?).unwrap() % slots.len();
        Some(format!("{} SPLIT", slots[slot]))
    }

    fn thousandths(&self, rollout: &Json) -> i64 {
        // Generated percentages have at most one decimal.
        let of = |percent: &Json| {
            let text = format!("{:.1}", percent.as_f64().unwrap_or(0.0));
            text.replace('.', "").parse::<i64>().unwrap() * 100
        };
        let mut now = of(&rollout["percent"]);
        let points = items(&rollout["schedule"]);
        for (index, point) in points.iter().enumerate() {
            let at = Self::midnight(&point["at"]).unwrap();
            if self.now_us < at {
                break;
            }
            now = of(&point["percent"]);
            if let Some(next) = points.get(index + 1) {
                let length = Self::midnight(&next["at"]).unwrap() - at;
                // In quarters of a day, as times are generated: no rounding before the last step.
                let quarter = DAY_US / 4;
                let passed = (self.now_us - at).min(length) / quarter;
                now += (of(&next["percent"]) - now) * passed / (length / quarter);
            }
        }
        now
    }

    fn holds(&self, condition: &Json) -> bool {
        let plain = if let Some(key) = condition["segment"].as_str() {
            let segment = self.entry("segments", key);
            let listed = ["user_id", "external_id"]
                .iter()
                .any(|id| self.context.get(*id).is_some_and(|id| items(&segment["users"]).contains(id)));
            let when = items(&segment["when"]);
            listed || !when.is_empty() && when.iter().all(|c| self.holds(c))
        } else {
            self.compares(condition)
        };
        plain != (condition["negate"] == true)
    }

    fn compares(&self, condition: &Json) -> bool {
        let op = condition["op"].as_str().unwrap();
        let lower = condition["case_insensitive"] == true;
        let text = |value: &Json| {
            let text = value.as_str()?;
            Some(if lower { text.to_lowercase() } else { text.to_owned() })
        };
        let wanted: Vec<&Json> = match &condition["value"] {
            Json::Null => items(&condition["values"]).iter().collect(),
            value => vec![value],
        };
        let found = self.context.get(condition["attribute"].as_str().unwrap());
        let is_list = found.is_some_and(Json::is_array);
        let found: Vec<&Json> = match found {
            Some(Json::Array(list)) => list.iter().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        };
        let version = |value: &Json| VERSIONS.iter().position(|version| value == version);
        let any = |test: &dyn Fn(&Json, &Json) -> Option<bool>| {
            found.iter().any(|f| wanted.iter().any(|w| test(f, w) == Some(true)))
        };
        let equal = |f: &Json, w: &Json| match (text(f), text(w)) {
            (Some(f), Some(w)) => Some(f == w),
            (None, None) if f.is_number() && w.is_number() => Some(f.as_f64() == w.as_f64()),
            _ => Some(f == w),
        };
        match op {
            "exists" => self.context.contains_key(condition["attribute"].as_str().unwrap()),
            "=" | "in" => any(&equal),
            "!=" | "not_in" => !any(&equal),
            "contains" if is_list => any(&equal),
            "contains" => any(&|f, w| Some(text(f)?.contains(&text(w)?))),
            "starts_with" => any(&|f, w| Some(text(f)?.starts_with(&text(w)?))),
            "ends_with" => any(&|f, w| Some(text(f)?.ends_with(&text(w)?))),
            "<" => any(&|f, w| Some(f.as_f64()? < w.as_f64()?)),
            "<=" => any(&|f, w| Some(f.as_f64()? <= w.as_f64()?)),
            ">" => any(&|f, w| Some(f.as_f64()? > w.as_f64()?)),
            ">=" => any(&|f, w| Some(f.as_f64()? >= w.as_f64()?)),
            "before" => any(&|f, w| Some(Self::midnight(f)? < Self::midnight(w)?)),
            "after" => any(&|f, w| Some(Self::midnight(f)? > Self::midnight(w)?)),
            "semver_=" => any(&|f, w| Some(version(f)? == version(w)?)),
            "semver_<" => any(&|f, w| Some(version(f)? < version(w)?)),
            "semver_>=" => any(&|f, w| Some(version(f)? >= version(w)?)),
            // The generated network is 10.0.0.0/8.
            "cidr" => any(&|f, _| Some(f.as_str()?.starts_with("10."))),
            other => panic!("the model does not know {other}"),
        }
    }
}

fn items(value: &Json) -> &[Json] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
