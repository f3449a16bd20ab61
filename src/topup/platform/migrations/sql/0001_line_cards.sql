-- SIM cards, the lines they serve over time, and the document each line's owner is registered with.

-- A card is found by what is written on it, like a number: its row says in which lane its line is.
CREATE TABLE lines.cards (
    id          text COLLATE "C" PRIMARY KEY,
    iccid       text COLLATE "C" NOT NULL UNIQUE CHECK (iccid ~ '^89[0-9]{17,18}$'),
    imsi        text COLLATE "C" UNIQUE CHECK (imsi ~ '^[0-9]{14,15}$'),
    carrier_id  text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('physical', 'esim')),
    state       text NOT NULL CHECK (state IN ('blank', 'active', 'blocked', 'replaced')),
    sku         text COLLATE "C",            -- what shops have it in stock as; null: no shop has it
    lane        smallint,
    line_id     text COLLATE "C",            -- which it serves, or served last
    state_since timestamptz NOT NULL,
    made_at     timestamptz NOT NULL,
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines,
    CHECK ((lane IS NULL) = (line_id IS NULL)),
    CHECK (state <> 'active' OR line_id IS NOT NULL),
    CHECK (state <> 'blank' OR line_id IS NULL)
);
GRANT SELECT, INSERT, UPDATE ON lines.cards TO topup_app;

-- Each time a line got a card. A row is only ever ended.
CREATE TABLE lines.card_uses (
    lane     smallint NOT NULL,
    line_id  text COLLATE "C" NOT NULL,
    id       text COLLATE "C" NOT NULL,
    card_id  text COLLATE "C" NOT NULL REFERENCES lines.cards,
    since    timestamptz NOT NULL,
    until    timestamptz,
    reason   text NOT NULL CHECK (reason IN ('issued', 'lost', 'damaged', 'new_phone')),
    key      text COLLATE "C" NOT NULL,      -- the caller's: the same again gives nothing
    place    text COLLATE "C" NOT NULL,      -- the shop that gave it out; empty: none did
    given_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, line_id, key),
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines
);
CREATE UNIQUE INDEX card_uses_now ON lines.card_uses (lane, line_id) WHERE until IS NULL;
CREATE UNIQUE INDEX card_uses_of_card ON lines.card_uses (card_id) WHERE until IS NULL; -- a card serves one line
CREATE INDEX card_uses_of_line ON lines.card_uses (lane, line_id, since);
GRANT SELECT, INSERT, UPDATE (until) ON lines.card_uses TO topup_app;

-- Whose a line is by the operator's register: the mark of a document (an HMAC with a key outside the database), and its
-- last four letters.
CREATE TABLE lines.registered (
    lane       smallint NOT NULL,
    line_id    text COLLATE "C" NOT NULL,
    document   text NOT NULL,
    mark       bytea NOT NULL,
    last_four  text NOT NULL,
    since      timestamptz NOT NULL,
    PRIMARY KEY (lane, line_id),
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines
);
CREATE INDEX registered_by_mark ON lines.registered (mark);
GRANT SELECT, INSERT, UPDATE, DELETE ON lines.registered TO topup_app;

-- Documents that were shown for a line and were not its owner's: counted by line and by clerk, as pseudonyms.
CREATE TABLE lines.document_guesses (
    scope text NOT NULL,
    who   bytea NOT NULL,
    since timestamptz NOT NULL,
    wrong integer NOT NULL,
    PRIMARY KEY (scope, who)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON lines.document_guesses TO topup_app;
