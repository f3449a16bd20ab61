"""The signed JSON interface: create, query, close, cancel, refund, refund_query, bill.

Every answer that is not deliberately broken is signed, refusals too. An answer's `code` says what it means: OK,
THROTTLED, PAYMENT_NOT_FOUND, ALREADY_PAID, ALREADY_FINAL, OTHER_CONTENT, PAYMENT_IN_PROGRESS, REFUND_NOT_FOUND,
REFUND_ID_REUSED, UNKNOWN_CHARGE, REFUND_EXCEEDS_PAYMENT, and for the request itself BAD_SIGNATURE, STALE_REQUEST,
NONCE_REUSED, UNKNOWN_MERCHANT, BAD_REQUEST.
"""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import msgspec

from topup_simulators.agenda import Agenda
from topup_simulators.gateway.book import Book, OtherContent
from topup_simulators.gateway.magic import Magic, magic_of
from topup_simulators.gateway.notices import Notices
from topup_simulators.gateway.seal import TOLERANCE_S, Merchant, Rejected, Seal, check_request, read_form
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour, Request

REFUND: Final = "refund"
_SLOW_REFUND_S: Final = 2.0
_MISBEHAVES_TIMES: Final = 2
_STATUS: Final = {"THROTTLED": 429, "BAD_SIGNATURE": 401, "UNKNOWN_MERCHANT": 401}
_BROKEN: Final = Answer(500, b"<h1>Internal Server Error</h1>", "text/html")


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

    def __init__(
        self, *, store: Store, book: Book, agenda: Agenda, notices: Notices, seal: Seal, merchant: Merchant
    ) -> None:
        self._store = store
        self._book = book
        self._agenda = agenda
        self._notices = notices
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

    async def finish_refund(self, detail: Mapping[str, Any], _tries: int) -> None:
        """A slow refund comes to its end."""
        with self._store.transaction():
            refused = detail["refused"]
            status, reason = ("refused", "ACCOUNT_CLOSED") if refused else ("done", "")
            now = datetime.now(UTC)
            if self._book.end_refund(detail["refund_id"], status=status, reason=reason, now=now):
                self._tell_refund(detail["refund_id"])

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
        payment = self._book.payment(form.payment_id)
        final = payment is not None and self._book.standing(payment, now) != "waiting"
        return {"code": "ALREADY_FINAL" if final else "OK", "payment_id": form.payment_id}

    def _query(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        payment = self._book.payment(payment_id)
        self._store.count("query", payment_id, effected=payment is not None)
        if payment is None:
            return {"code": "PAYMENT_NOT_FOUND", "payment_id": payment_id}
        magic = magic_of(payment["amount_minor"]) if payment["content"] is not None else None
        first = self._times("query", payment_id) <= _MISBEHAVES_TIMES
        if magic is Magic.QUERY_BROKEN:
            return _BROKEN
        if magic is Magic.QUERY_THROTTLED and first:
            return {"code": "THROTTLED", "retry_after_s": 1}
        status = self._book.standing(payment, now)
        charges = self._book.charges(payment_id) if status == "paid" else []
        spoilt = magic is Magic.QUERY_BADLY_SIGNED and first
        return {"code": "OK", "payment_id": payment_id, "status": status, "payments": charges, "spoilt": spoilt}

    def _close(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        payment = self._book.payment(payment_id)
        status = None if payment is None else self._book.standing(payment, now)
        self._store.count("close", payment_id, effected=status in (None, "waiting"))
        if payment is None:
            self._book.close_unheard(payment_id)
        elif status == "paid":
            return {"code": "ALREADY_PAID", "payment_id": payment_id}
        elif payment["in_progress"]:
            return {"code": "PAYMENT_IN_PROGRESS", "payment_id": payment_id}
        elif status == "waiting":
            self._end_unpaid(payment)
        return {"code": "OK", "payment_id": payment_id}

    def _cancel(self, body: bytes, now: datetime) -> _Reply:
        payment_id = msgspec.json.decode(body, type=_AboutPayment).payment_id
        payment = self._book.payment(payment_id)
        self._store.count("cancel", payment_id, effected=payment is None or payment["status"] != "closed")
        if payment is None:
            self._book.close_unheard(payment_id)
        elif payment["status"] == "waiting":
            self._end_unpaid(payment)
        elif payment["status"] == "paid":
            self._book.cancel(payment_id, now)
        return {"code": "OK", "payment_id": payment_id}

    def _refund(self, body: bytes, now: datetime) -> _Reply:
        wanted = msgspec.json.decode(body, type=_RefundWanted)
        known = self._book.refund(wanted.refund_id)
        if known is not None:
            self._store.count("refund", wanted.refund_id, effected=False)
            return _refund_reply(known, replay=True) if _same(known, wanted) else _about(wanted, "REFUND_ID_REUSED")
        magic = self._magic(wanted.payment_id)
        if magic is Magic.REFUND_HANGS_UP_UNDONE and self._times("refund", wanted.refund_id) == 0:
            self._store.count("refund", wanted.refund_id, effected=False)
            return Misbehaviour.HANG_UP
        refusal = self._refusal(wanted)
        self._store.count("refund", wanted.refund_id, effected=refusal is None)
        if refusal is not None:
            return _about(wanted, refusal)
        return self._give_back(wanted, magic, now)

    def _give_back(self, wanted: _RefundWanted, magic: Magic | None, now: datetime) -> _Reply:
        slow = magic in (Magic.REFUND_SLOW, Magic.REFUND_FAILS_LATER)
        self._book.add_refund(msgspec.to_builtins(wanted), status="pending" if slow else "done", now=now)
        if slow:
            detail = {"refund_id": wanted.refund_id, "refused": magic is Magic.REFUND_FAILS_LATER}
            self._agenda.plan(REFUND, detail, after_s=_SLOW_REFUND_S * self._notices.time_factor)
        else:
            self._tell_refund(wanted.refund_id)
        if magic is Magic.REFUND_HANGS_UP_DONE:
            return Misbehaviour.HANG_UP
        if magic is Magic.REFUND_BROKEN:
            return _BROKEN
        known = self._book.refund(wanted.refund_id)
        return _about(wanted, "BAD_REQUEST") if known is None else _refund_reply(known, replay=False)

    def _refusal(self, wanted: _RefundWanted) -> str | None:
        charge = self._book.charge_of(wanted.payment_id, wanted.reference)
        if charge is None or charge["currency"] != wanted.currency:
            return "UNKNOWN_CHARGE"
        left = charge["amount_minor"] - self._book.refunded(wanted.reference)
        return "REFUND_EXCEEDS_PAYMENT" if wanted.amount_minor > left else None

    def _refund_query(self, body: bytes, _now: datetime) -> _Reply:
        about = msgspec.json.decode(body, type=_AboutRefund)
        known = self._book.refund(about.refund_id)
        self._store.count("refund_query", about.refund_id, effected=known is not None)
        if known is None or known["payment_id"] != about.payment_id:
            return {"code": "REFUND_NOT_FOUND", "refund_id": about.refund_id, "payment_id": about.payment_id}
        return _refund_reply(known, replay=True)

    def _bill(self, body: bytes, _now: datetime) -> _Reply:
        about = msgspec.json.decode(body, type=_AboutDay)
        lines, following = self._book.bill(about.day.isoformat(), about.after)
        return {"code": "OK", "day": about.day.isoformat(), "lines": lines, "next": following}

    def _end_unpaid(self, payment: sqlite3.Row) -> None:
        self._book.end(payment["payment_id"], "closed")
        body = self._notices.compose("payment.closed", payment["payment_id"])
        self._notices.plan(self._agenda, payment["notify_url"], body)

    def _tell_refund(self, refund_id: str) -> None:
        refund = self._book.refund(refund_id)
        payment = self._book.payment(refund["payment_id"]) if refund else None
        if refund is None or payment is None:
            return
        facts = {name: refund[name] for name in ("refund_id", "reference", "amount_minor", "currency", "reason")}
        body = self._notices.compose(f"refund.{refund['status']}", refund["payment_id"], **facts)
        self._notices.plan(self._agenda, payment["notify_url"], body)

    def _magic(self, payment_id: str) -> Magic | None:
        payment = self._book.payment(payment_id)
        return None if payment is None else magic_of(payment["amount_minor"])

    def _times(self, kind: str, subject: str) -> int:
        row = self._store.one("SELECT received FROM calls WHERE kind = ? AND subject = ?", (kind, subject))
        return 0 if row is None else int(row["received"])


def _same(known: sqlite3.Row, wanted: _RefundWanted) -> bool:
    return (known["payment_id"], known["charge"], known["amount_minor"], known["currency"]) == (
        wanted.payment_id,
        wanted.reference,
        wanted.amount_minor,
        wanted.currency,
    )


def _about(wanted: _RefundWanted, code: str) -> dict[str, Any]:
    return {"code": code, "refund_id": wanted.refund_id, "payment_id": wanted.payment_id}


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
