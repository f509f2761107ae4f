-- One token (its jti), or with an empty jti all of the user's up to a second.
CREATE TABLE IF NOT EXISTS revocations (
    tenant_id BIGINT NOT NULL,
    user_uuid BYTEA NOT NULL,
    jti BYTEA NOT NULL,
    up_to_iat_s BIGINT NOT NULL,
    expires_at_s BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_uuid, jti)
);
