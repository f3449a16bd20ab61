-- What a credit does. Repeatable; after functions.sql, whose words it uses.

SET ROLE topup_ledger;

-- Phase 3: credit, and where a move goes; `moved` are the moves that took. A credit joins the newest bucket that is the same
-- in everything that matters for its use: with `separate` one with the very same end, else one that still runs or that
-- is frozen and revives. Where there is none, one is opened, by the first of those that would share it.
--
-- What comes together to a bucket that cannot hold it all is refused together.
CREATE OR REPLACE FUNCTION ledger.credit_phase(
    work ledger.work[], at_round integer, moved integer[], heads bigint[], at timestamptz
) RETURNS ledger.effect[]
LANGUAGE plpgsql AS $$
DECLARE
    effects ledger.effect[];
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT w.n, w.lane, w.place, w.key, w.fingerprint, w.reference, w.line_id, w.amount, w.new_id,
            (w.template).kind, (w.template).asset, (w.template).from_code, (w.template).purpose,
            (w.template).bucket AS spec,
            CASE
                WHEN ((w.template).bucket).cap IS NOT NULL THEN least(w.amount, ((w.template).bucket).cap - coalesce((
                    SELECT sum(b.balance)::bigint
                    FROM ledger.buckets AS b
                    WHERE b.lane = w.lane AND b.line_id = w.line_id AND b.closed_at IS NULL
                        AND b.asset = (w.template).asset AND b.kind = ((w.template).bucket).kind
                ), 0))
                ELSE w.amount
            END AS room
        FROM unnest(work) AS w
        WHERE w.round = at_round AND ((w.template).kind = 'credit' OR w.n = ANY (moved))
    ), found AS MATERIALIZED (
        SELECT w.*, b.id AS joins, b.usable_until AS present, b.balance,
            CASE WHEN (w.spec).at_cap = 'clip' THEN greatest(w.room, 0) ELSE w.amount END AS taken,
            CASE
                WHEN (w.spec).policy = 'tiers' THEN
                    ledger.tier_end(w.spec, coalesce(b.balance, 0) + least(w.amount, greatest(w.room, 0)))
                WHEN b.id IS NULL OR (w.spec).policy = 'separate' THEN (w.spec).usable_until
                ELSE ledger.end_after(w.spec, b.usable_until, at)
            END AS until
        FROM wanted AS w
        LEFT JOIN LATERAL (
            SELECT b.id, b.usable_until, b.balance
            FROM ledger.buckets AS b
            WHERE b.lane = w.lane AND b.line_id = w.line_id AND b.closed_at IS NULL
                AND b.asset = w.asset AND b.kind = (w.spec).kind AND b.scope = (w.spec).scope
                AND b.priority = (w.spec).priority AND b.policy = (w.spec).policy AND b.at_end = (w.spec).at_end
                AND CASE
                    WHEN (w.spec).policy = 'separate' THEN
                        b.usable_until IS NOT DISTINCT FROM (w.spec).usable_until
                        AND b.forfeit_at IS NOT DISTINCT FROM ledger.forfeit_of(
                            (w.spec).at_end, (w.spec).usable_until, (w.spec).grace_days, (w.spec).zone)
                    ELSE
                        b.usable_until IS NULL OR b.usable_until > at
                        OR (b.at_end = 'freeze' AND (b.forfeit_at IS NULL OR b.forfeit_at > at))
                END
            ORDER BY b.opened_order DESC
            LIMIT 1
        ) AS b ON TRUE
    ), fitting AS (
        SELECT f.* FROM found AS f WHERE f.taken > 0 AND ((f.spec).at_cap = 'clip' OR f.room = f.amount)
    ), opening AS (
        SELECT f.*, first_value(f.new_id) OVER in_order AS opens, row_number() OVER in_order AS nth,
            sum(f.taken) OVER same AS together
        FROM fitting AS f
        WHERE f.joins IS NULL
        WINDOW same AS (
            PARTITION BY f.lane, f.line_id, f.asset, (f.spec).kind, (f.spec).scope, (f.spec).priority, (f.spec).policy,
                (f.spec).at_end, f.until, (f.spec).grace_days, (f.spec).zone
        ), in_order AS (same ORDER BY f.n)
    ), opened AS (
        INSERT INTO ledger.buckets (lane, id, line_id, asset, kind, scope, priority, policy, at_end, source, rule, roll,
            balance, usable_until, forfeit_at, opened_at, opened_order)
        SELECT o.lane, o.opens, o.line_id, o.asset, (o.spec).kind, (o.spec).scope, (o.spec).priority, (o.spec).policy,
            (o.spec).at_end, (o.spec).source, (o.spec).rule, (o.spec).roll, o.together, o.until,
            ledger.forfeit_of((o.spec).at_end, o.until, (o.spec).grace_days, (o.spec).zone), at,
            heads[o.place] * 8192 + o.n
        FROM opening AS o
        WHERE o.nth = 1
    ), joining AS (
        SELECT f.*, sum(f.taken) OVER same AS together, row_number() OVER (same ORDER BY f.n) AS nth,
            CASE
                WHEN f.balance + sum(f.taken) OVER same > 9007199254740991 THEN 'balance_limit'
                ELSE 'posted'
            END AS code
        FROM fitting AS f
        WHERE f.joins IS NOT NULL
        WINDOW same AS (PARTITION BY f.lane, f.joins)
    ), filled AS (
        UPDATE ledger.buckets AS b
        SET balance = b.balance + j.together, usable_until = j.until,
            forfeit_at = CASE
                WHEN j.until IS NOT DISTINCT FROM j.present THEN b.forfeit_at
                ELSE ledger.forfeit_of(b.at_end, j.until, (j.spec).grace_days, (j.spec).zone)
            END,
            rule = CASE
                WHEN j.until IS NOT DISTINCT FROM j.present THEN b.rule
                ELSE (j.spec).rule || jsonb_build_object('extended_from', j.present)
            END
        FROM joining AS j
        WHERE b.lane = j.lane AND b.id = j.joins AND j.nth = 1 AND j.code = 'posted'
    ), legs AS (
        SELECT ROW(o.n, 'posted', at_round, 3, 0, o.from_code, o.opens, o.taken, o.asset, o.line_id, o.until, NULL,
            o.kind, o.place, o.lane, o.key, o.fingerprint, o.purpose, o.reference)::ledger.effect AS leg
        FROM opening AS o
        UNION ALL
        SELECT ROW(j.n, j.code, at_round, 3, 0, j.from_code, j.joins, j.taken, j.asset, j.line_id, j.until, NULL,
            j.kind, j.place, j.lane, j.key, j.fingerprint, j.purpose, j.reference)::ledger.effect
        FROM joining AS j
        UNION ALL
        SELECT ROW(f.n, CASE WHEN (f.spec).at_cap = 'clip' THEN 'posted' ELSE 'cap_exceeded' END, at_round, 3, 1,
            f.from_code, 'over_cap', f.amount - f.taken, f.asset, f.line_id, NULL, NULL,
            f.kind, f.place, f.lane, f.key, f.fingerprint, f.purpose, f.reference)::ledger.effect
        FROM found AS f
        WHERE f.room < f.amount
    )
    SELECT array_agg(l.leg) INTO effects FROM legs AS l;
    RETURN effects;
END
$$;

RESET ROLE;
