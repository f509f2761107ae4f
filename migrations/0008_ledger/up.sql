-- Amounts are millionths of a credit. An account has its user's id.
CREATE TABLE accounts (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    balance BIGINT NOT NULL CHECK (balance BETWEEN -1000000000000000000 AND 1000000000000000000),
    lifetime_earned BIGINT NOT NULL CHECK (lifetime_earned BETWEEN 0 AND 1000000000000000000),
    lifetime_spent BIGINT NOT NULL CHECK (lifetime_spent BETWEEN 0 AND 1000000000000000000),
    floor BIGINT NOT NULL CHECK (floor BETWEEN -1000000000000000000 AND 1000000000000000000),
    -- How many entries the account has; the next one's sequence is one more.
    entries BIGINT NOT NULL CHECK (entries >= 0),
    PRIMARY KEY (tenant_id, id),
    CHECK (balance = lifetime_earned - lifetime_spent)
);
-- The key is the account's own count: history needs no other index, and no two writers can post the same step.
CREATE TABLE entries (
    tenant_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    transaction_id BYTEA NOT NULL,
    app_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    units BIGINT CHECK (units > 0),
    balance_after BIGINT NOT NULL,
    description TEXT,
    reference TEXT,
    payment_id BYTEA,
    created_at_us BIGINT NOT NULL,
    -- The entry's audit event: an account's trail is found by its entries, without an index of its own.
    event_id BIGINT,
    PRIMARY KEY (tenant_id, account_id, sequence)
);
CREATE UNIQUE INDEX entries_by_reference ON entries (tenant_id, app_id, reference) WHERE reference IS NOT NULL;
CREATE TABLE payments (
    tenant_id BIGINT NOT NULL,
    id BYTEA NOT NULL,
    account_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    credits BIGINT CHECK (credits > 0),
    status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    external_id TEXT,
    -- The entry, of this account, that the payment was credited by.
    credited_sequence BIGINT,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX payments_by_external_id ON payments (tenant_id, app_id, external_id) WHERE external_id IS NOT NULL;
