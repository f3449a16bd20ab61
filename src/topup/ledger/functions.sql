-- What items do to buckets and holds. Repeatable, like posting.sql, which calls these under the lanes' locks.
--
-- Each phase takes all items of one round together: a statement for many rows costs little more than for one. In a round
-- no line has two items that could disturb each other (posting.sql, `ledger.rounds`). Each looks first and writes then:
-- what it refuses has changed nothing.

SET ROLE topup_ledger;

-- STABLE as `extract` is: a function that promises more than its expression is not taken into the plan, but called.
CREATE OR REPLACE FUNCTION ledger.micros(instant timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM instant) * 1000000)::bigint
$$;

-- A transfer's line in its link of the chain (ledger/chain.py says how). `created` and `until` in microseconds.
CREATE OR REPLACE FUNCTION ledger.canonical(
    lane smallint, sequence bigint, leg smallint, amount bigint, created bigint, until bigint, fingerprint bytea,
    asset text, debit text, credit text, line_id text, key text, purpose text, reference text
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ',
        lane, sequence, leg, amount, created, coalesce(until::text, '-'), encode(fingerprint, 'hex'), asset, debit, credit,
        coalesce(line_id, '-'), key, purpose, reference)
$$;

-- A transfer's reference as it is stored: null where the key begins with it, up to a colon, as most do.
CREATE OR REPLACE FUNCTION ledger.stored_reference(key text, reference text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(reference, split_part(key, ':', 1))
$$;

CREATE OR REPLACE FUNCTION ledger.later(instant timestamptz, months integer, days integer, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT (instant AT TIME ZONE zone + make_interval(months => coalesce(months, 0), days => coalesce(days, 0)))
        AT TIME ZONE zone
$$;

-- When what is left of a bucket is forfeited, if its use ends at `until`. An expression, so that the planner takes it in.
CREATE OR REPLACE FUNCTION ledger.forfeit_of(
    at_end ledger.at_end, until timestamptz, grace_days integer, zone text
) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN at_end <> 'freeze' THEN until
        WHEN grace_days IS NOT NULL THEN (until AT TIME ZONE zone + make_interval(days => grace_days)) AT TIME ZONE zone
    END
$$;

-- The bucket that a plain credit joins: the newest that is the same in everything, and whether it has room for any number
-- of such credits in one call. A query of its own that the planner takes into the statement that asks.
-- What it gives changed once, which no replacement can.
DROP FUNCTION IF EXISTS ledger.joined(smallint, text, text, ledger.bucket_spec);
CREATE FUNCTION ledger.joined(lane smallint, line_id text, asset text, spec ledger.bucket_spec)
RETURNS TABLE (id text, usable_until timestamptz, has_room boolean)
LANGUAGE sql STABLE AS $$
    SELECT b.id, b.usable_until, b.balance <= 4503599627370496
    FROM ledger.buckets AS b
    WHERE b.lane = joined.lane AND b.line_id = joined.line_id AND b.closed_at IS NULL
        AND b.asset = joined.asset AND b.kind = spec.kind AND b.scope = spec.scope AND b.priority = spec.priority
        AND b.policy = 'separate' AND b.at_end = spec.at_end
        AND b.usable_until IS NOT DISTINCT FROM spec.usable_until
        AND b.forfeit_at IS NOT DISTINCT FROM ledger.forfeit_of(
            b.at_end, b.usable_until, spec.grace_days, spec.zone)
    ORDER BY b.opened_order DESC
    LIMIT 1
$$;

-- The first bucket in the order of use that may give now, and how much; `bucket_id` where one is named. As above.
CREATE OR REPLACE FUNCTION ledger.first_to_give(
    lane smallint, line_id text, asset text, kinds text[], scopes text[], bucket_id text, at timestamptz
) RETURNS TABLE (id text, available bigint)
LANGUAGE sql STABLE AS $$
    SELECT b.id, b.balance - b.held
    FROM ledger.buckets AS b
    WHERE b.lane = first_to_give.lane AND b.line_id = first_to_give.line_id AND b.closed_at IS NULL
        AND b.asset = first_to_give.asset AND b.balance > b.held
        AND (kinds IS NULL OR b.kind = ANY (kinds))
        AND (scopes IS NULL OR b.scope = ANY (scopes))
        AND (bucket_id IS NULL OR b.id = bucket_id)
        AND b.usable_until > at IS NOT FALSE
    ORDER BY b.priority, b.usable_until NULLS LAST, b.opened_order
    LIMIT 1
$$;

-- The end that the tier of `balance` gives; below the first, the spec's own.
CREATE OR REPLACE FUNCTION ledger.tier_end(spec ledger.bucket_spec, balance bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT tier.until
    FROM (
        SELECT t.least, t.until FROM unnest(spec.tier_from, spec.tier_until) AS t (least, until) WHERE t.least <= balance
        UNION ALL SELECT -1, spec.usable_until
    ) AS tier
    ORDER BY tier.least DESC
    LIMIT 1
$$;

-- The end of a bucket after a credit that joins it; `present` is its end before.
CREATE OR REPLACE FUNCTION ledger.end_after(
    spec ledger.bucket_spec, present timestamptz, at timestamptz
) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN spec.policy = 'renew' THEN spec.usable_until
        WHEN present IS NULL OR spec.usable_until IS NULL THEN NULL
        WHEN present <= at THEN spec.usable_until
        WHEN spec.policy = 'extend' THEN ledger.later(present, spec.months, spec.days, spec.zone)
        ELSE greatest(present, spec.usable_until)
    END
$$;

-- Phase 1: settle, release. A settle takes from a hold in the hold's order; unless it is not the final one, it gives the
-- rest back, as a release does with all.
CREATE OR REPLACE FUNCTION ledger.close_phase(work ledger.work[], at_round integer, at timestamptz)
RETURNS ledger.effect[]
LANGUAGE plpgsql AS $$
DECLARE
    effects ledger.effect[];
BEGIN
    WITH closing AS (
        SELECT w.n, w.lane, w.place, w.key, w.fingerprint, w.reference, w.subject, (w.template).kind,
            (w.template).to_code, (w.template).purpose, CASE WHEN (w.template).kind = 'settle' THEN w.amount ELSE 0 END AS wanted, h.line_id, h.asset,
            h.bucket_ids, h.amounts, h.taken AS already,
            (w.template).kind = 'release' OR (w.template).final OR w.amount = h.amount - h.settled AS final,
            CASE
                WHEN h.id IS NULL THEN 'hold_unknown'
                WHEN h.state <> 'open' THEN 'hold_not_open'
                WHEN (w.template).kind = 'settle' AND w.amount > h.amount - h.settled THEN 'settle_exceeds_hold'
                ELSE 'posted'
            END AS code
        FROM unnest(work) AS w
        LEFT JOIN ledger.holds AS h ON h.lane = w.lane AND h.id = w.subject
        WHERE w.round = at_round AND (w.template).kind IN ('settle', 'release')
    ), parts AS (
        SELECT c.*, c.subject AS hold_id, p.part, p.bucket_id, p.rest, p.taken,
            greatest(least(p.rest, c.wanted - p.before), 0) AS take
        FROM closing AS c
        CROSS JOIN LATERAL (
            SELECT p.part - 1 AS part, p.bucket_id, p.amount - p.taken AS rest, p.taken,
                coalesce(sum(p.amount - p.taken) OVER (ORDER BY p.part ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW), 0)
                    AS before
            FROM unnest(c.bucket_ids, c.amounts, c.already) WITH ORDINALITY AS p (bucket_id, amount, taken, part)
        ) AS p
        WHERE c.code = 'posted'
    ), given AS (
        UPDATE ledger.buckets AS b
        SET balance = b.balance - p.take, held = b.held - CASE WHEN p.final THEN p.rest ELSE p.take END
        FROM parts AS p
        WHERE b.lane = p.lane AND b.id = p.bucket_id
    ), closed AS (
        UPDATE ledger.holds AS h
        SET settled = h.settled + c.wanted, taken = c.taken, closed_at = CASE WHEN c.final THEN at END,
            state = CASE
                WHEN NOT c.final THEN 'open'
                WHEN h.settled + c.wanted > 0 THEN 'settled'
                ELSE 'released'
            END::ledger.hold_state
        FROM (
            SELECT p.lane, p.hold_id, p.wanted, p.final, array_agg(p.taken + p.take ORDER BY p.part) AS taken
            FROM parts AS p
            GROUP BY p.lane, p.hold_id, p.wanted, p.final
        ) AS c
        WHERE h.lane = c.lane AND h.id = c.hold_id
    ), bound AS (
        INSERT INTO ledger.bound_keys (lane, key, fingerprint, kind, subject, created_at)
        SELECT c.lane, c.key, c.fingerprint, c.kind, c.subject, at FROM closing AS c WHERE c.code = 'posted'
    ), legs AS (
        SELECT ROW(p.n, p.code, at_round, 1, p.part, p.bucket_id, p.to_code, p.take, p.asset, p.line_id, NULL, NULL,
            p.kind, p.place, p.lane, p.key, p.fingerprint, p.purpose, p.reference)::ledger.effect AS leg
        FROM parts AS p
        WHERE p.take > 0
        UNION ALL
        SELECT ROW(c.n, c.code, at_round, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            c.kind, c.place, c.lane, c.key, c.fingerprint, c.purpose, c.reference)::ledger.effect
        FROM closing AS c
        WHERE c.wanted = 0 OR c.code <> 'posted'
    )
    SELECT array_agg(l.leg) INTO effects FROM legs AS l;
    RETURN effects;
END
$$;

-- Phase 1 too: an expire forfeits what a bucket has left, held parts excepted.
CREATE OR REPLACE FUNCTION ledger.expire_phase(work ledger.work[], at_round integer, at timestamptz)
RETURNS ledger.effect[]
LANGUAGE plpgsql AS $$
DECLARE
    effects ledger.effect[];
BEGIN
    WITH ending AS (
        SELECT w.n, w.lane, w.place, w.key, w.fingerprint, w.reference, w.subject, (w.template).to_code,
            (w.template).purpose, b.line_id, b.asset, b.balance - b.held AS rest,
            CASE
                WHEN b.id IS NULL THEN 'bucket_unknown'
                WHEN b.closed_at IS NOT NULL THEN 'bucket_closed'
                WHEN b.forfeit_at > at IS NOT FALSE AND (w.template).forced IS NOT TRUE THEN 'bucket_not_due'
                WHEN b.held > 0 AND b.held = b.balance THEN 'bucket_held'
                ELSE 'posted'
            END AS code
        FROM unnest(work) AS w
        LEFT JOIN ledger.buckets AS b ON b.lane = w.lane AND b.id = w.subject
        WHERE w.round = at_round AND (w.template).kind = 'expire'
    ), ended AS (
        UPDATE ledger.buckets AS b
        SET balance = b.held, closed_at = CASE WHEN b.held = 0 THEN at END
        FROM ending AS e
        WHERE b.lane = e.lane AND b.id = e.subject AND e.code = 'posted'
    ), bound AS (
        INSERT INTO ledger.bound_keys (lane, key, fingerprint, kind, subject, created_at)
        SELECT e.lane, e.key, e.fingerprint, 'expire', e.subject, at FROM ending AS e WHERE e.code = 'posted'
    )
    SELECT array_agg(
        ROW(e.n, e.code, at_round, 1, 0, CASE WHEN e.rest > 0 THEN e.subject END, e.to_code, e.rest, e.asset, e.line_id,
            NULL, NULL, 'expire', e.place, e.lane, e.key, e.fingerprint, e.purpose, e.reference)::ledger.effect
    ) INTO effects
    FROM ending AS e;
    RETURN effects;
END
$$;

-- Phase 2: debit, hold, move. A line's buckets give in the declared order of use: priority, soonest end, oldest; all
-- or nothing. A bucket whose end has come gives nothing, except to a move that names it (what rolls over has ended).
CREATE OR REPLACE FUNCTION ledger.take_phase(work ledger.work[], at_round integer, at timestamptz)
RETURNS ledger.effect[]
LANGUAGE plpgsql AS $$
DECLARE
    effects ledger.effect[];
BEGIN
    WITH parts AS (
        SELECT w.n, w.lane, w.place, w.key, w.fingerprint, w.line_id, w.amount AS wanted, w.new_id, w.reference, w.expires_at,
            (w.template).kind, (w.template).asset, (w.template).to_code, (w.template).purpose,
            b.id AS bucket_id, b.usable, b.available, b.through, b.leg,
            CASE
                WHEN coalesce(b.usable_total, 0) >= w.amount THEN 'posted'
                WHEN b.total >= w.amount THEN 'bucket_frozen'
                ELSE 'insufficient_funds'
            END AS code
        FROM unnest(work) AS w
        LEFT JOIN LATERAL (
            SELECT b.id, b.usable, b.balance - b.held AS available,
                sum(b.balance - b.held) FILTER (WHERE b.usable) OVER in_order AS through,
                sum(b.balance - b.held) FILTER (WHERE b.usable) OVER () AS usable_total,
                sum(b.balance - b.held) OVER () AS total,
                row_number() OVER in_order - 1 AS leg
            FROM (
                SELECT b.*, b.usable_until > at IS NOT FALSE
                    OR ((w.template).kind = 'move' AND b.id = w.subject) AS usable
                FROM ledger.buckets AS b
                WHERE b.lane = w.lane AND b.line_id = w.line_id AND b.closed_at IS NULL
                    AND b.asset = (w.template).asset AND b.balance > b.held
                    AND ((w.template).kinds IS NULL OR b.kind = ANY ((w.template).kinds))
                    AND ((w.template).scopes IS NULL OR b.scope = ANY ((w.template).scopes))
                    AND (w.subject IS NULL OR b.id = w.subject)
            ) AS b
            WHERE b.usable OR (b.at_end = 'freeze' AND (b.forfeit_at IS NULL OR b.forfeit_at > at))
            WINDOW in_order AS (
                ORDER BY b.usable DESC, b.priority, b.usable_until NULLS LAST, b.opened_order ROWS UNBOUNDED PRECEDING
            )
        ) AS b ON TRUE
        WHERE w.round = at_round AND (w.template).kind IN ('debit', 'hold', 'move')
    ), taken AS (
        SELECT p.*, least(p.available, p.wanted - (p.through - p.available)) AS amount
        FROM parts AS p
        WHERE p.code = 'posted' AND p.usable AND p.through - p.available < p.wanted
    ), given AS (
        UPDATE ledger.buckets AS b
        SET balance = b.balance - CASE WHEN t.kind = 'hold' THEN 0 ELSE t.amount END,
            held = b.held + CASE WHEN t.kind = 'hold' THEN t.amount ELSE 0 END
        FROM taken AS t
        WHERE b.lane = t.lane AND b.id = t.bucket_id
    ), promised AS (
        INSERT INTO ledger.holds (lane, id, line_id, asset, amount, bucket_ids, amounts, taken, state, purpose, reference,
            expires_at, created_at)
        SELECT t.lane, t.new_id, t.line_id, t.asset, t.wanted, array_agg(t.bucket_id ORDER BY t.leg),
            array_agg(t.amount ORDER BY t.leg), array_agg(0 ORDER BY t.leg), 'open', t.purpose, t.reference,
            t.expires_at, at
        FROM taken AS t
        WHERE t.kind = 'hold'
        GROUP BY t.lane, t.new_id, t.line_id, t.asset, t.wanted, t.purpose, t.reference, t.expires_at
    ), bound AS (
        INSERT INTO ledger.bound_keys (lane, key, fingerprint, kind, subject, created_at)
        SELECT t.lane, t.key, t.fingerprint, 'hold', t.new_id, at FROM taken AS t WHERE t.kind = 'hold' AND t.leg = 0
    ), legs AS (
        SELECT ROW(t.n, t.code, at_round, 2, t.leg, t.bucket_id, CASE WHEN t.kind = 'debit' THEN t.to_code END, t.amount,
            t.asset, t.line_id, NULL, CASE WHEN t.kind = 'hold' THEN t.new_id END,
            t.kind, t.place, t.lane, t.key, t.fingerprint, t.purpose, t.reference)::ledger.effect AS leg
        FROM taken AS t
        UNION ALL
        SELECT ROW(p.n, p.code, at_round, 2, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            p.kind, p.place, p.lane, p.key, p.fingerprint, p.purpose, p.reference)::ledger.effect
        FROM parts AS p
        WHERE p.code <> 'posted' AND coalesce(p.leg, 0) = 0
    )
    SELECT array_agg(l.leg) INTO effects FROM legs AS l;
    RETURN effects;
END
$$;

RESET ROLE;
