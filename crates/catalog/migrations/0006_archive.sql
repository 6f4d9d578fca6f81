-- Up to which entry of its journal a space is in the archive that the store of contents holds.
CREATE TABLE archived_spaces (
    space_id BYTES PRIMARY KEY,
    seq BIGINT NOT NULL
) CLUSTERED;

-- What changed that no journal tells, until it is in the archive. kind: the table. id: the row's key, or the user's
-- for what belongs to one person. changes: how often since it was queued.
CREATE TABLE archive_queue (
    kind KEYTEXT NOT NULL,
    id BYTES NOT NULL,
    changes BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
) CLUSTERED;
