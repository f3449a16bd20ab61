-- Top-ups that were agreed to in advance. The lane is the line's, or for another carrier's number
-- the one its orders have.
CREATE TABLE orders.schedules (
    lane            smallint NOT NULL,
    id              text COLLATE "C" NOT NULL,
    subscriber_id   text COLLATE "C" NOT NULL, -- who agreed to it, and pays
    msisdn          text NOT NULL,
    line_id         text COLLATE "C",          -- which line had the number then; null: another carrier's
    carrier_id      text NOT NULL,
    zone            text NOT NULL,
    currency        text NOT NULL,
    agreement       jsonb NOT NULL,            -- rules.Agreement
    keeps           boolean NOT NULL,          -- it keeps a number: looked at by a sweep of its own
    instrument_id   text COLLATE "C" NOT NULL,
    state           text NOT NULL,
    reason          text NOT NULL DEFAULT '',  -- why it stopped, or what it waits for
    locale          text NOT NULL,
    created_at      timestamptz NOT NULL,
    since           timestamptz NOT NULL,      -- when it was last taken up
    state_since     timestamptz NOT NULL,
    look_at         timestamptz,               -- when it is looked at next; null unless active
    next_at         timestamptz,               -- when it will run, as far as that is known
    runs            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, id)
);
CREATE INDEX schedules_due ON orders.schedules (look_at) WHERE look_at IS NOT NULL AND NOT keeps;
CREATE INDEX schedules_to_keep ON orders.schedules (look_at) WHERE look_at IS NOT NULL AND keeps;
CREATE INDEX schedules_of_subscriber ON orders.schedules (subscriber_id);
CREATE INDEX schedules_of_number ON orders.schedules (lane, msisdn);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.schedules TO topup_app;

-- One row for one cause: whoever finds it there knows that it is being seen to.
CREATE TABLE orders.schedule_runs (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    schedule_id  text COLLATE "C" NOT NULL,
    cause        text COLLATE "C" NOT NULL,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    amount_minor bigint NOT NULL,
    cost_minor   bigint NOT NULL,              -- the most that is charged for it, fee included
    attempt      smallint NOT NULL,
    quote_id     text COLLATE "C",             -- of this attempt, once it has a price
    order_id     text COLLATE "C",             -- of this attempt: the id its order has, if it was made
    payment_id   text COLLATE "C",
    at           timestamptz NOT NULL,         -- when the cause was seen
    due_at       timestamptz NOT NULL,         -- when it was due: what a person waited is from here
    tried_at     timestamptz,                  -- when this attempt began
    ended_at     timestamptz,
    act_at       timestamptz,                  -- when something is to be done next; null when it ended
    PRIMARY KEY (lane, id),
    UNIQUE (lane, schedule_id, cause),
    FOREIGN KEY (lane, schedule_id) REFERENCES orders.schedules ON DELETE CASCADE,
    CHECK (cost_minor >= amount_minor AND amount_minor >= 0)
);
CREATE INDEX schedule_runs_due ON orders.schedule_runs (act_at) WHERE act_at IS NOT NULL;
CREATE INDEX schedule_runs_of ON orders.schedule_runs (lane, schedule_id, at);
CREATE INDEX schedule_runs_of_order ON orders.schedule_runs (lane, order_id) WHERE order_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.schedule_runs TO topup_app;
