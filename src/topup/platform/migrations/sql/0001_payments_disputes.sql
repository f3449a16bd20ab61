-- Payers' objections with their banks: what was taken of a payment's money, or may be.
CREATE TABLE payments.disputes (
    lane         smallint NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    dispute      text COLLATE "C" NOT NULL, -- the gateway's id of it
    reference    text COLLATE "C" NOT NULL, -- of the capture; empty where the gateway did not say
    standing     text NOT NULL CHECK (standing IN ('open', 'won', 'lost')),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency     text NOT NULL,
    respond_by   timestamptz,
    heard_at     timestamptz NOT NULL,      -- of its standing
    ask_at       timestamptz,               -- of one that is open: when its gateway is asked how it stands
    PRIMARY KEY (lane, payment_id, dispute),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.payments
);
CREATE INDEX disputes_to_ask ON payments.disputes (ask_at) WHERE ask_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON payments.disputes TO topup_app;

-- Where a gateway knows the payment only by its own id: looked for in each lane.
CREATE INDEX captures_by_reference ON payments.captures (lane, reference);
