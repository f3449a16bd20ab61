"""Items as the posting function takes them: columns, and once for many what they have in common (`ledger.template`).

A template is a document, whose parsing costs more than the rest of an item together; the items of one call mostly share
one. Texts go as one text with a line each, which the database cuts up faster than any array of texts can be read.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from topup.kernel.ids import new_id
from topup.ledger.items import BucketSpec, Credit, Debit, Expire, Hold, Item, Move, Release, Settle, Transfer

Columns = tuple[str, str, str, str, bytes, str, str, str, str, str, str]

_encode: Final = msgspec.json.Encoder().encode


def columns_of(items: Sequence[Item]) -> Columns:
    """What `ledger.post_many` takes of `items`, in its order.

    Templates, each item's template (from 1), lanes, keys, fingerprints, lines, amounts, references, subjects, ends of
    holds in microseconds, and ids for what may be opened.
    """
    templates = _Templates()
    rows = [templates.row(item) for item in items]
    numbers, lanes, keys, fingerprints, lines, amounts, references, subjects, expiries, ids = zip(*rows, strict=True)
    return (
        f"[{b','.join(templates.documents).decode()}]",
        _array(numbers),
        _array(lanes),
        "\n".join(keys),
        b"".join(fingerprints),
        "\n".join(lines),
        _array(amounts),
        "\n".join(references),
        "\n".join(subjects),
        _array(expiries),
        "\n".join(ids),
    )


def _array(numbers: Sequence[Any]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


class _Templates:
    """The templates of one call. A fingerprint covers the template's document and the item's own fields."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._known: dict[tuple[Any, ...], tuple[int, Any]] = {}

    @property
    def documents(self) -> Iterable[bytes]:
        """In the order of their numbers."""
        return self._numbers

    def row(self, item: Item) -> tuple[Any, ...]:
        common, line, amount, subject, expires, opens = _PARTS[type(item)](item)
        known = self._known.get(common)
        if known is None:
            known = self._known[common] = self._learn(item, common)
        number, digest = known
        digest = digest.copy()
        digest.update(f"{line}\n{amount}\n{item.reference}\n{subject}\n{expires}".encode())
        fresh = new_id(opens, item.lane) if opens else ""
        return (
            number, item.lane, item.key, digest.digest(), line, amount, item.reference, subject, expires, fresh
        )  # fmt: skip

    def _learn(self, item: Item, common: tuple[Any, ...]) -> tuple[int, Any]:
        """A new template. The spec of a bucket is in `common` by its identity: the items keep it alive."""
        kind, asset, from_code, to_code, purpose, kinds, scopes, final, forced, _ = common
        spec: BucketSpec | None = getattr(item, "bucket", None)
        document = _encode(
            {
                "kind": kind, "asset": asset, "from_code": from_code, "to_code": to_code, "purpose": purpose,
                "kinds": kinds, "scopes": scopes, "final": final, "forced": forced,
                "bucket": None if spec is None else _spec(spec),
            }
        )  # fmt: skip
        number = self._numbers.setdefault(document, len(self._numbers) + 1)
        return number, blake2b(document, digest_size=16)


def _spec(spec: BucketSpec) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(spec, builtin_types=(datetime,))
    tiers = document.pop("tiers")
    document["tier_from"] = [tier["from_amount"] for tier in tiers]
    document["tier_until"] = [tier["usable_until"] for tier in tiers]
    return document


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


_Parts = tuple[tuple[Any, ...], str, int, str, int | str, str]
"""(what is common, line, amount, subject, end of the hold, kind of the id it may open)."""


def _transfer(item: Transfer) -> _Parts:
    common = ("transfer", item.asset, item.debit_code, item.credit_code, item.purpose, None, None, None, None, None)
    return common, "", item.amount, "", "NULL", ""


def _credit(item: Credit) -> _Parts:
    common = ("credit", item.asset, item.from_code, None, item.purpose, None, None, None, None, id(item.bucket))
    return common, item.line_id, item.amount, "", "NULL", "account"


def _debit(item: Debit) -> _Parts:
    common = ("debit", item.asset, None, item.to_code, item.purpose, item.kinds, item.scopes, None, None, None)
    return common, item.line_id, item.amount, item.bucket_id or "", "NULL", ""


def _hold(item: Hold) -> _Parts:
    common = ("hold", item.asset, None, None, item.purpose, item.kinds, item.scopes, None, None, None)
    return common, item.line_id, item.amount, item.bucket_id or "", _microseconds(item.expires_at), "hold"


def _move(item: Move) -> _Parts:
    common = ("move", item.asset, None, None, item.purpose, item.kinds, item.scopes, None, None, id(item.bucket))
    return common, item.line_id, item.amount, item.bucket_id or "", "NULL", "account"


def _settle(item: Settle) -> _Parts:
    common = ("settle", None, None, item.to_code, item.purpose, None, None, item.final, None, None)
    return common, "", item.amount, item.hold_id, "NULL", ""


def _release(item: Release) -> _Parts:
    common = ("release", None, None, None, item.purpose, None, None, None, None, None)
    return common, "", 0, item.hold_id, "NULL", ""


def _expire(item: Expire) -> _Parts:
    common = ("expire", None, None, item.to_code, item.purpose, None, None, None, item.forced, None)
    return common, "", 0, item.bucket_id, "NULL", ""


_PARTS: Final[dict[type[Item], Callable[[Any], _Parts]]] = {
    Transfer: _transfer,
    Credit: _credit,
    Debit: _debit,
    Hold: _hold,
    Move: _move,
    Settle: _settle,
    Release: _release,
    Expire: _expire,
}
