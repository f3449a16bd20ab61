-- Credit sent from line to line, and corrections of a line's credit by staff.
CREATE SCHEMA IF NOT EXISTS charging;
GRANT USAGE ON SCHEMA charging TO topup_app;

-- A share lives in its sender's lane. `catalogue_version` is the version of the carrier's file it was agreed by: what it
-- comes to can be worked out anew at any time. `act_at` says when a sweep takes it up; null: it is at its end.
CREATE TABLE charging.shares (
    lane              smallint NOT NULL,
    id                text COLLATE "C" NOT NULL CHECK (starts_with(id, 'shr_')),
    carrier_id        text NOT NULL,
    catalogue_version integer NOT NULL,
    sender_id         text COLLATE "C" NOT NULL,
    sender_msisdn     text COLLATE "C" NOT NULL,
    receiver_lane     smallint NOT NULL,
    receiver_id       text COLLATE "C" NOT NULL,
    receiver_msisdn   text COLLATE "C" NOT NULL,
    currency          text NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    fee_minor         bigint NOT NULL CHECK (fee_minor >= 0),
    keeps_minor       bigint NOT NULL CHECK (keeps_minor >= 0), -- what had to stay with the sender
    conditions        text[] NOT NULL,           -- what the network said of the two lines (sender_roaming, …)
    asked_by          text COLLATE "C" NOT NULL, -- key:<id> of an API key, or cli
    state             text NOT NULL,
    reason            text,                      -- why it was refused or given back: a code
    hold_id           text COLLATE "C",          -- what is promised of the sender's credit
    usable_until      timestamptz,               -- the end of the receiver's bucket as this credit left it
    created_at        timestamptz NOT NULL,
    state_since       timestamptz NOT NULL,
    act_at            timestamptz,
    steps             smallint NOT NULL,
    PRIMARY KEY (lane, id),
    CONSTRAINT two_lines CHECK (sender_id <> receiver_id)
);
CREATE INDEX shares_sent ON charging.shares (lane, sender_id, created_at);
CREATE INDEX shares_received ON charging.shares (receiver_id, created_at);
CREATE INDEX shares_due ON charging.shares (act_at) WHERE act_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON charging.shares TO topup_app;

CREATE TABLE charging.share_steps (
    lane     smallint NOT NULL,
    share_id text COLLATE "C" NOT NULL,
    step     smallint NOT NULL,
    state    text NOT NULL,
    cause    text NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (lane, share_id, step),
    FOREIGN KEY (lane, share_id) REFERENCES charging.shares
);
GRANT SELECT, INSERT ON charging.share_steps TO topup_app;

-- Credit given to a line, or taken from it, by a decision of staff. Never edited but for its state; a mistaken one is
-- put right by another.
CREATE TABLE charging.adjustments (
    lane              smallint NOT NULL,
    id                text COLLATE "C" NOT NULL CHECK (starts_with(id, 'adj_')),
    line_id           text COLLATE "C" NOT NULL,
    msisdn            text COLLATE "C" NOT NULL,
    carrier_id        text NOT NULL,
    catalogue_version integer NOT NULL,
    currency          text NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor <> 0), -- below zero: taken from the line
    reason            text NOT NULL,
    note              text NOT NULL,
    made_by           text COLLATE "C" NOT NULL, -- key:<id> of an API key, or cli
    state             text NOT NULL,
    refusal           text,                      -- the ledger's code
    alone             boolean NOT NULL,          -- nobody else had to approve it: it counts against a day's limit
    created_at        timestamptz NOT NULL,
    state_since       timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
CREATE INDEX adjustments_alone ON charging.adjustments (made_by, created_at) WHERE alone;
CREATE INDEX adjustments_of_line ON charging.adjustments (lane, line_id, created_at);
GRANT SELECT, INSERT, UPDATE ON charging.adjustments TO topup_app;
