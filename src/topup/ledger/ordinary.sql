-- The short way of items of all kinds in their ordinary shape. Repeatable; after functions.sql, whose words it uses.
--
-- Ordinary is: a transfer; a credit to a bucket which is there and whose end it leaves; a debit or hold for which the first
-- bucket in the order of use has enough; a settle or release of an open hold on one bucket, the only one of that hold in the
-- call. One statement does them all, from the lookup to the heads. What it leaves has no answer here and goes the long way
-- (posting.sql) afterwards.
--
-- All are judged by what was there before the call. So what is taken of a line is added up, and left from where the
-- smallest of the buckets would not have enough for all of it. Where items have an order, two things more must not be: that
-- one of a line goes before another which is left; and that one adds to a line and another takes from whichever of its
-- buckets is the first, for the first may have become another.
--
-- plain.sql, which can less, takes three quarters of the time for a call of plain items alone: what it shares with this one
-- stands in both.

SET ROLE topup_ledger;

CREATE OR REPLACE FUNCTION ledger.post_ordinary(
    templates ledger.template[], ordinaries boolean[], unordered boolean, lanes smallint[], sequences bigint[],
    hashes bytea[], template integer[], lane smallint[], keys text, fingerprints bytea, line_ids text, amounts bigint[],
    reference_texts text, subjects text, expiries bigint[], new_ids text, at timestamptz
) RETURNS ledger.answer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    created bigint := ledger.micros(at);
    answer ledger.answer;
