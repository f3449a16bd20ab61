-- The one life of a top-up.
CREATE SCHEMA orders;
GRANT USAGE ON SCHEMA orders TO topup_app;

CREATE TABLE orders.quotes (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    body       text NOT NULL,             -- what was signed, to the byte
    kid        text NOT NULL,
    signature  bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
GRANT SELECT, INSERT ON orders.quotes TO topup_app;

CREATE TABLE orders.orders (
    lane            smallint NOT NULL,
    id              text COLLATE "C" NOT NULL,
    quote_id        text COLLATE "C" NOT NULL,
    msisdn          text COLLATE "C" NOT NULL,
    carrier_id      text NOT NULL,
    currency        text NOT NULL,
    face_minor      bigint NOT NULL,
    state           text NOT NULL,
    state_since     timestamptz NOT NULL,
    steps           smallint NOT NULL,    -- rows of its history
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL, -- unpaid until then, it expires
    closed_at       timestamptz,          -- when it expired or was cancelled
    kept_payment_id text COLLATE "C",     -- the one payment this order is about
    contact_id      text COLLATE "C",
    locale          text NOT NULL,
    channel         text NOT NULL,
    payer           bytea,                -- who ordered, as far as is known: a pseudonym, to tell own orders from others'
    PRIMARY KEY (lane, id),
    UNIQUE (lane, quote_id)
);
CREATE INDEX orders_of_number ON orders.orders (lane, msisdn, created_at);
CREATE INDEX orders_to_expire ON orders.orders (expires_at) WHERE state = 'awaiting_payment';
GRANT SELECT, INSERT, UPDATE ON orders.orders TO topup_app;

CREATE TABLE orders.history (
    lane     smallint NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    step     smallint NOT NULL,
    state    text NOT NULL,
    at       timestamptz NOT NULL,
    cause    text NOT NULL,               -- a message id of the catalogue `orders`
    PRIMARY KEY (lane, order_id, step)
);
GRANT SELECT, INSERT ON orders.history TO topup_app;

-- Numbered without gaps per year and lane: the counter moves in the transaction that issues.
CREATE TABLE orders.receipt_counters (
    lane smallint NOT NULL,
    year smallint NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (lane, year)
);
GRANT SELECT, INSERT, UPDATE ON orders.receipt_counters TO topup_app;

CREATE TABLE orders.receipts (
    lane      smallint NOT NULL,
    order_id  text COLLATE "C" NOT NULL,
    year      smallint NOT NULL,
    number    integer NOT NULL,
    issued_at timestamptz NOT NULL,
    body      text NOT NULL,              -- what was signed, to the byte
    kid       text NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (lane, order_id),
    UNIQUE (lane, year, number)
);
GRANT SELECT, INSERT ON orders.receipts TO topup_app;
