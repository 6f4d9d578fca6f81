-- seal: the key that the stored bytes are sealed with, itself sealed; NULL when they are stored as they are.
-- proof: 0 computed, 1 asserted by the store, 2 unproven.
-- A digest of 16 bytes is none: the blob's own id stands in until the bytes were read back. A version whose
-- digest is not known has an empty one.
ALTER TABLE blobs ADD COLUMN seal BYTES;
ALTER TABLE blobs ADD COLUMN proof BIGINT NOT NULL DEFAULT 0;
DROP INDEX blobs_by_key;
CREATE INDEX blobs_by_key ON blobs (store, store_key) WHERE store_key IS NOT NULL;
CREATE INDEX blobs_damaged ON blobs (id) WHERE state <> 0;

-- What could not be moved from one store to another, and why.
CREATE TABLE move_failures (
    from_store KEYTEXT NOT NULL,
    blob_id BYTES NOT NULL,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (from_store, blob_id)
) CLUSTERED;
