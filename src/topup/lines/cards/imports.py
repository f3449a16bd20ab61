"""Reading an operator's file of SIM cards: CSV in UTF-8 with the columns iccid, carrier and kind; and imsi, item (what
shops have it in stock as), number (of the line it serves already), document and document_number (of that line's owner).

Rows go to the database in portions, each a transaction of its own, so importing may be interrupted and repeated: what
is there stays as it is. A row that cannot be taken is reported with its line number, and the others are taken. A file
never replaces a line's card. Lines and cards are locked in the order of `operations`, so whoever gives one of the cards
meanwhile does so before or after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Invalid
from topup.kernel.ids import lane_for, new_id
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.kernel.sim_cards import InvalidCard, parse_iccid, parse_imsi
from topup.lines.cards.states import CardKind
from topup.lines.files import BadRow, Listener, Progress, Repeats, Report, import_rows
from topup.lines.queries import Line, lines_now
from topup.people import id_checks
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

COLUMNS: Final = ("iccid", "carrier", "kind")
OPTIONAL: Final = ("imsi", "item", "number", "document", "document_number")
BY: Final = "import"
"""Who gave a line the card that a file says it has."""
_KINDS: Final = frozenset(kind.value for kind in CardKind)
_PORTION: Final = 2_000

_ADD: Final = """
INSERT INTO lines.cards (id, iccid, imsi, carrier_id, kind, state, sku, state_since, made_at)
SELECT id, iccid, imsi, carrier_id, kind, 'blank', sku, %(now)s, %(now)s
FROM unnest(%(ids)b::text[], %(iccids)b::text[], %(imsis)b::text[], %(carriers)b::text[], %(kinds)b::text[],
    %(skus)b::text[]) AS row (id, iccid, imsi, carrier_id, kind, sku)
ORDER BY iccid ON CONFLICT DO NOTHING RETURNING iccid
"""
_LOCK_LINES: Final = """
SELECT found.id FROM (SELECT * FROM unnest(%b::smallint[], %b::text[]) AS row (lane, id) ORDER BY lane, id) AS wanted
CROSS JOIN LATERAL (SELECT line.id FROM lines.lines AS line
    WHERE line.lane = wanted.lane AND line.id = wanted.id FOR KEY SHARE) AS found
"""
# A statement of its own: the one that gives sees cards as they were when it began, and would give one away twice.
_LOCK_CARDS: Final = "SELECT id FROM lines.cards WHERE iccid = ANY (%s) ORDER BY id FOR UPDATE"
_THERE: Final = """
SELECT iccid, id, imsi, carrier_id, kind, sku, state, line_id FROM lines.cards WHERE iccid = ANY (%s)
"""
_HAVE: Final = """
SELECT row.line_id, card.iccid
FROM unnest(%b::smallint[], %b::text[]) AS row (lane, line_id)
CROSS JOIN LATERAL (SELECT use.card_id FROM lines.card_uses AS use
    WHERE use.lane = row.lane AND use.line_id = row.line_id AND use.until IS NULL LIMIT 1) AS now
JOIN lines.cards AS card ON card.id = now.card_id
"""
_GIVE: Final = """
WITH begun AS (
    INSERT INTO lines.card_uses (lane, line_id, id, card_id, since, reason, key, place, given_by)
    SELECT row.lane, row.line_id, row.id, row.card_id, %(now)s, 'issued', 'import:' || row.card_id, '', %(by)s
    FROM unnest(%(lanes)b::smallint[], %(lines)b::text[], %(ids)b::text[], %(cards)b::text[])
        AS row (lane, line_id, id, card_id)
    JOIN lines.cards AS card ON card.id = row.card_id AND card.state = 'blank'
    ORDER BY row.lane, row.line_id
    ON CONFLICT DO NOTHING RETURNING lane, line_id, card_id
)
UPDATE lines.cards AS card SET state = 'active', state_since = %(now)s, lane = begun.lane, line_id = begun.line_id
FROM begun WHERE card.id = begun.card_id RETURNING card.id
"""
_REGISTER: Final = """
INSERT INTO lines.registered (lane, line_id, document, mark, last_four, since)
SELECT lane, line_id, document, mark, last_four, %(now)s
FROM unnest(%(lanes)b::smallint[], %(lines)b::text[], %(documents)b::text[], %(marks)b::bytea[], %(lasts)b::text[])
    AS row (lane, line_id, document, mark, last_four)
