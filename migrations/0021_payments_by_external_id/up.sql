CREATE UNIQUE INDEX IF NOT EXISTS payments_by_external_id ON payments (tenant_id, app_id, external_id) WHERE external_id IS NOT NULL;
