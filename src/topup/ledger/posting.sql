-- The posting function: the only writer of the ledger. Repeatable: an upgrade runs this file anew whenever it changed.
--
-- `ledger.post_many(items, now)` takes items of many lanes in one call; `ledger.post(lane, items, now)` those of one, so
-- that a distributed PostgreSQL can route it to that lane's shard. Both are the one body `ledger.post_items`.
--
-- First the heads of all lanes concerned are locked, lowest lane first, so that two calls never wait for each other in a
-- circle; nothing else writes buckets or holds, so no other row is locked. Then each item in turn, by lane and then as
-- given: is its key known? may it be done? then do it. What is refused changes nothing and leaves its key free. No
-- savepoint: a refusal is found before the first write of its item. An exception (an item of an unknown lane, an
-- overflow) undoes the whole call.
--
-- Plans are made once, perhaps while a table is empty and every index looks as good as another: a scan of a whole lane
-- for each key. So each lookup asks for an order that only the right index gives, and sorting is made unattractive.
--
-- Transfers, heads and house accounts are written once, at the end: a statement for one row costs more than the row, and
-- house accounts, which every item touches, then get the sum of what the call appended.

SET ROLE topup_ledger;

DO $$
BEGIN
    IF to_regtype('ledger.effect') IS NULL THEN
        -- What an item does: the amounts that move, or that a hold promises (`hold_id`). Refused: only `code`.
        CREATE TYPE ledger.effect AS (
            code text, line_id text, asset text, debits text[], credits text[], amounts bigint[],
            usable_until timestamptz, hold_id text
        );
        -- One leg of the answer to the item `n`.
        CREATE TYPE ledger.answer AS (
            n integer, code text, replayed boolean, leg smallint, sequence bigint, debit text, credit text,
            amount bigint, usable_until timestamptz, hold_id text
        );
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION ledger.micros(instant timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM instant) * 1000000)::bigint
$$;

