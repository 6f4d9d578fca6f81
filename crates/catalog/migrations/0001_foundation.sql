-- The words BYTES, KEYTEXT, ROW_NUMBER_KEY and CLUSTERED are put into each engine's words by the runner.

CREATE TABLE meta (
    name KEYTEXT PRIMARY KEY,
    value TEXT NOT NULL
) CLUSTERED;

CREATE TABLE users (
    id BYTES PRIMARY KEY,
    email KEYTEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    password_hash TEXT,
    role BIGINT NOT NULL,
    state BIGINT NOT NULL,
    quota_bytes BIGINT,
    space_id BYTES NOT NULL,
    created_ms BIGINT NOT NULL
) CLUSTERED;

CREATE TABLE sessions (
    id BYTES PRIMARY KEY,
    user_id BYTES NOT NULL,
    kind BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_ms BIGINT NOT NULL,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX sessions_of_user ON sessions (user_id, created_ms);
CREATE INDEX sessions_by_end ON sessions (expires_ms);

CREATE TABLE app_passwords (
    id BYTES PRIMARY KEY,
    user_id BYTES NOT NULL,
    label TEXT NOT NULL,
    secret_hash BYTES NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    used_ms BIGINT
) CLUSTERED;
CREATE INDEX app_passwords_of_user ON app_passwords (user_id, created_ms);

CREATE TABLE invites (
    id BYTES PRIMARY KEY,
    secret_hash BYTES NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
) CLUSTERED;

CREATE TABLE throttles (
    name KEYTEXT PRIMARY KEY,
    started_ms BIGINT NOT NULL,
    count BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX throttles_by_start ON throttles (started_ms);

-- number: small and never used twice; it begins the row numbers of the space's nodes.
CREATE TABLE spaces (
    id BYTES PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    owner_id BYTES NOT NULL,
    root_id BYTES NOT NULL,
    head BIGINT NOT NULL,
    used_bytes BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
) CLUSTERED;

-- row_no: the space's number times 2^36, plus the number of the journal entry that tells of the node's
-- making: the nodes of a space lie together, in that order. kind: 0 folder, 1 file. height: levels below
-- a folder, at the most. detached: 0 in the tree or the trash, 1 a copy being built, 2 being purged.
CREATE TABLE nodes (
    row_no ROW_NUMBER_KEY,
    id BYTES NOT NULL UNIQUE,
    space_id BYTES NOT NULL,
    parent_id BYTES,
    name KEYTEXT NOT NULL,
    name_key KEYTEXT NOT NULL,
    kind BIGINT NOT NULL,
    version BIGINT,
    size_bytes BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    height BIGINT NOT NULL,
    detached BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    trashed_ms BIGINT,
    trashed_from BYTES
);
CREATE UNIQUE INDEX nodes_by_place ON nodes (parent_id, name);
CREATE INDEX nodes_by_name ON nodes (parent_id, kind, name_key, row_no);
CREATE INDEX nodes_by_time ON nodes (parent_id, kind, modified_ms, row_no);
CREATE INDEX nodes_by_size ON nodes (parent_id, kind, size_bytes, row_no);
CREATE INDEX nodes_recent ON nodes (space_id, kind, modified_ms, row_no);
CREATE INDEX nodes_trashed ON nodes (space_id, trashed_ms, row_no) WHERE trashed_ms IS NOT NULL;
CREATE INDEX nodes_trash_age ON nodes (trashed_ms) WHERE trashed_ms IS NOT NULL;
CREATE INDEX nodes_detached ON nodes (detached, modified_ms) WHERE detached <> 0;

CREATE TABLE versions (
    node_id BYTES NOT NULL,
    number BIGINT NOT NULL,
    blob_id BYTES NOT NULL,
    size_bytes BIGINT NOT NULL,
    digest BYTES NOT NULL,
    media_type TEXT NOT NULL,
    author_id BYTES,
    origin TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (node_id, number)
) CLUSTERED;
CREATE INDEX versions_of_blob ON versions (blob_id);
CREATE INDEX versions_by_age ON versions (created_ms, node_id, number);

-- store is NULL when the bytes are in inline_bytes. state: 0 good, 1 damaged.
CREATE TABLE blobs (
    id BYTES PRIMARY KEY,
    digest BYTES NOT NULL UNIQUE,
    size_bytes BIGINT NOT NULL,
    store TEXT,
    store_key TEXT,
    refs BIGINT NOT NULL,
    state BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    proven_ms BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX blobs_unused ON blobs (seen_ms) WHERE refs = 0;
CREATE INDEX blobs_by_proof ON blobs (proven_ms, id);
CREATE INDEX blobs_by_key ON blobs (store_key) WHERE store_key IS NOT NULL;

CREATE TABLE inline_bytes (
    blob_id BYTES PRIMARY KEY,
    bytes BYTES NOT NULL
);

CREATE TABLE changes (
    space_id BYTES NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    node_id BYTES NOT NULL,
    node_kind BIGINT NOT NULL,
    parent_id BYTES,
    name TEXT NOT NULL,
    version BIGINT,
    size_bytes BIGINT,
    digest BYTES,
    actor_id BYTES,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (space_id, seq)
) CLUSTERED;

CREATE TABLE stars (
    user_id BYTES NOT NULL,
    node_id BYTES NOT NULL,
    starred_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, node_id)
) CLUSTERED;
CREATE INDEX stars_by_time ON stars (user_id, starred_ms, node_id);
CREATE INDEX stars_of_node ON stars (node_id);

CREATE TABLE jobs (
    id BYTES PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    payload TEXT NOT NULL,
    dedupe_key KEYTEXT,
    owner_id BYTES,
    node_id BYTES,
    priority BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    run_at_ms BIGINT NOT NULL,
    leased_until_ms BIGINT,
    leased_by TEXT,
    cancel_asked BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    done_bytes BIGINT NOT NULL,
    total_bytes BIGINT NOT NULL,
    error TEXT,
    created_ms BIGINT NOT NULL,
    finished_ms BIGINT
) CLUSTERED;
CREATE UNIQUE INDEX jobs_once ON jobs (dedupe_key) WHERE dedupe_key IS NOT NULL AND finished_ms IS NULL;
CREATE INDEX jobs_due ON jobs (state, priority, run_at_ms);
CREATE INDEX jobs_of_owner ON jobs (owner_id, created_ms);
CREATE INDEX jobs_by_end ON jobs (finished_ms);
