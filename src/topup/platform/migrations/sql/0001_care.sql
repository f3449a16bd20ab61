-- Tickets and their threads, what carriers announced, and how long top-ups took.
CREATE SCHEMA care;
GRANT USAGE ON SCHEMA care TO topup_app;

-- An id is its writer's capability: 70 bits of chance. The reference is what one says on the telephone, and opens nothing.
CREATE TABLE care.tickets (
    lane          smallint NOT NULL,
    id            text COLLATE "C" NOT NULL,
    reference     text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,  -- of the form that was sent: two presses make one ticket
    topic         text NOT NULL,
    state         text NOT NULL,
    order_id      text COLLATE "C",
    evidence      jsonb NOT NULL,             -- what was found out: ids, facts and codes; nothing personal
    contact_id    text COLLATE "C",           -- where to write that there is an answer
    subscriber_id text COLLATE "C",           -- who was signed in, if anybody
    locale        text NOT NULL,
    messages      smallint NOT NULL,
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, key)
);
CREATE INDEX tickets_by_state ON care.tickets (state, changed_at);
CREATE INDEX tickets_by_reference ON care.tickets (reference);
CREATE INDEX tickets_of_order ON care.tickets (lane, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX tickets_of_subscriber ON care.tickets (subscriber_id, created_at) WHERE subscriber_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON care.tickets TO topup_app;

CREATE TABLE care.messages (
    lane      smallint NOT NULL,
    ticket_id text COLLATE "C" NOT NULL,
    number    smallint NOT NULL,
    author    text NOT NULL CHECK (author IN ('writer', 'staff')),
    by        text COLLATE "C",               -- the id of staff
    body      bytea NOT NULL,                 -- sealed with the data key, bound to ticket and number
    at        timestamptz NOT NULL,
    PRIMARY KEY (lane, ticket_id, number),
    FOREIGN KEY (lane, ticket_id) REFERENCES care.tickets
);
GRANT SELECT, INSERT, DELETE ON care.messages TO topup_app;

CREATE TABLE care.outages (
    id           text COLLATE "C" PRIMARY KEY,
    carrier_id   text NOT NULL,
    texts        jsonb NOT NULL,              -- by language
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz,                 -- when it is expected to be over, or was
    announced_at timestamptz NOT NULL,
    over         boolean NOT NULL DEFAULT false
);
CREATE INDEX outages_open ON care.outages (carrier_id) WHERE NOT over;
GRANT SELECT, INSERT, UPDATE ON care.outages TO topup_app;

-- How long top-ups took from paid to credited: how many of those paid in an hour fell in each class of seconds
-- (care/waiting.py has their bounds).
CREATE TABLE care.waits (
    hour    timestamptz NOT NULL,
    class   smallint NOT NULL,
    orders  bigint NOT NULL,
    PRIMARY KEY (hour, class)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON care.waits TO topup_app;
-- The same of automatic top-ups, from when they were due: by the hour they were due in.
CREATE TABLE care.automatic_waits (
    hour    timestamptz NOT NULL,
    class   smallint NOT NULL,
    runs    bigint NOT NULL,
    PRIMARY KEY (hour, class)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON care.automatic_waits TO topup_app;
-- Up to when deliveries are counted.
CREATE TABLE care.waits_through (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    through timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON care.waits_through TO topup_app;
