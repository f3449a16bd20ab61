-- Usage that is charged as it goes on: what is granted, held for it, and used so far.

-- A session lives in its line's lane. `client_key` is under what the client opened it: `session:` and the client's own id,
-- or `key:` and its Idempotency-Key. `sequence` is the number of the request taken in last, `fingerprint` what it said, and
-- `answer` (JSON) what it was told: told again when it asks again. `meters` (JSON, charging/sessions/rows.py) is what
-- each service of the session was granted, has used and holds of the line's buckets.
--
-- `deadline` moves with every request, and is in no index: so each update stays within its page. `look_at` is when a sweep
-- looks at the session, and no later than the deadline was then: it is moved on by the sweep alone.
CREATE TABLE charging.usage_sessions (
    lane              smallint NOT NULL,
    id                text COLLATE "C" NOT NULL CHECK (starts_with(id, 'ses_')),
    line_id           text COLLATE "C" NOT NULL,
    msisdn            text COLLATE "C" NOT NULL,
    carrier_id        text NOT NULL,
    catalogue_version integer NOT NULL,
    opened_by         text COLLATE "C" NOT NULL,    -- key:<id> of an API key
    client_key        text COLLATE "C" NOT NULL,
    opening           bytea NOT NULL,               -- fingerprint of the request that opened it
    began_at          timestamptz NOT NULL,         -- when the use began, by the client
    state             text NOT NULL,
    sequence          integer NOT NULL,
    fingerprint       bytea NOT NULL,
    answer            text NOT NULL,
    meters            text NOT NULL,
    opened_at         timestamptz NOT NULL,
    deadline          timestamptz NOT NULL,
    look_at           timestamptz,                  -- null: closed
    closed_at         timestamptz,
    PRIMARY KEY (lane, id)
) WITH (fillfactor = 50);
CREATE INDEX usage_sessions_due ON charging.usage_sessions (lane, look_at) WHERE look_at IS NOT NULL;
CREATE INDEX usage_sessions_of_line ON charging.usage_sessions (lane, line_id) WHERE look_at IS NOT NULL;
CREATE INDEX usage_sessions_closed ON charging.usage_sessions (lane, closed_at) WHERE closed_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON charging.usage_sessions TO topup_app;

-- Each key opens one session, whichever line it is asked for: so this is kept in the lane of who asks and the key. It goes
-- when its session does.
CREATE TABLE charging.usage_openings (
    lane         smallint NOT NULL,
    opened_by    text COLLATE "C" NOT NULL,
    client_key   text COLLATE "C" NOT NULL,
    session_lane smallint NOT NULL,
    session_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (lane, opened_by, client_key)
);
GRANT SELECT, INSERT, DELETE ON charging.usage_openings TO topup_app;