BEGIN
    WITH item AS MATERIALIZED (
        SELECT i.n, i.lane, i.key, substr(fingerprints, (i.n * 16 - 15)::integer, 16) AS fingerprint, i.line_id, i.amount,
            coalesce(i.reference, '') AS reference, i.subject, i.expires, i.new_id,
            array_position(lanes, i.lane) AS place, ordinaries[i.template] AS ordinary, templates[i.template] AS common,
            (templates[i.template]).kind
        FROM unnest(
            post_ordinary.template, post_ordinary.lane, string_to_array(keys, E'\n'), string_to_array(line_ids, E'\n', ''),
            amounts, string_to_array(reference_texts, E'\n'), string_to_array(subjects, E'\n', ''), expiries,
            string_to_array(new_ids, E'\n', '')
        ) WITH ORDINALITY AS i (template, lane, key, line_id, amount, reference, subject, expires, new_id, n)
        WHERE ordinaries[i.template] OR NOT unordered
    ), looked AS MATERIALIZED (
        SELECT i.n, i.lane, i.place, i.key, i.fingerprint, i.amount, i.reference, i.subject, i.expires, i.new_id, i.kind,
            (i.common).from_code, (i.common).to_code, (i.common).purpose,
            coalesce(i.line_id, h.line_id) AS line_id, coalesce((i.common).asset, h.asset) AS asset,
            coalesce(c.id, f.id, h.bucket_id) AS bucket, c.usable_until, f.available, h.rest,
            i.kind IN ('debit', 'hold') AS takes,
            i.kind = 'release' OR i.kind = 'settle' AND ((i.common).final OR i.amount = h.rest) AS closes,
            t.fingerprint IS NULL AND k.fingerprint IS NULL AND i.ordinary AND CASE i.kind
                WHEN 'transfer' THEN TRUE
                WHEN 'credit' THEN c.has_room AND i.amount <= 549755813888
                WHEN 'debit' THEN f.available >= i.amount
                WHEN 'hold' THEN f.available >= i.amount
                ELSE h.single AND i.amount <= h.rest AND i.subject <> ALL (ARRAY(
                    SELECT r.subject FROM item AS r WHERE r.kind IN ('settle', 'release')
                    GROUP BY r.subject HAVING count(*) > 1
                ))
            END IS TRUE AS fits
        FROM item AS i
        LEFT JOIN LATERAL (
            SELECT t.fingerprint FROM ledger.transfers AS t WHERE t.lane = i.lane AND t.key = i.key ORDER BY t.leg LIMIT 1
        ) AS t ON TRUE
        LEFT JOIN LATERAL (
            SELECT k.fingerprint FROM ledger.bound_keys AS k WHERE k.lane = i.lane AND k.key = i.key LIMIT 1
        ) AS k ON TRUE
        LEFT JOIN LATERAL (
            SELECT b.id, b.usable_until, b.has_room
            FROM ledger.joined(i.lane, i.line_id, (i.common).asset, (i.common).bucket) AS b
            WHERE i.kind = 'credit'
        ) AS c ON TRUE
        LEFT JOIN LATERAL (
            SELECT b.id, b.available
            FROM ledger.first_to_give(
                i.lane, i.line_id, (i.common).asset, (i.common).kinds, (i.common).scopes, i.subject, at) AS b
            WHERE i.kind IN ('debit', 'hold')
        ) AS f ON TRUE
        LEFT JOIN LATERAL (
            SELECT h.line_id, h.asset, h.bucket_ids[1] AS bucket_id, h.amount - h.settled AS rest,
                h.state = 'open' AND cardinality(h.bucket_ids) = 1 AS single
            FROM ledger.holds AS h
            WHERE i.kind IN ('settle', 'release') AND h.lane = i.lane AND h.id = i.subject
            LIMIT 1
        ) AS h ON TRUE
    ), beside AS (
        SELECT l.*, l.line_id IS NULL
                OR (sum(l.amount) FILTER (WHERE l.takes) OVER own <= min(l.available) OVER own) IS NOT FALSE
                AND (unordered OR bool_and(l.fits) OVER own AND NOT (
                    bool_or(l.takes AND l.subject IS NULL) OVER own AND bool_or(l.closes OR l.kind = 'credit') OVER own
                )) AS apart
        FROM looked AS l
        WINDOW own AS (PARTITION BY l.place, l.line_id ORDER BY l.n ROWS UNBOUNDED PRECEDING)
    ), short AS MATERIALIZED (
        SELECT b.n, b.lane, b.place, b.key, b.fingerprint, b.amount, b.reference, b.kind, b.purpose, b.line_id, b.asset,
            b.bucket, b.usable_until, b.expires, b.closes,
            CASE WHEN b.kind = 'hold' THEN b.new_id ELSE b.subject END AS subject,
            CASE WHEN b.kind IN ('transfer', 'credit') THEN b.from_code ELSE b.bucket END AS debit,
            CASE WHEN b.kind = 'credit' THEN b.bucket ELSE b.to_code END AS credit,
            CASE WHEN b.kind = 'credit' THEN b.amount WHEN b.kind IN ('debit', 'settle') THEN -b.amount ELSE 0 END AS given,
            CASE WHEN b.kind = 'hold' THEN b.amount WHEN b.closes THEN -b.rest WHEN b.kind = 'settle' THEN -b.amount
                ELSE 0 END AS promised
        FROM beside AS b
        WHERE b.fits AND b.apart
    ), moving AS MATERIALIZED (
        SELECT s.*, sequences[s.place] + row_number() OVER own AS sequence, lead(s.n) OVER own IS NULL AS last
        FROM short AS s
        WHERE s.kind NOT IN ('hold', 'release')
        WINDOW own AS (PARTITION BY s.place ORDER BY s.line_id, s.n)
    ), linked AS MATERIALIZED (
        SELECT m.place, max(m.sequence) AS last, sha256(hashes[m.place] || convert_to(string_agg(
            ledger.canonical(m.lane, m.sequence, 0::smallint, m.amount, created, ledger.micros(m.usable_until), m.fingerprint,
                m.asset, m.debit, m.credit, m.line_id, m.key, m.purpose, m.reference),
            E'\n' ORDER BY m.line_id, m.n), 'UTF8')) AS hash
        FROM moving AS m
        GROUP BY m.place
    ), appended AS (
        INSERT INTO ledger.transfers (lane, sequence, key, leg, fingerprint, debit, credit, asset, amount, line_id,
            purpose, reference, usable_until, created_at, hash)
        SELECT m.lane, m.sequence, m.key, 0, m.fingerprint, m.debit, m.credit, m.asset, m.amount, m.line_id,
            m.purpose, ledger.stored_reference(m.key, m.reference), m.usable_until, at, l.hash
        FROM moving AS m
        LEFT JOIN LATERAL (SELECT l.hash FROM linked AS l WHERE m.last AND l.place = m.place) AS l ON TRUE
    ), filled AS (
        UPDATE ledger.buckets AS b
        SET balance = b.balance + a.given, held = b.held + a.promised
        FROM (
            SELECT s.lane, s.bucket, sum(s.given)::bigint AS given, sum(s.promised)::bigint AS promised
            FROM short AS s
            WHERE s.bucket IS NOT NULL
            GROUP BY s.lane, s.bucket
        ) AS a
        WHERE b.lane = a.lane AND b.id = a.bucket
    ), promised AS (
        INSERT INTO ledger.holds (lane, id, line_id, asset, amount, bucket_ids, amounts, taken, state, purpose, reference,
            expires_at, created_at)
        SELECT s.lane, s.subject, s.line_id, s.asset, s.amount, ARRAY[s.bucket], ARRAY[s.amount], ARRAY[0::bigint], 'open',
            s.purpose, s.reference, '1970-01-01 00:00:00+00'::timestamptz + s.expires * interval '1 microsecond', at
        FROM short AS s
        WHERE s.kind = 'hold'
    ), closed AS (
        UPDATE ledger.holds AS h
        SET settled = h.settled + s.amount, taken = ARRAY[h.settled + s.amount],
            closed_at = CASE WHEN s.closes THEN at END,
            state = CASE
                WHEN NOT s.closes THEN 'open'
                WHEN h.settled + s.amount > 0 THEN 'settled'
                ELSE 'released'
            END::ledger.hold_state
        FROM short AS s
        WHERE h.lane = s.lane AND h.id = s.subject AND s.kind IN ('settle', 'release')
    ), bound AS (
        INSERT INTO ledger.bound_keys (lane, key, fingerprint, kind, subject, created_at)
        SELECT s.lane, s.key, s.fingerprint, s.kind, s.subject, at
        FROM short AS s
        WHERE s.kind IN ('hold', 'settle', 'release')
    ), summed AS (
        INSERT INTO ledger.house_accounts AS a (lane, code, asset, balance)
        SELECT side.lane, side.code, side.asset, sum(side.amount)::bigint
        FROM (
            SELECT m.lane, m.debit AS code, m.asset, -m.amount AS amount FROM moving AS m
            WHERE m.kind IN ('transfer', 'credit')
            UNION ALL SELECT m.lane, m.credit, m.asset, m.amount FROM moving AS m WHERE m.kind <> 'credit'
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
        array_agg(a.n::integer), array_agg(a.sequence), array_agg(a.account), array_agg(a.usable_until)
    INTO answer
    FROM (
        SELECT m.n, m.sequence, CASE WHEN m.kind IN ('transfer', 'credit') THEN m.credit ELSE m.debit END AS account,
            m.usable_until
        FROM moving AS m
        UNION ALL SELECT s.n, NULL, s.bucket, NULL FROM short AS s WHERE s.kind IN ('hold', 'release')
    ) AS a;
    RETURN answer;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;

RESET ROLE;
