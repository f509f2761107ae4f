-- What a user is found by: the beginnings of the name, the address and the ids that apps have, in lower case. As bytes,
-- which every database puts into the same order.
CREATE TABLE IF NOT EXISTS user_terms (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    term BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, user_id, term),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
