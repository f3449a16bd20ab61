-- Agents' floats: what was sold from them, what went back, and how they were filled; and the plans of commission.

-- A plan as it was published; a version is never changed. `body` is `payments.floats.plans.Plan`.
CREATE TABLE payments.commission_plans (
    name         text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    body         jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);
GRANT SELECT, INSERT ON payments.commission_plans TO topup_app;

-- A sale lives in its order's lane, the float in the agent's. `back_minor` and `commission_back_minor` are what was given
-- back of the price, and taken back of the commission.
CREATE TABLE payments.float_payments (
    lane                  smallint NOT NULL,
    payment_id            text COLLATE "C" NOT NULL,
    order_id              text COLLATE "C" NOT NULL,
    agent_id              text COLLATE "C" NOT NULL,
    bucket_id             text COLLATE "C" NOT NULL,
    amount_minor          bigint NOT NULL CHECK (amount_minor > 0),
    commission_minor      bigint NOT NULL CHECK (commission_minor BETWEEN 0 AND amount_minor),
    currency              text NOT NULL,
    plan                  text NOT NULL,             -- name and version, `street@3`; empty: no commission
    paid_at               timestamptz NOT NULL,
    back_minor            bigint NOT NULL DEFAULT 0 CHECK (back_minor BETWEEN 0 AND amount_minor),
    commission_back_minor bigint NOT NULL DEFAULT 0 CHECK (commission_back_minor BETWEEN 0 AND commission_minor),
    PRIMARY KEY (lane, payment_id)
);
CREATE INDEX float_payments_paid ON payments.float_payments (paid_at);
CREATE INDEX float_payments_of_agent ON payments.float_payments (agent_id, paid_at, payment_id);
GRANT SELECT, INSERT, UPDATE ON payments.float_payments TO topup_app;

-- What went back to the float, once per refund number, and what was taken back of the commission with it.
CREATE TABLE payments.float_refunds (
    lane             smallint NOT NULL,
    refund_id        text COLLATE "C" NOT NULL,
    payment_id       text COLLATE "C" NOT NULL,
    amount_minor     bigint NOT NULL CHECK (amount_minor > 0),
    commission_minor bigint NOT NULL CHECK (commission_minor BETWEEN 0 AND amount_minor),
    currency         text NOT NULL,
    refunded_at      timestamptz NOT NULL,
    PRIMARY KEY (lane, refund_id),
    FOREIGN KEY (lane, payment_id) REFERENCES payments.float_payments
);
CREATE INDEX float_refunds_at ON payments.float_refunds (refunded_at);
GRANT SELECT, INSERT ON payments.float_refunds TO topup_app;

-- A float that was filled, in the agent's lane. `reference` is where the money can be found that the agent paid: in upper
-- case, without spaces and hyphens.
CREATE TABLE payments.float_top_ups (
    lane         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL CHECK (starts_with(id, 'ftu_')),
    agent_id     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    reference    text NOT NULL,
    requested_by text COLLATE "C" NOT NULL,
    approval_id  text COLLATE "C" NOT NULL,
    made_at      timestamptz NOT NULL,
    PRIMARY KEY (lane, id)
);
CREATE INDEX float_top_ups_of_agent ON payments.float_top_ups (lane, agent_id, made_at);
CREATE UNIQUE INDEX float_top_ups_once ON payments.float_top_ups (reference); -- whichever agent's float it came to
GRANT SELECT, INSERT ON payments.float_top_ups TO topup_app;
