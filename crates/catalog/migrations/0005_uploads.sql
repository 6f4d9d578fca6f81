-- reserved_bytes: what uploads that are under way may still need.
ALTER TABLE spaces ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;

-- Uploads that take more than one request. kind: 0 direct, 1 tus, 2 a part of a tus upload. state: 0 open,
-- 1 being verified, 2 completed, 3 failed. owner: who may go on with it. target: what is to become of it, JSON.
-- stored_bytes: those of offset_bytes that are in parts; the others are in upload_tails. hash_state: SHA-256
-- so far. token: what the store calls it by, a secret; NULL until the first part. writer: who writes to it.
CREATE TABLE uploads (
    id BYTES PRIMARY KEY,
    kind BIGINT NOT NULL,
    owner KEYTEXT NOT NULL,
    space_id BYTES NOT NULL,
    target TEXT NOT NULL,
    metadata TEXT NOT NULL,
    size_bytes BIGINT,
    reserved_bytes BIGINT NOT NULL,
    offset_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    parts BIGINT NOT NULL,
    part_bytes BIGINT NOT NULL,
    digest BYTES,
    hash_state BYTES,
    blob_id BYTES NOT NULL,
    store KEYTEXT NOT NULL,
    store_key KEYTEXT,
    token TEXT,
    seal BYTES,
    state BIGINT NOT NULL,
    node_id BYTES,
    version BIGINT,
    writer BYTES,
    writer_until_ms BIGINT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX uploads_of_owner ON uploads (owner, state);
CREATE INDEX uploads_by_end ON uploads (expires_ms);
CREATE INDEX uploads_of_space ON uploads (space_id);
CREATE INDEX uploads_in_store ON uploads (store, store_key);

CREATE TABLE upload_parts (
    upload_id BYTES NOT NULL,
    number BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (upload_id, number)
) CLUSTERED;

-- Bytes that are not yet a part of their store.
CREATE TABLE upload_tails (
    upload_id BYTES NOT NULL,
    offset_bytes BIGINT NOT NULL,
    bytes BYTES NOT NULL,
    PRIMARY KEY (upload_id, offset_bytes)
);
