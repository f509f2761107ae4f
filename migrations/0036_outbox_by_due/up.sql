CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (tenant_id, due_at_us);
