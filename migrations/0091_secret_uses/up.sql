-- When a secret that was replaced was used last. Without a key to the secret: that is forgotten first.
CREATE TABLE IF NOT EXISTS secret_uses (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    secret_id BIGINT NOT NULL,
    used_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, secret_id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
