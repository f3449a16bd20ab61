-- Offers: what is taken of campaigns' limits, for which order it is held or used, and the codes that were made one by one.
CREATE SCHEMA offers;
GRANT USAGE ON SCHEMA offers TO topup_app;

-- A campaign, in a lane of its own. Its row is locked before anything of it is decided: one after another.
CREATE TABLE offers.campaigns (
    lane        smallint NOT NULL,
    carrier_id  text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL, -- never given to another campaign
    stopped_at  timestamptz,               -- null: it is not stopped
    stop_id     text COLLATE "C",          -- of this stop, stopped_by whoever did it at the console, and why
    stopped_by  text,
    stop_reason text,
    PRIMARY KEY (lane, carrier_id, campaign_id)
);
GRANT SELECT, INSERT ON offers.campaigns TO topup_app;
GRANT UPDATE (stopped_at, stop_id, stopped_by, stop_reason) ON offers.campaigns TO topup_app;

-- How much of it is held and used: by everybody, on a day, by a person, with a code.
CREATE TABLE offers.counters (
    lane        smallint NOT NULL,
    carrier_id  text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    scope       text COLLATE "C" NOT NULL, -- all, day:2026-03-15, person:…, code:…, batch:…
    held        bigint NOT NULL CHECK (held >= 0),
    used        bigint NOT NULL CHECK (used >= 0),
    held_minor  bigint NOT NULL CHECK (held_minor >= 0),
    used_minor  bigint NOT NULL CHECK (used_minor >= 0),
    most        bigint NOT NULL,           -- the highest limit under which something was ever taken
    most_minor  bigint NOT NULL,
    PRIMARY KEY (lane, carrier_id, campaign_id, scope),
    FOREIGN KEY (lane, carrier_id, campaign_id) REFERENCES offers.campaigns,
    CHECK (held + used <= most),           -- nothing is promised twice, whatever the program thinks
    CHECK (held_minor + used_minor <= most_minor)
);
GRANT SELECT, INSERT ON offers.counters TO topup_app;
GRANT UPDATE (held, used, held_minor, used_minor, most, most_minor) ON offers.counters TO topup_app;

-- One campaign for one order: held until it is paid, released if it never is, given back with the money.
CREATE TABLE offers.reservations (
    lane        smallint NOT NULL,         -- the campaign's
    carrier_id  text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C" NOT NULL,
    off_minor   bigint NOT NULL CHECK (off_minor >= 0),
    scopes      text[] NOT NULL,           -- the counters it is counted in
    state       text NOT NULL CHECK (state IN ('held', 'settled', 'released', 'given_back')),
    state_since timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,      -- held: when it lapses by itself
    PRIMARY KEY (lane, carrier_id, campaign_id, order_id),
    FOREIGN KEY (lane, carrier_id, campaign_id) REFERENCES offers.campaigns
);
CREATE INDEX reservations_lapsing ON offers.reservations (lane, expires_at) WHERE state = 'held';
-- Who holds this? An index of this kind keeps every key it ever had. Codes and persons are new with each order, so it has
-- one of 4 096 for each of them: then it is as large as what is held, and what it finds is looked at.
CREATE FUNCTION offers.keys_of(scopes text[]) RETURNS smallint[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT array_agg((hashtext(s.scope) & 4095)::smallint) FROM unnest(scopes) AS s (scope));
CREATE INDEX reservations_holding ON offers.reservations USING gin (offers.keys_of(scopes)) WHERE state = 'held';
GRANT SELECT, INSERT ON offers.reservations TO topup_app;
GRANT UPDATE (off_minor, scopes, state, state_since, expires_at) ON offers.reservations TO topup_app;

-- Codes that were made together, in their campaign's lane: asked for by one person, approved by another.
CREATE TABLE offers.code_batches (
    lane         smallint NOT NULL,         -- the campaign's
    id           text COLLATE "C" NOT NULL,
    carrier_id   text COLLATE "C" NOT NULL,
    campaign_id  text COLLATE "C" NOT NULL,
    prefix       text NOT NULL,
    count        integer NOT NULL CHECK (count BETWEEN 1 AND 200000),
    last_day     date,                      -- null: as long as the campaign runs
    valid_until  timestamptz,               -- the end of that day where the carrier is
    state        text NOT NULL CHECK (state IN ('approved', 'making', 'made', 'blocked')),
    state_since  timestamptz NOT NULL,
    draw         integer NOT NULL DEFAULT 0, -- how often its making was begun: codes of an earlier one are worth nothing
    made         integer NOT NULL DEFAULT 0 CHECK (made BETWEEN 0 AND count),
    requested_by text NOT NULL,
    approved_at  timestamptz NOT NULL,
    approval_id  text NOT NULL,
    block_reason text,
    PRIMARY KEY (lane, id),
    FOREIGN KEY (lane, carrier_id, campaign_id) REFERENCES offers.campaigns,
    CHECK (state <> 'made' OR made = count)
);
CREATE INDEX code_batches_of ON offers.code_batches (lane, carrier_id, campaign_id, approved_at DESC);
GRANT SELECT, INSERT ON offers.code_batches TO topup_app;
GRANT UPDATE (state, state_since, draw, made, block_reason) ON offers.code_batches TO topup_app;

