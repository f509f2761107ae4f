CREATE INDEX IF NOT EXISTS flows_by_expiry ON flows (tenant_id, expires_at_us);
