CREATE INDEX IF NOT EXISTS refresh_tokens_by_session ON refresh_tokens (tenant_id, session_id);
