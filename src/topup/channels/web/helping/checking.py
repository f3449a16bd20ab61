"""What is the matter: a question a page, from our books and what the person sees, to whose turn it is and one step.

What was answered so far stands sealed in the address, so that each page can be come back to, reloaded and left.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.care.desk import Asked, Care, Diagnosis
from topup.care.diagnosis import Finding, Question
from topup.care.outages import Outage
from topup.care.states import Topic
from topup.care.trees import NO_NETWORK, NOT_ARRIVED, TREES, Action
from topup.channels.web.forms import read_form
from topup.channels.web.helping.speaking import Speech, zone_of
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Said
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import is_id
from topup.kernel.msisdn import parse_msisdn
from topup.platform.web import limit

PLACE: Final = "help:check"
_ORDER: Final = re.compile(r"ord_[0-9a-z]{26}", re.ASCII)
_LOOKS: Final = {"you": ("", "person"), "us": ("wait", "person"), "carrier": ("wait", "clock"), "wait": ("", "clock")}


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that can be given."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Something found out, in words."""

    what: str
    said: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a carrier announced, and until when."""

    text: str
    until: str


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far a walk is: its address, the one before, what was found out, and what is announced."""

    token: str
    back: str
    checked: list[Checked]
    notices: list[Notice]


@dataclass(frozen=True, slots=True)
class OnWith:
    """A way on from the end: its words, its address, and for a form the fields it sends."""

    text: str
    href: str
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EndSheet:
    """The end of a walk."""

    id: str
    title: str
    why: str
    step: str
    who: str
    tone: str
    icon: str
    action: OnWith | None
    ticket: bool
    """Whether writing to us is the next step; else it is offered for later."""


class CheckPages:
    """Walking a tree of `care.trees`."""

    def __init__(self, care: Care, keeping: Keeping) -> None:
        self._care = care
        self._keeping = keeping

    async def not_arrived(self, request: WebRequest) -> Page:
        """Which order it is about."""
        return self._start(request, NOT_ARRIVED)

    async def no_network(self, request: WebRequest) -> Page:
        """Which number it is about, where somebody likes to say."""
        return self._start(request, NO_NETWORK)

    def _start(self, request: WebRequest, matter: str) -> Page:
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        kept = self._kept(request)
        problem = problem_of(kept) if kept else None
        wrong = speech.wording.problem(problem) if problem else None
        if problem and problem.code == "order_unknown":
            wrong = Said(speech.say("order_unreadable"), speech.say("order_unreadable_do"))
        filled = {"order": "", "number": ""} | (kept or {}).get("fields", {})
        return page(request, "help/begin.html", h=speech.say, matter=matter, filled=filled, wrong=wrong)

    def _kept(self, request: WebRequest) -> dict[str, Any] | None:
        token = request.query_params.get("again", "")
        return self._keeping.open(token, place=PLACE) if token else None

    async def begin(self, request: WebRequest) -> Page:
        """To the first question, with what was told of the order or the number."""
        limit(request, "number")
        form = await read_form(request)
        matter, order, number = form.one("matter"), form.one("order"), form.one("number")
        if matter not in TREES:
            raise NotFound("route_unknown")
        found = _ORDER.search(order)
        try:
            if order and found is None:
                raise Invalid("order_unknown")  # noqa: TRY301 - told as a number that cannot be read is
            e164 = parse_msisdn(number).e164 if number else ""
            order_id = found[0] if found else ""
            asked = Asked(matter, {}, order_id, e164)
            await self._care.diagnose(asked)
        except (Invalid, NotFound) as problem:
            token = self._keeping.seal({"order": order, "number": number}, place=PLACE, problem=problem)
            return go_to(f"/help/{_PATHS[matter]}?again={token}")
        return go_to(f"/help/check/{self.token_of(asked)}")

    async def step(self, request: WebRequest, token: str) -> Page:
        """The question that comes next, or the end."""
        limit(request, "read")
        asked = self.asked_of(token, request)
        speech = Speech(reader_of(request).wording)
        diagnosis = await self._care.diagnose(asked)
        now = diagnosis.walk.now
        checked = [_checked(step.name, step.value, step.asked, speech, diagnosis) for step in diagnosis.walk.steps]
        zone = diagnosis.order.zone if diagnosis.order else await zone_of(self._care, request)
        announced = notices(diagnosis.outages, speech, zone=zone, now=diagnosis.now)
        so_far = SoFar(token, self._back(asked), checked, announced)
        if isinstance(now, Question):
            choices = [Choice(answer, speech.care(f"ask.{now.id}.{answer}")) for answer in now.answers]
            question = speech.care(f"ask.{now.id}", number=_number(diagnosis))
            return page(
                request,
                "help/question.html",
                h=speech.say,
                so_far=so_far,
                question=question,
                place=now.id,
                choices=choices,
            )
        return page(request, "help/end.html", h=speech.say, so_far=so_far, end=_end(now, diagnosis, token, speech))

    async def answer(self, request: WebRequest, token: str) -> Page:
        """One answer more; without one the question is asked again."""
        limit(request, "read")
        form = await read_form(request)
        asked = self.asked_of(token, request)
        question, answer = form.one("question"), form.one("answer")
        if not answer:
            return go_to(f"/help/check/{token}?missing=1")
        answers = {**asked.answers, question[:64]: answer[:64]}
        return go_to(f"/help/check/{self.token_of(asked, answers)}")

    def token_of(self, asked: Asked, answers: Mapping[str, str] | None = None) -> str:
        """The address of a walk."""
        given = dict(asked.answers if answers is None else answers)
        fields = {"matter": asked.matter, "order": asked.order_id, "number": asked.number}
        return self._keeping.seal(fields, place=PLACE, answers=given)

    def asked_of(self, token: str, request: WebRequest) -> Asked:
        """The walk of an address, by whoever is here; raises NotFound `route_unknown`."""
        kept = self._keeping.open(token, place=PLACE)
        if "answers" not in kept:
            raise NotFound("route_unknown")
        fields = kept["fields"]
        subscriber = reader_of(request).subscriber
        return Asked(
            fields["matter"],
            kept["answers"],
            fields["order"],
            fields["number"],
            subscriber.id if subscriber else None,
        )

    def _back(self, asked: Asked) -> str:
        """The question before; before the first, where one began."""
        if not asked.answers:
            return f"/orders/{asked.order_id}/help" if asked.order_id else f"/help/{_PATHS[asked.matter]}"
        before = dict(list(asked.answers.items())[:-1])
        return f"/help/check/{self.token_of(asked, before)}"


