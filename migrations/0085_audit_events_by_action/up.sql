-- Without deductions: they are nearly all of a trail, so its own order finds them as well.
CREATE INDEX IF NOT EXISTS audit_events_by_action ON audit_events (tenant_id, action, id)
WHERE action <> 'credits.deducted';