-- A code that was made one by one, in its campaign's lane. How often it was used is a counter.
CREATE TABLE offers.codes (
    lane        smallint NOT NULL,
    carrier_id  text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    mark        bytea NOT NULL CHECK (length(mark) = 32), -- HMAC of the code under a key that is not in the database
    batch_id    text COLLATE "C" NOT NULL,
    draw        integer NOT NULL,
    blocked_at  timestamptz,               -- null: it is not blocked by itself
    block_reason text,
    PRIMARY KEY (lane, carrier_id, campaign_id, mark),
    FOREIGN KEY (lane, batch_id) REFERENCES offers.code_batches
);
CREATE INDEX codes_of ON offers.codes (lane, batch_id, draw);
CREATE INDEX codes_blocked ON offers.codes (lane, batch_id) WHERE blocked_at IS NOT NULL;
GRANT SELECT, INSERT, DELETE ON offers.codes TO topup_app; -- what was written by a making that was begun anew is removed
GRANT UPDATE (blocked_at, block_reason) ON offers.codes TO topup_app;

-- Codes that do not exist, counted in windows: by payer, by address, and in total.
CREATE TABLE offers.code_guesses (
    scope text NOT NULL CHECK (scope IN ('payer', 'address', 'total')),
    who   bytea NOT NULL,                  -- a pseudonym; of the total: nothing
    since timestamptz NOT NULL,
    wrong integer NOT NULL,
    PRIMARY KEY (scope, who)
);
CREATE INDEX code_guesses_old ON offers.code_guesses (since);
GRANT SELECT, INSERT, UPDATE, DELETE ON offers.code_guesses TO topup_app;

-- Points of a subscriber with a carrier, in the subscriber's lane. How many there are, the ledger knows; here is what was
-- to be taken back and was spent already. The row is locked before anything of the points is decided: one after another.
CREATE TABLE offers.point_accounts (
    lane          smallint NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,
    carrier_id    text COLLATE "C" NOT NULL,
    owed          bigint NOT NULL DEFAULT 0 CHECK (owed >= 0), -- the next points settle it
    steps         bigint NOT NULL DEFAULT 0, -- what was done of the points, counted: a part of the ledger's keys
    PRIMARY KEY (lane, subscriber_id, carrier_id)
);
GRANT SELECT, INSERT ON offers.point_accounts TO topup_app;
GRANT UPDATE (owed, steps) ON offers.point_accounts TO topup_app;

-- Points that pay for an order: held until it is paid, released if it never is, given back with the money.
CREATE TABLE offers.points_spent (
    lane          smallint NOT NULL,       -- the subscriber's
    order_id      text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,
    carrier_id    text COLLATE "C" NOT NULL,
    points        bigint NOT NULL CHECK (points > 0),
    state         text NOT NULL CHECK (state IN ('held', 'settled', 'released', 'given_back')),
    state_since   timestamptz NOT NULL,
    hold_id       text COLLATE "C" NOT NULL, -- the ledger's
    holds         smallint NOT NULL,       -- how often they were held
    expires_at    timestamptz NOT NULL,    -- held: when it lapses by itself
    PRIMARY KEY (lane, order_id),
    FOREIGN KEY (lane, subscriber_id, carrier_id) REFERENCES offers.point_accounts
);
GRANT SELECT, INSERT ON offers.points_spent TO topup_app;
GRANT UPDATE (points, state, state_since, hold_id, holds, expires_at) ON offers.points_spent TO topup_app;

-- Points that came of an order, of which so many are kept: fewer where money went back.
CREATE TABLE offers.points_earned (
    lane          smallint NOT NULL,       -- the subscriber's
    order_id      text COLLATE "C" NOT NULL,
    subscriber_id text COLLATE "C" NOT NULL,
    carrier_id    text COLLATE "C" NOT NULL,
    earned        bigint NOT NULL CHECK (earned > 0),
    kept          bigint NOT NULL CHECK (kept BETWEEN 0 AND earned),
    usable_until  timestamptz,             -- null: without end
    earned_at     timestamptz NOT NULL,
    PRIMARY KEY (lane, order_id),
    FOREIGN KEY (lane, subscriber_id, carrier_id) REFERENCES offers.point_accounts
);
GRANT SELECT, INSERT ON offers.points_earned TO topup_app;
GRANT UPDATE (kept) ON offers.points_earned TO topup_app;
