-- What shops have in stock. A movement takes a number of pieces from one place to one other, and is never edited.
CREATE TABLE shops.stock_items (
    sku        text COLLATE "C" PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('card', 'gift', 'sim')),
    names      jsonb NOT NULL,                  -- by language
    created_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON shops.stock_items TO topup_app;

CREATE TABLE shops.stock_movements (
    id        text COLLATE "C" PRIMARY KEY,
    key       text COLLATE "C" NOT NULL UNIQUE, -- the caller's: the same again moves nothing
    act       text NOT NULL CHECK (act IN
                  ('received', 'moved', 'sold', 'given', 'returned', 'damaged', 'found', 'missing')),
    sku       text COLLATE "C" NOT NULL REFERENCES shops.stock_items,
    source    text COLLATE "C" NOT NULL,        -- a shop's id, or a place outside: supplier, customers, damaged, counting
    target    text COLLATE "C" NOT NULL,
    quantity  integer NOT NULL CHECK (quantity > 0),
    reference text COLLATE "C" NOT NULL,        -- of a card its serial number; of a gift its order
    reason    text NOT NULL,
    moved_by  text NOT NULL,
    at        timestamptz NOT NULL,
    CHECK (source <> target)
);
CREATE UNIQUE INDEX stock_cards_sold ON shops.stock_movements (reference)
    WHERE act = 'sold' AND reference <> '';    -- a card is handed over once
CREATE UNIQUE INDEX stock_gifts_given ON shops.stock_movements (reference, sku)
    WHERE act = 'given' AND reference <> '';   -- of each so much as the order was promised goes with it, once
CREATE INDEX stock_gifts_returned ON shops.stock_movements (reference, sku)
    WHERE act = 'returned' AND reference <> '';
CREATE INDEX stock_movements_from ON shops.stock_movements (source, sku, at);
CREATE INDEX stock_movements_to ON shops.stock_movements (target, sku, at);
GRANT SELECT, INSERT ON shops.stock_movements TO topup_app;

-- What is in each shop: what came less what went, kept beside the movements so that it never falls below zero.
CREATE TABLE shops.stock_levels (
    place    text COLLATE "C" NOT NULL,
    sku      text COLLATE "C" NOT NULL REFERENCES shops.stock_items,
    quantity bigint NOT NULL CHECK (quantity >= 0),
    -- Of these, promised with orders. More than there are, where pieces broke or were missing after they were promised.
    held     bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    PRIMARY KEY (place, sku)
);
GRANT SELECT, INSERT, UPDATE ON shops.stock_levels TO topup_app;

-- What was counted: again under the same key it is the same count.
CREATE TABLE shops.stock_counts (
    key        text COLLATE "C" PRIMARY KEY,
    place      text COLLATE "C" NOT NULL,
    sku        text COLLATE "C" NOT NULL REFERENCES shops.stock_items,
    expected   bigint NOT NULL,
    counted    bigint NOT NULL CHECK (counted >= 0),
    counted_by text NOT NULL,
    at         timestamptz NOT NULL
);
CREATE INDEX stock_counts_of_place ON shops.stock_counts (place, sku, at);
GRANT SELECT, INSERT ON shops.stock_counts TO topup_app;

-- What a campaign gives with an order out of a shop's stock: held until it is paid, then kept there until it is fetched.
CREATE TABLE shops.gifts (
    order_id    text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL REFERENCES shops.stock_items,
    place       text COLLATE "C" NOT NULL,      -- the shop that has it
    quantity    integer NOT NULL CHECK (quantity > 0),
    worth_minor bigint NOT NULL CHECK (worth_minor >= 0),
    currency    text NOT NULL,
    state       text NOT NULL CHECK (state IN
                    ('held', 'promised', 'handed_over', 'released', 'lapsed', 'asked_back', 'returned', 'kept')),
    state_since timestamptz NOT NULL,
    until       timestamptz NOT NULL,           -- it is handed over before then
    expires_at  timestamptz NOT NULL,           -- held or promised: when that ends by itself
    is_sent     boolean NOT NULL DEFAULT FALSE, -- by post, out of that place's stock, to an address that is given by then
    tracking    text NOT NULL DEFAULT '',       -- once it was sent: what the courier calls it
    reminded_at timestamptz,                    -- when its payer was reminded that nobody said where to
    remind_from timestamptz,                    -- set where that could not be: when it is tried again
    address_changed_at timestamptz,             -- when another address took the place of the one before; never which
    PRIMARY KEY (order_id, sku)
);
-- Where a gift is sent: sealed, and gone as soon as nothing is sent there, or a while after it was.
CREATE TABLE shops.gift_addresses (
    order_id text COLLATE "C" NOT NULL,
    sku      text COLLATE "C" NOT NULL,
    address  bytea NOT NULL,
    given_at timestamptz NOT NULL,              -- the first time: a gift keeps its turn
    erase_at timestamptz,                       -- set once it was sent
    PRIMARY KEY (order_id, sku),
    FOREIGN KEY (order_id, sku) REFERENCES shops.gifts
);
CREATE INDEX gift_addresses_erasing ON shops.gift_addresses (erase_at) WHERE erase_at IS NOT NULL;
GRANT SELECT, INSERT, DELETE, UPDATE (address, erase_at) ON shops.gift_addresses TO topup_app;
CREATE INDEX gifts_to_send ON shops.gifts (state, until) WHERE is_sent AND state IN ('promised', 'asked_back');
CREATE INDEX gifts_sent ON shops.gifts (state_since) WHERE is_sent AND state = 'handed_over';
CREATE INDEX gifts_lapsing ON shops.gifts (expires_at) WHERE state IN ('held', 'promised');
GRANT SELECT, INSERT ON shops.gifts TO topup_app;
GRANT UPDATE (place, quantity, worth_minor, currency, state, state_since, until, expires_at, is_sent, tracking,
    reminded_at, remind_from, address_changed_at) ON shops.gifts TO topup_app;
