CREATE INDEX IF NOT EXISTS audit_events_by_user ON audit_events (tenant_id, user_id, id) WHERE user_id IS NOT NULL;
