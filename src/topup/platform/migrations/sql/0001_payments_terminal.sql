-- A payment by card at a counter's terminal: written down when it is begun, before the card is used.
CREATE TABLE payments.card_charges (
    lane         smallint NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    amount_minor bigint CHECK (amount_minor > 0),          -- null where it was closed before it was heard of
    currency     text,
    state        text NOT NULL CHECK (state IN ('waiting', 'taken', 'closed')),
    begun_at     timestamptz NOT NULL,
    terminal     text COLLATE "C",
    reference    text COLLATE "C",                         -- of the bank's, as the slip says
    entered_by   text,
    taken_at     timestamptz,
    batch        text COLLATE "C",                         -- it was counted in
    vouched      boolean NOT NULL DEFAULT false,           -- that batch's total agreed, or it was let be
    PRIMARY KEY (lane, payment_id),
    CHECK (NOT vouched OR (batch IS NOT NULL AND state = 'taken')),
    CHECK ((amount_minor IS NULL) = (currency IS NULL) AND (state = 'closed' OR amount_minor IS NOT NULL)),
    CHECK (state <> 'taken' OR (terminal IS NOT NULL AND reference IS NOT NULL AND taken_at IS NOT NULL))
);
-- A slip pays once. A bank's references begin anew after some time, so its day belongs to it.
CREATE UNIQUE INDEX card_charges_by_slip ON payments.card_charges
    (reference, terminal, ((taken_at AT TIME ZONE 'UTC')::date)) WHERE terminal IS NOT NULL;
CREATE INDEX card_charges_open ON payments.card_charges (terminal, batch) WHERE NOT vouched AND state = 'taken';
CREATE INDEX card_charges_by_day ON payments.card_charges (taken_at) WHERE vouched;
GRANT SELECT, INSERT, UPDATE ON payments.card_charges TO topup_app;

-- What is to go back to a card, and by which slip it went.
CREATE TABLE payments.card_backs (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,                -- the refund's
    payment_id   text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    terminal     text COLLATE "C",
    reference    text COLLATE "C",
    entered_by   text,
    paid_at      timestamptz,
    batch        text COLLATE "C",
    vouched      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (lane, id),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.card_charges,
    CHECK ((terminal IS NULL) = (paid_at IS NULL) AND (reference IS NULL) = (paid_at IS NULL)),
    CHECK (NOT vouched OR (batch IS NOT NULL AND paid_at IS NOT NULL))
);
CREATE INDEX card_backs_of_payment ON payments.card_backs (lane, payment_id);
CREATE UNIQUE INDEX card_backs_by_slip ON payments.card_backs
    (reference, terminal, ((paid_at AT TIME ZONE 'UTC')::date)) WHERE paid_at IS NOT NULL;
CREATE INDEX card_backs_open ON payments.card_backs (terminal, batch) WHERE NOT vouched AND paid_at IS NOT NULL;
CREATE INDEX card_backs_by_day ON payments.card_backs (paid_at) WHERE vouched;
GRANT SELECT, INSERT, UPDATE ON payments.card_backs TO topup_app;

-- A terminal's own total, held against what was entered since the one before.
CREATE TABLE payments.card_batches (
    lane          smallint NOT NULL,
    id            text COLLATE "C" NOT NULL,
    terminal      text COLLATE "C" NOT NULL,
    form          text COLLATE "C" NOT NULL,
    total_minor   bigint NOT NULL,                         -- as the terminal printed it, less what went back
    currency      text NOT NULL,
    charges       integer,
    backs         integer,
    entered_minor bigint,
    closed_by     text NOT NULL,
    closed_at     timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
CREATE INDEX card_batches_of_terminal ON payments.card_batches (terminal, closed_at);
CREATE UNIQUE INDEX card_batches_form ON payments.card_batches (lane, terminal, form);
GRANT SELECT, INSERT, UPDATE ON payments.card_batches TO topup_app;
