-- Bank transfers: what payers were told to write, what the bank says came, and what is to be sent back.

-- The reference of each payment by bank transfer: it carries the lane, so it is looked up in one.
CREATE TABLE payments.transfer_codes (
    lane         smallint NOT NULL,
    code         text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    currency     text NOT NULL,
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (lane, code),
    UNIQUE (lane, payment_id)
);
-- Candidates for a transfer without a reference: what awaits that very amount.
CREATE INDEX transfer_codes_of_amount ON payments.transfer_codes (amount_minor, currency, created_at);
GRANT SELECT, INSERT ON payments.transfer_codes TO topup_app;

-- Entries of bank statements, each once by the account and the bank's reference of it. Its lane comes from these two.
CREATE TABLE payments.bank_entries (
    lane           smallint NOT NULL,
    id             text COLLATE "C" NOT NULL,
    account        text COLLATE "C" NOT NULL,  -- ours
    bank_reference text COLLATE "C" NOT NULL,  -- or a hash, where the bank gives none
    fingerprint    bytea NOT NULL,             -- of what it says: the same reference with other words is another matter
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL,
    incoming       boolean NOT NULL,
    returned       boolean NOT NULL,           -- a transfer that came back, or was taken back
    booked_on      date NOT NULL,
    booked_at      timestamptz NOT NULL,
    codes          text[] NOT NULL,            -- references that were found in it
    sealed         bytea NOT NULL,             -- who sent it, from where, and the words
    state          text NOT NULL,
    verdict        text NOT NULL,              -- why it was matched, or was not
    payment_lane   smallint,
    payment_id     text COLLATE "C",
    matched_by     text COLLATE "C",           -- import, or who decided
    imported_at    timestamptz NOT NULL,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, account, bank_reference)
);
CREATE INDEX bank_entries_to_tell ON payments.bank_entries (imported_at) WHERE state = 'matched';
CREATE INDEX bank_entries_of_payment ON payments.bank_entries (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX bank_entries_booked ON payments.bank_entries (booked_on);
GRANT SELECT, INSERT ON payments.bank_entries TO topup_app;
GRANT UPDATE (state, verdict, payment_lane, payment_id, matched_by) ON payments.bank_entries TO topup_app;

-- Money that a person sends back by bank.
CREATE TABLE payments.transfer_returns (
    lane           smallint NOT NULL,
    refund_id      text COLLATE "C" NOT NULL,
    payment_id     text COLLATE "C" NOT NULL,
    entry_id       text COLLATE "C" NOT NULL,  -- the entry that it came with: who is to have it is sealed there
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL,
    requested_at   timestamptz NOT NULL,
    sent_at        timestamptz,
    bank_reference text COLLATE "C",           -- of what was sent, in the words of the bank
    sent_by        text COLLATE "C",
    PRIMARY KEY (lane, refund_id)
);
CREATE INDEX transfer_returns_of_payment ON payments.transfer_returns (lane, payment_id);
CREATE INDEX transfer_returns_sent ON payments.transfer_returns (sent_at) WHERE sent_at IS NOT NULL;
GRANT SELECT, INSERT ON payments.transfer_returns TO topup_app;
GRANT UPDATE (sent_at, bank_reference, sent_by) ON payments.transfer_returns TO topup_app;
