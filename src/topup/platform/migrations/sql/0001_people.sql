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
    agent_id   text COLLATE "C",          -- whose float it sells from, of the role agent
    staff_id   text COLLATE "C",          -- whose it is, where one person calls with it
    secret     bytea NOT NULL UNIQUE,     -- SHA-256 of a secret of 256 bits: nothing to guess, so nothing to slow down
    created_at timestamptz NOT NULL,
    used_at    timestamptz,               -- about: within the hour
    revoked_at timestamptz
);
CREATE INDEX api_keys_of_agent ON people.api_keys (agent_id) WHERE agent_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON people.api_keys TO topup_app;

-- That an identity document was looked at, for what was asked for at a counter; its number is nowhere kept.
CREATE TABLE people.id_checks (
    subject    text COLLATE "C" NOT NULL,        -- the refund, the line: what it was looked at for
    purpose    text NOT NULL CHECK (purpose IN ('money_back', 'plan_change', 'sim_replacement', 'unmask')),
    document   text NOT NULL CHECK (document IN ('resident_card', 'passport', 'other')),
    mark       bytea NOT NULL,                   -- HMAC of the number
    last_four  text NOT NULL CHECK (length(last_four) <= 4),
    checked_by text NOT NULL,
    checked_at timestamptz NOT NULL
);
CREATE INDEX id_checks_of ON people.id_checks (subject, checked_at);
CREATE INDEX id_checks_age ON people.id_checks (checked_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.id_checks TO topup_app;
