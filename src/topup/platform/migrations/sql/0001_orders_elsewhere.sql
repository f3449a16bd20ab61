-- By what an order is paid on another device or at a counter. The lane is the order's, and the code leads to it.
CREATE TABLE orders.pay_codes (
    lane       smallint NOT NULL,
    order_id   text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,  -- ten digits, the last of them a check digit
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (lane, order_id),
    UNIQUE (lane, code)
);
CREATE INDEX pay_codes_ending ON orders.pay_codes (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.pay_codes TO topup_app;

-- Wrong codes, as of platform/guesses.py.
CREATE TABLE orders.pay_code_guesses (
    scope text NOT NULL CHECK (scope IN ('payer', 'address', 'total')),
    who   bytea NOT NULL,                  -- a pseudonym; of the total: nothing
    since timestamptz NOT NULL,
    wrong integer NOT NULL,
    PRIMARY KEY (scope, who)
);
CREATE INDEX pay_code_guesses_old ON orders.pay_code_guesses (since);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.pay_code_guesses TO topup_app;

-- Links that open a prepared top-up. The id is what the address holds; its lane is one of
-- chance, so that it tells nothing of the number.
CREATE TABLE orders.links (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    maker        text COLLATE "C" NOT NULL, -- a subscriber's id, `key:` and an API key's, or `cli`
    number       bytea,                     -- E.164, sealed with the data key and bound to the id; null: any number
    product      text,
    amount_minor bigint,
    currency     text,
    label        text NOT NULL,             -- for its maker alone: where it hangs
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (lane, id),
    CHECK (product IS NULL OR amount_minor IS NULL),
    CHECK ((amount_minor IS NULL) = (currency IS NULL))
);
CREATE INDEX links_of_maker ON orders.links (maker, created_at);
CREATE INDEX links_ending ON orders.links (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.links TO topup_app;
