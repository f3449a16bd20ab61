"""How long the lists of the console take the server, with an operator's lines, orders and years of office work behind
them: `bench.pages` loads lines and orders, this the work list, tickets, the trail, agents and bills.

One page is asked for at a time, by one of the staff who may see all; `python -m bench.pages` measures this too.
"""

import asyncio
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg
import pyotp

from bench.server import Server
from topup.bootstrap.store import open_store
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.ledger import PostingRefused, post
from topup.payments.floats.postings import filled
from topup.people import administration, credentials
from topup.people.agents import operations as agents
from topup.people.agents.operations import NewAgent, Terms
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once
from topup.platform.embedded import EmbeddedServer
from topup.platform.settings import load_settings

_PASSWORD: Final = "four words nobody knows"  # noqa: S105 - of an account that ends with the measurement
_AGENTS: Final = 100
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

# A copy of an order has its number in its id, in ten digits.
_LOAD: Final = (
    # One order in a thousand was refunded, one was sold at a counter; of the newest, one in ten thousand waits.
    "UPDATE orders.orders SET state = 'refunded' WHERE substr(id, 12, 3) = '007'",
    "UPDATE orders.orders SET channel = 'counter' WHERE substr(id, 12, 3) = '009'",
    """
    UPDATE orders.orders SET state = CASE substr(id, 10, 1) WHEN '0' THEN 'unresolved' ELSE 'needs_person' END
    WHERE substr(id, 11, 4) = '0008' AND created_at > now() - interval '20 days'
    """,
    # Of every tenth order something was to be decided; of that a thousandth is open.
    """
    INSERT INTO work.items (lane, id, kind, subject, evidence, state, created_at, decided_at, decided_by, decision)
    SELECT n %% 16, 'wrk_' || lpad(n::text, 10, '0') || '0' || to_hex(n %% 16) || substr(md5(n::text), 1, 14),
        (ARRAY['payment_unresolved', 'refund_delayed', 'carrier_contradicts_itself'])[n %% 3 + 1],
        'ord_' || lpad((n * 10)::text, 10, '0') || substr(md5(n::text), 1, 16),
        jsonb_build_object('payment', 'pay_' || md5(n::text), 'amount_minor', n),
        CASE WHEN n %% 1000 = 0 THEN 'open' ELSE 'decided' END, now() - interval '250 s' * n,
        now() - interval '240 s' * n, 'cli', 'closed'
    FROM generate_series(1, %(orders)s / 10) AS n
    """,
    # Of every tenth order somebody wrote to us; of that one in five hundred waits for us.
    """
    INSERT INTO care.tickets
        (lane, id, reference, key, topic, state, evidence, locale, messages, created_at, changed_at)
    SELECT n %% 16, 'tkt_' || lpad(n::text, 10, '0') || '0' || to_hex(n %% 16) || substr(md5(n::text), 1, 14),
        upper(substr(md5(n::text), 1, 8)), md5(n::text), 'other',
        CASE n %% 500 WHEN 0 THEN 'waits_for_us' WHEN 1 THEN 'waits_for_you' ELSE 'solved' END, '{}', 'en', 1,
        now() - interval '250 s' * n, now() - interval '240 s' * n
    FROM generate_series(1, %(orders)s / 10) AS n
    """,
    # As many entries of the trail as orders. Nobody audits them: their hashes are none.
    """
    INSERT INTO work.trail (sequence, at, actor, action, subject, facts, hash)
    SELECT h.sequence + n, now() - interval '25 s' * (%(orders)s - n),
        CASE n %% 50000 WHEN 3 THEN 'key:seldom' ELSE 'stf_' || lpad((n %% 40)::text, 26, '0') END,
        CASE n %% 20000 WHEN 5 THEN 'catalogue.published' ELSE 'order.unmasked' END,
        'ord_' || lpad(n::text, 10, '0') || substr(md5(n::text), 1, 16), '{}', sha256('x')
    FROM work.trail_head AS h, generate_series(1, %(orders)s) AS n
    """,
    "UPDATE work.trail_head SET sequence = (SELECT max(sequence) FROM work.trail)",
    # A fifth of the orders were sold by the first agent.
    """
    INSERT INTO payments.float_payments (lane, payment_id, order_id, agent_id, bucket_id, amount_minor,
        commission_minor, currency, plan, paid_at)
    SELECT o.lane, o.kept_payment_id, o.id, %(agent)s, 'acc_x', 5000, 100, 'CNY', '', o.created_at
    FROM orders.orders AS o WHERE substr(o.id, 14, 1) IN ('0', '5') AND o.kept_payment_id IS NOT NULL
    """,
    """
    INSERT INTO reconciliation.bills (method, day, begins, ends, lines, digest, read_at, changed_at, compared_at)
    SELECT m, d.day, d.day, d.day + 1, 4000, 'x', now(), now(), now()
    FROM unnest(ARRAY['sandbox', 'alipay', 'wechatpay', 'stripe']) AS m,
        (SELECT (now() - interval '1 day' * n)::date AS day FROM generate_series(1, 60) AS n) AS d
    ON CONFLICT DO NOTHING
    """,
    # What grew over years has long been seen to: an index by ranges knows all but the last of them.
    """
    VACUUM (ANALYZE) orders.orders, orders.history, orders.receipts, payments.payments, payments.captures,
        payments.float_payments, lines.lines, lines.numbers, work.items, work.trail, care.tickets
    """,
)


