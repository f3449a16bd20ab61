-- Carriers' files as they were published: each a version that stays as it is for ever.
CREATE SCHEMA catalogue;
GRANT USAGE ON SCHEMA catalogue TO topup_app;

CREATE TABLE catalogue.versions (
    carrier_id   text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    sequence     bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- grows with each publication: tells a cache that it is old
    published_at timestamptz NOT NULL,
    fingerprint  bytea NOT NULL,          -- SHA-256 of the document: the same again is not published again
    document     jsonb NOT NULL,          -- what the file says, in minor units
    source       text NOT NULL,           -- the file itself
    PRIMARY KEY (carrier_id, version)
);
-- A quote keeps its version, so none may change or go.
REVOKE ALL ON catalogue.versions FROM PUBLIC;
GRANT SELECT, INSERT ON catalogue.versions TO topup_app;

-- Texts that somebody proposes. One stays as it is: whoever wants another makes another.
CREATE TABLE catalogue.drafts (
    id          text COLLATE "C" PRIMARY KEY,
    carrier_id  text COLLATE "C" NOT NULL,  -- as the text says
    source      text NOT NULL,
    fingerprint bytea NOT NULL,             -- SHA-256 of the text
    note        text NOT NULL,
    restores    integer,                    -- the earlier version whose text it is
    made_by     text NOT NULL,
    made_at     timestamptz NOT NULL,
    form        bytea,                      -- the same form sent twice is one draft
    UNIQUE (made_by, form)
);
CREATE INDEX drafts_of_carrier ON catalogue.drafts (carrier_id, made_at DESC, id DESC);
REVOKE ALL ON catalogue.drafts FROM PUBLIC;
GRANT SELECT, INSERT ON catalogue.drafts TO topup_app;

-- What two people agreed to publish, at once or from an instant on.
CREATE TABLE catalogue.publications (
    id          text COLLATE "C" PRIMARY KEY,
    draft_id    text COLLATE "C" NOT NULL REFERENCES catalogue.drafts,
    carrier_id  text COLLATE "C" NOT NULL,
    against     integer NOT NULL CHECK (against >= 0), -- the version in force that it was compared with; 0: none
    fingerprint bytea NOT NULL,             -- what they agreed to
    starts_at   timestamptz NOT NULL,
    approval_id text COLLATE "C" NOT NULL UNIQUE, -- who said yes stands there
    asked_by    text NOT NULL,
    state       text NOT NULL CHECK (state IN ('planned', 'published', 'cancelled', 'unfit')),
    state_since timestamptz NOT NULL,
    cancelled_by text,
    why         text,                       -- the code of what did not fit
    version     integer CHECK ((state = 'published') = (version IS NOT NULL)),
    FOREIGN KEY (carrier_id, version) REFERENCES catalogue.versions
);
CREATE UNIQUE INDEX publications_planned ON catalogue.publications (carrier_id) WHERE state = 'planned';
CREATE INDEX publications_due ON catalogue.publications (starts_at) WHERE state = 'planned';
CREATE INDEX publications_of_draft ON catalogue.publications (draft_id);
REVOKE ALL ON catalogue.publications FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON catalogue.publications TO topup_app;
