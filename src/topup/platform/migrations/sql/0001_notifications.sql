-- Messages to people: written with the news they carry, sent afterwards.
CREATE SCHEMA notifications;
GRANT USAGE ON SCHEMA notifications TO topup_app;

CREATE TABLE notifications.messages (
    lane       smallint NOT NULL,
    id         text COLLATE "C" NOT NULL,
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
    created_at timestamptz NOT NULL,
    PRIMARY KEY (lane, id),
    UNIQUE (lane, key)
);
CREATE INDEX messages_due ON notifications.messages (send_at) WHERE send_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON notifications.messages TO topup_app;
