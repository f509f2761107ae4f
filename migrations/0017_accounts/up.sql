-- Amounts are millionths of a credit. An account has its user's id.
CREATE TABLE IF NOT EXISTS accounts (
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
