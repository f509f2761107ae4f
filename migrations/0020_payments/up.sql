CREATE TABLE IF NOT EXISTS payments (
    tenant_id BIGINT NOT NULL,
    id BYTEA NOT NULL,
    account_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000000000),
    currency TEXT NOT NULL,
    credits BIGINT CHECK (credits BETWEEN 1 AND 1000000000000000000),
    status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    external_id TEXT,
    -- The entry, of this account, that the payment was credited by.
    credited_sequence BIGINT,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
