-- Lines, the numbers they have had over time, and who serves a number that left its range.
CREATE SCHEMA lines;
GRANT USAGE ON SCHEMA lines TO topup_app;

CREATE TABLE lines.lines (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    carrier_id text NOT NULL,
    kind       text NOT NULL DEFAULT 'physical' CHECK (kind IN ('physical', 'esim', 'number_keeping', 'travel')),
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'barred', 'closed')),
    zone       text NOT NULL,             -- IANA; the line's days begin and end in it
    opened_at  timestamptz NOT NULL,
    closed_at  timestamptz,
    PRIMARY KEY (lane, id)
);
GRANT SELECT, INSERT, UPDATE ON lines.lines TO topup_app;

-- A recycled number is a new line: the old row ends, another begins.
CREATE TABLE lines.numbers (
    msisdn     text COLLATE "C" NOT NULL, -- E.164
    since      timestamptz NOT NULL,
    until      timestamptz,
    lane       smallint NOT NULL,
    line_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (msisdn, since),
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines
);
CREATE UNIQUE INDEX numbers_now ON lines.numbers (msisdn) INCLUDE (lane, line_id) WHERE until IS NULL;
GRANT SELECT, INSERT, UPDATE ON lines.numbers TO topup_app;

-- Numbers served by another carrier than their range's.
CREATE TABLE lines.ported_numbers (
    msisdn     text COLLATE "C" PRIMARY KEY,
    carrier_id text NOT NULL,
    since      timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON lines.ported_numbers TO topup_app;
