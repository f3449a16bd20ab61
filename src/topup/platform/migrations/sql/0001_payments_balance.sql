-- Orders paid from the credit of a line: the payments, and what went back.

-- A payment lives in its order's lane, the credit in the line's. `portions` are the buckets it was taken from, in the
-- order they were used: what each was like, so that what goes back is like it, and how much of it went back.
CREATE TABLE payments.balance_payments (
    lane         smallint NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    line_id      text COLLATE "C",             -- null where it was refused or closed before a line was known
    amount_minor bigint CHECK (amount_minor > 0), -- null where it was closed before it was heard of
    currency     text,
    kinds        text[] NOT NULL,              -- the kinds of credit that may pay, by the carrier's file
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',     -- why it was refused
    hold_id      text COLLATE "C",
    portions     jsonb NOT NULL DEFAULT '[]',
    created_at   timestamptz NOT NULL,
    paid_at      timestamptz,
    PRIMARY KEY (lane, payment_id),
    CHECK ((amount_minor IS NULL) = (currency IS NULL) AND (state = 'closed' OR amount_minor IS NOT NULL))
);
CREATE INDEX balance_payments_paid ON payments.balance_payments (paid_at) WHERE paid_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON payments.balance_payments TO topup_app;

-- What went back to the line, once per refund number.
CREATE TABLE payments.balance_refunds (
    lane         smallint NOT NULL,
    refund_id    text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    refunded_at  timestamptz NOT NULL,
    PRIMARY KEY (lane, refund_id),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.balance_payments
);
CREATE INDEX balance_refunds_at ON payments.balance_refunds (refunded_at);
GRANT SELECT, INSERT ON payments.balance_refunds TO topup_app;
