-- What each kind of item does to buckets and holds. Repeatable, like posting.sql, which calls these under the lanes' locks.
--
-- Each function looks first and writes then: what it refuses has changed nothing. It sees the effect of every item before.

SET ROLE topup_ledger;

-- The end of a bucket after a credit joins it.
CREATE OR REPLACE FUNCTION ledger.end_after(
    spec ledger.bucket_spec, present timestamptz, at timestamptz
) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN present IS NULL OR spec.usable_until IS NULL THEN NULL
        WHEN present <= at THEN spec.usable_until
        WHEN spec.policy = 'extend' THEN ledger.days_later(present, spec.days, spec.zone)
        ELSE greatest(present, spec.usable_until)
    END
$$;

-- A house account gives to a bucket of a line. It joins the newest bucket that is the same in everything that matters for
-- its use: with `separate` one with the very same end, else one that still runs or that is frozen and revives. Where there
-- is none, one is opened.
CREATE OR REPLACE FUNCTION ledger.do_credit(item ledger.item, at timestamptz, sequence bigint) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    spec ledger.bucket_spec := item.bucket;
    until timestamptz := spec.usable_until;
    forfeit timestamptz := until;
    target text;
    present timestamptz;
BEGIN
    IF spec.at_end = 'freeze' THEN
        forfeit := ledger.forfeit_of(spec, until);
    END IF;
    SELECT b.id, b.usable_until INTO target, present
    FROM ledger.buckets AS b
    WHERE b.lane = item.lane AND b.line_id = item.line_id AND b.closed_at IS NULL
        AND b.asset = item.asset AND b.kind = spec.kind AND b.scope = spec.scope AND b.priority = spec.priority
        AND b.policy = spec.policy AND b.at_end = spec.at_end
        AND CASE
            WHEN spec.policy = 'separate' THEN
                b.usable_until IS NOT DISTINCT FROM until AND b.forfeit_at IS NOT DISTINCT FROM forfeit
            ELSE
                b.usable_until IS NULL OR b.usable_until > at
                OR (b.at_end = 'freeze' AND (b.forfeit_at IS NULL OR b.forfeit_at > at))
        END
    ORDER BY b.opened_sequence DESC
    LIMIT 1;
    IF target IS NULL THEN
        target := item.new_id;
        INSERT INTO ledger.buckets (lane, id, line_id, asset, kind, scope, priority, policy, at_end, source, rule,
            balance, usable_until, forfeit_at, opened_at, opened_sequence)
        VALUES (item.lane, target, item.line_id, item.asset, spec.kind, spec.scope, spec.priority, spec.policy,
            spec.at_end, spec.source, spec.rule, item.amount, until, forfeit, at, sequence);
    ELSE
        IF spec.policy <> 'separate' THEN
            until := ledger.end_after(spec, present, at);
        END IF;
        IF until IS NOT DISTINCT FROM present THEN
            UPDATE ledger.buckets AS b
            SET balance = b.balance + item.amount
            WHERE b.lane = item.lane AND b.id = target AND b.balance <= 9007199254740991 - item.amount;
        ELSE
            UPDATE ledger.buckets AS b
            SET balance = b.balance + item.amount, usable_until = until, forfeit_at = ledger.forfeit_of(spec, until),
                rule = spec.rule || jsonb_build_object('extended_from', present)
            WHERE b.lane = item.lane AND b.id = target AND b.balance <= 9007199254740991 - item.amount;
        END IF;
        IF NOT FOUND THEN
            RETURN ROW('balance_limit', NULL, NULL, NULL, NULL, NULL, NULL, NULL)::ledger.effect;
        END IF;
    END IF;
    RETURN ROW('posted', item.line_id, item.asset, ARRAY[item.from_code], ARRAY[target], ARRAY[item.amount], until,
        NULL)::ledger.effect;
END
$$;

