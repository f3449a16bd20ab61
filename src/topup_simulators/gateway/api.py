"""The signed JSON interface: create, query, close, cancel, refund, refund_query, bill.

Every answer that is not deliberately broken is signed, refusals too. An answer's `code` says what it means: OK,
THROTTLED, PAYMENT_NOT_FOUND, ALREADY_PAID, ALREADY_FINAL, OTHER_CONTENT, PAYMENT_IN_PROGRESS, REFUND_NOT_FOUND,
REFUND_ID_REUSED, UNKNOWN_CHARGE, REFUND_EXCEEDS_PAYMENT, and for the request itself BAD_SIGNATURE, STALE_REQUEST,
NONCE_REUSED, UNKNOWN_MERCHANT, BAD_REQUEST.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from topup_simulators.gateway.seal import TOLERANCE_S, Merchant, Seal, check_request, read_form
from topup_simulators.payments.book import Book
from topup_simulators.payments.cashier import Cashier, Closed, RefundWanted, Trouble
from topup_simulators.payments.terms import OtherContent, Rejected
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour, Request

_STATUS: Final = {"THROTTLED": 429, "BAD_SIGNATURE": 401, "UNKNOWN_MERCHANT": 401}
_TROUBLES: Final[dict[Trouble, Answer | Misbehaviour]] = {
    Trouble.BROKEN: Answer(500, b"<h1>Internal Server Error</h1>", "text/html"),
    Trouble.GARBAGE: Answer(200, b"\x00\xff no answer", "application/json"),
    Trouble.HANG_UP: Misbehaviour.HANG_UP,
}
_CLOSED: Final = {Closed.PAID: "ALREADY_PAID", Closed.IN_PROGRESS: "PAYMENT_IN_PROGRESS"}
_BILL_PAGE: Final = 100
_BILL_FIELDS: Final = ("kind", "our_id", "reference", "amount_minor", "currency", "at")


class _AboutPayment(msgspec.Struct):
    payment_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class _PaymentWanted(msgspec.Struct):
    form: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class _RefundWanted(_AboutPayment):
    refund_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    reference: str
    amount_minor: Annotated[int, msgspec.Meta(gt=0)]
    currency: str
    reason: str = ""


class _AboutRefund(_AboutPayment):
    refund_id: str


class _AboutDay(msgspec.Struct):
    day: date
    after: str = ""


_Reply = dict[str, Any] | Answer | Misbehaviour


class Api:
    """Answers the merchant's servers."""

    def __init__(self, *, store: Store, book: Book, cashier: Cashier, seal: Seal, merchant: Merchant) -> None:
        self._store = store
        self._book = book
        self._cashier = cashier
        self._seal = seal
        self._merchant = merchant
        self._actions: dict[str, Callable[[bytes, datetime], _Reply]] = {
            "/api/create": self._create,
            "/api/query": self._query,
            "/api/close": self._close,
            "/api/cancel": self._cancel,
            "/api/refund": self._refund,
            "/api/refund_query": self._refund_query,
            "/api/bill": self._bill,
        }

    def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one question, whole in one transaction."""
        now = datetime.now(UTC)
        spoilt = False
        with self._store.transaction():
            reply = self._reply(request, now)
            if isinstance(reply, dict):
                spoilt = bool(reply.pop("spoilt", False))
        if not isinstance(reply, dict):
            return reply
        body = msgspec.json.encode(reply)
        status = _STATUS.get(reply["code"], 200)
        headers = self._seal.answer_headers(
            status=status,
            path=request.path,
            nonce=request.headers.get("x-sandbox-nonce", ""),
            body=body,
            now=now,
            spoilt=spoilt,
        )
        return Answer(status, body, headers=headers)

    def _reply(self, request: Request, now: datetime) -> _Reply:
        action = self._actions.get(request.path)
        if action is None or request.method != "POST":
            return {"code": "BAD_REQUEST"}
        try:
            nonce = check_request(
                merchant=self._merchant, path=request.path, headers=request.headers, body=request.body, now=now
            )
            fresh = self._store.use_nonce(nonce, now.timestamp(), 2 * TOLERANCE_S)
            return action(request.body, now) if fresh else {"code": "NONCE_REUSED"}
        except Rejected as rejected:
            return {"code": rejected.code}
        except msgspec.MsgspecError:
            return {"code": "BAD_REQUEST"}

    def _create(self, body: bytes, now: datetime) -> _Reply:
        """Know a payment before its page is opened. Raises Rejected, as the page refuses a form."""
        form = read_form(msgspec.json.decode(body, type=_PaymentWanted).form, merchant=self._merchant, now=now)
        try:
            self._book.register(form)
        except OtherContent:
            return {"code": "OTHER_CONTENT", "payment_id": form.payment_id}
        self._store.count("form", form.payment_id, effected=True)
        trouble = self._cashier.begun(form.payment_id)
        if trouble is not None:
            return _TROUBLES[trouble]
        payment = self._book.payment(form.payment_id)
        final = payment is not None and self._book.standing(payment, now) != "waiting"
        return {"code": "ALREADY_FINAL" if final else "OK", "payment_id": form.payment_id}

    def _query(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        found = self._cashier.query(payment_id, now)
        if found.payment is None:
            return {"code": "PAYMENT_NOT_FOUND", "payment_id": payment_id}
        if found.trouble is Trouble.THROTTLED:
            return {"code": "THROTTLED", "retry_after_s": 1}
        if found.trouble is not None and found.trouble in _TROUBLES:
            return _TROUBLES[found.trouble]
        return {
            "code": "OK",
            "payment_id": payment_id,
            "status": found.standing,
            "payments": found.charges,
            "spoilt": found.trouble is Trouble.SPOILT,
        }

    def _close(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        return {"code": _CLOSED.get(self._cashier.close(payment_id, now), "OK"), "payment_id": payment_id}

    def _cancel(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        self._cashier.cancel(payment_id, now)
        return {"code": "OK", "payment_id": payment_id}

    def _refund(self, body: bytes, now: datetime) -> _Reply:
        wanted = msgspec.json.decode(body, type=_RefundWanted)
        answer = self._cashier.refund(
            RefundWanted(wanted.refund_id, wanted.payment_id, wanted.reference, wanted.amount_minor, wanted.currency),
            now,
        )
        if answer.trouble is not None:
            return _TROUBLES[answer.trouble]
        if answer.refund is None:
            return {"code": answer.code, "refund_id": wanted.refund_id, "payment_id": wanted.payment_id}
        return _refund_reply(answer.refund, replay=answer.replay)

    def _refund_query(self, body: bytes, _now: datetime) -> _Reply:
        about = msgspec.json.decode(body, type=_AboutRefund)
        known = self._cashier.refund_query(about.refund_id, about.payment_id)
        if known is None:
            return {"code": "REFUND_NOT_FOUND", "refund_id": about.refund_id, "payment_id": about.payment_id}
        return _refund_reply(known, replay=True)

    def _bill(self, body: bytes, _now: datetime) -> _Reply:
        about = msgspec.json.decode(body, type=_AboutDay)
        begin = datetime(about.day.year, about.day.month, about.day.day, tzinfo=UTC)
        moved, following = self._book.moved(begin, begin + timedelta(days=1), after=about.after, most=_BILL_PAGE)
        lines = [{name: line[name] for name in _BILL_FIELDS} for line in moved]
        return {"code": "OK", "day": about.day.isoformat(), "lines": lines, "next": following}


def _refund_reply(refund: sqlite3.Row, *, replay: bool) -> dict[str, Any]:
    return {
        "code": "OK",
        "refund_id": refund["refund_id"],
        "payment_id": refund["payment_id"],
        "status": refund["status"],
        "reason": refund["reason"],
        "reference": refund["reference"],
        "amount_minor": refund["amount_minor"],
        "currency": refund["currency"],
        "fund_change": not replay,
    }
