-- Vouchers: batches, their PINs (only as a keyed hash), what payments they served, credit slips, and who guessed wrong.
CREATE TABLE payments.voucher_batches (
    id           text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('batch', 'slip', 'trial')), -- a slip is a batch of one, for money that goes back; a demonstration makes some to try out
    face_minor   bigint NOT NULL CHECK (face_minor > 0),
    currency     text NOT NULL,
    count        integer NOT NULL CHECK (count BETWEEN 1 AND 1000000),
    carrier_id   text,                      -- whose lines it tops up; null: any
    valid_until  timestamptz NOT NULL,
    state        text NOT NULL CHECK (state IN ('approved', 'made', 'exported', 'activated', 'expired', 'blocked')),
    sold         integer NOT NULL DEFAULT 0, -- of one that is not activated as a whole: how many were, one by one
    made_by      text NOT NULL,
    created_at   timestamptz NOT NULL,
    state_since  timestamptz NOT NULL,
    approval_id  text COLLATE "C" UNIQUE,   -- what two people decided: what is for sale is made by nobody alone
    CHECK ((kind = 'batch') = (approval_id IS NOT NULL))
);
CREATE INDEX voucher_batches_to_expire ON payments.voucher_batches (valid_until)
    WHERE state IN ('approved', 'made', 'exported', 'activated');
CREATE INDEX voucher_batches_made ON payments.voucher_batches (created_at) WHERE kind <> 'slip';
GRANT SELECT, INSERT ON payments.voucher_batches TO topup_app;
GRANT UPDATE (state, state_since, sold) ON payments.voucher_batches TO topup_app;

-- One voucher. Its lane is that of its mark, so that a PIN alone says where to look.
CREATE TABLE payments.vouchers (
    lane        smallint NOT NULL,
    mark        bytea NOT NULL CHECK (length(mark) = 32), -- HMAC of the PIN under a key that is not in the database
    batch_id    text COLLATE "C" NOT NULL REFERENCES payments.voucher_batches,
    serial      text COLLATE "C" NOT NULL, -- printed beside the PIN, no secret
    state       text CHECK (state IN ('activated', 'redeemed', 'blocked')), -- null: as its batch
    payment_id  text COLLATE "C",          -- what it paid
    state_since timestamptz,
    PRIMARY KEY (lane, mark),
    CHECK ((state IS NOT DISTINCT FROM 'redeemed') = (payment_id IS NOT NULL))
);
CREATE UNIQUE INDEX vouchers_by_serial ON payments.vouchers (serial);
CREATE INDEX vouchers_of_batch ON payments.vouchers (batch_id);
GRANT SELECT, INSERT ON payments.vouchers TO topup_app;
GRANT UPDATE (state, payment_id, state_since) ON payments.vouchers TO topup_app;

-- The one answer to each payment by voucher: the same payment again is told the same.
CREATE TABLE payments.voucher_answers (
    lane         smallint NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    answer       text NOT NULL,             -- paid, closed, or why it was refused
    serial       text COLLATE "C",
    amount_minor bigint,
    currency     text,
    at           timestamptz NOT NULL,
    PRIMARY KEY (lane, payment_id),
    CHECK ((answer = 'paid') = (serial IS NOT NULL AND amount_minor IS NOT NULL AND currency IS NOT NULL))
);
CREATE INDEX voucher_answers_paid ON payments.voucher_answers (at) WHERE answer = 'paid';
GRANT SELECT, INSERT ON payments.voucher_answers TO topup_app;

-- A credit slip: a voucher made for money that goes back. Its PIN is kept sealed until its owner has seen it.
CREATE TABLE payments.credit_slips (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,  -- of the refund, or of whatever it was given for: once each
    payment_id   text COLLATE "C" NOT NULL,
    method       text NOT NULL,              -- how that had been paid
    serial       text COLLATE "C" NOT NULL UNIQUE,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    valid_until  timestamptz NOT NULL,
    pin          bytea,                      -- sealed; null once it has been shown
    created_at   timestamptz NOT NULL,
    shown_at     timestamptz,
    PRIMARY KEY (lane, id)
);
CREATE INDEX credit_slips_of_payment ON payments.credit_slips (lane, payment_id);
CREATE INDEX credit_slips_shown ON payments.credit_slips (shown_at) WHERE pin IS NOT NULL;
CREATE INDEX credit_slips_by_day ON payments.credit_slips (created_at);
GRANT SELECT, INSERT ON payments.credit_slips TO topup_app;
GRANT UPDATE (pin, shown_at) ON payments.credit_slips TO topup_app;

-- Wrong PINs, counted in windows: by payer, by address, and in total.
CREATE TABLE payments.voucher_guesses (
    scope text NOT NULL CHECK (scope IN ('payer', 'address', 'total')),
    who   bytea NOT NULL,                   -- a pseudonym; of the total: nothing
    since timestamptz NOT NULL,
    wrong integer NOT NULL,
    PRIMARY KEY (scope, who)
);
CREATE INDEX voucher_guesses_old ON payments.voucher_guesses (since);
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.voucher_guesses TO topup_app;
