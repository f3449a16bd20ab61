-- The ledger: accounts, buckets, holds and the transfers between them.
--
-- Every table begins with its lane. The one check is the floor: each would cost every posting a parse of its expression,
-- and what the posting function cannot write, `ledger/invariants.py` looks for all the same. Only the functions of ledger/posting.sql write here: they belong to topup_ledger
-- and run as topup_ledger; topup_app reads, and may execute them.

CREATE SCHEMA ledger AUTHORIZATION topup_ledger;
SET ROLE topup_ledger;

CREATE TYPE ledger.policy AS ENUM ('separate', 'extend', 'longest', 'renew', 'tiers');
CREATE TYPE ledger.at_end AS ENUM ('forfeit', 'freeze', 'roll_over');
CREATE TYPE ledger.hold_state AS ENUM ('open', 'settled', 'released');

-- The head of each lane's chain. Locking a lane's row is what gives a caller the right to write in that lane, so it is
-- also the only lock on buckets and holds.
CREATE TABLE ledger.lanes (
    lane smallint PRIMARY KEY,
    head_sequence bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL
) WITH (fillfactor = 20);

INSERT INTO ledger.lanes (lane, head_hash)
SELECT lane, sha256(convert_to('topup ledger lane ' || lane, 'UTF8')) FROM generate_series(0, 15) AS lane;

-- Our own accounts, by code: suspense, sales, fees, expired, issued, clearing:<method>, payable:<carrier>. They open on
-- first use, once per lane, and may go negative: the sum of all balances of an asset is always zero.
CREATE TABLE ledger.house_accounts (
    lane smallint NOT NULL,
    code text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (lane, code, asset)
) WITH (fillfactor = 50);

-- What a line has: a balance of one asset, of one kind, with one end.
CREATE TABLE ledger.buckets (
    lane smallint NOT NULL,
    id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    priority smallint NOT NULL,
    policy ledger.policy NOT NULL,
    at_end ledger.at_end NOT NULL,
    source text COLLATE "C" NOT NULL,
    rule jsonb NOT NULL,
    roll jsonb,
    balance bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    usable_until timestamptz,
    forfeit_at timestamptz,
    opened_at timestamptz NOT NULL,
    opened_order bigint NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (lane, id),
    CONSTRAINT floor CHECK (balance >= held AND held >= 0)
) WITH (fillfactor = 60);

-- None of the indexes holds a column that a credit or debit changes, so that these stay within their page.
CREATE INDEX buckets_of_line ON ledger.buckets (lane, line_id, opened_order) WHERE closed_at IS NULL;
CREATE INDEX buckets_ending ON ledger.buckets (lane, usable_until, id) WHERE closed_at IS NULL AND usable_until IS NOT NULL;
CREATE INDEX buckets_due ON ledger.buckets (forfeit_at) WHERE closed_at IS NULL AND forfeit_at IS NOT NULL;

-- One amount of one asset from one account to one other. Never edited; a correction is a new transfer. `debit` and
-- `credit` are a house account's code or a bucket's id. A key with several legs (a debit from three buckets) has a row
-- each. A `reference` that is null is what the key begins with, up to a colon. `usable_until` is the end of the credited
-- bucket as this transfer left it. What one call appends to a lane is one
-- link of its chain: the last of these rows carries the link's `hash`, over all of them and the hash before;
-- ledger/chain.py says how. The accounts are no foreign keys: that check costs more than the row, and the posting
-- function has the accounts in hand under the lane's lock; the audit looks for orphans.
--
-- Its two wide indexes begin with what is in order of time, or narrows most, and not with the lane: PostgreSQL fills a page
-- before it begins another only at the right end of a whole index, so an index by lane and key would have its pages half
-- full for ever (120 bytes a transfer instead of 70).
CREATE TABLE ledger.transfers (
    lane smallint NOT NULL,
    sequence bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    leg smallint NOT NULL,
    fingerprint bytea NOT NULL,
    debit text COLLATE "C" NOT NULL,
    credit text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    line_id text COLLATE "C",
    purpose text COLLATE "C" NOT NULL,
    reference text COLLATE "C",
    usable_until timestamptz,
    created_at timestamptz NOT NULL,
    hash bytea,
    PRIMARY KEY (lane, sequence),
    CONSTRAINT key_once UNIQUE (key, lane, leg)
);

