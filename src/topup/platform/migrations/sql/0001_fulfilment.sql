-- Attempts to deliver through somebody else's network.
CREATE SCHEMA fulfilment;
GRANT USAGE ON SCHEMA fulfilment TO topup_app;

CREATE TABLE fulfilment.attempts (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL, -- the number the carrier knows it by
    order_id     text COLLATE "C" NOT NULL,
    number       smallint NOT NULL,         -- 1 for the first attempt of the order
    carrier      text NOT NULL,             -- the plugin
    msisdn       text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    product      text NOT NULL,
    state        text NOT NULL,
    reference    text,
    code         text,                      -- the carrier's, of the last answer
    created_at   timestamptz NOT NULL,
    submitted_at timestamptz,               -- when the one submission was begun
    state_since  timestamptz NOT NULL,
    act_at       timestamptz,               -- when it is submitted or asked about next
    asked        smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, order_id, number)
);
CREATE INDEX attempts_by_reference ON fulfilment.attempts (lane, reference) WHERE reference IS NOT NULL;
-- What was submitted on a day is found by that; it is submitted in about the order it is written in.
CREATE INDEX attempts_by_time ON fulfilment.attempts USING brin (submitted_at);
-- What a carrier took back on a day: little of all.
CREATE INDEX attempts_reversed ON fulfilment.attempts (state_since) WHERE state = 'reversed';
CREATE INDEX attempts_due ON fulfilment.attempts (act_at) WHERE act_at IS NOT NULL;
-- At most one attempt of an order is open: the database refuses a second one.
CREATE UNIQUE INDEX attempts_open ON fulfilment.attempts (lane, order_id)
    WHERE state IN ('intended', 'submitting', 'accepted', 'unknown', 'delivered', 'needs_person');
GRANT SELECT, INSERT, UPDATE ON fulfilment.attempts TO topup_app;

CREATE TABLE fulfilment.inbox (
    lane        smallint NOT NULL,
    source      text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    raw         bytea NOT NULL,
    facts       jsonb NOT NULL,
    due_at      timestamptz,                  -- when it is looked at next, where that is not at once
    settled_at  timestamptz,
    PRIMARY KEY (lane, source, event_id)
);
CREATE INDEX fulfilment_inbox_open ON fulfilment.inbox (received_at) WHERE settled_at IS NULL;
GRANT SELECT, INSERT ON fulfilment.inbox TO topup_app;
GRANT UPDATE (due_at, settled_at) ON fulfilment.inbox TO topup_app;

-- What is left of our prepaid floats at carriers, as they said it last.
CREATE TABLE fulfilment.floats (
    carrier      text COLLATE "C" PRIMARY KEY, -- the plugin
    amount_minor bigint,
    currency     text,
    at           timestamptz,                  -- when it was said
    asked_at     timestamptz NOT NULL,         -- when it was asked last, whether or not an answer came
    alarm_minor  bigint,                       -- below that it is low
    CHECK ((amount_minor IS NULL) = (currency IS NULL) AND (amount_minor IS NULL) = (at IS NULL))
);
GRANT SELECT, INSERT, UPDATE ON fulfilment.floats TO topup_app;
