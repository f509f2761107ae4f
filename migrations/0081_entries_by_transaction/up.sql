-- A transaction by its id, and all of a tenant by time: the id begins with it.
CREATE INDEX IF NOT EXISTS entries_by_transaction ON entries (tenant_id, transaction_id);
