-- What the installation is, and the idempotency keys of callers.
CREATE SCHEMA platform;
GRANT USAGE ON SCHEMA platform TO topup_app;

CREATE TABLE platform.installation (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    demo       boolean NOT NULL,          -- development mode is allowed on this database, for ever
    lanes      smallint NOT NULL CHECK (lanes BETWEEN 1 AND 1024),
    created_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON platform.installation TO topup_app;

-- A caller's key names one request: claimed in a commit of its own before the work, answered in the work's transaction;
-- or both in the work's transaction, where that is all of the work.
CREATE TABLE platform.request_keys (
    lane        smallint NOT NULL,        -- of the key's text
    principal   text COLLATE "C" NOT NULL,
    route       text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,           -- of the request's body
    resource    text COLLATE "C" NOT NULL,-- the id the work will create: decided once, so that repeating is harmless
    claimed_at  timestamptz NOT NULL,
    status      smallint,                 -- null while the work runs
    body        bytea,
    PRIMARY KEY (lane, principal, route, key)
);
-- Who wrote a key that looked free, and finds that somebody else has written it: its transaction is made anew.
CREATE FUNCTION platform.key_taken() RETURNS smallint LANGUAGE plpgsql AS $$
BEGIN
    RAISE SQLSTATE '40001' USING MESSAGE = 'somebody else has the key';
END $$;
CREATE INDEX request_keys_age ON platform.request_keys USING brin (claimed_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.request_keys TO topup_app;
