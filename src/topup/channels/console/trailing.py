"""The audit trail as a page: who did what, newest first."""

from collections.abc import Mapping
from typing import Any, Final

from topup.channels.console.rendering import Look, asked, wording_of
from topup.kernel.ids import is_id
from topup.people.sessions import SignedIn
from topup.people.staff import id_of, names_of
from topup.platform.database import Connection, Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest
from topup.work import trail

PAGE: Final = 50
GROUPS: Final = (
    "approval",
    "work",
    "order",
    "sale",
    "till",
    "queue",
    "ticket",
    "outage",
    "line",
    "people",
    "agent",
    "catalogue",
    "offer",
    "staff",
    "evidence",
    "transfer",
    "voucher",
    "day",
    "counter",
    "stock",
    "printing",
    "display",
    "terminal",
)
"""What actions begin with: the groups that the trail is narrowed to."""
_MOST_DIGITS: Final = 18
_SIDES: Final = ("before", "after")
"""The facts that tell a change, side by side."""


class TrailPages:
    """Reading the trail."""

    def __init__(self, *, look: Look, database: Database) -> None:
        self._look = look
        self._database = database

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The newest entries, or those before a number; of one subject or one person where it is asked for."""
        subject, name, before, group = (asked(request, field) for field in ("subject", "actor", "before", "action"))
        group = group if group in GROUPS else ""
        async with self._database.read() as transaction:
            actor = await _id_of(transaction.connection, name)
            found = await trail.entries(
                transaction.connection,
                before=int(before) if before.isascii() and before.isdigit() and len(before) <= _MOST_DIGITS else None,
                subject=subject,
                actor=actor,
                action=f"{group}." if group else "",
                limit=PAGE + 1,
            )
            people = [one for entry in found for one in (entry.actor, entry.subject, *_people_in(entry.facts))]
            names = await names_of(transaction.connection, people)
        wording = wording_of(request, self._look.zone)
        rows = [
            {
                "number": entry.sequence,
                "at": wording.moment(entry.at),
                "actor": wording.actor(entry.actor, names),
                "action": wording.action(entry.action),
                "subject": entry.subject,
                "name": names.get(entry.subject, ""),
                "facts": wording.facts(_beside(entry.facts)),
                "changes": wording.changes(entry.facts, names),
            }
            for entry in found[:PAGE]
        ]
        more = found[PAGE - 1].sequence if len(found) > PAGE else None
        return self._look.page(
            request,
            "trail.html",
            who=who,
            place="trail",
            rows=rows,
            subject=subject,
            actor=name,
            group=group,
            groups=GROUPS,
            more=more,
        )


def _people_in(facts: Mapping[str, Any]) -> list[str]:
    """The ids of staff in what an entry tells was before and after."""
    sides = [side for side in (facts.get(name) for name in _SIDES) if isinstance(side, dict)]
    return [value for side in sides for value in side.values() if isinstance(value, str) and is_id("staff", value)]


def _beside(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry tells beside its change; a currency is told with the amounts."""
    sides = [side for side in (facts.get(name) for name in _SIDES) if isinstance(side, dict)]
    amounts = any(name.endswith("_minor") for side in sides for name in side)
    return {name: fact for name, fact in facts.items() if name not in _SIDES and not (amounts and name == "currency")}


async def _id_of(connection: Connection, name: str) -> str:
    """The actor that is meant by a name of staff; anything else is searched for as it is written."""
    found = await id_of(connection, login=name) if name else None
    return found or name
