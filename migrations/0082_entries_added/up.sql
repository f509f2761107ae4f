-- The few that are no deductions, among many that are.
CREATE INDEX IF NOT EXISTS entries_added ON entries (tenant_id, transaction_id) WHERE kind <> 'DEDUCTION';
