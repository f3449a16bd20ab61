"""Paying an order on another device or at a counter: by a short code, or by a link that a QR code holds.

Promise: whoever has them may pay, and is told what that takes: the number masked, and the sum. The order's id, which is
its payer's capability, does not come with them. They end with the order's time to be paid, and with its payment.

A code has nine digits of chance and a check digit, so that a slip of the finger is told as one. Wrong ones are counted
by who shows them, by address and in total: all guessing together is expected to find less than one order in FINDS_IN
days; and who finds one may pay a stranger's bill.
"""

import json
import re
import secrets
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.kernel.ids import OrderId, lane_for, lane_of
from topup.orders import queries
from topup.orders.queries import place_of
from topup.orders.states import OrderState
from topup.payments.vouchers.pins import check_digit
from topup.platform import guesses
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.guesses import WINDOW, Guesser, Guesses, guesser
from topup.platform.jobs import Sweep
from topup.platform.keys import CannotOpen, KeyRing

DIGITS: Final = 10
CHANCE: Final = 10 ** (DIGITS - 1)
"""How many codes there are: what guessing is measured against."""
LASTS: Final = timedelta(minutes=30)
"""At most; a code ends with its order in any case."""
FINDS_IN: Final = 100
"""Days in which all guessing together is expected to find one order that waits."""
FEWEST: Final = 1_000
"""Wrong codes a day that are looked up in any case: with so few, people would be shut out by people's mistakes."""
MOST: Final = {"payer": 5, "address": 20}
"""Wrong codes in an hour. More people than one may be behind an address."""

_COUNTERS: Final = Guesses("orders.pay_code_guesses", MOST)
_BOUND_TO: Final = "pay elsewhere"
_LONGEST_TOKEN: Final = 300
_LONGEST_TYPED: Final = 40
_SEPARATORS: Final = re.compile(r"[\s.\u00b7\u2010-\u2015-]+")
_TRIES: Final = 5
_EVERY_S: Final = 600.0
_BATCH: Final = 500

_BEFORE_CODE = crash_label("pay_codes.make.before_commit")
_AFTER_CODE = crash_label("pay_codes.make.after_commit")
_BEFORE_FINDING = crash_label("pay_codes.find.before_commit")
_AFTER_FINDING = crash_label("pay_codes.find.after_commit")
_BEFORE_FORGETTING = crash_label("pay_codes.forget.before_commit")
_AFTER_FORGETTING = crash_label("pay_codes.forget.after_commit")

