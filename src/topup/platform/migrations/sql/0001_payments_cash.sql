-- Cash: who keeps which till, what was handed over for which payment, and what was paid back out of a drawer.
CREATE TABLE payments.till_sessions (
    lane             smallint NOT NULL,
    id               text COLLATE "C" NOT NULL,
    till             text COLLATE "C" NOT NULL,
    shop             text COLLATE "C" NOT NULL DEFAULT '',      -- the place it stands in, where one is known
    currency         text NOT NULL,
    float_minor      bigint NOT NULL CHECK (float_minor >= 0), -- put into the drawer to begin with
    opened_by        text NOT NULL,
    opened_at        timestamptz NOT NULL,
    counted_minor    bigint CHECK (counted_minor >= 0),        -- counted without knowing what should be there
    difference_minor bigint,                                   -- counted less expected
    closed_by        text,
    closed_at        timestamptz,
    z_number         integer CHECK (z_number > 0),             -- of its Z report: a till's go up by one
    PRIMARY KEY (lane, id),
    CHECK ((closed_at IS NULL) = (z_number IS NULL)),
    CHECK ((closed_at IS NULL) = (counted_minor IS NULL) AND (closed_at IS NULL) = (difference_minor IS NULL))
);
CREATE UNIQUE INDEX till_sessions_open ON payments.till_sessions (till) WHERE closed_at IS NULL;
-- One of the staff keeps one till at a time: what they sell goes into one drawer. Keys of kiosks keep several.
CREATE UNIQUE INDEX till_sessions_kept ON payments.till_sessions (opened_by)
    WHERE closed_at IS NULL AND starts_with(opened_by, 'stf_');
CREATE UNIQUE INDEX till_sessions_z ON payments.till_sessions (lane, till, z_number);
CREATE INDEX till_sessions_by_count ON payments.till_sessions (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX till_sessions_of_keeper ON payments.till_sessions (opened_by, opened_at);
GRANT SELECT, INSERT ON payments.till_sessions TO topup_app;
GRANT UPDATE (counted_minor, difference_minor, closed_by, closed_at, z_number) ON payments.till_sessions TO topup_app;

-- Money that went into a drawer (above zero) or out of it and paid for no top-up: change from the safe, the price of a
-- card that was handed over, notes to the safe, something bought.
CREATE TABLE payments.till_movements (
    lane         smallint NOT NULL,
    session_id   text COLLATE "C" NOT NULL,
    form         text COLLATE "C" NOT NULL,      -- the key of the form it was asked for with: once
    why          text NOT NULL CHECK (why IN ('change', 'card', 'safe', 'expense')),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0 AND (amount_minor > 0) = (why IN ('change', 'card'))),
    reason       text NOT NULL,
    moved_by     text NOT NULL,
    allowed_by   text,                           -- another, where it takes two
    moved_at     timestamptz NOT NULL,
    PRIMARY KEY (lane, session_id, form),
    FOREIGN KEY (lane, session_id) REFERENCES payments.till_sessions
);
GRANT SELECT, INSERT ON payments.till_movements TO topup_app;

-- A payment in cash: written down when it is begun, before any money is taken in.
CREATE TABLE payments.cash_takings (
    lane           smallint NOT NULL,
    payment_id     text COLLATE "C" NOT NULL,
    amount_minor   bigint CHECK (amount_minor > 0),            -- null where it was closed before it was heard of
    currency       text,
    state          text NOT NULL CHECK (state IN ('waiting', 'taken', 'closed')),
    begun_at       timestamptz NOT NULL,
    session_id     text COLLATE "C",
    tendered_minor bigint,
    change_minor   bigint CHECK (change_minor >= 0),
    slip_minor     bigint CHECK (slip_minor >= 0), -- of the surplus, what was given as a credit slip for want of change
    taken_by       text,
    taken_at       timestamptz,
    PRIMARY KEY (lane, payment_id),
    CHECK ((amount_minor IS NULL) = (currency IS NULL) AND (state = 'closed' OR amount_minor IS NOT NULL)),
    CHECK (state <> 'taken' OR tendered_minor = amount_minor + change_minor + slip_minor)
);
CREATE INDEX cash_takings_of_session ON payments.cash_takings (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX cash_takings_by_day ON payments.cash_takings (taken_at) WHERE state = 'taken';
GRANT SELECT, INSERT, UPDATE ON payments.cash_takings TO topup_app;

-- Cash that is to be handed back, and by which drawer it was.
CREATE TABLE payments.cash_refunds (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,      -- the refund's
    payment_id   text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    session_id   text COLLATE "C",
    paid_by      text,
    paid_at      timestamptz,
    PRIMARY KEY (lane, id),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.cash_takings,
    CHECK ((session_id IS NULL) = (paid_at IS NULL))
);
CREATE INDEX cash_refunds_of_payment ON payments.cash_refunds (lane, payment_id);
CREATE INDEX cash_refunds_of_session ON payments.cash_refunds (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX cash_refunds_by_day ON payments.cash_refunds (paid_at) WHERE paid_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON payments.cash_refunds TO topup_app;
