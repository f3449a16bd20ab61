-- Who works here: staff, what they sign in with, and where they are signed in.
CREATE TABLE people.staff (
    id              text COLLATE "C" PRIMARY KEY,
    login           text COLLATE "C" NOT NULL UNIQUE, -- a name to sign in with, in lower case
    role            text NOT NULL,
    password        text,                 -- argon2id, with its parameters and its salt
    totp            bytea,                -- the secret, sealed with the data key and bound to the id
    totp_step       bigint NOT NULL DEFAULT 0, -- the last step of 30 s whose code was taken: none is taken twice
    enrolment       bytea,                -- SHA-256 of the code that lets them choose a password, while it is due
    enrolment_until timestamptz,
    created_at      timestamptz NOT NULL,
    enrolled_at     timestamptz,
    disabled_at     timestamptz,
    invited_by      text[] NOT NULL,      -- who made or reset it, or gave it more to do, since it was confirmed last
    confirmed_by    text,                 -- the second person, none of those; the command line needs no second
    confirmed_at    timestamptz,
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CHECK ((enrolled_at IS NULL) OR (password IS NOT NULL AND totp IS NOT NULL)),
    CHECK ((enrolment IS NULL) = (enrolment_until IS NULL))
);
GRANT SELECT, INSERT, UPDATE ON people.staff TO topup_app;

-- For the day the telephone is lost: each is taken once, in the place of a code.
CREATE TABLE people.staff_recovery (
    staff_id text COLLATE "C" NOT NULL REFERENCES people.staff,
    code     bytea NOT NULL,              -- SHA-256 of 80 random bits
    used_at  timestamptz,
    PRIMARY KEY (staff_id, code)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.staff_recovery TO topup_app;

-- Passkeys: in the place of password and code.
CREATE TABLE people.staff_passkeys (
    id         bytea PRIMARY KEY,         -- the authenticator's id of it
    staff_id   text COLLATE "C" NOT NULL REFERENCES people.staff,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    name       text NOT NULL,             -- as its owner calls it
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX staff_passkeys_of ON people.staff_passkeys (staff_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.staff_passkeys TO topup_app;

CREATE TABLE people.staff_sessions (
    token      bytea PRIMARY KEY,         -- SHA-256 of what the browser holds
    id         text COLLATE "C" NOT NULL UNIQUE, -- by which its owner ends it from elsewhere
    staff_id   text COLLATE "C" NOT NULL REFERENCES people.staff,
    name       text NOT NULL,             -- as of devices
    door       text NOT NULL CHECK (door IN ('code', 'recovery', 'passkey', 'enrolment')),
    created_at timestamptz NOT NULL,
    proven_at  timestamptz NOT NULL,      -- when its owner last showed here that it is they: a code, a passkey
    locked_at  timestamptz,               -- its screen is locked: it shows nothing until they show so again
    seen_at    timestamptz NOT NULL
);
CREATE INDEX staff_sessions_of ON people.staff_sessions (staff_id);
CREATE INDEX staff_sessions_age ON people.staff_sessions (created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.staff_sessions TO topup_app;

-- Attempts to sign in that were not followed by a success, by pseudonyms of names and addresses.
CREATE TABLE people.sign_in_attempts (
    subject       bytea PRIMARY KEY,
    attempts      integer NOT NULL,
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX sign_in_attempts_age ON people.sign_in_attempts (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON people.sign_in_attempts TO topup_app;
