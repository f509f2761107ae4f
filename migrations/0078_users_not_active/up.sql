-- The few of them, among many.
CREATE INDEX IF NOT EXISTS users_not_active ON users (tenant_id, id) WHERE status <> 'active';
