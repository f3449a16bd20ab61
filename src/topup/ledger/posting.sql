-- The posting function: the only writer of the ledger. Repeatable: an upgrade runs this file anew whenever it changed.
--
-- `ledger.post_many(…)` takes items of many lanes in one call; `ledger.post(lane, …)` those of one, so that a distributed
-- PostgreSQL can route it to that lane's shard.
--
-- First the heads of all lanes concerned are locked, lowest lane first, so that two calls never wait for each other in a
-- circle; nothing else writes buckets or holds, so no other row is locked. Then all items are looked up together, and take
-- effect together: a statement for many rows costs little more than one for one row, and a loop over items is what costs.
-- What could disturb each other goes in rounds, one after another: the items of a line keep their order. What is refused
-- changes nothing and leaves its key free. No savepoint: a refusal is found before the first write of its item. An
-- exception (an item of an unknown lane, an overflow, a key twice in one call) undoes the whole call.
--
-- Before that, one statement does what is in its ordinary shape (plain.sql where all is plain, else ordinary.sql).
--
-- `unordered`: the items came from as many callers, none of whom knows of another, so none comes before another. Then what
-- is ordinary goes first, even if something else of its line came before it.
--
-- Plans are made once, perhaps while a table is empty and every index looks as good as another: a scan of a whole lane
-- for each key. So each lookup asks for an order that only the right index gives, and sorting is made unattractive.

SET ROLE topup_ledger;

-- The items with the fingerprint each key is bound to and the line each concerns, in order.
--
-- The round of an item: the items of a line keep their order, so a new round begins with an item that could disturb, or
-- be disturbed by, the one before it, unless the phases of a round (1 close, 2 take, 3 credit) already put them in order.
-- Credits to buckets whose end they do not change do not disturb each other. Transfers concern no line.
CREATE OR REPLACE FUNCTION ledger.looked_up(
    templates ledger.template[], lanes smallint[], template integer[], lane smallint[], keys text, fingerprints bytea,
    line_ids text, amounts bigint[], reference_texts text, subjects text, expiries bigint[], new_ids text,
    done integer[]
) RETURNS ledger.work[]
LANGUAGE sql STABLE AS $$
    WITH item AS (
        SELECT i.n::integer, i.lane, i.key, substr(fingerprints, (i.n * 16 - 15)::integer, 16) AS fingerprint,
            i.line_id, i.amount, coalesce(i.reference, '') AS reference, i.subject,
            '1970-01-01 00:00:00+00'::timestamptz + i.expires * interval '1 microsecond' AS expires_at,
            i.new_id, templates[i.template] AS template, array_position(lanes, i.lane)::smallint AS place
        FROM unnest(
            template, lane, string_to_array(keys, E'\n'), string_to_array(line_ids, E'\n', ''), amounts,
            string_to_array(reference_texts, E'\n'), string_to_array(subjects, E'\n', ''), expiries,
            string_to_array(new_ids, E'\n', '')
        ) WITH ORDINALITY AS i (template, lane, key, line_id, amount, reference, subject, expires, new_id, n)
        WHERE done IS NULL OR i.n <> ALL (done)
    ), looked AS (
        SELECT i.*, coalesce(t.fingerprint, k.fingerprint) AS known, coalesce(i.line_id, h.line_id, b.line_id) AS concerns,
            CASE
                WHEN (i.template).kind = 'transfer' THEN FALSE
                WHEN (i.template).kind <> 'credit' THEN TRUE
                ELSE ((i.template).bucket).policy <> 'separate' OR ((i.template).bucket).cap IS NOT NULL
                    OR i.amount > 549755813888
            END AS disturbs,
            CASE WHEN (i.template).kind IN ('settle', 'release', 'expire') THEN 1
                WHEN (i.template).kind IN ('debit', 'hold', 'move') THEN 2 ELSE 3 END AS starts,
            CASE WHEN (i.template).kind IN ('settle', 'release', 'expire') THEN 1
                WHEN (i.template).kind IN ('debit', 'hold') THEN 2 ELSE 3 END AS ends
        FROM item AS i
        LEFT JOIN LATERAL (
            SELECT t.fingerprint FROM ledger.transfers AS t WHERE t.lane = i.lane AND t.key = i.key ORDER BY t.leg LIMIT 1
        ) AS t ON TRUE
        LEFT JOIN LATERAL (
            SELECT k.fingerprint FROM ledger.bound_keys AS k WHERE k.lane = i.lane AND k.key = i.key LIMIT 1
        ) AS k ON TRUE
        LEFT JOIN LATERAL (
            SELECT h.line_id FROM ledger.holds AS h
            WHERE (i.template).kind IN ('settle', 'release') AND h.lane = i.lane AND h.id = i.subject LIMIT 1
        ) AS h ON TRUE
        LEFT JOIN LATERAL (
            SELECT b.line_id FROM ledger.buckets AS b
            WHERE (i.template).kind = 'expire' AND b.lane = i.lane AND b.id = i.subject LIMIT 1
        ) AS b ON TRUE
    ), beside AS (
        SELECT l.*, (l.disturbs OR lag(l.disturbs) OVER own) AND NOT lag(l.ends) OVER own < l.starts AS after
        FROM looked AS l
        WINDOW own AS (PARTITION BY l.lane, l.concerns ORDER BY l.n)
    ), ranked AS (
        SELECT b.*, 1 + count(*) FILTER (WHERE b.after AND b.concerns IS NOT NULL) OVER (
            PARTITION BY b.lane, b.concerns ORDER BY b.n ROWS UNBOUNDED PRECEDING
        ) AS round
        FROM beside AS b
    )
    SELECT array_agg(
        ROW(r.n, r.lane, r.key, r.fingerprint, r.line_id, r.amount, r.reference, r.subject, r.expires_at, r.new_id, r.known,
            r.place, CASE WHEN r.known IS NULL THEN r.round END, r.template)::ledger.work
        ORDER BY r.n
    )
    FROM ranked AS r
