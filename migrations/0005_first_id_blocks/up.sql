INSERT INTO id_blocks (kind, next) VALUES ('tenant', 1), ('app', 1001), ('user', 100001), ('group', 1), ('secret', 1)
    ON CONFLICT DO NOTHING;
