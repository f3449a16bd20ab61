-- What people did: one row after another, each chained to the one before by a hash. Nobody but work.append_trail writes
-- here, and it only adds: the application may not insert, edit, delete or empty.
CREATE TABLE work.trail (
    sequence bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text COLLATE "C" NOT NULL,   -- who: the id of staff or of a key, or `cli`
    action   text COLLATE "C" NOT NULL,   -- what: `approval.approved`
    subject  text COLLATE "C" NOT NULL,   -- the id of what it was done to
    facts    text NOT NULL,               -- JSON as it was written; ids, codes and amounts, nothing personal
    hash     bytea NOT NULL               -- SHA-256 of the hash before and of all the above: work/trail.py says how
);
CREATE INDEX trail_subject ON work.trail (subject, sequence);
CREATE INDEX trail_actor ON work.trail (actor, sequence);
CREATE INDEX trail_group ON work.trail ((split_part(action, '.', 1) || '.'), sequence);
GRANT SELECT ON work.trail TO topup_app;

-- Where the chain stands. Locking its row is the right to add to it.
CREATE TABLE work.trail_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    sequence  bigint NOT NULL,
    hash      bytea NOT NULL
);
INSERT INTO work.trail_head (sequence, hash) VALUES (0, sha256(convert_to('topup audit trail', 'UTF8')));
GRANT SELECT ON work.trail_head TO topup_app;

CREATE FUNCTION work.append_trail(actor text, action text, subject text, facts text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head work.trail_head;
    number bigint;
    said text;
    link bytea;
BEGIN
    SELECT * INTO STRICT head FROM work.trail_head FOR UPDATE;
    number := head.sequence + 1;
    said := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US');
    -- Each part by its length, so that no two rows can be written the same.
    said := concat(number, '|', said, '|', length(actor), '|', actor, '|', length(action), '|', action, '|',
                   length(subject), '|', subject, '|', length(facts), '|', facts);
    link := sha256(head.hash || convert_to(said, 'UTF8'));
    INSERT INTO work.trail VALUES (number, at, actor, action, subject, facts, link);
    UPDATE work.trail_head SET sequence = number, hash = link;
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION work.append_trail FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work.append_trail TO topup_app;

-- What one person asks for and another decides.
CREATE TABLE work.approvals (
    lane         smallint NOT NULL,       -- of the subject
    id           text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL, -- the id of what it is about
    facts        jsonb NOT NULL,          -- what would be done, exactly
    reason       text NOT NULL,
    item_lane    smallint,                -- the item of the work list that it would close
    item_id      text COLLATE "C",
    state        text NOT NULL,
    requested_by text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    decided_by   text COLLATE "C",
    decided_at   timestamptz,
    note         text,
    outcome      jsonb,                   -- what came of it
    form         bytea,                   -- SHA-256 of the form it was asked with and of what that said
    PRIMARY KEY (lane, id),
    CHECK ((state = 'requested') = (decided_at IS NULL)),
    -- The rule itself, whatever the code says: nobody approves what they asked for.
    CONSTRAINT two_people CHECK (state <> 'approved' OR decided_by <> requested_by)
);
CREATE UNIQUE INDEX approvals_open ON work.approvals (lane, kind, subject) WHERE state = 'requested';
CREATE UNIQUE INDEX approvals_form ON work.approvals (requested_by, form) WHERE form IS NOT NULL; -- each is sent once
CREATE INDEX approvals_alone ON work.approvals (requested_by, decided_at) WHERE state = 'alone';
CREATE INDEX approvals_due ON work.approvals (expires_at) WHERE state = 'requested';
CREATE INDEX approvals_of_item ON work.approvals (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX approvals_newest ON work.approvals (requested_at DESC, id DESC);
GRANT SELECT, INSERT, UPDATE ON work.approvals TO topup_app;

ALTER TABLE work.items ADD COLUMN decided_by text COLLATE "C", ADD COLUMN decision text, ADD COLUMN note text;
