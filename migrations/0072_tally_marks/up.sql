-- How far the audit trail is counted into the tallies.
CREATE TABLE IF NOT EXISTS tally_marks (
    tenant_id BIGINT NOT NULL PRIMARY KEY,
    last_event_id BIGINT NOT NULL CHECK (last_event_id >= 0)
);
