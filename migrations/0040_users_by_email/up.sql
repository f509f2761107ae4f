-- Addresses are ASCII, so both databases lower them alike. With the id, as SQLite else reads a tenant's users in its order.
CREATE INDEX IF NOT EXISTS users_by_email ON users (tenant_id, lower(email), id)
WHERE email_verified AND deleted_at_us IS NULL;
