-- Lines and the life each leads, the numbers they have had over time, and who serves a number that left its range.
CREATE SCHEMA lines;
GRANT USAGE ON SCHEMA lines TO topup_app;

-- `rules` says which rules of its carrier's file a line's life was last computed by (lines/rules.py); 0: by none, and then
-- nothing happens to it by itself.
CREATE TABLE lines.lines (
    lane        smallint NOT NULL,
    id          text COLLATE "C" NOT NULL,
    carrier_id  text NOT NULL,
    kind        text NOT NULL DEFAULT 'physical' CHECK (kind IN ('physical', 'esim', 'number_keeping', 'travel')),
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'barred', 'closed')),
    zone        text NOT NULL,               -- IANA; the line's days begin and end in it
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    rules       integer NOT NULL DEFAULT 0,
    state       text NOT NULL DEFAULT 'active',
    state_since timestamptz NOT NULL,
    shows       text NOT NULL DEFAULT 'active' CHECK (shows IN ('active', 'low', 'expiring', 'one_way_blocked',
                    'two_way_blocked', 'reserved', 'recycled')),
    clocks      jsonb,                       -- by name, when it runs out or ran out
    next_at     timestamptz,                 -- the earliest that anything can happen by itself
    looked_at   timestamptz NOT NULL,        -- what came due up to then has happened
    active_at   timestamptz,                 -- the last chargeable activity that clocks heard of
    has_funds   boolean NOT NULL DEFAULT FALSE,
    funds_until timestamptz,                 -- the last end of its money, as of the last look; null: none or without end
    funds_since timestamptz,                 -- since when there is money, or none
    gone        text NOT NULL DEFAULT 'used_up' CHECK (gone IN ('used_up', 'expired')),
    arrears_minor bigint NOT NULL DEFAULT 0 CHECK (arrears_minor >= 0),
    fee_at      timestamptz,                 -- when the next monthly fee comes due
    unfinished  jsonb,                       -- what entering a state does to its buckets and is not seen to be done
    number_free_at timestamptz,              -- closed, and its number waits until then for its next line
    plan_blocks text[],                      -- what an unpaid plan blocks beside the state (lines/plans); null: nothing
    PRIMARY KEY (lane, id)
) WITH (fillfactor = 85);
CREATE INDEX lines_next ON lines.lines (lane, next_at) WHERE next_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON lines.lines TO topup_app;

-- Each change of a line's state, at the instant its reason came about; noted when it was found.
CREATE TABLE lines.changes (
    lane       smallint NOT NULL,
    line_id    text COLLATE "C" NOT NULL,
    sequence   bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    left_state text NOT NULL,
    entered    text NOT NULL,
    reason     text NOT NULL,                -- what led out (catalogue, `when`)
    shows      text NOT NULL,
    noted_at   timestamptz NOT NULL,
    told       boolean NOT NULL DEFAULT FALSE, -- whoever is to hear of it has been told
    PRIMARY KEY (lane, line_id, sequence)
);
CREATE INDEX changes_untold ON lines.changes (lane, sequence) WHERE NOT told;
GRANT SELECT, INSERT, UPDATE (told) ON lines.changes TO topup_app;

-- That a line is to be told what will become of it, and when: the last one due of those of a look. Whoever tells it sees
-- first whether it is still so (lines/reminding.py).
CREATE TABLE lines.reminders (
    lane       smallint NOT NULL,
    line_id    text COLLATE "C" NOT NULL,
    due        timestamptz NOT NULL,         -- when it leaves its state unless something is done
    days       smallint NOT NULL,            -- so many days before
    entering   text NOT NULL,                -- the state it would come to
    noted_at   timestamptz NOT NULL,
    tell_at    timestamptz,                  -- not at night; null when it was told, or was so no longer
    told_at    timestamptz,
    PRIMARY KEY (lane, line_id, due, days)
);
CREATE INDEX reminders_due ON lines.reminders (lane, tell_at) WHERE tell_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE (tell_at, told_at) ON lines.reminders TO topup_app;

-- A recycled number is a new line: the old row ends, another begins. A number that waits in quarantine is the closed
-- line's still, so that no other line can have it.
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
CREATE INDEX numbers_of_line ON lines.numbers (lane, line_id) WHERE until IS NULL;
GRANT SELECT, INSERT, UPDATE ON lines.numbers TO topup_app;

-- Numbers served by another carrier than their range's.
CREATE TABLE lines.ported_numbers (
    msisdn     text COLLATE "C" PRIMARY KEY,
    carrier_id text NOT NULL,
    since      timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON lines.ported_numbers TO topup_app;