ON CONFLICT (lane, line_id) DO UPDATE SET document = excluded.document, mark = excluded.mark,
    last_four = excluded.last_four, since = excluded.since WHERE registered.mark <> excluded.mark
"""


@dataclass(slots=True)
class CardsReport(Report):
    """What became of the rows: new cards, those of them (or of older ones) that now serve a line, those that were as
    the file says, and those refused.
    """

    added: int = 0
    given: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    row: int
    iccid: str
    imsi: str | None
    carrier_id: str
    kind: str
    sku: str | None
    e164: str
    document: str
    mark: bytes
    last_four: str
    card_id: str = ""

    @property
    def facts(self) -> tuple[str | None, str, str, str | None]:
        return self.imsi, self.carrier_id, self.kind, self.sku


async def import_cards(
    database: Database,
    path: Path,
    *,
    snapshot: Snapshot,
    lanes: int,
    keys: KeyRing,
    progress: Progress,
    listener: Listener | None = None,
) -> CardsReport:
    """Import the file at `path`; gives what became of each row, and tells `listener` of each bad one.

    Raises UnreadableFile, and those of `Database`.
    """
    report = CardsReport()

    async def store(rows: Sequence[_Wanted]) -> list[BadRow]:
        async with database.transaction() as transaction:
            return await _store(transaction.connection, rows, transaction.now, report, lanes=lanes)

    await import_rows(
        path, columns=COLUMNS, optional=OPTIONAL, read=_Reader(snapshot, keys).read, store=store, report=report,
        progress=progress, listener=listener, size=_PORTION,
    )  # fmt: skip
    return report


class _Reader:
    """Judges rows, in another thread than the database is spoken to in."""

    def __init__(self, snapshot: Snapshot, keys: KeyRing) -> None:
        self._keys = keys
        self._iccids, self._imsis, self._numbers = Repeats(), Repeats(), Repeats()
        self._countries = {
            carrier.carrier_id: carrier.document.country for carrier in snapshot.carriers() if carrier.is_own_network
        }

    def read(self, line: int, fields: list[str]) -> _Wanted | BadRow:
        iccid, carrier_id, kind, imsi, item, number, document, document_number = fields
        country = self._countries.get(carrier_id)
        if country is None:
            return BadRow(line, "line_carrier_unknown", {"known": ", ".join(self._countries)})
        if kind not in _KINDS:
            return BadRow(line, "card_kind_unknown", {"known": ", ".join(map(str, CardKind))})
        try:
            card = parse_iccid(iccid)
            network = parse_imsi(imsi) if imsi else None
            e164 = parse_msisdn(number, region=country).e164 if number else ""
            seen = id_checks.shown(document=document, number=document_number) if document or document_number else None
        except (InvalidCard, InvalidNumber, Invalid) as problem:
            return BadRow(line, problem.code)
        if seen and not e164:
            return BadRow(line, "card_owner_without_line")
        said = ((self._iccids, card.digits), (self._imsis, network.digits if network else ""), (self._numbers, e164))
        first = min(repeats.first(text, line) for repeats, text in said if text)
        if first != line:
            return BadRow(line, "card_repeated", {"first": first})
        mark = id_checks.marks(seen, self._keys)[0] if seen else b""
        last = id_checks.last_four(seen) if seen else ""
        network_digits = network.digits if network else None
        return _Wanted(line, card.digits, network_digits, carrier_id, kind, item or None, e164, document, mark, last)


async def _store(
    connection: Connection, rows: Sequence[_Wanted], now: datetime, report: CardsReport, *, lanes: int
) -> list[BadRow]:
    """Those that could not be taken."""
    served = await lines_now(connection, sorted({row.e164 for row in rows if row.e164}))
    have = await _have(connection, served)
    bad = [BadRow(row.row, why) for row in rows if (why := _no_line(row, served, have))]
    refused = {row.line for row in bad}
    rest = [row for row in rows if row.row not in refused]
    if not rest:
        return bad
    added = await _added(connection, rest, now, lanes=lanes)
    await _lock(connection, [row for row in rest if row.e164], served)
    there = await _there(connection, rest)
    report.added += len(added)
    taken: list[_Wanted] = []
    for row in rest:
        known = there.get(row.iccid)
        if known is None:
            bad.append(BadRow(row.row, "card_imsi_taken"))
        elif known[1:5] != row.facts:
            bad.append(BadRow(row.row, "card_known_otherwise"))
        else:
            taken.append(replace(row, card_id=str(known[0])))
    wanted = [row for row in taken if row.e164 and there[row.iccid][6] != served[row.e164].ref.id]
    given = await _given(connection, wanted, served, now)
    report.given += len(given)
    bad += [BadRow(row.row, "card_line_taken") for row in wanted if row.card_id not in given]
    failed = {row.card_id for row in wanted} - given
    await _registered(connection, [row for row in taken if row.mark and row.card_id not in failed], served, now)
    report.unchanged += sum(
        row.iccid not in added and row.card_id not in given and row.card_id not in failed for row in taken
    )
    return bad


async def _have(connection: Connection, served: Mapping[str, Line]) -> dict[str, str]:
    """The ICCIDs of the cards that lines have now, by the lines' ids."""
    if not served:
        return {}
    cursor = await connection.execute(_HAVE, columns([(line.ref.lane, line.ref.id) for line in served.values()]))
    return {row[0]: row[1] for row in await cursor.fetchall()}


