-- A folder that is kept in step with a folder at a connection. item: the folder's id there. drive: the connection's
-- when the mirror was made. rules: JSON. next_entry, events: count what was given a number. entries: those that have
-- a base. trash_began_ms, trash_count: how much was trashed lately, and since when that is counted.
CREATE TABLE mirrors (
    id BYTES PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    owner_id BYTES NOT NULL,
    connection_id BYTES NOT NULL,
    node_id BYTES NOT NULL,
    space_id BYTES NOT NULL,
    item TEXT NOT NULL,
    drive TEXT NOT NULL,
    direction TEXT NOT NULL,
    policy TEXT NOT NULL,
    drift TEXT NOT NULL,
    rules TEXT NOT NULL,
    most_deletes BIGINT,
    state TEXT NOT NULL,
    reason TEXT,
    is_default BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    here_seq BIGINT NOT NULL,
    there_seq BIGINT NOT NULL,
    is_complete BIGINT NOT NULL,
    began_ms BIGINT,
    in_step_ms BIGINT,
    behind_ms BIGINT,
    next_ms BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_entry BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    events BIGINT NOT NULL,
    trash_began_ms BIGINT,
    trash_count BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX mirrors_of_owner ON mirrors (owner_id, number);
CREATE INDEX mirrors_of_connection ON mirrors (connection_id, number);
CREATE INDEX mirrors_of_space ON mirrors (space_id, number);
CREATE INDEX mirrors_due ON mirrors (next_ms) WHERE state <> 'paused';

-- What ties a node to an item, and what both sides agreed on last: parent (0 is the mirror's folder), the two names,
-- and a file's content: version, digest and size_bytes here, revision, there_bytes and there_hashes there (parted by
-- line breaks). item_key: as of connection_items. error: why its last step failed. proof, proven_ms: whether the
-- content there was proven to be ours, and when that was last asked (0 is never).
CREATE TABLE mirror_entries (
    mirror_id BYTES NOT NULL,
    entry BIGINT NOT NULL,
    node_id BYTES,
    item_key BYTES,
    item_id TEXT,
    parent BIGINT,
    name_here TEXT,
    name_there TEXT,
    is_folder BIGINT NOT NULL,
    has_base BIGINT NOT NULL,
    is_parked BIGINT NOT NULL,
    is_skipped BIGINT NOT NULL,
    version BIGINT,
    digest BYTES,
    size_bytes BIGINT,
    revision TEXT,
    there_bytes BIGINT,
    there_hashes TEXT,
    taint_until_ms BIGINT,
    attempts BIGINT NOT NULL,
    next_ms BIGINT,
    error TEXT,
    proof BIGINT NOT NULL,
    proven_ms BIGINT NOT NULL,
    PRIMARY KEY (mirror_id, entry)
) CLUSTERED;
CREATE UNIQUE INDEX mirror_entries_by_node ON mirror_entries (mirror_id, node_id) WHERE node_id IS NOT NULL;
CREATE UNIQUE INDEX mirror_entries_by_item ON mirror_entries (mirror_id, item_key) WHERE item_key IS NOT NULL;
CREATE INDEX mirror_entries_in ON mirror_entries (mirror_id, parent, entry) WHERE parent IS NOT NULL;
CREATE INDEX mirror_entries_by_proof ON mirror_entries (mirror_id, proven_ms, entry) WHERE version IS NOT NULL;
CREATE INDEX mirror_entries_tombs ON mirror_entries (mirror_id, taint_until_ms) WHERE taint_until_ms IS NOT NULL;
CREATE INDEX mirror_entries_failed ON mirror_entries (mirror_id, entry) WHERE error IS NOT NULL;
CREATE INDEX mirror_entries_parked ON mirror_entries (mirror_id, entry) WHERE is_parked = 1;
CREATE INDEX mirror_entries_skipped ON mirror_entries (mirror_id, entry) WHERE is_skipped = 1;

-- Entries that have to be looked at. generation: counts how often that was said. mark: how far a listing came.
-- next_ms: not before then; 0 is at once. trash: 1 it is to be trashed here, 2 there; 0 it is not.
CREATE TABLE mirror_dirty (
    mirror_id BYTES NOT NULL,
    entry BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    mark TEXT,
    since_ms BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    trash BIGINT NOT NULL,
    depth BIGINT NOT NULL,
    is_approved BIGINT NOT NULL,
    PRIMARY KEY (mirror_id, entry)
) CLUSTERED;
CREATE INDEX mirror_dirty_due ON mirror_dirty (mirror_id, trash, next_ms, entry);
CREATE INDEX mirror_dirty_to_trash ON mirror_dirty (mirror_id, is_approved, depth, entry, trash) WHERE trash <> 0;

-- Calls at the provider that were begun and of which it is not known that they ended. op: what, JSON. session: of an
-- upload, sealed.
CREATE TABLE mirror_intents (
    mirror_id BYTES NOT NULL,
    entry BIGINT NOT NULL,
    op TEXT NOT NULL,
    session BYTES,
    attempts BIGINT NOT NULL,
    began_ms BIGINT NOT NULL,
    PRIMARY KEY (mirror_id, entry)
) CLUSTERED;

-- What happened in a mirror, for people. detail: JSON.
CREATE TABLE mirror_events (
    mirror_id BYTES NOT NULL,
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (mirror_id, seq)
) CLUSTERED;

-- Items of connections with mirrors that changed, in order. head: the last number of a connection.
CREATE TABLE remote_changes (
    connection_id BYTES NOT NULL,
    seq BIGINT NOT NULL,
    item_id TEXT NOT NULL,
    PRIMARY KEY (connection_id, seq)
) CLUSTERED;
ALTER TABLE connection_feeds ADD COLUMN head BIGINT NOT NULL DEFAULT 0;

-- Changes of both sides that clash. base, here, there: the sides, JSON. copy_id: the file that was made to keep both.
-- fingerprint: what tells it from any other of the mirror. policy and what follows: how it ended, once resolved_ms is
-- there. history: all that was decided, and what each decision changed: JSON, or empty.
CREATE TABLE conflicts (
    id BYTES PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    owner_id BYTES NOT NULL,
    mirror_id BYTES NOT NULL,
    entry BIGINT NOT NULL,
    node_id BYTES,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    base TEXT,
    here TEXT,
    there TEXT,
    copy_id BYTES,
    found_ms BIGINT NOT NULL,
    fingerprint BYTES NOT NULL,
    policy TEXT,
    winner TEXT,
    resolved_by BYTES,
    notes TEXT,
    resolved_ms BIGINT,
    undone_ms BIGINT,
    history TEXT NOT NULL
) CLUSTERED;
CREATE UNIQUE INDEX conflicts_once ON conflicts (mirror_id, fingerprint);
CREATE INDEX conflicts_of_owner ON conflicts (owner_id, number);
CREATE INDEX conflicts_of_mirror ON conflicts (mirror_id, number);
CREATE INDEX conflicts_open ON conflicts (number) WHERE resolved_ms IS NULL;
CREATE INDEX conflicts_open_of_owner ON conflicts (owner_id, number) WHERE resolved_ms IS NULL;
CREATE INDEX conflicts_open_of_entry ON conflicts (mirror_id, entry, number) WHERE resolved_ms IS NULL;
CREATE INDEX conflicts_by_node ON conflicts (node_id, number) WHERE node_id IS NOT NULL;
CREATE INDEX conflicts_by_copy ON conflicts (copy_id, number) WHERE copy_id IS NOT NULL;

-- Other hashes of contents that we hold, by their SHA-256.
CREATE TABLE content_hashes (
    digest BYTES NOT NULL,
    kind KEYTEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (digest, kind)
) CLUSTERED;
