-- Wrong passwords and codes at the console. Kept for addresses that are nobody's as well: who guesses is not told which are.
CREATE TABLE IF NOT EXISTS sign_in_attempts (
    -- SHA-256 of the address in lower case.
    email_hash BYTEA NOT NULL PRIMARY KEY,
    -- In a row, so far.
    failures BIGINT NOT NULL CHECK (failures >= 0),
    locked_until_us BIGINT,
    changed_at_us BIGINT NOT NULL
);
