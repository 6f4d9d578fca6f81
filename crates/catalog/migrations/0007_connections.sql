-- A linked account, bucket or folder. owner_id: NULL is the server's. drive: the provider's lasting id of it.
-- settings: what the connector needs to know and is no secret, JSON. sealed: the credentials, sealed, JSON inside;
-- generation: counts what was put there. holder: who refreshes them just now, until then.
CREATE TABLE connections (
    id BYTES PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    owner_id BYTES,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    account TEXT NOT NULL,
    drive TEXT NOT NULL,
    flavour TEXT,
    root TEXT NOT NULL,
    settings TEXT NOT NULL,
    scopes TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    created_ms BIGINT NOT NULL,
    linked_ms BIGINT NOT NULL,
    checked_ms BIGINT,
    worked_ms BIGINT,
    ends_ms BIGINT,
    used_bytes BIGINT,
    limit_bytes BIGINT,
    sealed BYTES NOT NULL,
    generation BIGINT NOT NULL,
    holder BYTES,
    holder_until_ms BIGINT
) CLUSTERED;
CREATE INDEX connections_of_owner ON connections (owner_id, number);

-- How far what is in a connection was looked at. cursor: where the next look goes on; NULL begins anew.
-- round: counts the times that everything was looked at. settled_ms: when a look was last complete.
CREATE TABLE connection_feeds (
    connection_id BYTES PRIMARY KEY,
    cursor TEXT,
    round BIGINT NOT NULL,
    is_snapshot BIGINT NOT NULL,
    started_ms BIGINT,
    settled_ms BIGINT,
    next_ms BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    error TEXT
) CLUSTERED;
CREATE INDEX connection_feeds_due ON connection_feeds (next_ms);

-- What is in a connection. item_key and parent_key: the first 16 bytes of the SHA-256 of the ids, which may be
-- long. sort_key: the folded name's beginning. round: when it was last seen. flags: 1 in the trash, 2 editable.
-- details: a document's exports, or what a shortcut leads to; hashes likewise parted by line breaks.
CREATE TABLE connection_items (
    connection_id BYTES NOT NULL,
    item_key BYTES NOT NULL,
    parent_key BYTES,
    item_id TEXT NOT NULL,
    parent_id TEXT,
    name TEXT NOT NULL,
    sort_key KEYTEXT NOT NULL,
    kind BIGINT NOT NULL,
    size_bytes BIGINT,
    media_type TEXT,
    hashes TEXT NOT NULL,
    revision TEXT,
    tag TEXT,
    modified_ms BIGINT,
    flags BIGINT NOT NULL,
    details TEXT NOT NULL,
    web_url TEXT,
    round BIGINT NOT NULL,
    PRIMARY KEY (connection_id, item_key)
) CLUSTERED;
CREATE INDEX connection_items_of_folder ON connection_items (connection_id, parent_key, kind, sort_key, item_key);
CREATE INDEX connection_items_by_size ON connection_items (connection_id, size_bytes) WHERE kind = 1;

-- What an account may be asked, for all nodes. lane: 0 everything, 1 reads, 2 listings, 3 writes, 4 contents.
-- milli_tokens: thousandths of requests that are left; until: nothing is asked before then.
CREATE TABLE connection_paces (
    connection_id BYTES NOT NULL,
    lane BIGINT NOT NULL,
    milli_tokens BIGINT NOT NULL,
    refilled_ms BIGINT NOT NULL,
    paused_until_ms BIGINT,
    PRIMARY KEY (connection_id, lane)
) CLUSTERED;