@dataclass(frozen=True, slots=True)
class Office:
    """Who reads, and what there is to be looked for."""

    login: str
    secret: str
    agent: str
    known: Mapping[str, Any]


async def furnish(data_dir: Path, *, orders: int) -> Office:
    """Load what the office has written, and hire somebody who may read all of it."""
    settings = load_settings(data_dir=data_dir, demo=True)
    async with open_store(settings) as store, store.database.transaction() as transaction:
        connection, now, lanes = transaction.connection, transaction.now, store.installation.lanes
        secret = credentials.new_secret()
        invited = await administration.add(connection, login="bench", role=Role.OPERATOR, by="cli", now=now)
        await enrol_at_once(connection, store.keyring, invited, password=_PASSWORD, secret=secret, now=now)
        wanted = [NewAgent(f"agent {n}", "", "CNY", "Asia/Shanghai", "en", Terms()) for n in range(_AGENTS)]
        made = [
            await agents.add(connection, one, keyring=store.keyring, lanes=lanes, by="bench", now=now) for one in wanted
        ]
        items = [
            filled(top_up_id=new_id("float_top_up", one.lane), agent_id=one.id, amount=Money(10**9, "CNY"))
            for one in made
        ]
        for answer in await post(connection, items, now):
            if isinstance(answer, PostingRefused):
                raise answer
    known = await asyncio.to_thread(_load, data_dir, orders, made[0].id)
    return Office("bench", secret, made[0].id, known)


def _load(data_dir: Path, orders: int, agent: str) -> Mapping[str, Any]:
    embedded = EmbeddedServer.start(data_dir)
    try:
        with psycopg.connect(embedded.url, autocommit=True) as owner:
            for statement in _LOAD:
                owner.execute(statement, {"orders": orders, "agent": agent})
            row = owner.execute(
                "SELECT o.id, o.quote_id, o.kept_payment_id, o.msisdn, c.reference, o.created_at,"
                " format('%s-%s-%s', r.year, lpad(r.lane::text, 2, '0'), lpad(r.number::text, 6, '0'))"
                " FROM orders.orders AS o JOIN payments.captures AS c"
                " ON c.lane = o.lane AND c.payment_id = o.kept_payment_id"
                " JOIN orders.receipts AS r ON r.lane = o.lane AND r.order_id = o.id"
                " WHERE o.lane = 5 ORDER BY o.created_at OFFSET 50 LIMIT 1"
            ).fetchone()
            ticket = owner.execute("SELECT reference FROM care.tickets WHERE lane = 5 LIMIT 1").fetchone()
            line = owner.execute("SELECT id FROM lines.lines WHERE lane = 5 LIMIT 1").fetchone()
            work = owner.execute(
                "SELECT id, evidence ->> 'payment', subject FROM work.items WHERE state = 'decided' AND lane = 5"
                " ORDER BY created_at DESC LIMIT 1"
            ).fetchone()
    finally:
        embedded.close()
    assert row is not None
    assert ticket is not None
    assert line is not None
    assert work is not None
    names = ("order", "quote", "payment", "number", "reference", "at", "receipt")
    found = dict(zip(names, row, strict=True)) | {"ticket": ticket[0], "line": line[0]}
    return found | dict(zip(("item", "evidence", "subject"), work, strict=True))


