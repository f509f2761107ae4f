CREATE TABLE IF NOT EXISTS group_apps (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, group_id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES user_groups (tenant_id, id)
);
