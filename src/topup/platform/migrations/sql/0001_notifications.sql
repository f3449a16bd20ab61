-- Messages to people: written with the news they carry, sent afterwards.
CREATE SCHEMA notifications;
GRANT USAGE ON SCHEMA notifications TO topup_app;

CREATE TABLE notifications.messages (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('mail', 'sms')), -- of the address: who sends it
    key        text COLLATE "C" NOT NULL, -- the news: one message for each
    address    bytea NOT NULL,            -- sealed; personal
    sealed_for text COLLATE "C" NOT NULL, -- the id it was sealed for: it opens with no other
    locale     text NOT NULL,
    template   text NOT NULL,             -- a message id of the catalogue `messages`
    parameters jsonb NOT NULL,
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'unsure', 'failed')),
    tries      smallint NOT NULL DEFAULT 0,
    unknowns   smallint NOT NULL DEFAULT 0, -- tries of which nobody knows whether they arrived
    send_at    timestamptz,               -- null when nothing is left to do; while sending, the end of the sender's lease
    daytime_of text,                      -- IANA; sent only while it is day there. Null: at any time
    day_begins smallint NOT NULL,         -- the hours that are day, by the clock
    day_ends   smallint NOT NULL,
    until      timestamptz,               -- of no use after it. Null: it may be late
    created_at timestamptz NOT NULL,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, key)
);
CREATE INDEX messages_parked ON notifications.messages (created_at) WHERE state IN ('unsure', 'failed');
CREATE INDEX messages_due ON notifications.messages (kind, send_at) WHERE send_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON notifications.messages TO topup_app;

-- What people find in the app, and are written of by whatever else they chose. Whose it is, the room that knows people
-- can tell.
CREATE TABLE notifications.notices (
    lane       smallint NOT NULL,         -- of the reader
    reader     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    cause      text COLLATE "C" NOT NULL, -- what it tells of: each reader is told of it once
    kind       text NOT NULL,             -- what a reader may choose
    template   text NOT NULL,             -- a message id of the catalogue `messages`
    parameters jsonb NOT NULL,
    zone       text NOT NULL,             -- IANA; of the line it is about
    urgent     boolean NOT NULL,          -- somebody waits for it, by day and by night
    not_by     text[] NOT NULL,           -- what they were told it by already
    until      timestamptz,               -- not sent after it. Null: it may be late
    written_at timestamptz NOT NULL,
    read_at    timestamptz,
    send_at    timestamptz,               -- when it is to be sent to whatever was chosen; null: that is done
    PRIMARY KEY (lane, reader, id),
    UNIQUE (lane, reader, cause)
);
CREATE INDEX notices_due ON notifications.notices (lane, send_at) WHERE send_at IS NOT NULL;
CREATE INDEX notices_unread ON notifications.notices (lane, reader) WHERE read_at IS NULL;
CREATE INDEX notices_age ON notifications.notices (written_at);
GRANT SELECT, INSERT, UPDATE (read_at, send_at), DELETE ON notifications.notices TO topup_app;
