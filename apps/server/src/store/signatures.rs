//! The replay guard's memory: table `signatures`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use osaycore_signing::Mac;
use osaycore_signing::replay::{ReplayGuard, Sight, Sighting, Target};

use super::bulk::{load_all, write_all};
use super::db::{AnyConnection, StoreError};
use super::schema::{signatures, tenants};
use super::tx::{Tx, fixed, uuid};

/// App, signed second, MAC.
type Key = (i64, i64, [u8; 32]);

/// What a transaction knows of signatures, and has yet to write.
#[derive(Default)]
pub(crate) struct Pending {
    seen: HashMap<Key, Vec<Sighting>>,
    inserted: BTreeSet<(Key, i64)>,
    settled: BTreeSet<(Key, i64)>,
}

#[derive(Insertable)]
#[diesel(table_name = signatures, treat_none_as_default_value = false)]
struct NewRow {
    tenant_id: i64,
    app_id: i64,
    signed_at_s: i64,
    mac: Vec<u8>,
    ordinal: i64,
    subject: Option<Vec<u8>>,
    target: Vec<u8>,
    first_seen_us: i64,
    outcome: Option<Vec<u8>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = signatures)]
struct Row {
    app_id: i64,
    signed_at_s: i64,
    mac: Vec<u8>,
    ordinal: i64,
    subject: Option<Vec<u8>>,
    target: Vec<u8>,
    first_seen_us: i64,
    outcome: Option<Vec<u8>>,
}

#[cfg(feature = "postgres")]
mod bulk {
    use diesel::query_builder::Query;
    use diesel::sql_types::{BigInt, Binary, Nullable};

    use super::super::unnest::{insert_unnest, unnest};
    use super::NewRow;

    insert_unnest!(
        InsertSignatures of NewRow {
            tenant_id: BigInt, app_id: BigInt, signed_at_s: BigInt, mac: Binary, ordinal: BigInt,
            subject: Nullable<Binary>, target: Binary, first_seen_us: BigInt, outcome: Nullable<Binary>,
        },
        "signatures",
        ""
    );

    pub(super) struct Wanted {
        pub(super) tenant_id: i64,
        pub(super) app_id: i64,
        pub(super) signed_at_s: i64,
        pub(super) mac: [u8; 32],
    }

    // One look into the key for each, whatever the planner thinks of the table; the order keeps it from a join.
    unnest!(
        SignaturesOf of Wanted { tenant_id: BigInt, app_id: BigInt, signed_at_s: BigInt, mac: Binary },
        "SELECT found.* FROM unnest(",
        ") AS wanted (tenant_id, app_id, signed_at_s, mac) CROSS JOIN LATERAL (SELECT app_id, signed_at_s, mac, ordinal, \
         subject, target, first_seen_us, outcome FROM signatures WHERE tenant_id = wanted.tenant_id \
         AND signed_at_s = wanted.signed_at_s AND app_id = wanted.app_id AND mac = wanted.mac ORDER BY ordinal) AS found"
    );

    impl Query for SignaturesOf<'_> {
        type SqlType = (BigInt, BigInt, Binary, BigInt, Nullable<Binary>, Binary, BigInt, Nullable<Binary>);
    }
}

