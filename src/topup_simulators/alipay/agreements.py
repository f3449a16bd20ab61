"""Agreements that the wallet's owner signs: at most so much each time, on days of a plan; and payments by them.

Until it is signed there is none, and one that ended is answered as one that never was. A payment may be made from five
days before the day of the plan on; each that is made puts the plan on by whole periods.
"""

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2 import Environment, StrictUndefined

from topup_simulators.alipay import orders
from topup_simulators.alipay.seal import CHINA, Call, Seal
from topup_simulators.alipay.voice import BUYER, spell
from topup_simulators.payments.pages import POLICY, Pages, read_by, spell_amount
from topup_simulators.payments.terms import Rejected
from topup_simulators.payments.texts import Rows, texts
from topup_simulators.payments.till import Till
from topup_simulators.post import is_on_this_machine
from topup_simulators.web import Answer, Request

PAGE: Final = "alipay.user.agreement.page.sign"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS agreements (
    number TEXT PRIMARY KEY,                -- the merchant's
    agreement_no TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('NORMAL', 'STOP', 'UNSIGN')),
    product TEXT NOT NULL,
    scene TEXT NOT NULL,
    single_minor INTEGER NOT NULL,
    days INTEGER NOT NULL,
    next_day TEXT NOT NULL,
    notify_url TEXT NOT NULL,
    poor INTEGER NOT NULL DEFAULT 0         -- whether its owner has too little money
) WITHOUT ROWID;
"""
_PERSONAL: Final = "CYCLE_PAY_AUTH_P"
_CHANNELS: Final = ("ALIPAYAPP", "QRCODE", "QRCODEORSMS")
_FEWEST_DAYS: Final = 7
_LONGEST_NUMBER: Final = 32
_EARLY: Final = timedelta(days=5)
_INVALID: Final = "INVALID_PARAMETER"
_ABSENT: Final = "USER_AGREEMENT_NOT_EXIST"
_OUTCOMES: Final = ("sign", "refuse")
_PAUSING: Final = {"pause": ("NORMAL", "STOP"), "resume": ("STOP", "NORMAL")}
WORDS: Final[Rows] = {
    "agree_title": ("模拟签约", "模擬簽約", "Simulated agreement"),
    "single": ("每次最多扣款", "每次最多扣款", "At most each time"),
    "often": ("最多每几天扣一次", "最多每幾天扣一次", "Once in so many days"),
    "from": ("首次扣款日", "首次扣款日", "First day"),
    "sign": ("同意并签约", "同意並簽約", "Agree"),
    "refuse": ("不同意，返回商户", "不同意，返回商戶", "Do not agree, go back"),
    "agree_choose": (
        "同意后，商户可以在这些限制内直接扣款。",
        "同意後，商戶可以在這些限制內直接扣款。",
        "Once you agree, the shop may charge you within these limits.",
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """An agreement as a merchant asks for it."""

    number: str
    product: str
    scene: str
    single_minor: int
    days: int
    next_day: str
    notify_url: str
    return_url: str


class Agreements:
    """The agreements of one merchant with one person."""

    def __init__(self, *, till: Till, seal: Seal, app_id: str, payee: str, own: Rows) -> None:
        self._till = till
        self._store = till.store
        self._seal = seal
        self._app_id = app_id
        self._payee = payee
        self._own = {**own, **WORDS}
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._page = environment.from_string((files(__package__) / "sign.html").read_text("utf-8"))

    # The page

    def open(self, text: str, request: Request) -> Answer:
        """The page on which it is signed."""
        try:
            asked = self._asked(text, datetime.now(UTC))
        except Rejected as rejected:
            return self._pages.refused(rejected.code, text, request)
        language = read_by("", request)
        values = {
            "text": texts(language, self._own),
            "language": language.replace("_", "-"),
            "amount": spell_amount(asked.single_minor, "CNY", language),
            "asked": asked,
            "payee": self._payee,
            "form": text,
            "outcomes": _OUTCOMES,
        }
        return Answer(200, self._page.render(values).encode(), "text/html; charset=utf-8", POLICY)

    def choose(self, request: Request) -> Answer:
        """What its owner does on the page, and back to the merchant."""
        sent = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=8)
        text, outcome = sent.get("form", [""])[0], sent.get("outcome", [""])[0]
        try:
            asked = self._asked(text, datetime.now(UTC))
            if outcome not in _OUTCOMES:
                return self._pages.refused("BAD_OUTCOME", text, request)
            if outcome == "sign":
                self.sign(asked)
        except Rejected as rejected:
            return self._pages.refused(rejected.code, text, request)
        return Answer(303, b"", "text/plain", (("location", asked.return_url), *POLICY))

    def sign(self, asked: Asked) -> None:
        """Its owner agrees, and the merchant is told; again it is the same. Raises Rejected for other terms, or where
        it ended before.
        """
        with self._store.transaction():
            row = {name: value for name, value in asdict(asked).items() if name != "return_url"}
            row["agreement_no"] = f"{datetime.now(CHINA):%Y}{secrets.randbelow(10**16):016}"
            made = self._store.write(
                "INSERT INTO agreements (number, agreement_no, status, product, scene, single_minor, days, next_day, "
                "notify_url) VALUES (:number, :agreement_no, 'NORMAL', :product, :scene, :single_minor, :days, "
                ":next_day, :notify_url) ON CONFLICT DO NOTHING",
                row,
            )
            known = self._named("number", asked.number)
            if known is None or known["status"] != "NORMAL" or known["single_minor"] != asked.single_minor:
                raise Rejected("USER_AGREEMENT_EXIST")
            self._store.count("sign", asked.number, effected=bool(made))
            if made:
                self._tell(known, "dut_user_sign")

    # What the merchant may ask

    def query(self, call: Call, _now: datetime) -> dict[str, Any]:
        """How it stands. Raises Rejected."""
        row = self._asked_about(call.content)
        self._store.count("agreement_query", row["number"] if row else "", effected=row is not None)
        if row is None or row["status"] == "UNSIGN":
            raise Rejected(_ABSENT)
        return _succeeded(**_facts(row), status=row["status"], next_deduct_time=row["next_day"])

    def unsign(self, call: Call, _now: datetime) -> dict[str, Any]:
        """End it. Raises Rejected."""
        row = self._asked_about(call.content)
        if row is None or row["status"] == "UNSIGN":
            self._store.count("unsign", row["number"] if row else "", effected=False)
            raise Rejected(_ABSENT)
        self._store.count("unsign", row["number"], effected=True)
        self._end(row)
        return _succeeded()

    def charged_by(self, content: Mapping[str, Any], now: datetime) -> sqlite3.Row:
        """The agreement by which a payment may be made. Raises Rejected."""
        given = content.get("agreement_params")
        number = given.get("agreement_no") if isinstance(given, dict) else None
        row = self._named("agreement_no", number) if isinstance(number, str) else None
        if row is None or row["status"] == "UNSIGN":
            raise Rejected("ACQ.AGREEMENT_NOT_EXIST")
        if row["status"] == "STOP":
            raise Rejected("ACQ.AGREEMENT_STATUS_NOT_NORMAL")
        if content.get("product_code") != row["product"]:
            raise Rejected("ACQ.INVALID_PARAMETER")
        if orders.amount(content, "total_amount") > row["single_minor"]:
            raise Rejected("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED")
        if _today(now) < date.fromisoformat(row["next_day"]) - _EARLY:
            raise Rejected("ACQ.CYCLE_PAY_DATE_NOT_MATCH")
        return row

    def charged(self, row: sqlite3.Row, now: datetime) -> None:
        """A payment was made by it: the next is due a period on, and after today."""
        due = date.fromisoformat(row["next_day"]) + timedelta(days=row["days"])
        while due <= _today(now):
            due += timedelta(days=row["days"])
        self._store.write("UPDATE agreements SET next_day = ? WHERE number = ?", (due.isoformat(), row["number"]))

    # What tests and demonstrations have its owner do

    def control(self, path: str) -> Answer:
        """`{number}/unsign`: its owner ends it in the wallet; `pause`, `resume`: it is stopped for a while, goes on;
        `poor`, `rich`: has too little money, has enough; `due`: the day of the plan is today.
        """
        number, _, deed = path.partition("/")
        row = self._named("number", number)
        if row is None or deed not in ("unsign", "pause", "resume", "poor", "rich", "due"):
            return Answer(404, b'{"code":"NO_SUCH_AGREEMENT"}')
        with self._store.transaction():
            if deed == "unsign":
                self._end(row)
            elif deed in _PAUSING:
                before, after = _PAUSING[deed]
                self._store.write(
                    "UPDATE agreements SET status = ? WHERE number = ? AND status = ?", (after, number, before)
                )
            elif deed == "due":
                today = _today(datetime.now(UTC)).isoformat()
                self._store.write("UPDATE agreements SET next_day = ? WHERE number = ?", (today, number))
            else:
                self._store.write("UPDATE agreements SET poor = ? WHERE number = ?", (int(deed == "poor"), number))
        return Answer(200, b'{"code":"OK"}')

    @property
    def _pages(self) -> Pages:
        return self._till.pages

    def _asked(self, text: str, now: datetime) -> Asked:
        """What the merchant signed. Raises Rejected."""
        call = self._seal.read(text, now=now, is_page=True)
        content = call.content
        if call.method != PAGE:
            raise Rejected("isv.invalid-method")
        if not is_on_this_machine(call.notify_url):
            raise Rejected("isv.invalid-notify-url")
        if not call.return_url.startswith(("http://", "https://")):
            raise Rejected("isv.invalid-return-url")
        if content.get("product_code") not in orders.WITHHOLDING or content.get("personal_product_code") != _PERSONAL:
            raise Rejected(_INVALID)
        access = content.get("access_params")
        if not isinstance(access, dict) or access.get("channel") not in _CHANNELS:
            raise Rejected(_INVALID)
        return Asked(
            number=_number(content),
            product=content["product_code"],
            scene=_scene(content),
            notify_url=call.notify_url,
            return_url=call.return_url,
            **_plan(content.get("period_rule_params")),
        )

    def _asked_about(self, content: Mapping[str, Any]) -> sqlite3.Row | None:
        """By Alipay's number alone, or by the merchant's with the product and the scene. Raises Rejected."""
        number = content.get("agreement_no", "")
        if isinstance(number, str) and number:
            return self._named("agreement_no", number)
        row = self._named("number", _number(content))
        if content.get("personal_product_code") != _PERSONAL:
            raise Rejected(_INVALID)
        return row if row is not None and row["scene"] == _scene(content) else None

    def _named(self, column: str, number: str) -> sqlite3.Row | None:
        return self._store.one(f"SELECT *, number AS payment_id FROM agreements WHERE {column} = ?", (number,))

    def _end(self, row: sqlite3.Row) -> None:
        self._store.write("UPDATE agreements SET status = 'UNSIGN' WHERE number = ?", (row["number"],))
        self._tell(row, "dut_user_unsign")

    def _tell(self, row: sqlite3.Row, kind: str) -> None:
        now = datetime.now(UTC)
        signed = kind == "dut_user_sign"
        times = ("sign_time", "valid_time") if signed else ("unsign_time",)
        news = {
            **_facts(row),
            **dict.fromkeys(times, spell(now)),
            **({"invalid_time": "2115-02-01 00:00:00"} if signed else {}),
            "status": "NORMAL" if signed else "UNSIGN",
            "notify_id": "".join(secrets.choice("0123456789") for _ in range(34)),
            "notify_type": kind,
            "notify_time": spell(now),
            "charset": "UTF-8",
            "version": "1.0",
            "app_id": self._app_id,
            "auth_app_id": self._app_id,
        }
        self._till.notices.plan(self._till.agenda, f"agreement.{kind}", row, news)


def _facts(row: sqlite3.Row) -> dict[str, str]:
    return {
        "agreement_no": row["agreement_no"],
        "external_agreement_no": row["number"],
        "personal_product_code": _PERSONAL,
        "sign_scene": row["scene"],
        "alipay_user_id": BUYER["buyer_id"],
        "alipay_logon_id": BUYER["buyer_logon_id"],
    }


def _number(content: Mapping[str, Any]) -> str:
    number = content.get("external_agreement_no", "")
    is_one = isinstance(number, str) and number.isascii() and number.isalnum() and len(number) <= _LONGEST_NUMBER
    if not is_one:
        raise Rejected(_INVALID)
    return str(number)


def _scene(content: Mapping[str, Any]) -> str:
    """The scene must be named where the merchant gives a number of its own, and is never the default one."""
    scene = content.get("sign_scene", "")
    if not isinstance(scene, str) or "|" not in scene or scene == "DEFAULT|DEFAULT":
        raise Rejected(_INVALID)
    return scene


def _plan(rules: object) -> dict[str, Any]:
    """At most how much, in how many days once, and the first day. Raises Rejected."""
    if not isinstance(rules, dict) or rules.get("period_type") != "DAY":
        raise Rejected(_INVALID)
    period, first = rules.get("period", ""), rules.get("execute_time", "")
    if not (isinstance(period, str) and period.isdigit() and int(period) >= _FEWEST_DAYS and isinstance(first, str)):
        raise Rejected(_INVALID)
    try:
        next_day = date.fromisoformat(first).isoformat()
    except ValueError:
        raise Rejected(_INVALID) from None
    return {"single_minor": orders.amount(rules, "single_amount"), "days": int(period), "next_day": next_day}


def _today(now: datetime) -> date:
    return now.astimezone(CHINA).date()


def _succeeded(**facts: str) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **facts}
