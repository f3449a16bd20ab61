-- The bills of providers, line by line, and what they say otherwise than our books.
CREATE SCHEMA reconciliation;
GRANT USAGE ON SCHEMA reconciliation TO topup_app;

-- Money that came is found by the day it came on; it is recorded in about that order.
CREATE INDEX captures_by_time ON payments.captures USING brin (paid_at);
CREATE INDEX refunds_by_time ON payments.refunds (state_since) WHERE state = 'refunded';

-- One day of one provider, by its own clock, as it was last read whole.
CREATE TABLE reconciliation.bills (
    method      text COLLATE "C" NOT NULL,
    day         date NOT NULL,
    begins      timestamptz NOT NULL,
    ends        timestamptz NOT NULL,
    lines       bigint NOT NULL,
    digest      bytea NOT NULL,            -- of all lines: a reading that changed nothing is known by it
    read_at     timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    compared_at timestamptz,               -- null: has not been held against the books since it changed
    waiting     bigint NOT NULL DEFAULT 0, -- movements of ours near its end that the next day's bill may have
    PRIMARY KEY (method, day)
);
GRANT SELECT, INSERT, UPDATE ON reconciliation.bills TO topup_app;

CREATE TABLE reconciliation.bill_lines (
    method       text COLLATE "C" NOT NULL,
    day          date NOT NULL,
    n            bigint NOT NULL,          -- its place in the bill, from 1
    kind         text COLLATE "C" NOT NULL,
    lane         smallint,                 -- of our number; null where that is none of ours
    our_id       text COLLATE "C" NOT NULL,
    reference    text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    fee_minor    bigint,
    fee_currency text COLLATE "C",
    at           timestamptz NOT NULL,
    PRIMARY KEY (method, day, n)
);
CREATE INDEX bill_lines_of ON reconciliation.bill_lines (method, our_id);
GRANT SELECT, INSERT, DELETE ON reconciliation.bill_lines TO topup_app;

-- What a bill and our books do not agree on. `ours_minor` is what the books count of it, `theirs_minor` what the bill
-- does; null: nothing. Of the class `fee` they are what was agreed and what was kept; of `ledger`, what the books have
-- and what the ledger has.
CREATE TABLE reconciliation.differences (
    method          text COLLATE "C" NOT NULL,
    day             date NOT NULL,
    class           text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    our_id          text COLLATE "C" NOT NULL,
    reference       text COLLATE "C" NOT NULL,
    nth             integer NOT NULL,      -- of lines that are the same: the second is the first too many; negative: of those that take back
    lane            smallint,
    ours_minor      bigint,
    ours_currency   text COLLATE "C",
    ours_state      text COLLATE "C",
    theirs_minor    bigint,
    theirs_currency text COLLATE "C",
    at              timestamptz NOT NULL,
    found_at        timestamptz NOT NULL,
    resolved_at     timestamptz,           -- a later reading does not have it any more
    times           smallint NOT NULL DEFAULT 1, -- it went and came again
    listed          boolean NOT NULL DEFAULT FALSE, -- it stands on the work list
    decided_at      timestamptz,           -- people accepted it as it is, or wrote it off
    decision        text COLLATE "C",      -- their request
    written_off     bigint NOT NULL DEFAULT 0, -- what of it was posted, in minor units: above zero the provider has more
    written_off_in  text,                  -- the currency of that
    backs           integer NOT NULL DEFAULT 0, -- times that was posted back; names the transfer
    PRIMARY KEY (method, day, class, kind, our_id, reference, nth)
);
CREATE INDEX differences_open ON reconciliation.differences (method, day) WHERE resolved_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON reconciliation.differences TO topup_app;

-- The sums of a day, one row for each figure and currency: they must tie.
CREATE TABLE reconciliation.totals (
    method   text COLLATE "C" NOT NULL,
    day      date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    figure   text COLLATE "C" NOT NULL,
    count    bigint NOT NULL,
    minor    bigint NOT NULL,
    PRIMARY KEY (method, day, currency, figure)
);
GRANT SELECT, INSERT, DELETE ON reconciliation.totals TO topup_app;

-- What of a day's bill was posted to the ledger: fees, disputes. A bill that changed posts what it lacks.
CREATE TABLE reconciliation.posted (
    method   text COLLATE "C" NOT NULL,
    day      date NOT NULL,
    account  text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    minor    bigint NOT NULL,
    times    integer NOT NULL,             -- of posting; names the transfer
    PRIMARY KEY (method, day, account, currency)
);
GRANT SELECT, INSERT, UPDATE ON reconciliation.posted TO topup_app;

-- Days that somebody answers for, and the very bill they saw.
CREATE TABLE reconciliation.signed (
    method    text COLLATE "C" NOT NULL,
    day       date NOT NULL,
    signed_by text COLLATE "C" NOT NULL,
    signed_at timestamptz NOT NULL,
    digest    bytea NOT NULL,
    PRIMARY KEY (method, day),
    FOREIGN KEY (method, day) REFERENCES reconciliation.bills
);
GRANT SELECT, INSERT, UPDATE ON reconciliation.signed TO topup_app;
