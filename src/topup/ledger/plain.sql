-- The short way of what is by far the most: credits that add to a bucket which is there or open one, and transfers between
-- our own accounts. Repeatable; after functions.sql, whose words it uses.
--
-- They disturb nothing and nothing disturbs them, so one statement does a call of them. What it leaves alone (keys bound
-- before, buckets that are nearly full) has no answer here and goes the long way (posting.sql). Those that would share a
-- bucket which none of them finds have the one that the first of them opens, as there.

SET ROLE topup_ledger;

-- It took no ids for buckets before: another function to PostgreSQL, and nobody's now.
DROP FUNCTION IF EXISTS ledger.post_plain(
    ledger.template[], smallint[], bigint[], bytea[], integer[], smallint[], text, bytea, text, bigint[], text, timestamptz);
CREATE OR REPLACE FUNCTION ledger.post_plain(
    templates ledger.template[], lanes smallint[], sequences bigint[], hashes bytea[], template integer[],
    lane smallint[], keys text, fingerprints bytea, line_ids text, amounts bigint[], reference_texts text,
    new_ids text, at timestamptz
) RETURNS ledger.answer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    created bigint := ledger.micros(at);
    answer ledger.answer;
BEGIN
    WITH item AS MATERIALIZED (
        SELECT i.n, i.lane, i.key, substr(fingerprints, (i.n * 16 - 15)::integer, 16) AS fingerprint, i.line_id, i.amount,
            coalesce(i.reference, '') AS reference, i.new_id, array_position(lanes, i.lane) AS place,
            templates[i.template] AS common
        FROM unnest(
            post_plain.template, post_plain.lane, string_to_array(keys, E'\n'), string_to_array(line_ids, E'\n', ''),
            amounts, string_to_array(reference_texts, E'\n'), string_to_array(new_ids, E'\n', '')
        ) WITH ORDINALITY AS i (template, lane, key, line_id, amount, reference, new_id, n)
    ), looked AS MATERIALIZED (
        SELECT i.n, i.lane, i.key, i.fingerprint, i.line_id, i.amount, i.reference, i.place,
            (i.common).asset, (i.common).purpose, (i.common).from_code AS debit, coalesce(b.id, (i.common).to_code) AS credit,
            b.id AS joins, b.usable_until, i.new_id,
            CASE WHEN i.line_id IS NOT NULL AND b.id IS NULL THEN (i.common).bucket END AS opens
        FROM item AS i
        LEFT JOIN LATERAL (
            SELECT t.fingerprint FROM ledger.transfers AS t WHERE t.lane = i.lane AND t.key = i.key ORDER BY t.leg LIMIT 1
        ) AS t ON TRUE
        LEFT JOIN LATERAL (
            SELECT k.fingerprint FROM ledger.bound_keys AS k WHERE k.lane = i.lane AND k.key = i.key LIMIT 1
        ) AS k ON TRUE
        LEFT JOIN LATERAL ledger.joined(i.lane, i.line_id, (i.common).asset, (i.common).bucket) AS b ON TRUE
        WHERE t.fingerprint IS NULL AND k.fingerprint IS NULL AND b.has_room IS NOT FALSE AND i.amount <= 549755813888
    ), opening AS MATERIALIZED (
        SELECT l.*, first_value(l.new_id) OVER in_order AS opened, row_number() OVER in_order AS nth,
            sum(l.amount) OVER same AS together
        FROM looked AS l
        WHERE l.credit IS NULL
        WINDOW same AS (
            PARTITION BY l.place, l.line_id, l.asset, (l.opens).kind, (l.opens).scope, (l.opens).priority,
                (l.opens).at_end, (l.opens).usable_until, (l.opens).grace_days, (l.opens).zone
        ), in_order AS (same ORDER BY l.n)
    ), plain AS MATERIALIZED (
        SELECT b.*, sequences[b.place] + row_number() OVER (PARTITION BY b.place ORDER BY b.n) AS sequence
        FROM (
            SELECT l.n, l.lane, l.key, l.fingerprint, l.line_id, l.amount, l.reference, l.place, l.asset, l.purpose,
                l.debit, l.credit, l.joins, l.usable_until
            FROM looked AS l
            WHERE l.credit IS NOT NULL
            UNION ALL
            SELECT o.n, o.lane, o.key, o.fingerprint, o.line_id, o.amount, o.reference, o.place, o.asset, o.purpose,
                o.debit, o.opened, NULL, (o.opens).usable_until
            FROM opening AS o
        ) AS b
    ), opened AS (
        INSERT INTO ledger.buckets (lane, id, line_id, asset, kind, scope, priority, policy, at_end, source, rule, roll,
            balance, usable_until, forfeit_at, opened_at, opened_order)
        SELECT o.lane, o.opened, o.line_id, o.asset, (o.opens).kind, (o.opens).scope, (o.opens).priority,
            (o.opens).policy, (o.opens).at_end, (o.opens).source, (o.opens).rule, (o.opens).roll, o.together,
            (o.opens).usable_until, ledger.forfeit_of(
                (o.opens).at_end, (o.opens).usable_until, (o.opens).grace_days, (o.opens).zone),
            at, sequences[o.place] * 8192 + o.n
        FROM opening AS o
        WHERE o.nth = 1
    ), linked AS MATERIALIZED (
        SELECT p.place, max(p.sequence) AS last, sha256(hashes[p.place] || convert_to(string_agg(
            ledger.canonical(p.lane, p.sequence, 0::smallint, p.amount, created, ledger.micros(p.usable_until), p.fingerprint,
                p.asset, p.debit, p.credit, p.line_id, p.key, p.purpose, p.reference),
            E'\n' ORDER BY p.sequence), 'UTF8')) AS hash
        FROM plain AS p
        GROUP BY p.place
    ), appended AS (
        INSERT INTO ledger.transfers (lane, sequence, key, leg, fingerprint, debit, credit, asset, amount, line_id,
            purpose, reference, usable_until, created_at, hash)
        SELECT p.lane, p.sequence, p.key, 0, p.fingerprint, p.debit, p.credit, p.asset, p.amount, p.line_id,
            p.purpose, ledger.stored_reference(p.key, p.reference), p.usable_until, at, l.hash
        FROM plain AS p
        LEFT JOIN linked AS l ON l.place = p.place AND l.last = p.sequence
    ), filled AS (
        UPDATE ledger.buckets AS b
        SET balance = b.balance + a.amount
        FROM (
            SELECT p.lane, p.joins, sum(p.amount)::bigint AS amount FROM plain AS p WHERE p.joins IS NOT NULL
            GROUP BY p.lane, p.joins
        ) AS a
        WHERE b.lane = a.lane AND b.id = a.joins
    ), summed AS (
        INSERT INTO ledger.house_accounts AS a (lane, code, asset, balance)
        SELECT side.lane, side.code, side.asset, sum(side.amount)::bigint
        FROM (
            SELECT p.lane, p.debit AS code, p.asset, -p.amount AS amount FROM plain AS p
            UNION ALL SELECT p.lane, p.credit, p.asset, p.amount FROM plain AS p WHERE p.line_id IS NULL
        ) AS side
        GROUP BY side.lane, side.code, side.asset
        ON CONFLICT (lane, code, asset) DO UPDATE SET balance = a.balance + excluded.balance
    ), headed AS (
        UPDATE ledger.lanes AS h
        SET head_sequence = l.last, head_hash = l.hash
        FROM linked AS l
        WHERE h.lane = lanes[l.place]
    )
    SELECT NULL, 'plain', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        array_agg(p.n::integer), array_agg(p.sequence), array_agg(p.credit), array_agg(p.usable_until)
    INTO answer
    FROM plain AS p;
    RETURN answer;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;

RESET ROLE;
