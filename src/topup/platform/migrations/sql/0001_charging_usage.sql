-- Calls, data and messages that were used: what each cost a line and why, what could not be charged, what is to be told.

-- A usage that was rated: one record, or one session that was closed. Never edited. `parts`, `free` and `paid` are what
-- rating and the ledger said (charging/usage/rows.py); `counted` is the quantity in whole steps.
CREATE TABLE charging.usage_records (
    lane              smallint NOT NULL,            -- the line's
    line_id           text COLLATE "C" NOT NULL,
    at                timestamptz NOT NULL,         -- when it was used, a call: began
    id                text COLLATE "C" NOT NULL,    -- the record's, as it was sent, or the session's
    source            text NOT NULL CHECK (source IN ('api', 'file', 'session')),
    msisdn            text COLLATE "C" NOT NULL,
    carrier_id        text NOT NULL,
    catalogue_version integer NOT NULL,
    service           text NOT NULL,
    country           text NOT NULL,
    called            text,
    quantity          bigint NOT NULL CHECK (quantity >= 0),
    counted           bigint NOT NULL CHECK (counted >= 0),
    rate_id           text NOT NULL,
    currency          text NOT NULL,
    cost_minor        bigint NOT NULL CHECK (cost_minor >= 0),
    parts             jsonb NOT NULL,
    free              jsonb NOT NULL,
    paid              jsonb NOT NULL,
    rated_at          timestamptz NOT NULL,
    PRIMARY KEY (lane, line_id, at, id)
);
GRANT SELECT, INSERT ON charging.usage_records TO topup_app;

-- Each record's id is used up once, whichever way the record came and whatever number it names: so this is kept in the
-- lane of the id. `fingerprint` is of what the record said, `line_lane`, `line_id` and `at` lead to what became of it.
CREATE TABLE charging.usage_claims (
    lane        smallint NOT NULL,
    id          text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    line_lane   smallint NOT NULL,
    line_id     text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
GRANT SELECT, INSERT ON charging.usage_claims TO topup_app;

-- Files that were imported. The same content is the same import, by whatever name.
CREATE TABLE charging.usage_imports (
    lane     smallint NOT NULL,
    id       text COLLATE "C" NOT NULL,             -- of what the file says
    file     text NOT NULL,                         -- its name, the last time
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
GRANT SELECT, INSERT, UPDATE ON charging.usage_imports TO topup_app;

-- Rows of imported files that could not be charged: when the file is imported again, they are judged anew.
CREATE TABLE charging.usage_rejects (
    lane       smallint NOT NULL,                   -- of the import
    import_id  text COLLATE "C" NOT NULL,           -- of what the file says: the same file, the same id
    row        bigint NOT NULL,                     -- its line in the file, from 1
    record_id  text COLLATE "C",                    -- null: it could not be read
    code       text NOT NULL,
    parameters jsonb NOT NULL,
    who        text NOT NULL,                       -- who must act
    noted_at   timestamptz NOT NULL,
    PRIMARY KEY (lane, import_id, row)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON charging.usage_rejects TO topup_app;

-- What a rate with a daily cap has cost a line on a day of its zone.
CREATE TABLE charging.usage_spent (
    lane    smallint NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    rate_id text COLLATE "C" NOT NULL,
    day     date NOT NULL,
    minor   bigint NOT NULL CHECK (minor > 0),
    PRIMARY KEY (lane, line_id, rate_id, day)
) WITH (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON charging.usage_spent TO topup_app;

-- What other systems, and people, are to be told of a line's usage. Told once: `occasion` is what it is told of.
CREATE TABLE charging.usage_events (
    lane        smallint NOT NULL,
    line_id     text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL CHECK (starts_with(id, 'evt_')),
    name        text NOT NULL CHECK (name IN ('low', 'used_up', 'expiring', 'blocked', 'restored')),
    version     smallint NOT NULL,
    occasion    text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    facts       jsonb NOT NULL,
    look_at     timestamptz,                        -- used up: when to see whether it is there again; null: no more
    heard       boolean NOT NULL DEFAULT FALSE,     -- whoever has the line in their account was told
    PRIMARY KEY (lane, line_id, id)
);
CREATE UNIQUE INDEX usage_events_once ON charging.usage_events (lane, line_id, name, occasion);
CREATE INDEX usage_events_due ON charging.usage_events (lane, look_at, id) WHERE look_at IS NOT NULL;
CREATE INDEX usage_events_unheard ON charging.usage_events (lane, id) WHERE NOT heard;
GRANT SELECT, INSERT, UPDATE (look_at, heard) ON charging.usage_events TO topup_app;

-- How far ahead the ends of buckets were looked at: all that end up to there were told of, so many days before.
CREATE TABLE charging.usage_horizons (
    lane      smallint NOT NULL,
    days      smallint NOT NULL,
    until     timestamptz NOT NULL,
    bucket_id text COLLATE "C" NOT NULL,            -- the last of those that end then
    PRIMARY KEY (lane, days)
);
GRANT SELECT, INSERT, UPDATE ON charging.usage_horizons TO topup_app;