def pages(office: Office) -> Mapping[str, str]:
    """What is asked for, by what it is called in the results."""
    known = office.known
    deep = f"{known['at'].isoformat()}~{known['order']}"

    def orders(**asked: str) -> str:
        return f"/console/orders?{urlencode(asked)}"

    def work(**asked: str) -> str:
        return f"/console/work?{urlencode(asked)}"

    def trail(**asked: str) -> str:
        return f"/console/trail?{urlencode(asked)}"

    texts = ("order", "quote", "payment", "receipt", "reference", "number")
    return {
        "orders": orders(),
        **{f"orders_by_{name}": orders(q=known[name]) for name in texts},
        "orders_by_unknown_reference": orders(q="4200001999202611219999"),
        "orders_by_amount": orders(q="50.00"),
        "orders_by_rare_amount": orders(q="77.77"),
        "orders_open": orders(state="open"),
        "orders_refunded": orders(state="refunded"),
        "orders_cancelled": orders(state="cancelled"),
        "orders_of_channel": orders(channel="counter"),
        "orders_of_unused_channel": orders(channel="ussd"),
        "orders_of_carrier": orders(carrier="qingfeng"),
        "orders_of_unused_method": orders(method="stripe"),
        "orders_deep": orders(before=deep),
        "orders_refunded_deep": orders(before=deep, state="refunded"),
        "work": work(),
        "work_of_kind": work(kind="refund_delayed"),
        "work_decided": work(state="decided"),
        "work_decided_of_kind": work(state="decided", kind="refund_delayed"),
        "work_about": work(state="decided", q=known["subject"]),
        "work_with_evidence": work(state="decided", q=known["evidence"]),
        "work_unknown": work(q="nobody knows this"),
        "work_deep": work(state="decided", after=known["item"]),
        "lines": "/console/lines",
        "lines_by_number": f"/console/lines?q={quote(known['number'])}",
        "line": f"/console/lines/{known['line']}",
        "tickets": "/console/tickets",
        "tickets_solved": "/console/tickets?state=solved",
        "tickets_by_reference": f"/console/tickets?q={known['ticket']}",
        "trail": trail(),
        "trail_of_subject": trail(subject=known["order"]),
        "trail_of_actor": trail(actor="key:seldom"),
        "trail_of_nobody": trail(actor="nobody"),
        "trail_of_action": trail(action="catalogue"),
        "trail_deep": trail(before="1000"),
        "agents": "/console/agents",
        "agent": f"/console/agents/{office.agent}",
        "reconciliation": "/console/reconciliation",
        "live_by_channel": "/console/live/part",
        "live_by_method": "/console/live/part?by=method",
        "live_by_carrier": "/console/live?by=carrier",
        "approvals": "/console/approvals",
        "staff": "/console/staff",
        "vouchers": "/console/vouchers",
        "outages": "/console/outages",
    }


def read(server: Server, office: Office, times: int) -> dict[str, float]:
    """The 95th percentile of each list in milliseconds, and the worst of them."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Accept": "text/html", "Cookie": _signed_in(connection, office)}
    taken: dict[str, list[float]] = {name: [] for name in pages(office)}
    wrong: list[str] = []
    for turn in range(times + 2):
        for name, path in pages(office).items():
            begun = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status not in {http.client.OK, http.client.SEE_OTHER}:
                wrong.append(f"{path} answered {answer.status}")
            if turn >= 2:  # noqa: PLR2004 - the first ones fill caches
                taken[name].append((time.perf_counter() - begun) * 1000)
        if wrong:
            raise RuntimeError("; ".join(wrong))
    p95 = {name: quantiles(found, n=20)[-1] for name, found in taken.items()}
    return {**{f"console_p95_ms_{name}": one for name, one in p95.items()}, "console_p95_ms": max(p95.values())}


def _signed_in(connection: http.client.HTTPConnection, office: Office) -> str:
    """The cookie of a new session."""
    code = pyotp.TOTP(office.secret).now()
    body = urlencode({"login": office.login, "password": _PASSWORD, "code": code})
    connection.request("POST", "/console/sign-in", body=body, headers=_FORM)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.SEE_OTHER:
        raise RuntimeError(f"signing in answered {answer.status}")
    cookies = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    return "; ".join(cookies)
