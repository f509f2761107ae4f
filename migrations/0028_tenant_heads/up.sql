-- Whoever writes to a tenant locks its row here first: positions of the audit log have no gaps, and writers of one
-- tenant, on whatever server, come one after the other.
CREATE TABLE IF NOT EXISTS tenant_heads (
    tenant_id BIGINT NOT NULL PRIMARY KEY,
    -- The last position of the audit log.
    last_event_id BIGINT NOT NULL,
    -- From which signed second on no signature was ever forgotten.
    remembers_from_s BIGINT NOT NULL,
    -- One more with every change of what apps know of users: what was read under it is true while it stands.
    directory_revision BIGINT NOT NULL
);
