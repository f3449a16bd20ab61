"""The lines in one's account: adding one by a code to its number, names, order, removing."""

from typing import Final

from topup.channels.web.account.codes import CodePages
from topup.channels.web.account.entering import said
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page
from topup.kernel.errors import Invalid, NotFound, Throttled
from topup.kernel.ids import LineId, is_id, lane_of
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import LineRef
from topup.people.subscribers.accounts import account
from topup.people.subscribers.codes import Purpose
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form

LINES: Final = "/account/lines"
_PLACE: Final = "lines"


class LinePages:
    """One's lines."""

    def __init__(self, *, database: Database, keyring: KeyRing, codes: CodePages, keeping: Keeping) -> None:
        self._database = database
        self._keyring = keyring
        self._codes = codes
        self._keeping = keeping

    async def listed(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - a page like the others
        """The lines, and the form to add one; with what was wrong with it."""
        kept = self._keeping.open(token, place=own_place(_PLACE, who)) if token else {"fields": {"number": ""}}
        async with self._database.read() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(transaction.connection, subscriber_id=who.id, seal=whose.seal)
        return page(
            request,
            "account/lines.html",
            here=LINES,
            lines=[(line, parse_msisdn(line.e164).grouped()) for line in lines],
            number=kept["fields"]["number"],
            mistake=said(request, kept),
            full=len(lines) >= owners.MOST_LINES,
            longest=owners.LONGEST_NAME,
        )

    async def add(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Send a code to the line's number."""
        try:
            return await self._codes.send(request, who, Purpose.BIND, parse_msisdn(form.one("number")), back=LINES)
        except (Invalid, Throttled) as problem:
            token = self._keeping.seal({"number": form.one("number")}, place=own_place(_PLACE, who), problem=problem)
            return go_to(f"{LINES}/again/{token}")

    async def call(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Give a line a name."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=who.id)
            await owners.call(
                transaction.connection,
                subscriber_id=who.id,
                line=_ref(line_id),
                name=form.one("name"),
                seal=whose.seal,
            )
        return go_to(LINES)

    async def put_first(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Move a line to the top."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=who.id)
            await owners.put_first(transaction.connection, subscriber_id=who.id, line=_ref(line_id), seal=whose.seal)
        return go_to(LINES)

    async def remove(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Take a line out of the account."""
        async with self._database.transaction() as transaction:
            await owners.unbind(transaction.connection, subscriber_id=who.id, line=_ref(line_id))
        return go_to(LINES)


def _ref(line_id: str) -> LineRef:
    if not is_id("line", line_id):
        raise NotFound("line_unknown")
    return LineRef(lane_of(line_id), LineId(line_id))
