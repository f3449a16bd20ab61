-- Customers' displays: browsers that are bound to a till by a code, and what each till shows just now.
CREATE TABLE shops.displays (
    id         text COLLATE "C" PRIMARY KEY,
    secret     bytea NOT NULL UNIQUE CHECK (length(secret) = 32), -- SHA-256 of what the browser holds
    code       text COLLATE "C" UNIQUE,                           -- to be typed by staff; null once it is bound
    code_until timestamptz,
    till       text COLLATE "C" UNIQUE,
    bound_by   text,
    bound_at   timestamptz,
    must_confirm boolean NOT NULL DEFAULT false,                  -- whether no sale is paid before its customer said yes
    CHECK ((code IS NULL) = (code_until IS NULL)),
    CHECK ((till IS NULL) = (bound_by IS NULL) AND (till IS NULL) = (bound_at IS NULL)),
    CHECK ((till IS NULL) <> (code IS NULL))
);
CREATE INDEX displays_unbound ON shops.displays (code_until) WHERE till IS NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON shops.displays TO topup_app;

CREATE TABLE shops.screens (
    till         text COLLATE "C" PRIMARY KEY,
    revision     bigint NOT NULL,            -- one more with each change
    sale         text COLLATE "C",           -- what is sold: its price's id, or a plan, sealed; null while nobody is served
    asks         boolean NOT NULL DEFAULT false, -- whether the customer is to confirm
    confirmed_at timestamptz,
    locale       text,                       -- chosen for this customer
    shown_at     timestamptz NOT NULL,
    CHECK (sale IS NOT NULL OR confirmed_at IS NULL AND NOT asks)
);
GRANT SELECT, INSERT, UPDATE ON shops.screens TO topup_app;