$$;

-- The answers to items whose key was bound before: the legs as first answered (its transfers, or the parts of a hold; one
-- row of nulls if it has none), or that the key is another item's.
CREATE OR REPLACE FUNCTION ledger.replays(work ledger.work[]) RETURNS SETOF ledger.answer
LANGUAGE sql STABLE AS $$
    SELECT w.n - 1, 'posted', TRUE, t.leg, t.sequence, t.debit, t.credit, t.amount, t.usable_until, NULL::text,
        NULL::integer[], NULL::bigint[], NULL::text[], NULL::timestamptz[]
    FROM unnest(work) AS w
    JOIN LATERAL (
        SELECT * FROM ledger.transfers AS t WHERE t.lane = w.lane AND t.key = w.key ORDER BY t.leg
    ) AS t ON TRUE
    WHERE w.known = w.fingerprint
    UNION ALL
    SELECT w.n - 1, 'posted', TRUE, p.part::smallint, NULL, p.bucket_id, NULL, p.amount, NULL,
        CASE WHEN k.kind = 'hold' THEN k.subject END, NULL, NULL, NULL, NULL
    FROM unnest(work) AS w
    JOIN ledger.bound_keys AS k ON k.lane = w.lane AND k.key = w.key
    LEFT JOIN LATERAL (
        SELECT p.bucket_id, p.amount, p.n - 1 AS part
        FROM ledger.holds AS h
        CROSS JOIN LATERAL unnest(h.bucket_ids, h.amounts) WITH ORDINALITY AS p (bucket_id, amount, n)
        WHERE k.kind = 'hold' AND h.lane = k.lane AND h.id = k.subject
    ) AS p ON TRUE
    WHERE w.known = w.fingerprint AND NOT EXISTS (
        SELECT FROM ledger.transfers AS t WHERE t.lane = w.lane AND t.key = w.key
    )
    UNION ALL
    SELECT w.n - 1, 'key_reused', FALSE, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM unnest(work) AS w
    WHERE w.known <> w.fingerprint
$$;

