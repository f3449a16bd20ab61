"""Tips where they help: said before paying, and only what was measured."""

from topup.care.desk import Care
from topup.care.slowness import Wait
from topup.channels.web.helping.speaking import Speech, zone_of
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


async def slow_tip(care: Care, request: WebRequest) -> str:
    """Top-ups take longer just now than they do, where that was measured; else empty."""
    slow = await care.slow_now()
    if slow is None:
        return ""
    speech = Speech(reader_of(request).wording)
    return speech.say("slow_now", now=_words(slow.now, speech), usual=_words(slow.usual, speech))


async def automatic_tips(care: Care, request: WebRequest) -> list[str]:
    """How long automatic top-ups waited lately, and at months' ends where that is longer; only what was measured."""
    speech = Speech(reader_of(request).wording)
    waited = await care.runs_waited(await zone_of(care, request))
    tips = []
    if waited.today is not None:
        tips.append(speech.say("automatic_today", time=_words(waited.today, speech)))
    elif waited.lately is not None:
        tips.append(speech.say("automatic_lately", time=_words(waited.lately, speech)))
    if waited.month_end is not None:
        tips.append(speech.say("automatic_month_end", time=_words(waited.month_end, speech)))
    if waited.rushes:
        tips.append(speech.say("automatic_rush"))
    return tips


def _words(wait: Wait, speech: Speech) -> str:
    return seconds_words(wait.most_s, speech)
