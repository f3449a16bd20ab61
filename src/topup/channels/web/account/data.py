"""All that is kept about somebody, for them to take along."""

from litestar import Response

from topup.care.taking import bundle
from topup.channels.web.rendering import HEADERS, Page, WebRequest, page, reader_of
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.leaving import Leaving
from topup.platform.web import limit
from topup.platform.web.forms import Form


class DataPages:
    """One's data."""

    def __init__(self, *, leaving: Leaving) -> None:
        self._leaving = leaving

    async def data(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What it is, and the way to it."""
        return page(request, "account/data.html")

    async def take(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """The file: to be read by people, and by machines."""
        limit(request, "order")
        held = await self._leaving.held(subscriber_id=who.id)
        content = bundle(held, locale=reader_of(request).wording.locale)
        disposition = 'attachment; filename="topup-data.zip"'
        return Response(content, media_type="application/zip", headers=HEADERS | {"Content-Disposition": disposition})
