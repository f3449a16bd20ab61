-- Papers for the printers of tills. What is on one is sealed, and kept until it has left: a receipt names people.
CREATE TABLE shops.print_jobs (
    id         text COLLATE "C" PRIMARY KEY,
    key        text COLLATE "C" NOT NULL UNIQUE, -- the caller's: the same again is the same job
    till       text COLLATE "C" NOT NULL,
    kind       text NOT NULL,                    -- receipt, x_report, …
    subject    text COLLATE "C" NOT NULL,        -- the id of what it is of
    copy       integer NOT NULL CHECK (copy >= 0), -- 0: the first; the others say that they are copies
    state      text NOT NULL CHECK (state IN ('waiting', 'printing', 'printed', 'failed', 'unsure')),
    reason     text NOT NULL DEFAULT '',         -- what kept it from printing
    paper      bytea,
    asked_by   text NOT NULL,
    asked_at   timestamptz NOT NULL,
    next_at    timestamptz NOT NULL,             -- of one that waits: when to try
    claimed_at timestamptz,
    done_at    timestamptz,
    UNIQUE (kind, subject, copy),
    CHECK ((paper IS NOT NULL) = (state IN ('waiting', 'printing'))),
    CHECK (state <> 'printing' OR claimed_at IS NOT NULL)
);
CREATE INDEX print_jobs_open ON shops.print_jobs (till, next_at, id) WHERE state IN ('waiting', 'printing');
CREATE INDEX print_jobs_old ON shops.print_jobs (asked_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON shops.print_jobs TO topup_app;
