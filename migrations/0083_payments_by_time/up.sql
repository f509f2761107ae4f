CREATE INDEX IF NOT EXISTS payments_by_time ON payments (tenant_id, created_at_us, id);
