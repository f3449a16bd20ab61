"""Coming in by a number and a one-time code: the same pages for who has an account and who has none."""

from collections.abc import Mapping
from typing import Any, Final

from topup.channels.web.forms import local_path, read_form
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import SIZE_COOKIE, Page, WebRequest, go_to, kept_for_a_year, page, reader_of
from topup.channels.web.visitors import SIGN_IN, Visitors, caller_of
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Invalid, Problem, Throttled, Unauthenticated
from topup.kernel.msisdn import parse_msisdn
from topup.people.subscribers.codes import OVER, CodeRefused
from topup.people.subscribers.entering import Entered, Entrance
from topup.platform.web import limit
from topup.platform.web.edge import LOCALE_COOKIE

FIRST_PAGE: Final = "/home"
_DOOR: Final = "door"
_CODE: Final = "code"
_OTHER_DOOR: Final = "password-door"


class EnteringPages:
    """The door, and the page of the code."""

    def __init__(self, *, entrance: Entrance, visitors: Visitors, keeping: Keeping, mailbox: str = "") -> None:
        self._entrance = entrance
        self._visitors = visitors
        self._keeping = keeping
        self._mailbox = mailbox

    async def door(self, request: WebRequest) -> Page:
        """Asks for the number; who is in already goes on."""
        limit(request, "read")
        back = onward(request.query_params.get("back", ""))
        if reader_of(request).subscriber is not None:
            return go_to(back)
        refused = request.query_params.get("refused", "") == "passkey"
        mistake = reader_of(request).wording.problem(Problem("passkey_refused")) if refused else None
        return page(request, "account/sign_in.html", number="", back=back, mistake=mistake)

    async def door_again(self, request: WebRequest, token: str) -> Page:
        """The same, with what was typed and what is wrong with it."""
        limit(request, "read")
        kept = self._keeping.open(token, place=_DOOR)
        fields, mistake = kept["fields"], said(request, kept)
        return page(request, "account/sign_in.html", number=fields["number"], back=fields["back"], mistake=mistake)

    async def ask(self, request: WebRequest) -> Page:
        """Send a code to the number, whosever it is."""
        limit(request, "sign_in")
        form = await read_form(request)
        fields = {"number": form.one("number"), "back": onward(form.one("back"))}
        try:
            number = parse_msisdn(fields["number"])
            locale = reader_of(request).wording.locale
            ticket = await self._entrance.ask(number, address=caller_of(request), locale=locale)
        except (Invalid, Throttled) as problem:
            return go_to(f"/account/sign-in/again/{self._keeping.seal(fields, place=_DOOR, problem=problem)}")
        kept = {"number": number.e164, "ticket": ticket, "back": fields["back"]}
        return go_to(f"/account/code/{self._keeping.seal(kept, place=_CODE)}")

    async def code(self, request: WebRequest, token: str) -> Page:
        """Asks for the code."""
        limit(request, "read")
        kept = self._keeping.open(token, place=_CODE)
        number = parse_msisdn(kept["fields"]["number"]).grouped()
        again = bool(kept.get("sent_again"))
        mistake = said(request, kept)
        return page(
            request,
            "account/code.html",
            action=f"/account/code/{token}",
            number=number,
            mistake=mistake,
            over=kept.get("code") == OVER,
            sent_again=again,
            other=SIGN_IN,
            mailbox=self._mailbox,
        )

    async def enter(self, request: WebRequest, token: str) -> Page:
        """Come in with the code."""
        limit(request, "sign_in")
        form = await read_form(request)
        fields = self._keeping.open(token, place=_CODE)["fields"]
        try:
            entered = await self._entrance.by_code(
                ticket=fields["ticket"], code=form.one("code"), browser=self._visitors.browser_of(request)
            )
        except CodeRefused as problem:
            return go_to(f"/account/code/{self._keeping.seal(fields, place=_CODE, problem=problem)}")
        return welcomed(request, self._visitors, entered, back=fields["back"])

    async def ask_again(self, request: WebRequest, token: str) -> Page:
        """Send another code to the same number."""
        limit(request, "sign_in")
        await read_form(request)
        fields = self._keeping.open(token, place=_CODE)["fields"]
        number = parse_msisdn(fields["number"])
        locale = reader_of(request).wording.locale
        try:
            ticket = await self._entrance.ask(number, address=caller_of(request), locale=locale)
        except Throttled as problem:
            return go_to(f"/account/code/{self._keeping.seal(fields, place=_CODE, problem=problem)}")
        kept = {**fields, "ticket": ticket}
        return go_to(f"/account/code/{self._keeping.seal(kept, place=_CODE, sent_again=True)}")

    async def password_door(self, request: WebRequest) -> Page:
        """Asks for number and password."""
        limit(request, "read")
        back = onward(request.query_params.get("back", ""))
        return page(request, "account/with_password.html", number="", back=back, mistake=None, wrong_number=False)

    async def password_door_again(self, request: WebRequest, token: str) -> Page:
        """The same, with what is wrong; never with the password."""
        limit(request, "read")
        kept = self._keeping.open(token, place=_OTHER_DOOR)
        fields = kept["fields"]
        return page(
            request,
            "account/with_password.html",
            here=f"{SIGN_IN}/password",
            number=fields["number"],
            back=fields["back"],
            mistake=said(request, kept),
            wrong_number=str(kept["code"]).startswith("number_"),
        )

    async def by_password(self, request: WebRequest) -> Page:
        """Come in with a password."""
        limit(request, "sign_in")
        form = await read_form(request)
        fields = {"number": form.one("number"), "back": onward(form.one("back"))}
        try:
            entered = await self._entrance.by_password(
                parse_msisdn(fields["number"]),
                form.values.get("password", [""])[0],
                address=caller_of(request),
                browser=self._visitors.browser_of(request),
            )
        except (Invalid, Unauthenticated, Throttled) as problem:
            return go_to(f"{SIGN_IN}/password/{self._keeping.seal(fields, place=_OTHER_DOOR, problem=problem)}")
        return welcomed(request, self._visitors, entered, back=fields["back"])


def welcomed(request: WebRequest, visitors: Visitors, entered: Entered, *, back: str) -> Page:
    """On, with the cookies of a new session, in the account's language and size."""
    secure = request.url.scheme == "https"
    cookies = visitors.cookies_of(entered)
    cookies.append(kept_for_a_year(LOCALE_COOKIE, entered.locale, secure=secure))
    cookies.append(kept_for_a_year(SIZE_COOKIE, "large" if entered.elder else "usual", secure=secure))
    return go_to(back, cookies=cookies)


def said(request: WebRequest, kept: Mapping[str, Any]) -> Said | None:
    """What was wrong with a form, in words."""
    if "code" not in kept:
        return None
    wording: Wording = reader_of(request).wording
    parameters = kept["parameters"]
    problem = Problem(str(kept["code"]), **(parameters if isinstance(parameters, dict) else {}))
    return wording.problem(problem)


def onward(path: str) -> str:
    """Where to go on to: a page of ours, else the account."""
    found = local_path(path) if path else FIRST_PAGE
    return FIRST_PAGE if found.startswith(("/account/sign-in", "/account/code")) else found