_PATHS: Final = {NOT_ARRIVED: "not-arrived", NO_NETWORK: "no-network"}
TOPICS: Final = {NOT_ARRIVED: Topic.NOT_ARRIVED, NO_NETWORK: Topic.NO_NETWORK}
"""What a ticket is about that comes of a walk."""


def evidence_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """What a walk found out, for the ticket that comes of it: facts and answers by their names."""
    end = diagnosis.walk.now.id if isinstance(diagnosis.walk.now, Finding) else None
    steps = [[step.name, step.value, step.asked] for step in diagnosis.walk.steps]
    return {"matter": diagnosis.walk.matter, "end": end, "steps": steps}


def checked_rows(evidence: Mapping[str, Any], speech: Speech) -> list[Checked]:
    """What a ticket's evidence says, in words."""
    return [_row(name, value, asked, speech, "") for name, value, asked in evidence.get("steps", ())]


def _checked(name: str, value: str, asked: bool, speech: Speech, diagnosis: Diagnosis) -> Checked:  # noqa: FBT001 - a step's own field
    return _row(name, value, asked, speech, _number(diagnosis))


def _row(name: str, value: str, asked: bool, speech: Speech, number: str) -> Checked:  # noqa: FBT001 - as above
    kind = "ask" if asked else "fact"
    what = speech.care(f"{kind}.{name}", number=number or "…")
    return Checked(what, speech.care(f"{kind}.{name}.{value}"))


def _number(diagnosis: Diagnosis) -> str:
    return diagnosis.order.shown_number if diagnosis.order else ""


def notices(outages: Sequence[Outage], speech: Speech, *, zone: str, now: datetime) -> list[Notice]:
    """What carriers announced, in words, with the time in an IANA zone."""
    return [
        Notice(
            speech.own(dict(one.texts)),
            speech.say("outage_until", time=speech.when(one.ends_at, zone, now=now)) if one.ends_at else "",
        )
        for one in outages
    ]


def _end(now: Finding, diagnosis: Diagnosis, token: str, speech: Speech) -> EndSheet:
    who = now.end.who.value
    tone, icon = _LOOKS[who]
    return EndSheet(
        id=now.id,
        title=speech.care(f"end.{now.id}"),
        why=speech.care(f"end.{now.id}.why"),
        step=speech.care(f"end.{now.id}.step"),
        who=speech.care(f"who.{who}"),
        tone=tone,
        icon=icon,
        action=_action(now.end.action, diagnosis, token, speech),
        ticket=now.end.action is Action.TICKET,
    )


def _action(action: Action, diagnosis: Diagnosis, token: str, speech: Speech) -> OnWith | None:
    order = diagnosis.order.id if diagnosis.order else ""
    of_order = {
        Action.OPEN_ORDER: f"/orders/{order}",
        Action.RECALL: f"/orders/{order}/help/wrong-number",
        Action.REFUND: f"/orders/{order}/help/refund",
        Action.CALL_OFF: f"/orders/{order}/help/call-off",
    }
    anywhere = {
        Action.FIND_ORDER: "/help/not-arrived",
        Action.TOP_UP: "/",
        Action.TICKET: f"/help/write/{token}",
        Action.PLACES: "/help/shops?service=sim-replacement",
    }
    words = speech.say(f"act_{action.value}") if action is not Action.DO else ""
    if action is Action.OTHER_TREE:
        return OnWith(words, "/help/check", {"matter": NO_NETWORK, "order": order})
    if action in of_order:
        if not is_id("order", order):
            return None
        return OnWith(words, of_order[action], {} if action is Action.CALL_OFF else None)
    return OnWith(words, anywhere[action]) if action in anywhere else None
