-- Which subscriber has which line in their account: id to id, and nothing more that could be read.
CREATE TABLE lines.owners (
    lane          smallint NOT NULL,
    line_id       text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL, -- of people.subscribers, which may be in another place
    name          bytea,                  -- what they call it; sealed with their key
    position      integer NOT NULL,
    bound_at      timestamptz NOT NULL,
    PRIMARY KEY (lane, line_id, subscriber_id),
    FOREIGN KEY (lane, line_id) REFERENCES lines.lines
);
CREATE INDEX owners_of ON lines.owners (subscriber_id, position);
GRANT SELECT, INSERT, UPDATE, DELETE ON lines.owners TO topup_app;
