-- Halls, shops and kiosks: each file of the operator's becomes an immutable version.
CREATE SCHEMA shops;
GRANT USAGE ON SCHEMA shops TO topup_app;

CREATE TABLE shops.directories (
    version      integer PRIMARY KEY,
    body         bytea NOT NULL,          -- JSON, as shops/places.py has it
    published_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON shops.directories TO topup_app;

-- Card terminals, which are the bank's: where each stands. What was entered of one stays when it is taken away.
CREATE TABLE shops.terminals (
    name      text COLLATE "C" PRIMARY KEY,
    shop      text COLLATE "C" NOT NULL,
    till      text COLLATE "C" NOT NULL,   -- it belongs to; empty where several share it
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL
);
CREATE INDEX terminals_of_shop ON shops.terminals (shop);
GRANT SELECT, INSERT, UPDATE, DELETE ON shops.terminals TO topup_app;

-- The most cash a drawer of a shop should hold; zero: any.
CREATE TABLE shops.drawer_ceilings (
    shop       text COLLATE "C" NOT NULL,
    currency   text NOT NULL,
    most_minor bigint NOT NULL CHECK (most_minor >= 0),
    PRIMARY KEY (shop, currency)
);
GRANT SELECT, INSERT, UPDATE ON shops.drawer_ceilings TO topup_app;
