"""Tips where they help: said before paying, and only what was measured."""

from topup.care.desk import Care
from topup.channels.web.helping.speaking import Speech
from topup.channels.web.helping.times import seconds_words
from topup.channels.web.rendering import WebRequest, reader_of


async def rush_tip(care: Care, request: WebRequest, *, zone: str) -> str:
    """That many top up now, and what that means, where it was measured so; else empty."""
    rush = await care.rush(zone)
    if rush is None:
        return ""
    speech = Speech(reader_of(request).wording)
    slower, usual = (seconds_words(seconds, speech) for seconds in rush)
    return speech.say("rush", slower=slower, usual=usual)
