-- Whose an address is: whoever signs in gives nothing else.
CREATE TABLE IF NOT EXISTS admin_emails (
    -- In lower case.
    email TEXT NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    admin_id BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, admin_id) REFERENCES admins (tenant_id, id)
);
