-- Agents: shops and partners who sell top-ups from a float that they paid for beforehand. The float itself is in the
-- ledger, in the agent's lane, under the agent's id; here is who they are and how much they may sell.
CREATE TABLE people.agents (
    lane              smallint NOT NULL,
    id                text COLLATE "C" NOT NULL CHECK (starts_with(id, 'agt_')),
    name              text NOT NULL,
    contact           bytea,                 -- an e-mail address, sealed with the data key, bound to the id
    locale            text NOT NULL,         -- in which we write to them
    currency          text NOT NULL,         -- of the float: they sell in no other
    zone              text NOT NULL,         -- in which their days and months begin
    plan              text NOT NULL,         -- of commission; empty: none
    daily_limit_minor bigint CHECK (daily_limit_minor >= 0), -- null: no limit but the float
    alarm_minor       bigint CHECK (alarm_minor >= 0),       -- below so much float somebody is told; null: nobody
    status            text NOT NULL,
    reason            text NOT NULL,         -- why suspended
    created_at        timestamptz NOT NULL,
    status_since      timestamptz NOT NULL,
    sold_on           date,                  -- the day that `sold_minor` is of
    sold_minor        bigint NOT NULL DEFAULT 0 CHECK (sold_minor >= 0),
    sold_in           date,                  -- the first day of the month that `month_minor` is of
    month_minor       bigint NOT NULL DEFAULT 0 CHECK (month_minor >= 0),
    alarmed           boolean NOT NULL DEFAULT false, -- told of the low float since it was last filled
    PRIMARY KEY (lane, id)
);
CREATE UNIQUE INDEX agents_by_name ON people.agents (lower(name));
GRANT SELECT, INSERT, UPDATE ON people.agents TO topup_app;
