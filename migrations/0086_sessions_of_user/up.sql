CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (tenant_id, user_uuid, created_at_s, id);
