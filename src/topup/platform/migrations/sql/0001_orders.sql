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
    payer_id        text COLLATE "C",     -- the subscriber who ordered, if one was signed in
    holds_offers    boolean NOT NULL DEFAULT false, -- campaigns are held for it, in their own lanes
    offers_due      boolean NOT NULL DEFAULT false, -- these are to be brought to where the order is
    moves_points    boolean NOT NULL DEFAULT false, -- its payer's points pay for it, or come of it, in their own lane
    points_marks    integer NOT NULL DEFAULT 0,     -- how often these were to be brought to where the order is
    points_followed integer NOT NULL DEFAULT 0,     -- and were
    PRIMARY KEY (lane, id),
    UNIQUE (lane, quote_id)
);
CREATE INDEX orders_of_payer ON orders.orders (payer_id, created_at) WHERE payer_id IS NOT NULL;
CREATE INDEX orders_of_number ON orders.orders (lane, msisdn, created_at);
CREATE INDEX orders_by_time ON orders.orders (created_at, id);
CREATE INDEX orders_apart ON orders.orders (state, created_at) WHERE state NOT IN ('awaiting_payment', 'delivered');
CREATE INDEX orders_with_offers_due ON orders.orders (state_since) WHERE offers_due;
CREATE INDEX orders_with_points_due ON orders.orders (state_since) WHERE points_marks > points_followed;
CREATE INDEX orders_to_expire ON orders.orders (expires_at) WHERE state = 'awaiting_payment';
GRANT SELECT, INSERT, UPDATE ON orders.orders TO topup_app;

-- Whose offers or points could not be brought to where the order is: tried again then, so that they stop nobody else's.
CREATE TABLE orders.put_off (
    lane     smallint NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    what     text NOT NULL CHECK (what IN ('offers', 'points')),
    tries    smallint NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (lane, order_id, what)
);
CREATE INDEX put_off_due ON orders.put_off (what, at);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.put_off TO topup_app;

CREATE TABLE orders.history (
    lane     smallint NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    step     smallint NOT NULL,
    state    text NOT NULL,
    at       timestamptz NOT NULL,
    cause    text NOT NULL,               -- a message id of the catalogue `orders`
    PRIMARY KEY (lane, order_id, step)
);
-- What happened lately, by pages and not by rows: small, and nearly free to keep. Each range is some thousand rows: the
-- board reads an hour, and what it must pass over is what else lies in the ranges of that hour.
CREATE INDEX history_times ON orders.history USING brin (at) WITH (autosummarize = on, pages_per_range = 32);
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

-- What subscribers who ordered are to be told, but for what arrived: that is read from the receipts.
CREATE TABLE orders.news (
    lane     smallint NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    news     text NOT NULL CHECK (news IN ('failed', 'full', 'refunded', 'gift_sent', 'gift_wanted')),
    key      text COLLATE "C" NOT NULL,   -- tells two pieces of the same news apart
    minor    bigint NOT NULL,             -- what was paid, or what went back, or a gift is worth
    currency text NOT NULL,
    at       timestamptz NOT NULL,
    heard    boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (lane, order_id, news, key)
);
CREATE INDEX news_unheard ON orders.news (lane, at) WHERE NOT heard;
GRANT SELECT, INSERT, UPDATE (heard) ON orders.news TO topup_app;

-- Up to which number those who have a line were told what arrived.
CREATE TABLE orders.receipts_heard (
    lane   smallint NOT NULL,
    year   smallint NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (lane, year)
);
GRANT SELECT, INSERT, UPDATE ON orders.receipts_heard TO topup_app;

-- What is sold at a counter: the price, and at which till, by whom. The order that is made of it is found by the price.
CREATE TABLE orders.counter_sales (
    lane       smallint NOT NULL,
    quote_id   text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,        -- of the till, as somebody keeps it
    till       text COLLATE "C" NOT NULL,
    shop       text COLLATE "C" NOT NULL,
    staff_id   text COLLATE "C" NOT NULL,
    continued  boolean NOT NULL,                 -- made elsewhere, and only paid here
    at         timestamptz NOT NULL,
    PRIMARY KEY (lane, quote_id)
);
CREATE INDEX counter_sales_of_session ON orders.counter_sales (session_id, at);
GRANT SELECT, INSERT, UPDATE ON orders.counter_sales TO topup_app;

-- The figures of a till's Z report as they were when its drawer was counted. Nobody edits them.
CREATE TABLE orders.till_reports (
    lane       smallint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    figures    jsonb NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (lane, session_id)
);
GRANT SELECT, INSERT ON orders.till_reports TO topup_app;
