-- A move of a folder in one connection to a folder in another. owner_id: NULL is the server's. from_folder, to_folder:
-- ids at the providers, the latter NULL until it is made. pass: counts the times that the source was compared;
-- pass_changes: differences that this one found. next_ms: when it goes on.
CREATE TABLE cloud_migrations (
    id BYTES PRIMARY KEY,
    owner_id BYTES,
    from_connection BYTES NOT NULL,
    from_path TEXT NOT NULL,
    from_folder TEXT,
    to_connection BYTES NOT NULL,
    to_path TEXT NOT NULL,
    to_folder TEXT,
    documents TEXT NOT NULL,
    deletes_gone BIGINT NOT NULL,
    reads_back BIGINT NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    pass BIGINT NOT NULL,
    pass_began_ms BIGINT,
    pass_changes BIGINT NOT NULL,
    is_finishing BIGINT NOT NULL,
    reason TEXT,
    failures BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT
) CLUSTERED;
CREATE INDEX cloud_migrations_of_owner ON cloud_migrations (owner_id, created_ms, id);
CREATE INDEX cloud_migrations_due ON cloud_migrations (next_ms) WHERE ended_ms IS NULL;

-- What is in the source of a migration. item_key, parent_key, copy_key: the first 16 bytes of the SHA-256 of the ids at
-- the source and of the copy's at the target. copy_*: the copy as it was right after it was written, and of which
-- content it is; hashes parted by line breaks. session: a running upload, sealed. next_ms: when it is tried (again);
-- NULL when there is nothing to do. seen_pass: the pass that last found it; done_pass: the pass that last looked
-- into the folder, or verified the file.
CREATE TABLE cloud_migration_items (
    migration_id BYTES NOT NULL,
    item_key BYTES NOT NULL,
    parent_key BYTES,
    copy_key BYTES,
    source_id TEXT NOT NULL,
    parent_id TEXT,
    depth BIGINT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    kind BIGINT NOT NULL,
    is_folder BIGINT NOT NULL,
    size_bytes BIGINT,
    state TEXT NOT NULL,
    reason TEXT,
    note TEXT,
    proof TEXT,
    proven_ms BIGINT,
    copy_id TEXT,
    copy_parent TEXT,
    copy_name TEXT,
    copy_revision TEXT,
    copy_hashes TEXT NOT NULL,
    of_revision TEXT,
    of_hashes TEXT NOT NULL,
    copy_bytes BIGINT,
    sent_hashes TEXT NOT NULL,
    was_there BIGINT NOT NULL,
    is_rewritten BIGINT NOT NULL,
    given_id TEXT,
    session BYTES,
    attempts BIGINT NOT NULL,
    next_ms BIGINT,
    seen_pass BIGINT NOT NULL,
    done_pass BIGINT NOT NULL,
    PRIMARY KEY (migration_id, item_key)
) CLUSTERED;
CREATE INDEX cloud_migration_items_by_state ON cloud_migration_items (migration_id, state, item_key);
CREATE INDEX cloud_migration_items_to_do ON cloud_migration_items (migration_id, is_folder, depth, next_ms)
    WHERE next_ms IS NOT NULL;
CREATE INDEX cloud_migration_items_by_pass ON cloud_migration_items (migration_id, is_folder, done_pass);
CREATE INDEX cloud_migration_items_below ON cloud_migration_items (migration_id, parent_key);
CREATE INDEX cloud_migration_items_of_copy ON cloud_migration_items (migration_id, copy_key) WHERE copy_key IS NOT NULL;