_CURRENT = "SELECT code, expires_at FROM orders.pay_codes WHERE lane = %s AND order_id = %s AND expires_at > %s"
_KEEP = """
INSERT INTO orders.pay_codes (lane, order_id, code, expires_at) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING code
"""
_DROP = "DELETE FROM orders.pay_codes WHERE lane = %s AND order_id = %s AND expires_at <= %s"
_FIND = "SELECT order_id, expires_at FROM orders.pay_codes WHERE lane = %s AND code = %s AND expires_at > %s"
_LIVE = "SELECT count(*) FROM orders.pay_codes WHERE expires_at > %s"
_FORGET = """
DELETE FROM orders.pay_codes WHERE (lane, order_id) IN
    (SELECT lane, order_id FROM orders.pay_codes WHERE expires_at <= %s ORDER BY expires_at LIMIT %s
    FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class PayCode:
    """What leads another device to an order: the code to type, the token of a link, and until when both do."""

    code: str
    token: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Payable:
    """The order that a code or a token leads to, and until when it may be paid by them."""

    order_id: OrderId
    until: datetime


class Elsewhere:
    """Makes codes, and finds orders by them."""

    def __init__(self, *, database: Database, keys: KeyRing, lanes: int) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes

    async def code(self, *, order_id: str) -> PayCode:
        """The code of an order that waits for its payment: the same for as long as it lasts. Raises NotFound
        order_unknown, Conflict order_not_payable.
        """
        place = place_of("order", order_id)
        async with self._database.transaction() as transaction:
            order = (await queries.locked(transaction.connection, [place])).get(order_id)
            if order is None:
                raise NotFound("order_unknown")
            if order.state is not OrderState.AWAITING_PAYMENT or transaction.now >= order.expires_at:
                raise Conflict("order_not_payable")
            code, until = await self._kept(transaction, order_id, order.expires_at)
            crash_point(_BEFORE_CODE)
        crash_point(_AFTER_CODE)
        return PayCode(code, self._token(order_id, until), until)

    async def _kept(self, transaction: Transaction, order_id: str, ends: datetime) -> tuple[str, datetime]:
        connection, now, lane = transaction.connection, transaction.now, lane_of(order_id)
        found = await (await connection.execute(_CURRENT, (lane, order_id, now))).fetchone()
        if found is not None:
            return found[0], found[1]
        until = min(ends, now + LASTS)
        await connection.execute(_DROP, (lane, order_id, now))
        for _ in range(_TRIES):
            wish = (lane, order_id, new_code(lane, lanes=self._lanes), until)
            made = await (await connection.execute(_KEEP, wish)).fetchone()
            if made is not None:
                return made[0], until
        raise RuntimeError("no code is free: there are too many")

    async def find(self, *, text: str, payer: str | None, address: str | None) -> PayCode:
        """What a code leads to that somebody typed; who that is, is counted where it is wrong. Raises Invalid
        pay_code_unreadable, NotFound pay_code_unknown, Throttled pay_code_shut_out.
        """
        code = parse_code(text)
        who = guesser(payer=payer, address=address, keys=self._keys)
        async with self._database.transaction() as transaction:
            found = await self._looked_up(transaction, code, who)
            crash_point(_BEFORE_FINDING)
        crash_point(_AFTER_FINDING)
        if found is None:
            raise NotFound("pay_code_unknown")
        return PayCode(code, self._token(found.order_id, found.until), found.until)

    async def _looked_up(self, transaction: Transaction, code: str, who: Guesser) -> Payable | None:
        connection, now = transaction.connection, transaction.now
        if await _is_shut_out(connection, who, now):
            raise Throttled("pay_code_shut_out", retry_after_s=int(WINDOW.total_seconds()))
        lane = lane_for(code, self._lanes)
        row = await (await connection.execute(_FIND, (lane, code, now))).fetchone()
        orders = await queries.orders(connection, [(lane, row[0])]) if row else {}
        if row is None or orders[row[0]].state is not OrderState.AWAITING_PAYMENT:
            await _COUNTERS.count(connection, who, now)
            return None
        return Payable(OrderId(row[0]), row[1])

    def open(self, *, token: str) -> Payable:
        """The order of a link's token; raises NotFound pay_code_unknown. Whether it may still be paid is not said."""
        if len(token) > _LONGEST_TOKEN:
            raise NotFound("pay_code_unknown")
        try:
            sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            order_id, until = json.loads(self._keys.unseal(sealed, _BOUND_TO))
        except (ValueError, CannotOpen):
            raise NotFound("pay_code_unknown") from None
        return Payable(OrderId(order_id), datetime.fromtimestamp(until, UTC))

    def _token(self, order_id: str, until: datetime) -> str:
        plain = json.dumps([order_id, until.timestamp()]).encode()
        return urlsafe_b64encode(self._keys.seal(plain, _BOUND_TO)).decode().rstrip("=")

    async def live(self, *, until: datetime) -> bool:
        """Whether what lasts `until` still does."""
        async with self._database.read() as transaction:
            return transaction.now < until

    def sweeps(self) -> list[Sweep]:
        """What runs by itself: codes that ended are removed, and old counters."""
        return [Sweep("orders.pay_codes", _EVERY_S, partial(self._forget), batch=_BATCH)]

    async def _forget(self) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            gone = (await connection.execute(_FORGET, (now, _BATCH))).rowcount
            gone += await _COUNTERS.forget(connection, _BATCH, now)
            crash_point(_BEFORE_FORGETTING)
        crash_point(_AFTER_FORGETTING)
        return gone


def new_code(lane: int, *, lanes: int) -> str:
    """A code of the operating system's chance that leads to `lane`."""
    while True:
        body = f"{secrets.randbelow(CHANCE):0{DIGITS - 1}}"
        code = body + check_digit(body)
        if lane_for(code, lanes) == lane:
            return code


def parse_code(text: str) -> str:
    """A code as people type it: with spaces or hyphens, in full-width or other digits. Raises Invalid
    pay_code_unreadable for what is none, and for one whose check digit is wrong.
    """
    joined = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text[:_LONGEST_TYPED]))
    digits = "".join(str(unicodedata.decimal(letter, "x")) for letter in joined)
    if len(digits) != DIGITS or "x" in digits or check_digit(digits[:-1]) != digits[-1]:
        raise Invalid("pay_code_unreadable")
    return digits


def grouped(code: str) -> str:
    """For the eye, and to be said: `4821 773 596`."""
    return f"{code[:4]} {code[4:7]} {code[7:]}"


def budget(live: int) -> int:
    """How many wrong codes are looked up in a day, in total, while `live` orders wait."""
    return guesses.budget(live, chance=CHANCE, finds_in=FINDS_IN, fewest=FEWEST)


async def _is_shut_out(connection: Connection, who: Guesser, now: datetime) -> bool:
    if await _COUNTERS.is_shut_out(connection, who, now):
        return True
    row = await (await connection.execute(_LIVE, [now])).fetchone()
    return await _COUNTERS.total(connection, now) >= budget(row[0] if row else 0)
