-- Subscribers: their accounts, the devices they are signed in on, and what they sign in with.
--
-- Numbers, addresses and names are sealed with the person's own key, which is sealed with the installation's. Who drops
-- `secret` has made all of it unreadable, in backups too.
CREATE TABLE people.subscribers (
    id         text COLLATE "C" PRIMARY KEY,
    secret     bytea,                     -- the person's own key, sealed with the data key and bound to the id
    number     bytea,                     -- E.164, sealed with the person's key
    mark       bytea UNIQUE,              -- HMAC of the number, with a key outside the database; null: no longer theirs
    proven_at  timestamptz NOT NULL,      -- when they last showed that the number is theirs
    password   text,                      -- argon2id, with its parameters and its salt
    email      bytea,                     -- confirmed; sealed with the person's key
    locale     text NOT NULL,
    elder      boolean NOT NULL DEFAULT FALSE,
    zone       text,                      -- IANA; null: each time in the zone of its line
    reminders  jsonb NOT NULL DEFAULT '{}', -- what was chosen; what is not named is as usual
    created_at timestamptz NOT NULL,
    leaves_at  timestamptz,               -- when it is erased, as its owner wants; null: it stays
    erased_at  timestamptz,
    CHECK (erased_at IS NULL OR (secret IS NULL AND number IS NULL AND mark IS NULL AND password IS NULL AND email IS NULL))
);
CREATE INDEX subscribers_leaving ON people.subscribers (leaves_at) WHERE leaves_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON people.subscribers TO topup_app;

-- A browser somebody signed in with. It stays when they sign out, so that coming back is nothing new.
CREATE TABLE people.devices (
    id            text COLLATE "C" PRIMARY KEY,
    subscriber_id text COLLATE "C" NOT NULL REFERENCES people.subscribers,
    mark          bytea NOT NULL,         -- SHA-256 of what the browser is known by
    token         bytea UNIQUE,           -- SHA-256 of the session's token; null: signed out
    name          text NOT NULL,          -- `chrome.android`: what the browser says it is, in words of ours
    door          text NOT NULL CHECK (door IN ('code', 'password', 'passkey')),
    created_at    timestamptz NOT NULL,
    signed_in_at  timestamptz NOT NULL,
    proven_at     timestamptz NOT NULL,   -- when they last showed here who they are
    seen_at       timestamptz NOT NULL,
    UNIQUE (subscriber_id, mark)
);
CREATE INDEX devices_age ON people.devices (seen_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.devices TO topup_app;

-- One-time codes, sent to a number or an address; they are also what is counted to limit them.
CREATE TABLE people.codes (
    id           text COLLATE "C" PRIMARY KEY,
    purpose      text NOT NULL CHECK (purpose IN ('enter', 'bind', 'confirm', 'number', 'email')),
    about        text COLLATE "C",        -- the subscriber whose it is, where one is signed in
    destination  bytea NOT NULL,          -- sealed with the data key, bound to the id
    to_whom      bytea NOT NULL,          -- pseudonyms, to count by
    from_where   bytea NOT NULL,
    range        bytea NOT NULL,
    country      text NOT NULL,
    code         bytea NOT NULL,          -- HMAC of the code with all that it is bound to
    tries        smallint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX codes_to ON people.codes (to_whom, created_at);
CREATE INDEX codes_from ON people.codes (from_where, created_at);
CREATE INDEX codes_range ON people.codes (range, created_at);
CREATE INDEX codes_country ON people.codes (country, created_at);
CREATE INDEX codes_age ON people.codes (created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.codes TO topup_app;

CREATE TABLE people.passkeys (
    id            bytea PRIMARY KEY,      -- the authenticator's id of it
    subscriber_id text COLLATE "C" NOT NULL REFERENCES people.subscribers,
    public_key    bytea NOT NULL,
    sign_count    bigint NOT NULL,
    name          text NOT NULL,          -- as of devices
    created_at    timestamptz NOT NULL,
    used_at       timestamptz
);
CREATE INDEX passkeys_of ON people.passkeys (subscriber_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.passkeys TO topup_app;

-- What an authenticator is asked to sign, once.
CREATE TABLE people.challenges (
    challenge     bytea PRIMARY KEY,
    about         text COLLATE "C" NOT NULL, -- what it is good for: coming in, or somebody's new passkey (webauthn.py)
    expires_at    timestamptz NOT NULL
);
CREATE INDEX challenges_age ON people.challenges (expires_at);
GRANT SELECT, INSERT, DELETE ON people.challenges TO topup_app;

-- What happened to an account that its owner should see.
CREATE TABLE people.alerts (
    id            text COLLATE "C" PRIMARY KEY,
    subscriber_id text COLLATE "C" NOT NULL REFERENCES people.subscribers,
    kind          text NOT NULL,
    device        text NOT NULL DEFAULT '', -- the name of the device, where there is one
    at            timestamptz NOT NULL,
    seen_at       timestamptz
);
CREATE INDEX alerts_of ON people.alerts (subscriber_id, at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.alerts TO topup_app;

-- Numbers somebody tops up often, with their name for each.
CREATE TABLE people.saved_numbers (
    id            text COLLATE "C" PRIMARY KEY,
    subscriber_id text COLLATE "C" NOT NULL REFERENCES people.subscribers,
    entry         bytea NOT NULL,         -- number and name, sealed with the person's key
    saved_at      timestamptz NOT NULL,
    meant_at      timestamptz NOT NULL,   -- when they last said that it is still whose it was
    removed_at    timestamptz             -- removed, and may be taken back for a while
);
CREATE INDEX saved_numbers_of ON people.saved_numbers (subscriber_id, saved_at);
CREATE INDEX saved_numbers_removed ON people.saved_numbers (removed_at) WHERE removed_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON people.saved_numbers TO topup_app;
