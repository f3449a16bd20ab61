"""What Stripe knows beside the shared book: objects in the order they were made, kept answers, customers, disputes."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('session', 'intent')),
    payment_id TEXT NOT NULL,
    created INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_time ON objects (kind, created, number);
CREATE TABLE IF NOT EXISTS replays (
    key TEXT PRIMARY KEY,
    asked TEXT NOT NULL,                    -- method, path and the digest of the parameters
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    counted TEXT NOT NULL,                  -- "kind subject", of the calls that are counted
    request TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept_cards (
    method TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    card TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refund_words (refund_id TEXT PRIMARY KEY, metadata TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disputes (
    dispute TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    closed INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dispute_dates (dispute TEXT PRIMARY KEY, due_by INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS movements (      -- of our balance, about no payment
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    amount INTEGER NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS endpoints (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS home (only INTEGER PRIMARY KEY CHECK (only = 1), origin TEXT NOT NULL);
"""
