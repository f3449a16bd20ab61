-- The plan each line has, and what has become of its plans.

-- `cycle` counts the cycles the line has paid for under all its plans and never starts again: it is in the ledger's keys.
CREATE TABLE lines.plans (
    lane       smallint NOT NULL,
    line_id    text COLLATE "C" NOT NULL,
    carrier_id text NOT NULL,
    plan_id    text NOT NULL,
    standing   text NOT NULL CHECK (standing IN ('active', 'grace', 'waiting_for_credit', 'lapsed', 'ended')),
    since      timestamptz NOT NULL,         -- of this plan
    anchor     timestamptz NOT NULL,         -- cycles by anniversary are counted from here
    cycle      integer NOT NULL CHECK (cycle >= 0),
    began_at   timestamptz NOT NULL,         -- of the last cycle that was paid; or since when it waits for its first
    ends_at    timestamptz NOT NULL,
    paid_minor bigint NOT NULL CHECK (paid_minor >= 0),
    included   jsonb NOT NULL,               -- what the cycle includes: asset, scope, priority, amount of each
    wished     text,                         -- the plan of the next cycle; null: the same
    ending     boolean NOT NULL DEFAULT FALSE, -- it is over with its cycle
    blocks     text[] NOT NULL DEFAULT '{}', -- what is blocked while it is not paid; also in lines.lines
    next_at    timestamptz,                  -- when it is looked at; null: it is over
    PRIMARY KEY (lane, line_id),
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines
) WITH (fillfactor = 85);
CREATE INDEX plans_next ON lines.plans (lane, next_at) WHERE next_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON lines.plans TO topup_app;

CREATE TABLE lines.plan_changes (
    lane         smallint NOT NULL,
    line_id      text COLLATE "C" NOT NULL,
    sequence     bigint GENERATED ALWAYS AS IDENTITY,
    what         text NOT NULL,              -- lines/plans/states.py
    plan_id      text NOT NULL,
    cycle        integer NOT NULL,
    at           timestamptz NOT NULL,
    until        timestamptz,                -- the end of what it is: of a cycle, of waiting
    amount_minor bigint NOT NULL DEFAULT 0,  -- what was paid; what is missing where it waits
    heard        boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (lane, line_id, sequence)
);
CREATE INDEX plan_changes_unheard ON lines.plan_changes (lane, sequence) WHERE NOT heard;
GRANT SELECT, INSERT, UPDATE (heard) ON lines.plan_changes TO topup_app;
