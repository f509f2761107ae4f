-- One key issues, and at most one is published to be the next.
CREATE UNIQUE INDEX IF NOT EXISTS jwt_keys_by_state ON jwt_keys (state) WHERE state IN ('next', 'active');
