-- Channels by which providers tell that something changed in a connection. id: ours, which the secret of a notice begins
-- with; secret_hash: that secret's SHA-256. remote_id, resource: what the provider calls it, NULL until that is known.
-- address: where notices go. proven_ms: when it was last shown that notices come through, NULL while that is in doubt.
-- noticed_ms: when a change was last told. error, failures: why it is not open, and how often that came; next_ms: when
-- something is to be done about it, other than its end asks for.
CREATE TABLE connection_channels (
    id BYTES PRIMARY KEY,
    connection_id BYTES NOT NULL,
    secret_hash BYTES NOT NULL,
    remote_id TEXT,
    resource TEXT,
    address TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    proven_ms BIGINT,
    noticed_ms BIGINT,
    error TEXT,
    failures BIGINT NOT NULL,
    next_ms BIGINT
) CLUSTERED;
CREATE INDEX connection_channels_of_connection ON connection_channels (connection_id, opened_ms);
