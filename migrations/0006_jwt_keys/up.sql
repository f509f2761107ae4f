CREATE TABLE IF NOT EXISTS jwt_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('HS256', 'EdDSA', 'RS256')),
    secret BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('next', 'active', 'retiring')),
    created_at_us BIGINT NOT NULL,
    -- When a key that is published issues; of the others, when it began to.
    active_from_us BIGINT NOT NULL,
    -- When a retiring key may be dropped: the last token that it signed has expired.
    drop_after_us BIGINT
);
