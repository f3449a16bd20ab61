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