-- The effects with each move's legs led to the bucket that takes, which the credit phase found or opened.
CREATE OR REPLACE FUNCTION ledger.led(effects ledger.effect[]) RETURNS ledger.effect[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(
        CASE
            WHEN t.credit IS NULL THEN e
            ELSE ROW(e.n, e.code, e.round, e.phase, e.leg, e.debit, t.credit, e.amount, e.asset, e.line_id, t.usable_until,
                NULL, e.kind, e.place, e.lane, e.key, e.fingerprint, e.purpose, e.reference)::ledger.effect
        END
    )
    FROM unnest(effects) AS e
    LEFT JOIN LATERAL (
        SELECT t.credit, t.usable_until FROM unnest(effects) AS t
        WHERE e.kind = 'move' AND e.code = 'posted' AND e.credit IS NULL AND t.n = e.n AND t.phase = 3
    ) AS t ON TRUE
    WHERE NOT (e.kind = 'move' AND e.phase = 3)
$$;

-- Append what moved: a link of each lane's chain, the house accounts' sums, the heads. Gives the answers to all effects.
CREATE OR REPLACE FUNCTION ledger.append(
    effects ledger.effect[], lanes smallint[], sequences bigint[], hashes bytea[], at timestamptz
) RETURNS SETOF ledger.answer
LANGUAGE plpgsql AS $$
DECLARE
    created bigint := ledger.micros(at);
BEGIN
    RETURN QUERY
    WITH moving AS (
        SELECT e.n, e.round, e.phase, e.leg, e.debit, e.amount, e.asset, e.line_id, e.place, e.lane, e.key, e.fingerprint,
            e.purpose, e.reference,
            e.credit, e.usable_until
        FROM unnest(effects) AS e
        WHERE e.code = 'posted' AND e.debit IS NOT NULL AND e.hold_id IS NULL
    ), numbered AS (
        SELECT m.*, sequences[m.place] + row_number() OVER (
            PARTITION BY m.place ORDER BY m.round, m.phase, m.n, m.leg
        ) AS sequence
        FROM moving AS m
    ), linked AS (
        SELECT n.place, max(n.sequence) AS last, sha256(hashes[n.place] || convert_to(string_agg(
            ledger.canonical(n.lane, n.sequence, n.leg, n.amount, created, ledger.micros(n.usable_until), n.fingerprint,
                n.asset, n.debit, n.credit, n.line_id, n.key, n.purpose, n.reference),
            E'\n' ORDER BY n.sequence), 'UTF8')) AS hash
        FROM numbered AS n
        GROUP BY n.place
    ), appended AS (
        INSERT INTO ledger.transfers (lane, sequence, key, leg, fingerprint, debit, credit, asset, amount, line_id,
            purpose, reference, usable_until, created_at, hash)
        SELECT n.lane, n.sequence, n.key, n.leg, n.fingerprint, n.debit, n.credit, n.asset, n.amount, n.line_id,
            n.purpose, ledger.stored_reference(n.key, n.reference), n.usable_until, at, l.hash
        FROM numbered AS n
        LEFT JOIN linked AS l ON l.place = n.place AND l.last = n.sequence
        ORDER BY n.lane, n.sequence
    ), summed AS (
        INSERT INTO ledger.house_accounts AS a (lane, code, asset, balance)
        SELECT n.lane, side.account, n.asset, sum(side.amount)::bigint
        FROM numbered AS n
        CROSS JOIN LATERAL (VALUES (n.debit, -n.amount), (n.credit, n.amount)) AS side (account, amount)
        WHERE NOT starts_with(side.account, 'acc_')
        GROUP BY n.lane, side.account, n.asset
        ON CONFLICT (lane, code, asset) DO UPDATE SET balance = a.balance + excluded.balance
    ), headed AS (
        UPDATE ledger.lanes AS h
        SET head_sequence = l.last, head_hash = l.hash
        FROM linked AS l
        WHERE h.lane = lanes[l.place]
    )
    SELECT n.n - 1, 'posted'::text, FALSE, n.leg, n.sequence, n.debit, n.credit, n.amount, n.usable_until, NULL::text,
        NULL::integer[], NULL::bigint[], NULL::text[], NULL::timestamptz[]
    FROM numbered AS n
    UNION ALL
    SELECT e.n - 1, e.code, FALSE, CASE WHEN e.hold_id IS NOT NULL THEN e.leg END, NULL, e.debit, NULL, e.amount, NULL,
        e.hold_id, NULL, NULL, NULL, NULL
    FROM unnest(effects) AS e
    WHERE e.code <> 'posted' OR e.hold_id IS NOT NULL OR (e.debit IS NULL AND e.phase = 1);
END
$$;

CREATE OR REPLACE FUNCTION ledger.post_many(
    templates jsonb, template integer[], lane smallint[], keys text, fingerprints bytea, line_ids text, amounts bigint[],
    reference_texts text, subjects text, expiries bigint[], new_ids text, unordered boolean, at timestamptz
) RETURNS SETOF ledger.answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    common ledger.template[];
    plain boolean;
    ordinaries boolean[];
    present text[];
    lanes smallint[];
    sequences bigint[];
    hashes bytea[];
    expiring boolean;
    short ledger.answer;
    work ledger.work[];
    rounds integer;
    bound integer;
    effects ledger.effect[] := '{}';
    taken ledger.effect[];
BEGIN
    IF cardinality(lane) > 8192 THEN
        RAISE EXCEPTION 'too many items in one call' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    common := ARRAY(SELECT t FROM jsonb_populate_recordset(NULL::ledger.template, templates) AS t);
    lanes := ARRAY(SELECT DISTINCT i FROM unnest(post_many.lane) AS i ORDER BY i);
    SELECT array_agg(l.head_sequence), array_agg(l.head_hash) INTO sequences, hashes
    FROM (
        SELECT * FROM ledger.lanes AS h
        WHERE h.lane = ANY (lanes)
        ORDER BY h.lane
        FOR UPDATE
    ) AS l;
    IF cardinality(sequences) IS DISTINCT FROM cardinality(lanes) THEN
        RAISE EXCEPTION 'no such lane here' USING ERRCODE = 'foreign_key_violation';
    END IF;
    SELECT bool_and(t.plain), array_agg(t.plain OR t.kind IN ('debit', 'hold', 'settle', 'release')),
        bool_or(t.kind = 'expire')
    INTO plain, ordinaries, expiring
    FROM (
        SELECT t.kind, t.kind = 'transfer'
            OR t.kind = 'credit' AND (t.bucket).policy = 'separate' AND (t.bucket).cap IS NULL AS plain
        FROM unnest(common) AS t
    ) AS t;
    IF plain THEN
        short := ledger.post_plain(common, lanes, sequences, hashes, template, lane, keys, fingerprints, line_ids,
            amounts, reference_texts, new_ids, at);
    ELSIF TRUE = ANY (ordinaries) AND (unordered OR NOT expiring) THEN
        -- What line an expire concerns is not known yet.
        short := ledger.post_ordinary(common, ordinaries, unordered, lanes, sequences, hashes, template, lane, keys,
            fingerprints, line_ids, amounts, reference_texts, subjects, expiries, new_ids, at);
    END IF;
    IF short.places IS NOT NULL THEN
        RETURN NEXT short;
        IF cardinality(short.places) = cardinality(lane) THEN
            RETURN;
        END IF;
        SELECT array_agg(h.head_sequence ORDER BY h.lane), array_agg(h.head_hash ORDER BY h.lane)
        INTO sequences, hashes
        FROM ledger.lanes AS h
        WHERE h.lane = ANY (lanes);
    END IF;
    work := ledger.looked_up(common, lanes, template, lane, keys, fingerprints, line_ids, amounts, reference_texts,
        subjects, expiries, new_ids, coalesce(short.places, '{}'));
    SELECT max(w.round), count(w.known) INTO rounds, bound FROM unnest(work) AS w;
    IF bound > 0 THEN
        RETURN QUERY SELECT * FROM ledger.replays(work);
    END IF;
    IF rounds IS NULL THEN
        RETURN;
    END IF;
    effects := ARRAY(
        SELECT ROW(w.n, 'posted', 0, 0, 0, (w.template).from_code, (w.template).to_code, w.amount, (w.template).asset,
            NULL, NULL, NULL, 'transfer', w.place, w.lane, w.key, w.fingerprint, (w.template).purpose, w.reference)
            ::ledger.effect
        FROM unnest(work) AS w
        WHERE w.round IS NOT NULL AND (w.template).kind = 'transfer'
    );
    FOR this IN 1 .. rounds LOOP
        present := ARRAY(SELECT DISTINCT (w.template).kind FROM unnest(work) AS w WHERE w.round = this);
        IF present && ARRAY['settle', 'release'] THEN
            effects := effects || ledger.close_phase(work, this, at);
        END IF;
        IF 'expire' = ANY (present) THEN
            effects := effects || ledger.expire_phase(work, this, at);
        END IF;
        taken := NULL;
        IF present && ARRAY['debit', 'hold', 'move'] THEN
            taken := ledger.take_phase(work, this, at);
            effects := effects || taken;
        END IF;
        IF present && ARRAY['credit', 'move'] THEN
            effects := effects || ledger.credit_phase(work, this, ARRAY(
                SELECT t.n FROM unnest(taken) AS t WHERE t.code = 'posted' AND t.kind = 'move'
            ), sequences, at);
        END IF;
        IF 'move' = ANY (present) THEN
            effects := ledger.led(effects);
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM ledger.append(effects, lanes, sequences, hashes, at);
END
$$;

CREATE OR REPLACE FUNCTION ledger.post(
    only_lane smallint, templates jsonb, template integer[], lane smallint[], keys text, fingerprints bytea, line_ids text,
    amounts bigint[], reference_texts text, subjects text, expiries bigint[], new_ids text, unordered boolean,
    now timestamptz
) RETURNS SETOF ledger.answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    IF only_lane <> ANY (lane) THEN
        RAISE EXCEPTION 'another lane' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN QUERY SELECT * FROM ledger.post_many(templates, template, lane, keys, fingerprints, line_ids, amounts,
        reference_texts, subjects, expiries, new_ids, unordered, now);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ledger.post_many(
        jsonb, integer[], smallint[], text, bytea, text, bigint[], text, text, bigint[], text, boolean, timestamptz),
    ledger.post(
        smallint, jsonb, integer[], smallint[], text, bytea, text, bigint[], text, text, bigint[], text, boolean, timestamptz)
    TO topup_app;

RESET ROLE;
