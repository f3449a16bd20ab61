-- Attempts to pay, the money that really came, what goes back, and what gateways told us.
CREATE SCHEMA payments;
GRANT USAGE ON SCHEMA payments TO topup_app;

CREATE TABLE payments.payments (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL, -- the number the gateway knows it by
    order_id     text COLLATE "C" NOT NULL,
    method       text NOT NULL,
    scene        text NOT NULL,             -- where the payer is
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    fee_minor    bigint NOT NULL CHECK (fee_minor >= 0), -- the method's fee, in the currency of the price
    state        text NOT NULL,
    action       jsonb,                     -- what the payer was told to do
    reason       text NOT NULL DEFAULT '',  -- why it was declined: the gateway's word
    created_at   timestamptz NOT NULL,
    state_since  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ask_at       timestamptz,               -- when the gateway is asked next; null when nothing is open
    asked        smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, id)
);
CREATE INDEX payments_of_order ON payments.payments (lane, order_id);
CREATE INDEX payments_to_ask ON payments.payments (ask_at) WHERE ask_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON payments.payments TO topup_app;

-- Money that really came: a payer who pays twice makes two.
CREATE TABLE payments.captures (
    lane           smallint NOT NULL,
    payment_id     text COLLATE "C" NOT NULL,
    reference      text COLLATE "C" NOT NULL, -- the gateway's id of this money
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL,
    paid_at        timestamptz NOT NULL,      -- by the gateway's clock
    recorded_at    timestamptz NOT NULL,
    disposition    text NOT NULL CHECK (disposition IN ('kept', 'surplus', 'late', 'mismatched')),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND amount_minor), -- promised back, unknown ones included
    typed          text COLLATE "C",          -- where people recorded it: the reference as they typed it
    confirmed      boolean NOT NULL DEFAULT true CHECK (confirmed OR typed IS NOT NULL), -- the gateway said it, or said so since
    PRIMARY KEY (lane, payment_id, reference),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.payments
);
GRANT SELECT, INSERT ON payments.captures TO topup_app;
GRANT UPDATE (refunded_minor, reference, confirmed) ON payments.captures TO topup_app;

CREATE TABLE payments.refunds (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,   -- the refund number, never changed on a retry
    payment_id   text COLLATE "C" NOT NULL,
    reference    text COLLATE "C" NOT NULL,   -- of the capture
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    taken_minor  bigint NOT NULL DEFAULT 0 CHECK (taken_minor BETWEEN 0 AND amount_minor), -- given back by a bank
    currency     text NOT NULL,
    reason       text NOT NULL,
    state        text NOT NULL,
    created_at   timestamptz NOT NULL,
    state_since  timestamptz NOT NULL,
    act_at       timestamptz,                 -- when it is sent or asked about next
    tries        smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, id),
    FOREIGN KEY (lane, payment_id, reference) REFERENCES payments.captures ON UPDATE CASCADE
);
CREATE INDEX refunds_of_payment ON payments.refunds (lane, payment_id);
CREATE INDEX refunds_due ON payments.refunds (act_at) WHERE act_at IS NOT NULL;
-- What is not back with the payers yet, by `topup.payments.states.BACK`.
CREATE INDEX refunds_open ON payments.refunds (currency) WHERE state NOT IN ('refunded', 'taken_back');
GRANT SELECT, INSERT, UPDATE ON payments.refunds TO topup_app;

-- How far the bill of each gateway has been read: all days up to and with this one.
CREATE TABLE payments.bills (
    method       text COLLATE "C" PRIMARY KEY,
    read_through date NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON payments.bills TO topup_app;

-- Verified events, stored before they are acknowledged.
CREATE TABLE payments.inbox (
    lane        smallint NOT NULL,
    source      text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    raw         bytea NOT NULL,               -- sealed
    facts       jsonb NOT NULL,
    due_at      timestamptz,                  -- when it is looked at next, where that is not at once
    settled_at  timestamptz,
    PRIMARY KEY (lane, source, event_id)
);
CREATE INDEX inbox_open ON payments.inbox (received_at) WHERE settled_at IS NULL;
-- What events are about: an inbox is never emptied, and whoever looks for evidence must not read a whole lane.
CREATE INDEX inbox_about ON payments.inbox USING gin
    ((jsonb_path_query_array(facts, '$[*].about') || jsonb_path_query_array(facts, '$[*].reference')));
GRANT SELECT, INSERT ON payments.inbox TO topup_app;
GRANT UPDATE (due_at, settled_at) ON payments.inbox TO topup_app;

-- Events that did not verify: a small bounded look at who knocks.
CREATE TABLE payments.quarantine (
    slot        smallint PRIMARY KEY CHECK (slot BETWEEN 0 AND 999),
    method      text NOT NULL,
    received_at timestamptz NOT NULL,
    reason      text NOT NULL,
    raw         bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON payments.quarantine TO topup_app;
CREATE SEQUENCE payments.quarantine_slots AS smallint MINVALUE 0 MAXVALUE 999 CYCLE OWNED BY payments.quarantine.slot;
GRANT USAGE ON SEQUENCE payments.quarantine_slots TO topup_app;
