"""Writing messages down, inside the transaction that makes the news."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from topup.kernel.ids import new_id
from topup.notifications.daytime import USUAL, Hours
from topup.notifications.ports import AddressKind
from topup.notifications.templates import TEMPLATES, Parameter, to_json
from topup.platform.database import Connection

_ENQUEUE = """
INSERT INTO notifications.messages
    (lane, id, kind, key, address, sealed_for, locale, template, parameters, daytime_of, day_begins, day_ends, until,
     send_at, created_at)
SELECT lane, id, kind, key, address, sealed_for, locale, template, parameters, daytime_of, day_begins, day_ends, until,
    %(now)s, %(now)s
FROM unnest(%(lanes)b::smallint[], %(ids)b::text[], %(kinds)b::text[], %(keys)b::text[], %(addresses)b::bytea[],
            %(sealed_for)b::text[], %(locales)b::text[], %(templates)b::text[], %(parameters)b::jsonb[],
            %(zones)b::text[], %(begins)b::smallint[], %(ends)b::smallint[], %(untils)b::timestamptz[])
    AS wanted (lane, id, kind, key, address, sealed_for, locale, template, parameters, daytime_of, day_begins, day_ends,
               until)
ORDER BY lane, key
ON CONFLICT (lane, key) DO NOTHING
"""


class UnknownTemplate(ValueError):
    """No template of that name, or not with those parameters: a defect of the caller."""


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news for one person.

    `key` names the news (`order:…:delivered`): one message is sent for each. `sealed_address` opens with the key ring
    and `sealed_for` (the contact's id), and is of `kind`. `template` and its parameters are those of
    `templates.TEMPLATES`. What nobody waits for is sent only in the `hours` of `daytime_of`, an IANA zone. What is of
    no use after `until` is not sent after it.
    """

    lane: int
    key: str
    sealed_address: bytes
    sealed_for: str
    locale: str
    template: str
    parameters: Mapping[str, Parameter]
    daytime_of: str | None = None
    hours: Hours = USUAL
    kind: AddressKind = AddressKind.MAIL
    until: datetime | None = None

    def __post_init__(self) -> None:
        if TEMPLATES.get(self.template) != frozenset(self.parameters) - {"stop_url"}:
            raise UnknownTemplate(self.template)


async def enqueue(connection: Connection, news: Sequence[News], now: datetime) -> None:
    """Write one message for each piece of news, due at once; news whose key is known adds nothing."""
    if not news:
        return
    parameters = {
        "now": now,
        "lanes": [item.lane for item in news],
        "ids": [new_id("message", item.lane) for item in news],
        "kinds": [item.kind.value for item in news],
        "keys": [item.key for item in news],
        "addresses": [item.sealed_address for item in news],
        "sealed_for": [item.sealed_for for item in news],
        "locales": [item.locale for item in news],
        "templates": [item.template for item in news],
        "parameters": [Jsonb(to_json(item.parameters)) for item in news],
        "zones": [item.daytime_of for item in news],
        "begins": [item.hours.begins for item in news],
        "ends": [item.hours.ends for item in news],
        "untils": [item.until for item in news],
    }
    await connection.execute(_ENQUEUE, parameters)
