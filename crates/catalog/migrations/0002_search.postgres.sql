-- Names are searched by any part of them, within one space: trigrams and the space in one index.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE INDEX nodes_by_part ON nodes USING gin (space_id, name_key gin_trgm_ops);
