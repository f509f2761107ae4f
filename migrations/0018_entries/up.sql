-- The key is the account's own count: history needs no other index, and no two writers can post the same step.
CREATE TABLE IF NOT EXISTS entries (
    tenant_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    transaction_id BYTEA NOT NULL,
    app_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount BETWEEN -1000000000000000000 AND 1000000000000000000 AND amount <> 0),
    units BIGINT CHECK (units BETWEEN 1 AND 1000000000000000000),
    balance_after BIGINT NOT NULL CHECK (balance_after BETWEEN -1000000000000000000 AND 1000000000000000000),
    description TEXT,
    reference TEXT,
    payment_id BYTEA,
    created_at_us BIGINT NOT NULL,
    -- The entry's audit event: an account's trail is found by its entries, without an index of its own.
    event_id BIGINT,
    PRIMARY KEY (tenant_id, account_id, sequence)
);
