CREATE INDEX IF NOT EXISTS payments_by_account ON payments (tenant_id, account_id, created_at_us, id);