CREATE OR REPLACE FUNCTION ledger.days_later(instant timestamptz, days integer, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT (instant AT TIME ZONE zone + make_interval(days => days)) AT TIME ZONE zone
$$;

CREATE OR REPLACE FUNCTION ledger.forfeit_of(spec ledger.bucket_spec, until timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE spec.at_end
        WHEN 'forfeit' THEN until
        ELSE ledger.days_later(until, spec.grace_days, spec.zone)
    END
$$;

-- The legs of a posting, as first answered: its transfers, or the parts of a hold; one row of nulls if it has none.
CREATE OR REPLACE FUNCTION ledger.replay(item ledger.item) RETURNS SETOF ledger.answer
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
        SELECT item.n, 'posted', TRUE, t.leg, t.sequence, t.debit, t.credit, t.amount, t.usable_until, NULL
        FROM ledger.transfers AS t
        WHERE t.lane = item.lane AND t.key = item.key
        ORDER BY t.leg;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT item.n, 'posted', TRUE, p.part, NULL::bigint, p.bucket_id, NULL, p.amount, NULL::timestamptz,
            CASE WHEN k.kind = 'hold' THEN k.subject END
        FROM ledger.bound_keys AS k
        LEFT JOIN ledger.hold_parts AS p ON k.kind = 'hold' AND p.lane = k.lane AND p.hold_id = k.subject
        WHERE k.lane = item.lane AND k.key = item.key
        ORDER BY p.part;
END
$$;

-- The fingerprint a key is bound to.
CREATE OR REPLACE FUNCTION ledger.known(item ledger.item) RETURNS bytea
LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(
        (SELECT t.fingerprint FROM ledger.transfers AS t WHERE t.lane = item.lane AND t.key = item.key
            ORDER BY t.leg LIMIT 1),
        (SELECT k.fingerprint FROM ledger.bound_keys AS k WHERE k.lane = item.lane AND k.key = item.key LIMIT 1)
    );
END
$$;

-- Write transfers, and add them to the house accounts.
CREATE OR REPLACE FUNCTION ledger.append(pending ledger.transfers[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger.transfers SELECT * FROM unnest(pending);
    INSERT INTO ledger.house_accounts AS a (lane, code, asset, balance)
    SELECT t.lane, moved.account, t.asset, sum(moved.amount)::bigint
    FROM unnest(pending) AS t
    CROSS JOIN LATERAL (VALUES (t.debit, -t.amount), (t.credit, t.amount)) AS moved (account, amount)
    WHERE NOT starts_with(moved.account, 'acc_')
    GROUP BY t.lane, moved.account, t.asset
    ON CONFLICT (lane, code, asset) DO UPDATE SET balance = a.balance + excluded.balance;
END
$$;

-- Add what simple credits put aside to their buckets.
CREATE OR REPLACE FUNCTION ledger.fill(lanes smallint[], ids text[], amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ledger.buckets AS b
    SET balance = b.balance + added.amount
    FROM (
        SELECT a.lane, a.id, sum(a.amount)::bigint AS amount
        FROM unnest(lanes, ids, amounts) AS a (lane, id, amount)
        GROUP BY a.lane, a.id
    ) AS added
    WHERE b.lane = added.lane AND b.id = added.id;
END
$$;

-- The items of a call, lane by lane, each with the fingerprint its key is bound to, and a simple credit with the bucket it
-- joins: `separate`, in a bucket with room for whatever one call may add (2^13 items of 2^39 to a balance of 2^52).
CREATE OR REPLACE FUNCTION ledger.looked_up(items jsonb) RETURNS SETOF ledger.item
LANGUAGE sql STABLE AS $$
    SELECT i.n, i.kind, i.lane, i.key, i.fingerprint, i.debit_code, i.credit_code, i.from_code, i.to_code, i.line_id, i.asset,
        i.amount, i.purpose, i.reference, i.bucket, i.new_id, i.kinds, i.scopes, i.bucket_id, i.hold_id, i.expires_at,
        coalesce(t.fingerprint, k.fingerprint), b.id
    FROM jsonb_populate_recordset(NULL::ledger.item, items) AS i
    LEFT JOIN LATERAL (
        SELECT t.fingerprint FROM ledger.transfers AS t WHERE t.lane = i.lane AND t.key = i.key ORDER BY t.leg LIMIT 1
    ) AS t ON TRUE
    LEFT JOIN LATERAL (
        SELECT k.fingerprint FROM ledger.bound_keys AS k WHERE k.lane = i.lane AND k.key = i.key LIMIT 1
    ) AS k ON TRUE
    LEFT JOIN LATERAL (
        SELECT b.id
        FROM ledger.buckets AS b
        WHERE i.kind = 'credit' AND (i.bucket).policy = 'separate'
            AND b.lane = i.lane AND b.line_id = i.line_id AND b.closed_at IS NULL
            AND b.asset = i.asset AND b.kind = (i.bucket).kind AND b.scope = (i.bucket).scope
            AND b.priority = (i.bucket).priority AND b.policy = (i.bucket).policy AND b.at_end = (i.bucket).at_end
            AND b.usable_until IS NOT DISTINCT FROM (i.bucket).usable_until
            AND b.forfeit_at IS NOT DISTINCT FROM ledger.forfeit_of(i.bucket, (i.bucket).usable_until)
            AND b.balance <= 4503599627370496 AND i.amount <= 549755813888
        ORDER BY b.opened_sequence DESC
        LIMIT 1
    ) AS b ON TRUE
    ORDER BY i.lane, i.n
$$;

CREATE OR REPLACE FUNCTION ledger.post_items(only_lane smallint, items jsonb, at timestamptz)
RETURNS SETOF ledger.answer
LANGUAGE plpgsql AS $$
DECLARE
    lanes smallint[];
    sequences bigint[];
    hashes bytea[];
    repeated text[];
    place integer := 0;
    item ledger.item;
    effect ledger.effect;
    sequence bigint;
    hash bytea;
    at_micros text := ledger.micros(at);
    until_micros text;
    pending ledger.transfers[];
    fill_lanes smallint[];
    fill_ids text[];
    fill_amounts bigint[];
    stale boolean := FALSE;
BEGIN
    IF jsonb_array_length(items) > 8192 THEN
        RAISE EXCEPTION 'too many items in one call' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    SELECT array_agg(l.lane), array_agg(l.head_sequence), array_agg(l.head_hash) INTO lanes, sequences, hashes
    FROM (
        SELECT * FROM ledger.lanes
        WHERE lane = ANY (ARRAY(SELECT DISTINCT (i ->> 'lane')::smallint FROM jsonb_array_elements(items) AS i))
            AND (only_lane IS NULL OR lane = only_lane)
        ORDER BY lane
        FOR UPDATE
    ) AS l;
    repeated := ARRAY(SELECT i ->> 'key' FROM jsonb_array_elements(items) AS i GROUP BY 1 HAVING count(*) > 1);
    FOR item IN SELECT * FROM ledger.looked_up(items) LOOP
        IF place = 0 OR lanes[place] <> item.lane THEN
            IF place > 0 THEN
                sequences[place] := sequence;
                hashes[place] := hash;
            END IF;
            place := array_position(lanes, item.lane);
            IF place IS NULL THEN
                RAISE EXCEPTION 'no such lane here' USING ERRCODE = 'foreign_key_violation';
            END IF;
            sequence := sequences[place];
            hash := hashes[place];
        END IF;
        IF item.key = ANY (repeated) THEN
            -- What this very call did under the key was not there to be looked up.
            PERFORM ledger.append(pending);
            pending := NULL;
            item.known := ledger.known(item);
        END IF;
        IF item.known = item.fingerprint THEN
            RETURN QUERY SELECT * FROM ledger.replay(item);
            CONTINUE;
        ELSIF item.known IS NULL AND item.joins IS NOT NULL AND NOT stale THEN
            fill_lanes := array_append(fill_lanes, item.lane);
            fill_ids := array_append(fill_ids, item.joins);
            fill_amounts := array_append(fill_amounts, item.amount);
            effect := ROW('posted', item.line_id, item.asset, ARRAY[item.from_code], ARRAY[item.joins],
                ARRAY[item.amount], (item.bucket).usable_until, NULL)::ledger.effect;
        ELSIF item.known IS NULL AND item.kind = 'transfer' THEN
            effect := ROW('posted', NULL, item.asset, ARRAY[item.debit_code], ARRAY[item.credit_code],
                ARRAY[item.amount], NULL, NULL)::ledger.effect;
        ELSIF item.known IS NULL THEN
            PERFORM ledger.fill(fill_lanes, fill_ids, fill_amounts);
            fill_lanes := NULL;
            fill_ids := NULL;
            fill_amounts := NULL;
            effect := ledger.change_buckets(item, at, sequence + 1);
            -- It may have closed a bucket that was looked up.
            stale := stale OR item.kind = 'expire';
        ELSE
            effect.code := 'key_reused';
        END IF;
        IF effect.code <> 'posted' OR effect.debits IS NULL THEN
            RETURN NEXT ROW(item.n, effect.code, FALSE, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::ledger.answer;
            CONTINUE;
        END IF;
        until_micros := coalesce(ledger.micros(effect.usable_until)::text, '-');
        FOR i IN 1 .. cardinality(effect.debits) LOOP
            IF effect.hold_id IS NOT NULL THEN
                RETURN NEXT ROW(item.n, 'posted', FALSE, i - 1, NULL, effect.debits[i], NULL, effect.amounts[i], NULL,
                    effect.hold_id)::ledger.answer;
                CONTINUE;
            END IF;
            sequence := sequence + 1;
            hash := sha256(hash || convert_to(concat_ws('|',
                item.lane, sequence, i - 1, effect.amounts[i], at_micros, until_micros, encode(item.fingerprint, 'hex'),
                length(effect.asset), length(effect.debits[i]), length(effect.credits[i]),
                coalesce(length(effect.line_id), -1), length(item.key), length(item.purpose), length(item.reference),
                effect.asset, effect.debits[i], effect.credits[i], coalesce(effect.line_id, ''), item.key, item.purpose,
                item.reference
            ), 'UTF8'));
            pending := array_append(pending, ROW(item.lane, sequence, item.key, i - 1, item.fingerprint, effect.debits[i],
                effect.credits[i], effect.asset, effect.amounts[i], effect.line_id, item.purpose, item.reference,
                effect.usable_until, at, hash)::ledger.transfers);
            RETURN NEXT ROW(item.n, 'posted', FALSE, i - 1, sequence, effect.debits[i], effect.credits[i],
                effect.amounts[i], effect.usable_until, NULL)::ledger.answer;
        END LOOP;
    END LOOP;
    IF place > 0 THEN
        sequences[place] := sequence;
        hashes[place] := hash;
        PERFORM ledger.fill(fill_lanes, fill_ids, fill_amounts);
        PERFORM ledger.append(pending);
        UPDATE ledger.lanes AS l
        SET head_sequence = h.sequence, head_hash = h.hash
        FROM unnest(lanes, sequences, hashes) AS h (lane, sequence, hash)
        WHERE l.lane = h.lane AND l.head_sequence <> h.sequence;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION ledger.post_many(items jsonb, now timestamptz) RETURNS SETOF ledger.answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY SELECT * FROM ledger.post_items(NULL, items, now);
END
$$;

CREATE OR REPLACE FUNCTION ledger.post(lane smallint, items jsonb, now timestamptz) RETURNS SETOF ledger.answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY SELECT * FROM ledger.post_items(lane, items, now);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.post_many(jsonb, timestamptz), ledger.post(smallint, jsonb, timestamptz) TO topup_app;

RESET ROLE;
