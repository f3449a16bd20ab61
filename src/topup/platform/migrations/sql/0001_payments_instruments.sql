-- Payments with which their payer leaves an instrument for later ones. The lane is the payment's;
-- the row goes when its gateway has said what became of it.
CREATE TABLE payments.keepings (
    lane          smallint NOT NULL,
    payment_id    text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,
    ask_at        timestamptz NOT NULL,
    asked         smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, payment_id),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.payments
);
CREATE INDEX keepings_to_ask ON payments.keepings (ask_at);
CREATE INDEX keepings_of_subscriber ON payments.keepings (subscriber_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.keepings TO topup_app;

-- What people left with gateways. The lane is its owner's.
CREATE TABLE payments.instruments (
    lane          smallint NOT NULL,
    id            text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,
    method        text NOT NULL,
    mark          bytea NOT NULL,           -- pseudonym of the token: the same card left twice is one
    token         bytea NOT NULL,           -- sealed with the data key and bound to the id
    label         text NOT NULL,            -- what its owner knows it by: brand and last four digits
    kept_at       timestamptz NOT NULL,
    removed_at    timestamptz,
    forget_at     timestamptz,              -- when the gateway is told next to forget it; null unless removed
    asked         smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, subscriber_id, mark),
    CHECK (forget_at IS NULL OR removed_at IS NOT NULL)
);
CREATE INDEX instruments_to_forget ON payments.instruments (forget_at) WHERE forget_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.instruments TO topup_app;

-- Agreements with wallets. The lane is the owner's, and the id the one its instrument has once the wallet's owner has
-- signed; the row goes when it has ended, or was never signed.
CREATE TABLE payments.agreements (
    lane          smallint NOT NULL,
    id            text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,  -- empty: of an account that ended
    method        text NOT NULL,
    most_minor    bigint NOT NULL CHECK (most_minor > 0),
    currency      text NOT NULL,
    every_days    smallint NOT NULL CHECK (every_days > 0),
    state         text NOT NULL CHECK (state IN ('wanted', 'signed', 'called_off')),
    begins_at     timestamptz NOT NULL,
    ask_at        timestamptz NOT NULL,
    asked         smallint NOT NULL DEFAULT 0,
    told_ended    boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (lane, id)
);
CREATE INDEX agreements_to_ask ON payments.agreements (ask_at);
CREATE INDEX agreements_of_subscriber ON payments.agreements (lane, subscriber_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.agreements TO topup_app;
