"""Is this official? What somebody pastes or types is read as text, compared with what is ours, and never fetched.

A yes is only said of what is on a list of ours, or proves itself with our signature. A no is said of an address that is
not ours: the list is whole. Everything else is `unknown`, with what to do. That a number is displayed or a sender is
named proves nothing, and the words say so.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.orders.receipts import parse_receipt_number
from topup.shops.places import Directory, Place
from topup.shops.queries import by_code, by_name

LONGEST: Final = 1_000
_LINK: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^\s<>\"'，。；]+", re.IGNORECASE)
_BARE: Final = re.compile(
    r"(?<![\w@.-])((?:[\w-]+\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+))(/[^\s<>\"'，。；]*)?(?![\w@])", re.IGNORECASE
)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()\-]{1,24}", re.ASCII)
_ASKS: Final = (
    "验证码", "驗證碼", "密码", "密碼", "身份证号", "身分證", "verification code", "password", "one-time code", "otp",
)  # fmt: skip
_WEB: Final = frozenset({"http", "https"})


class Verdict(StrEnum):
    """Whether something is ours."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with its reason: `official.<why>` and `official.<why>.do` in the catalogue `care`, with `about` as what
    was judged. `token` is a receipt's, to be shown as it verifies; `place` the one that is meant.
    """

    verdict: Verdict
    why: str
    about: str = ""
    token: str = ""
    place: Place | None = None


def judge(text: str, *, directory: Directory, public_url: str) -> Judged:
    """What is to be said of a text: a link, a receipt's number, what a QR code held, a shop, a number, a message."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).strip()
    if not plain:
        return Judged(Verdict.UNKNOWN, "nothing")
    links = _links(plain)
    judged = [_judge_link(link, _ours(directory, public_url)) for link in links]
    bad = next((one for one in judged if one.verdict is Verdict.NO), None)
    if bad is not None:
        return bad
    if _asks_for_secrets(plain):
        return Judged(Verdict.NO, "asks_for_secrets")
    if judged:
        return judged[0]
    return _judge_plain(plain, directory)


def _links(text: str) -> list[str]:
    found = [link.rstrip(".,;:!?)") for link in _LINK.findall(text)]
    rest = _LINK.sub(" ", text)
    return found + ["//" + "".join(parts) for parts in _BARE.findall(rest)]


def _ours(directory: Directory, public_url: str) -> frozenset[str]:
    own = urlsplit(public_url)
    sites = {_host(own), *directory.ours.sites}
    # With the port where it stands: another program on our machine is not us.
    return frozenset(site for site in sites if site)


def _host(link: SplitResult) -> str:
    """`host` or `host:port`, in lower case and ASCII; empty where it is no host."""
    try:
        name = (link.hostname or "").encode("idna").decode("ascii").lower().rstrip(".")
        port = link.port
    except (UnicodeError, ValueError):
        return ""
    usual = {"http": 80, "https": 443}.get(link.scheme.lower())
    return f"{name}:{port}" if name and port and port != usual else name


def _judge_link(text: str, ours: Sequence[str] | frozenset[str]) -> Judged:
    try:
        link = urlsplit(text)
    except ValueError:
        return Judged(Verdict.NO, "link_broken", text)
    host = _host(link)
    if link.scheme and link.scheme.lower() not in _WEB:
        return Judged(Verdict.UNKNOWN, "link_other", link.scheme)
    if host not in ours:
        disguised = link.username is not None or any(site in text.lower() for site in ours)
        return Judged(Verdict.NO, "link_disguised" if disguised else "link_not_ours", host or text)
    if link.username is not None:
        return Judged(Verdict.NO, "link_disguised", host)
    parts = link.path.split("/")
    if len(parts) == 3 and parts[1] == "verify" and parts[2]:  # noqa: PLR2004 - /verify/<token>
        return Judged(Verdict.UNKNOWN, "receipt", host, token=parts[2])
    return Judged(Verdict.YES, "link_ours", host)


def _asks_for_secrets(text: str) -> bool:
    lower = text.casefold()
    # A single word may be looked up by somebody who is asked for it; a sentence that has it is a message.
    return any(word in lower and len(lower) > len(word) + 2 for word in _ASKS)


def _judge_plain(text: str, directory: Directory) -> Judged:
    place = by_code(directory, text)
    if place is not None:
        return Judged(Verdict.YES, "place_code", text, place=place)
    named = by_name(directory, text)
    if named:
        return Judged(Verdict.YES, "place_name", text, place=named[0])
    if parse_receipt_number(text) is not None:
        return Judged(Verdict.UNKNOWN, "receipt_number", text)
    ours = {sender.casefold() for sender in directory.ours.senders}
    number = _number(text)
    if number and number in {_number(phone) for phone in directory.ours.phones}:
        return Judged(Verdict.YES, "phone_ours", text)
    if text.casefold() in ours:
        return Judged(Verdict.YES, "sender_ours", text)
    if number:
        return Judged(Verdict.NO, "phone_not_ours", text)
    return Judged(Verdict.UNKNOWN, "not_understood")


def _number(text: str) -> str:
    """A number to compare by: E.164, or a short one's digits; empty where it is none."""
    if _PHONE.fullmatch(text) is None:
        return ""
    try:
        return parse_msisdn(text).e164
    except InvalidNumber:
        return "".join(letter for letter in text if letter.isdigit())