def _no_line(row: _Wanted, served: Mapping[str, Line], have: Mapping[str, str]) -> str:
    """Why the line of a row cannot have its card; empty where it can."""
    if not row.e164:
        return ""
    line = served.get(row.e164)
    if line is None or line.status == "closed":
        return "card_line_unknown"
    if line.carrier_id != row.carrier_id:
        return "card_of_another_carrier"
    return "" if have.get(line.ref.id, row.iccid) == row.iccid else "card_line_taken"


Known = tuple[str | None, ...]


async def _added(connection: Connection, rows: Sequence[_Wanted], now: datetime, *, lanes: int) -> set[str]:
    """The ICCIDs of the cards that were new."""
    ids = [new_id("card", lane_for(row.iccid, lanes)) for row in rows]
    names = ("ids", "iccids", "imsis", "carriers", "kinds", "skus")
    values = columns([(card_id, row.iccid, *row.facts) for card_id, row in zip(ids, rows, strict=True)])
    cursor = await connection.execute(_ADD, {**dict(zip(names, values, strict=True)), "now": now})
    return {row[0] for row in await cursor.fetchall()}


async def _lock(connection: Connection, rows: Sequence[_Wanted], served: Mapping[str, Line]) -> None:
    """Until the transaction ends nobody else gives these lines a card, nor these cards away."""
    if not rows:
        return
    refs = [served[row.e164].ref for row in rows]
    await connection.execute(_LOCK_LINES, columns([(ref.lane, ref.id) for ref in refs]))
    await connection.execute(_LOCK_CARDS, [[row.iccid for row in rows]])


async def _there(connection: Connection, rows: Sequence[_Wanted]) -> dict[str, Known]:
    """What is known now of each card that is there."""
    cursor = await connection.execute(_THERE, [[row.iccid for row in rows]])
    return {iccid: tuple(rest) for iccid, *rest in await cursor.fetchall()}


async def _given(
    connection: Connection, rows: Sequence[_Wanted], served: Mapping[str, Line], now: datetime
) -> set[str]:
    """The ids of the cards that serve their lines from now on."""
    if not rows:
        return set()
    refs = [served[row.e164].ref for row in rows]
    parameters = {
        "now": now,
        "by": BY,
        "lanes": [ref.lane for ref in refs],
        "lines": [ref.id for ref in refs],
        "ids": [new_id("card_use", ref.lane) for ref in refs],
        "cards": [row.card_id for row in rows],
    }
    return {row[0] for row in await (await connection.execute(_GIVE, parameters)).fetchall()}


async def _registered(
    connection: Connection, rows: Sequence[_Wanted], served: Mapping[str, Line], now: datetime
) -> None:
    if not rows:
        return
    refs = [served[row.e164].ref for row in rows]
    parameters = {
        "now": now,
        "lanes": [ref.lane for ref in refs],
        "lines": [ref.id for ref in refs],
        "documents": [row.document for row in rows],
        "marks": [row.mark for row in rows],
        "lasts": [row.last_four for row in rows],
    }
    await connection.execute(_REGISTER, parameters)
