INSERT INTO id_blocks (kind, next) VALUES ('admin', 1) ON CONFLICT DO NOTHING;