-- Which buckets would give `item.amount`, and how much each, in the declared order of use: priority, soonest end,
-- oldest. A bucket whose end has come gives nothing. Reads only.
CREATE OR REPLACE FUNCTION ledger.take_in_order(item ledger.item, at timestamptz) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    bucket record;
    effect ledger.effect;
    missing bigint := item.amount;
    frozen numeric := 0;
BEGIN
    FOR bucket IN
        SELECT b.id, b.balance - b.held AS available, b.usable_until > at IS NOT FALSE AS usable
        FROM ledger.buckets AS b
        WHERE b.lane = item.lane AND b.line_id = item.line_id AND b.closed_at IS NULL AND b.asset = item.asset
            AND b.balance > b.held
            AND (b.usable_until IS NULL OR b.usable_until > at
                OR (b.at_end = 'freeze' AND (b.forfeit_at IS NULL OR b.forfeit_at > at)))
            AND (item.kinds IS NULL OR b.kind = ANY (item.kinds))
            AND (item.scopes IS NULL OR b.scope = ANY (item.scopes))
            AND (item.bucket_id IS NULL OR b.id = item.bucket_id)
        ORDER BY usable DESC, b.priority, b.usable_until NULLS LAST, b.opened_sequence
    LOOP
        IF bucket.usable THEN
            effect.debits := effect.debits || bucket.id;
            effect.credits := effect.credits || item.to_code;
            effect.amounts := effect.amounts || least(bucket.available, missing);
            missing := missing - least(bucket.available, missing);
            EXIT WHEN missing = 0;
        ELSE
            frozen := frozen + bucket.available;
        END IF;
    END LOOP;
    effect.code := CASE
        WHEN missing = 0 THEN 'posted'
        WHEN frozen >= missing THEN 'bucket_frozen'
        ELSE 'insufficient_funds'
    END;
    effect.line_id := item.line_id;
    effect.asset := item.asset;
    RETURN effect;
END
$$;

-- A line's buckets give to a house account, all or nothing.
CREATE OR REPLACE FUNCTION ledger.do_debit(item ledger.item, at timestamptz) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    effect ledger.effect := ledger.take_in_order(item, at);
BEGIN
    IF effect.code = 'posted' THEN
        UPDATE ledger.buckets AS b
        SET balance = b.balance - part.amount
        FROM unnest(effect.debits, effect.amounts) AS part (id, amount)
        WHERE b.lane = item.lane AND b.id = part.id;
    END IF;
    RETURN effect;
END
$$;