impl Tx<'_> {
    /// Reads all sightings of `sights` in one query, so that the trait's reads need none.
    pub(crate) fn preload_sightings<'s>(&mut self, sights: impl Iterator<Item = &'s Sight>) -> Result<(), StoreError> {
        let keys: BTreeSet<Key> = sights.map(key).filter(|key| !self.signatures.seen.contains_key(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let tenant_id = self.tenant_id;
        let rows: Vec<Row> = load_all!(
            &mut *self.connection,
            &keys,
            |inner| {
                let wanted = |&(app_id, signed_at_s, mac): &Key| bulk::Wanted { tenant_id, app_id, signed_at_s, mac };
                bulk::SignaturesOf::new(&keys.iter().map(wanted).collect::<Vec<_>>()).load(inner)
            },
            |(app_id, signed_at_s, mac), inner| signatures::table
                .filter(signatures::tenant_id.eq(tenant_id))
                .filter(signatures::signed_at_s.eq(signed_at_s))
                .filter(signatures::app_id.eq(app_id))
                .filter(signatures::mac.eq(mac.as_slice()))
                .select(Row::as_select())
                .load(inner)
        );
        let mut found: BTreeMap<Key, Vec<Sighting>> = BTreeMap::new();
        for row in rows {
            let key = (row.app_id, row.signed_at_s, fixed(&row.mac, "MAC")?);
            found.entry(key).or_default().push(Sighting {
                ordinal: row.ordinal,
                subject: row.subject.as_deref().map(uuid).transpose()?,
                target: Target::from_bytes(fixed(&row.target, "target")?),
                first_seen_us: row.first_seen_us,
                outcome: row.outcome,
            });
        }
        for key in keys {
            let mut sightings = found.remove(&key).unwrap_or_default();
            sightings.sort_unstable_by_key(|sighting| sighting.ordinal);
            self.signatures.seen.insert(key, sightings);
        }
        Ok(())
    }

    /// Drops the oldest signatures, of those from before `before_s` the first so many; → how many. From the newest of
    /// their seconds on, whatever was signed earlier is refused: this transaction says so too.
    pub(crate) fn forget_signatures(&mut self, before_s: i64, at_most: i64) -> Result<i64, StoreError> {
        #[derive(QueryableByName)]
        struct Dropped {
            #[diesel(sql_type = BigInt)]
            signed_at_s: i64,
        }
        self.flush_signatures()?;
        let dropped: Vec<Dropped> = diesel::sql_query(
            "DELETE FROM signatures WHERE tenant_id = $1 AND (signed_at_s, app_id, mac, ordinal) IN ( \
             SELECT signed_at_s, app_id, mac, ordinal FROM signatures WHERE tenant_id = $2 AND signed_at_s < $3 \
             ORDER BY signed_at_s, app_id, mac, ordinal LIMIT $4) RETURNING signed_at_s",
        )
        .bind::<BigInt, _>(self.tenant_id)
        .bind::<BigInt, _>(self.tenant_id)
        .bind::<BigInt, _>(before_s)
        .bind::<BigInt, _>(at_most)
        .load(&mut *self.connection)?;
        if let Some(newest_s) = dropped.iter().map(|row| row.signed_at_s).max() {
            let head = self.head()?;
            head.remembers_from_s = head.remembers_from_s.max(newest_s.saturating_add(1));
        }
        Ok(i64::try_from(dropped.len()).unwrap_or(i64::MAX))
    }

    pub(super) fn flush_signatures(&mut self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.signatures);
        let find = |(key, ordinal): &(Key, i64)| {
            let sightings = pending.seen.get(key)?;
            let sighting = sightings.iter().find(|sighting| sighting.ordinal == *ordinal)?;
            Some((*key, sighting))
        };
        let rows: Vec<NewRow> = pending
            .inserted
            .iter()
            .filter_map(find)
            .map(|((app_id, signed_at_s, mac), sighting)| NewRow {
                tenant_id: self.tenant_id,
                app_id,
                signed_at_s,
                mac: mac.to_vec(),
                ordinal: sighting.ordinal,
                subject: sighting.subject.map(|subject| subject.as_bytes().to_vec()),
                target: sighting.target.as_bytes().to_vec(),
                first_seen_us: sighting.first_seen_us,
                outcome: sighting.outcome.clone(),
            })
            .collect();
        write_all!(
            &mut *self.connection,
            &rows,
            |inner| bulk::InsertSignatures::new(&rows).execute(inner),
            |row, inner| diesel::insert_into(signatures::table).values(row).execute(inner)
        );
        for ((app_id, signed_at_s, mac), sighting) in pending.settled.difference(&pending.inserted).filter_map(find) {
            let row = signatures::table.find((self.tenant_id, signed_at_s, app_id, mac.as_slice(), sighting.ordinal));
            diesel::update(row)
                .set(signatures::outcome.eq(sighting.outcome.as_deref()))
                .execute(&mut *self.connection)?;
        }
        Ok(())
    }
}

impl ReplayGuard for Tx<'_> {
    type Error = StoreError;

    fn sightings(&mut self, app_id: i64, timestamp_s: i64, mac: &Mac) -> Result<Vec<Sighting>, StoreError> {
        let sight = Sight { app_id, timestamp_s, mac: *mac, subject: None, target: Target::from_bytes([0; 32]) };
        self.preload_sightings(std::iter::once(&sight))?;
        Ok(self.signatures.seen.get(&key(&sight)).cloned().unwrap_or_default())
    }

    fn record(&mut self, sight: &Sight, sighting: &Sighting) -> Result<(), StoreError> {
        self.preload_sightings(std::iter::once(sight))?;
        let key = key(sight);
        let pending = &mut self.signatures;
        let sightings = pending.seen.entry(key).or_default();
        let known = sightings.iter_mut().find(|known| known.ordinal == sighting.ordinal);
        if let Some(known) = known {
            known.outcome.clone_from(&sighting.outcome);
            pending.settled.insert((key, sighting.ordinal));
        } else {
            sightings.push(sighting.clone());
            sightings.sort_unstable_by_key(|sighting| sighting.ordinal);
            pending.inserted.insert((key, sighting.ordinal));
        }
        Ok(())
    }

    fn remembers_from_s(&mut self) -> Result<i64, StoreError> {
        Ok(self.head()?.remembers_from_s)
    }

    fn forget(&mut self, before_timestamp_s: i64) -> Result<u64, StoreError> {
        const AT_ONCE: i64 = 1000;
        let mut total = 0_u64;
        loop {
            let rows = self.forget_signatures(before_timestamp_s, AT_ONCE)?;
            total = total.saturating_add(u64::try_from(rows).unwrap_or(0));
            if rows < AT_ONCE {
                return Ok(total);
            }
        }
    }
}

/// The tenants that have a signature from before `before_s`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    before_s: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old =
        signatures::table.filter(signatures::tenant_id.eq(tenants::id)).filter(signatures::signed_at_s.lt(before_s));
    let found = tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most);
    Ok(found.load(connection)?)
}

fn key(sight: &Sight) -> Key {
    (sight.app_id, sight.timestamp_s, *sight.mac.as_bytes())
}
