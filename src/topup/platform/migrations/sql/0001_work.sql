-- What a person must decide, with the evidence.
CREATE SCHEMA work;
GRANT USAGE ON SCHEMA work TO topup_app;

CREATE TABLE work.items (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    kind       text NOT NULL,
    subject    text COLLATE "C" NOT NULL, -- the id of the order, payment, refund or fulfilment
    evidence   jsonb NOT NULL,            -- facts, ids and codes; nothing personal
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided')),
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, kind, subject)          -- one thing to decide is listed once
);
CREATE INDEX items_about ON work.items (lane, subject);
CREATE INDEX items_open ON work.items (created_at, id) WHERE state = 'open';
CREATE INDEX items_decided ON work.items (created_at, id) WHERE state = 'decided';
-- What somebody looks for: the beginning of what it is about, or anything that the evidence names.
CREATE INDEX items_named ON work.items (subject);
CREATE INDEX items_naming ON work.items USING gin (evidence);
GRANT SELECT, INSERT, UPDATE ON work.items TO topup_app;
