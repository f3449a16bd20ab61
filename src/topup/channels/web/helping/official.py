"""Is this official? A text that was pasted, judged on our server; what it leads to is never asked for."""

from typing import Final

from topup.care.desk import Care
from topup.care.official import LONGEST, Judged, Verdict
from topup.channels.web.forms import read_form
from topup.channels.web.helping.speaking import Speech
from topup.channels.web.keeping import Keeping
from topup.channels.web.receipts import facts_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.orders.desk import Desk
from topup.platform.web import limit

_PLACE: Final = "help:official"
_LOOKS: Final = {Verdict.YES: ("", "tick"), Verdict.NO: ("alarm", "alarm"), Verdict.UNKNOWN: ("wait", "info")}
_LONGEST_SHOWN: Final = 120


class OfficialPages:
    """Asking whether something is ours."""

    def __init__(self, care: Care, desk: Desk, keeping: Keeping) -> None:
        self._care = care
        self._desk = desk
        self._keeping = keeping

    async def form(self, request: WebRequest) -> Page:
        """What to paste."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        return page(request, "help/official.html", h=speech.say, longest=LONGEST)

    async def ask(self, request: WebRequest) -> Page:
        """To the verdict, the text sealed in its address."""
        limit(request, "read")
        text = (await read_form(request)).one("text")
        if not text:
            return go_to("/help/official")
        return go_to(f"/help/official/{self._keeping.seal({}, place=_PLACE, text=text)}")

    async def told(self, request: WebRequest, token: str) -> Page:
        """The verdict, why, and what to do."""
        limit(request, "read")
        text = str(self._keeping.open(token, place=_PLACE)["text"])
        speech = Speech(reader_of(request).wording)
        judged = await self._care.judge(text)
        facts = []
        if judged.token:
            verified = await self._desk.verify_receipt(token=judged.token)
            why = "receipt_genuine" if verified.genuine else "receipt_false"
            judged = Judged(Verdict.YES if verified.genuine else Verdict.NO, why, judged.about)
            facts = facts_of(verified, speech.wording) if verified.genuine else []
        tone, icon = _LOOKS[judged.verdict]
        place = judged.place
        return page(
            request,
            "help/verdict.html",
            h=speech.say,
            verdict=speech.care(f"verdict.{judged.verdict.value}"),
            why=speech.care(f"official.{judged.why}", about=judged.about[:_LONGEST_SHOWN]),
            what_to_do=speech.care(f"official.{judged.why}.do"),
            asked=text[:_LONGEST_SHOWN] + ("…" if len(text) > _LONGEST_SHOWN else ""),
            tone=tone,
            icon=icon,
            facts=facts,
            shop=(place.id, speech.own(place.names), speech.own(place.addresses)) if place else None,
            suspicious=judged.verdict is not Verdict.YES,
        )
