"""The first page of help: what people ask most, and looking for an answer in any of the three languages."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from topup.care.desk import Care
from topup.channels.web.forms import read_form
from topup.channels.web.helping.checking import Notice, notices
from topup.channels.web.helping.speaking import Speech, zone_of
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import Page, Place, WebRequest, go_to, page, reader_of
from topup.platform.i18n import LOCALES, translate
from topup.platform.web import limit

ANSWERS: Final = (
    "how_long",
    "wrong_number",
    "money_back",
    "paid_twice",
    "receipt",
    "no_account",
    "fees",
    "ways_to_pay",
    "validity",
    "blocked",
    "abroad",
    "voucher",
    "best_time",
    "safety",
    "large_text",
    "cancel",
)
"""The answers, the most asked for first: `answer_<id>` is the question, `answer_<id>_text` the answer, and
`answer_<id>_words` other words people use for it.
"""
_PLACE: Final = "help:search"
_MOST_FOUND: Final = 6


WAYS: Final = (
    Place("/help/not-arrived", "not_arrived", "clock"),
    Place("/help/no-network", "no_network", "alarm"),
    Place("/help/official", "official", "shield"),
    Place("/help/shops", "shops", "info"),
    Place("/help/times", "times", "tick"),
    Place("/help/write", "write_us", "person"),
)
"""Where one goes on from the first page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and its answer."""

    id: str
    question: str
    text: str


class IndexPages:
    """Questions and answers."""

    def __init__(self, care: Care, keeping: Keeping) -> None:
        self._care = care
        self._keeping = keeping

    async def index(self, request: WebRequest) -> Page:
        """All of them."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        announced, now = await self._care.outages()
        return _show(
            request, list(ANSWERS), told=notices(announced, speech, zone=await zone_of(self._care, request), now=now)
        )

    async def search(self, request: WebRequest) -> Page:
        """To the answers that fit. What was typed may hold a number: it stands in the address sealed."""
        limit(request, "read")
        wish = (await read_form(request)).one("q")
        if not wish:
            return go_to("/help")
        return go_to(f"/help/found/{self._keeping.seal({'q': wish}, place=_PLACE)}")

    async def found(self, request: WebRequest, token: str) -> Page:
        """The answers that fit, the best first."""
        limit(request, "read")
        wish = str(self._keeping.open(token, place=_PLACE)["fields"]["q"])
        return _show(request, fitting(wish), wish=wish)


def _show(request: WebRequest, answers: list[str], *, wish: str = "", told: Sequence[Notice] = ()) -> Page:
    speech = Speech(reader_of(request).wording)
    shown = [Answer(one, speech.say(f"answer_{one}"), speech.say(f"answer_{one}_text")) for one in answers]
    return page(request, "help/index.html", h=speech.say, ways=WAYS, answers=shown, wish=wish, notices=told)


def fitting(wish: str) -> list[str]:
    """The answers that have something of `wish` in any language, the best first, at most six.

    Words are compared as pairs of letters, which also fits languages without spaces; what stands in nearly every answer
    counts little.
    """
    asked = _pairs(wish)
    corpus = _corpus()
    common = {pair: sum(pair in pairs for pairs, _ in corpus.values()) for pair in asked}
    scores = {
        one: sum(1 / common[pair] for pair in asked & pairs) + sum(1 / common[pair] for pair in asked & titles)
        for one, (pairs, titles) in corpus.items()
    }
    known = sum(1 for pair in asked if common[pair])
    if not asked or known < len(asked) / 2:
        return []
    best = sorted((one for one in ANSWERS if scores[one]), key=lambda one: -scores[one])[:_MOST_FOUND]
    return [one for one in best if scores[one] >= scores[best[0]] / 4]


@lru_cache(maxsize=1)
def _corpus() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """The pairs of each answer, in all languages together; and those of its question and other words for it."""

    def texts(one: str, *ends: str) -> frozenset[str]:
        found = [translate(locale, "help", f"answer_{one}{end}") for locale in LOCALES for end in ends]
        return frozenset().union(*map(_pairs, found))

    return {one: (texts(one, "", "_text", "_words"), texts(one, "", "_words")) for one in ANSWERS}


def _pairs(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Digits are numbers that somebody pasted: nothing is found by them.
    words = "".join(letter if letter.isalpha() else " " for letter in plain).split()
    return frozenset(pair for word in words for pair in _of_word(word))


def _of_word(word: str) -> list[str]:
    """Of a word in letters threes, of Chinese pairs: a character says more than a letter."""
    length = 3 if word.isascii() else 2
    return [word[at : at + length] for at in range(max(1, len(word) - length + 1))]
