-- The only home of personal data but line owners; and who may call us.
CREATE SCHEMA people;
GRANT USAGE ON SCHEMA people TO topup_app;

-- Where to send the news of an order.
CREATE TABLE people.contacts (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    address    bytea NOT NULL,            -- sealed with the data key, bound to the id
    created_at timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
GRANT SELECT, INSERT, DELETE ON people.contacts TO topup_app;

CREATE TABLE people.api_keys (
    id         text COLLATE "C" PRIMARY KEY,
    label      text NOT NULL,
    role       text NOT NULL,
    secret     bytea NOT NULL UNIQUE,     -- SHA-256 of a secret of 256 bits: nothing to guess, so nothing to slow down
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON people.api_keys TO topup_app;
