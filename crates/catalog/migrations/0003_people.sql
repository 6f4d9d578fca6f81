-- locale: a BCP 47 tag. photo_ms: when the photo was set; NULL is none.
ALTER TABLE users ADD COLUMN locale TEXT;
ALTER TABLE users ADD COLUMN photo_ms BIGINT;

-- A profile photo in one size: a square JPEG of edge_px pixels.
CREATE TABLE photos (
    user_id BYTES NOT NULL,
    edge_px BIGINT NOT NULL,
    bytes BYTES NOT NULL,
    PRIMARY KEY (user_id, edge_px)
) CLUSTERED;

-- A person as an OpenID provider knows them. number: small, never used twice.
CREATE TABLE identities (
    issuer KEYTEXT NOT NULL,
    subject KEYTEXT NOT NULL,
    number BIGINT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    user_id BYTES NOT NULL,
    email TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
) CLUSTERED;
CREATE INDEX identities_of_user ON identities (user_id, created_ms);

-- Names of things that may be used once and were, until they would have expired anyway.
CREATE TABLE tickets (
    name KEYTEXT PRIMARY KEY,
    expires_ms BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX tickets_by_end ON tickets (expires_ms);

-- A right on a node, and on all below it, given to a user. level: 0 view, 1 edit.
CREATE TABLE shares (
    id BYTES PRIMARY KEY,
    node_id BYTES NOT NULL,
    space_id BYTES NOT NULL,
    user_id BYTES NOT NULL,
    level BIGINT NOT NULL,
    may_share BIGINT NOT NULL,
    given_by BYTES NOT NULL,
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL
) CLUSTERED;
CREATE UNIQUE INDEX shares_of_node ON shares (node_id, user_id);
CREATE INDEX shares_of_user ON shares (user_id, created_ms, id);
CREATE INDEX shares_by_giver ON shares (given_by, created_ms, id);

-- A public address of a node. mode: 0 view, 1 edit, 2 drop. Of the token only the SHA-256 is kept.
CREATE TABLE links (
    id BYTES PRIMARY KEY,
    node_id BYTES NOT NULL,
    space_id BYTES NOT NULL,
    given_by BYTES NOT NULL,
    mode BIGINT NOT NULL,
    token_hash BYTES NOT NULL UNIQUE,
    password_hash TEXT,
    label TEXT NOT NULL,
    expires_ms BIGINT,
    most_downloads BIGINT,
    downloads BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    used_ms BIGINT
) CLUSTERED;
CREATE INDEX links_of_node ON links (node_id, created_ms, id);
CREATE INDEX links_by_giver ON links (given_by, created_ms, id);