CREATE INDEX transfers_of_line ON ledger.transfers (line_id, lane, sequence) WHERE line_id IS NOT NULL;

-- The keys of operations that may leave no transfer of their own (hold, settle, release, expire), so that one key means
-- one thing among all of them.
CREATE TABLE ledger.bound_keys (
    lane smallint NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (lane, key)
);

-- Money promised: `amount`, of which `settled` was taken; in three lists the buckets it spans in the order it takes from
-- them, how much each promised, and how much of that was taken. The clock alone changes nothing: a hold past `expires_at` still stands until it is released.
CREATE TABLE ledger.holds (
    lane smallint NOT NULL,
    id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    settled bigint NOT NULL DEFAULT 0,
    bucket_ids text[] COLLATE "C" NOT NULL,
    amounts bigint[] NOT NULL,
    taken bigint[] NOT NULL,
    state ledger.hold_state NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (lane, id)
) WITH (fillfactor = 80);

CREATE INDEX holds_of_line ON ledger.holds (lane, line_id) WHERE state = 'open';
CREATE INDEX holds_due ON ledger.holds (expires_at) WHERE state = 'open';

-- The roles leave the functions' owner the right to edit transfers; this takes it from everyone but a superuser who
-- turns the trigger off, and then the audit shows it.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'transfers are never changed: a correction is a new transfer' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER transfers_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What items have in common, as the posting function reads it from JSON: many items of one call share a template. Each
-- kind uses some of the fields.
CREATE TYPE ledger.bucket_spec AS (
    kind text, scope text, priority smallint, policy ledger.policy, at_end ledger.at_end, source text,
    rule jsonb, usable_until timestamptz, days integer, months integer, zone text, grace_days integer,
    tier_from bigint[], tier_until timestamptz[], cap bigint, at_cap text, roll jsonb
);
CREATE TYPE ledger.template AS (
    kind text, asset text, from_code text, to_code text, purpose text, kinds text[], scopes text[], final boolean,
    forced boolean, bucket ledger.bucket_spec
);

-- One item of a call, and what was looked up for it: the fingerprint its key is bound to, the place of its lane among
-- those of the call, and the round in which it takes effect (none: its key is bound already).
CREATE TYPE ledger.work AS (
    n integer, lane smallint, key text, fingerprint bytea, line_id text, amount bigint, reference text, subject text,
    expires_at timestamptz, new_id text, known bytea, place smallint, round integer, template ledger.template
);

-- What an item did, a leg each: an amount that moves, or that a hold promises (then `credit` is null and `hold_id` is
-- not). Refused: one row with its code. `phase` and `leg` order the transfers. What a transfer has of its item comes
-- along: looking it up again would cost more.
CREATE TYPE ledger.effect AS (
    n integer, code text, round integer, phase smallint, leg smallint, debit text, credit text, amount bigint,
    asset text, line_id text, usable_until timestamptz, hold_id text,
    kind text, place smallint, lane smallint, key text, fingerprint bytea, purpose text, reference text
);

-- One leg of the answer to the item `n`. Or, with the code `plain`, all that is not known beforehand of the items that
-- went a short way: their places (from 1), sequences, the accounts that a credit or transfer filled or that others took
-- from, and the ends of buckets.
CREATE TYPE ledger.answer AS (
    n integer, code text, replayed boolean, leg smallint, sequence bigint, debit text, credit text, amount bigint,
    usable_until timestamptz, hold_id text,
    places integer[], sequences bigint[], credits text[], ends timestamptz[]
);

GRANT USAGE ON SCHEMA ledger TO topup_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO topup_app;

RESET ROLE;
