-- The open link of a user's enrolment by mail.
CREATE TABLE IF NOT EXISTS enrollments (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    -- SHA-256 of what the link ends in.
    token_hash BYTEA NOT NULL,
    email TEXT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