-- Bind the key of an operation that may leave no transfer.
CREATE OR REPLACE FUNCTION ledger.bind(item ledger.item, subject text, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger.bound_keys (lane, key, fingerprint, kind, subject, created_at)
    VALUES (item.lane, item.key, item.fingerprint, item.kind, subject, at);
END
$$;

-- Promise an amount of a line's buckets, all or nothing.
CREATE OR REPLACE FUNCTION ledger.do_hold(item ledger.item, at timestamptz) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    effect ledger.effect := ledger.take_in_order(item, at);
BEGIN
    IF effect.code = 'posted' THEN
        UPDATE ledger.buckets AS b
        SET held = b.held + part.amount
        FROM unnest(effect.debits, effect.amounts) AS part (id, amount)
        WHERE b.lane = item.lane AND b.id = part.id;
        INSERT INTO ledger.holds (lane, id, line_id, asset, amount, state, purpose, reference, expires_at, created_at)
        VALUES (item.lane, item.new_id, item.line_id, item.asset, item.amount, 'open', item.purpose, item.reference,
            item.expires_at, at);
        INSERT INTO ledger.hold_parts (lane, hold_id, part, bucket_id, amount)
        SELECT item.lane, item.new_id, part.n - 1, part.id, part.amount
        FROM unnest(effect.debits, effect.amounts) WITH ORDINALITY AS part (id, amount, n);
        PERFORM ledger.bind(item, item.new_id, at);
        effect.hold_id := item.new_id;
    END IF;
    RETURN effect;
END
$$;

-- Take `taken` of a hold (nothing for a release) in the hold's order, and give the rest back.
CREATE OR REPLACE FUNCTION ledger.do_close(item ledger.item, at timestamptz, taken bigint) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    effect ledger.effect;
    hold ledger.holds;
    part ledger.hold_parts;
    missing bigint := taken;
    take bigint;
BEGIN
    SELECT * INTO hold FROM ledger.holds AS h WHERE h.lane = item.lane AND h.id = item.hold_id;
    effect.code := CASE
        WHEN hold.id IS NULL THEN 'hold_unknown'
        WHEN hold.state <> 'open' THEN 'hold_not_open'
        WHEN taken > hold.amount THEN 'settle_exceeds_hold'
        ELSE 'posted'
    END;
    IF effect.code <> 'posted' THEN
        RETURN effect;
    END IF;
    effect.line_id := hold.line_id;
    effect.asset := hold.asset;
    FOR part IN
        SELECT * FROM ledger.hold_parts AS p WHERE p.lane = item.lane AND p.hold_id = item.hold_id ORDER BY p.part
    LOOP
        take := least(part.amount, missing);
        missing := missing - take;
        UPDATE ledger.buckets AS b SET balance = b.balance - take, held = b.held - part.amount
        WHERE b.lane = item.lane AND b.id = part.bucket_id;
        IF take > 0 THEN
            effect.debits := effect.debits || part.bucket_id;
            effect.credits := effect.credits || item.to_code;
            effect.amounts := effect.amounts || take;
        END IF;
    END LOOP;
    UPDATE ledger.holds AS h
    SET state = CASE WHEN taken > 0 THEN 'settled' ELSE 'released' END::ledger.hold_state, settled = taken,
        closed_at = at
    WHERE h.lane = item.lane AND h.id = item.hold_id;
    PERFORM ledger.bind(item, item.hold_id, at);
    RETURN effect;
END
$$;

-- Forfeit what a bucket still has when its time has come, and close it once nothing of it is held.
CREATE OR REPLACE FUNCTION ledger.do_expire(item ledger.item, at timestamptz) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
DECLARE
    effect ledger.effect;
    bucket ledger.buckets;
BEGIN
    SELECT * INTO bucket FROM ledger.buckets AS b WHERE b.lane = item.lane AND b.id = item.bucket_id;
    effect.code := CASE
        WHEN bucket.id IS NULL THEN 'bucket_unknown'
        WHEN bucket.closed_at IS NOT NULL THEN 'bucket_closed'
        WHEN bucket.forfeit_at > at IS NOT FALSE THEN 'bucket_not_due'
        WHEN bucket.held > 0 AND bucket.held = bucket.balance THEN 'bucket_held'
        ELSE 'posted'
    END;
    IF effect.code <> 'posted' THEN
        RETURN effect;
    END IF;
    UPDATE ledger.buckets AS b
    SET balance = b.held, closed_at = CASE WHEN b.held = 0 THEN at END
    WHERE b.lane = item.lane AND b.id = item.bucket_id;
    PERFORM ledger.bind(item, item.bucket_id, at);
    IF bucket.balance > bucket.held THEN
        effect.debits := ARRAY[item.bucket_id];
        effect.credits := ARRAY[item.to_code];
        effect.amounts := ARRAY[bucket.balance - bucket.held];
    END IF;
    effect.line_id := bucket.line_id;
    effect.asset := bucket.asset;
    RETURN effect;
END
$$;

-- What an item does to buckets and holds; it sees every item before it.
CREATE OR REPLACE FUNCTION ledger.change_buckets(item ledger.item, at timestamptz, sequence bigint) RETURNS ledger.effect
LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE item.kind
        WHEN 'credit' THEN ledger.do_credit(item, at, sequence)
        WHEN 'debit' THEN ledger.do_debit(item, at)
        WHEN 'hold' THEN ledger.do_hold(item, at)
        WHEN 'settle' THEN ledger.do_close(item, at, item.amount)
        WHEN 'release' THEN ledger.do_close(item, at, 0)
        WHEN 'expire' THEN ledger.do_expire(item, at)
    END;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;

RESET ROLE;
