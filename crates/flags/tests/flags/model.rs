//! A second engine, written from the contract alone: slow, over JSON, sharing nothing.

use crate::{DAY_US, NEW_YEAR_US, Person, SALT};
use serde_json::Value as Json;
use sha1::{Digest, Sha1};

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
    pub(crate) person: &'m Person,
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
            let wanted = match &wanted["value"] {
                Json::Null => items(&wanted["values"]).to_vec(),
                value => vec![value.clone()],
            };
            line.is_some_and(|line| wanted.iter().any(|wanted| line.split(' ').next() == Some(&Self::name(wanted, ""))))
        });
        if flag["enabled"] == false || !self.is_now(flag) || !met {
            return Some(format!("{off} DISABLED"));
        }
        for id in ["user_id", "external_id"] {
            let over = self.person.attributes.get(id).and_then(|id| flag["overrides"].get(id.as_str()?));
            if let Some(over) = over {
                return Some(format!("{} TARGETING_MATCH", Self::name(over, "")));
            }
        }
        let held_out = items(&flag["holdouts"]).iter().any(|key| self.is_in(key.as_str().unwrap()));
        for rule in items(&flag["rules"]).iter().filter(|_| !held_out) {
            if let Some(served) = self.served(key, rule) {
                return Some(format!("{served} {}", rule["name"].as_str().unwrap()));
            }
        }
        let is_constant = items(&flag["rules"]).is_empty() && flag["overrides"].is_null();
        Some(format!("{default} {}", if is_constant && !held_out { "STATIC" } else { "DEFAULT" }))
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

    fn served(&self, key: &str, rule: &Json) -> Option<String> {
        if !self.is_now(rule) || !items(&rule["when"]).iter().all(|c| self.holds(c)) {
            return None;
        }
        if rule["sticky"] == true {
            let place = (key.to_owned(), rule["name"].as_str().unwrap().to_owned());
            let variants = if rule_is_boolean(key) { ["off", "on", "on"] } else { ["blue", "green", "old"] };
            if let Some(variant) = self.person.assignments.get(&place)
                && variants.contains(&variant.as_str())
            {
                return Some(format!("{variant} SPLIT"));
            }
        }
        let exclusion = &rule["exclusion"];
        if exclusion.is_object() {
            let hash =
                murmur3(format!("{}:{}", exclusion["group"].as_str()?, self.unit(&exclusion["unit"])?).as_bytes(), 0);
            let bucket = u64::from(hash % 100 * 1000 + hash / 100 % 1000);
            let of = |member: &str| exclusion[member].as_u64().unwrap() * 1000;
            if bucket < of("from") || bucket >= of("to") {
                return None;
            }
        }
        let rollout = &rule["rollout"];
        let salt = rollout["salt"].as_str().unwrap_or(SALT);
        let weights = rule["serve"].as_object();
        let one_line = rollout["hash"].as_str().is_some_and(|hash| hash != "unleash");
        if rollout.is_object() && !(one_line && weights.is_some()) && !self.rolled_out(rollout, salt)? {
            return None;
        }
        let Some(weights) = weights else {
            let split = rollout.is_object() || exclusion.is_object();
            let reason = if split { "SPLIT" } else { "TARGETING_MATCH" };
            return Some(format!("{} {reason}", Self::name(&rule["serve"], "")));
        };
        let weight_of = |weight: &Json| i64::try_from(weight.as_u64().unwrap()).unwrap();
        if one_line {
            let total: i64 = weights.values().map(weight_of).sum();
            let place = Self::place(rollout["hash"].as_str()?, salt, &self.unit(&rollout["unit"])?) * total;
            let mut from = 0;
            for (name, weight) in weights {
                let weight = weight_of(weight);
                if place >= from && place < from + weight * 100_000 {
                    let taken = place < from + weight * self.thousandths(rollout);
                    return taken.then(|| format!("{name} SPLIT"));
                }
                from += weight * 100_000;
            }
            return None;
        }
        let split = &rule["split"];
        let unit = self.unit(if split["unit"].is_null() { &rollout["unit"] } else { &split["unit"] })?;
        let salt = split["salt"].as_str().unwrap_or(salt);
        // One slot for each unit of weight.
        let slots: Vec<&String> = weights
            .iter()
            .flat_map(|(name, weight)| std::iter::repeat_n(name, usize::try_from(weight.as_u64().unwrap()).unwrap()))
            .collect();
        let hash = murmur3(format!("{salt}:{unit}").as_bytes(), 86_028_157);
        let slot = usize::try_from(hash).unwrap() % slots.len();
        Some(format!("{} SPLIT", slots[slot]))
    }

    /// The first attribute of those named that can be a unit.
    fn unit(&self, names: &Json) -> Option<String> {
        let names = match names {
            Json::Null => vec!["user_id"],
            Json::String(name) => vec![name.as_str()],
            names => items(names).iter().map(|name| name.as_str().unwrap()).collect(),
        };
        names.into_iter().find_map(|name| match self.person.attributes.get(name)? {
            Json::String(text) if !text.is_empty() => Some(text.clone()),
            Json::Number(number) if number.is_i64() => Some(number.to_string()),
            _ => None,
        })
    }

    /// None without a unit.
    fn rolled_out(&self, rollout: &Json, salt: &str) -> Option<bool> {
        let unit = self.unit(&rollout["unit"])?;
        let hash = rollout["hash"].as_str().unwrap_or("unleash");
        let (place, percent) = (Self::place(hash, salt, &unit), self.thousandths(rollout));
        // GrowthBook compares by `<=`, unless the coverage is 0.
        Some(if hash.starts_with("growthbook") { percent > 0 && place <= percent } else { place < percent })
    }

    fn place(hash: &str, salt: &str, unit: &str) -> i64 {
        let fnv = |text: &str| {
            text.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
        };
        match hash {
            "unleash" => {
                let hash = murmur3(format!("{salt}:{unit}").as_bytes(), 0);
                i64::from(hash % 100 * 1000 + hash / 100 % 1000)
            }
            "growthbook_v1" => i64::from(fnv(&format!("{unit}{salt}")) % 1000) * 100,
            "growthbook_v2" => i64::from(fnv(&fnv(&format!("{salt}{unit}")).to_string()) % 10_000) * 10,
            "launchdarkly" => {
                let digest = Sha1::digest(format!("{salt}.{unit}"));
                // The first fifteen hexadecimal digits.
                let fifteen = digest[..8].iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte)) >> 4;
                i64::try_from(fifteen * 100_000 / (1 << 60)).unwrap()
            }
            other => panic!("the model does not know {other}"),
        }
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
        let plain = match condition["segment"].as_str() {
            Some(key) => self.is_in(key),
            None => self.compares(condition),
        };
        plain != (condition["negate"] == true)
    }

    fn is_in(&self, key: &str) -> bool {
        let segment = self.entry("segments", key);
        let id_is_listed =
            |id: &&str| self.person.attributes.get(*id).is_some_and(|id| items(&segment["users"]).contains(id));
        if ["user_id", "external_id"].iter().any(id_is_listed) {
            return true;
        }
        let (when, rollout) = (items(&segment["when"]), &segment["rollout"]);
        let salt = rollout["salt"].as_str().unwrap_or(key);
        (rollout.is_object() || !when.is_empty())
            && when.iter().all(|c| self.holds(c))
            && (rollout.is_null() || self.rolled_out(rollout, salt) == Some(true))
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
        let found = self.person.attributes.get(condition["attribute"].as_str().unwrap());
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
            "exists" => self.person.attributes.contains_key(condition["attribute"].as_str().unwrap()),
            "=" | "in" => any(&equal),
            "!=" | "not_in" => !any(&equal),
            "contains" if is_list => any(&equal),
            "contains" => any(&|f, w| Some(text(f)?.contains(&text(w)?))),
            "starts_with" => any(&|f, w| Some(text(f)?.starts_with(&text(w)?))),
            "ends_with" => any(&|f, w| Some(text(f)?.ends_with(&text(w)?))),
            // The generated patterns are these two.
            "matches" => any(&|f, w| {
                let found = text(f)?;
                Some(match w.as_str()? {
                    "^[a-z]+$" => !found.is_empty() && found.chars().all(|c| c.is_ascii_lowercase()),
                    r"u\d" => found.as_bytes().windows(2).any(|pair| pair[0] == b'u' && pair[1].is_ascii_digit()),
                    other => panic!("the model does not know {other}"),
                })
            }),
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

/// Even flags are boolean.
fn rule_is_boolean(key: &str) -> bool {
    ["f0", "f2"].contains(&key)
}

fn items(value: &Json) -> &[Json] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
