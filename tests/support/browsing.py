"""A guest with a browser: the steps of a top-up as a person makes them, and what no page may ever do meanwhile."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from topup.platform.i18n import translate

from .database import Cluster, settings_for
from .simulators import CarrierRunning, GatewayRunning
from .site import Site, running_site

PHONE, DESKTOP = (360, 800), (1280, 800)
BROWSER_LOCALES = {"zh_Hans": "zh-CN", "zh_Hant": "zh-TW", "en": "en-GB"}

_numbers = itertools.count(1)
# A page that was refused on purpose is told by the browser as an error of loading: that one is no error of ours.
# Who goes on while the page still asks gives that question up; one that failed is told as htmx:sendError.
_NO_ERROR = re.compile(r"the server responded with a status of (404|409|422)|^htmx:(afterRequest|sendAbort), ")


@pytest.fixture(scope="session")
def site(
    postgres: Cluster, gateway: GatewayRunning, carrier: CarrierRunning, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One running site for all browser tests of a process; every test tops up numbers of its own."""
    name = postgres.clone()
    with running_site(
        settings_for(postgres.url(name), port=0), tmp_path_factory.mktemp("site"), gateway, carrier
    ) as running:
        yield running
    postgres.drop(name)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one file: while it lives, its event loop is the thread's and no async test can run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def a_number() -> Callable[[], str]:
    """Numbers of Qingfeng Mobile nobody has topped up: eleven digits."""
    return lambda: f"1381{next(_numbers):07}"


@dataclass
class Guest:
    """A person at a browser, on the site."""

    page: Page
    site: Site
    locale: str
    number: str
    scripted: bool = True
    url: str = ""
    visits: tuple[str, ...] = ()
    """Other addresses that they go to: a wallet's."""
    complaints: list[str] = field(default_factory=list)

    def text(self, message_id: str, **parameters: Any) -> str:
        return translate(self.locale, "web", message_id, **parameters)

    def named(self, url: str) -> None:
        """From now on by this address of the site: a name, for what a bare address cannot have."""
        self.url = url

    def go(self, path: str = "/") -> None:
        self.page.goto((self.url or self.site.url) + path)

    def press(self, message_id: str, **parameters: Any) -> None:
        self.page.get_by_role("button", name=self.text(message_id, **parameters), exact=True).click()

    def enter_number(self, number: str | None = None) -> None:
        """Type the number; its amounts appear by themselves, or after one press where there is no script."""
        self.page.get_by_label(self.text("number_label")).fill(number or self.number)
        if not self.scripted:
            self.press("continue")
        expect(self.page.locator(".readback")).to_be_visible()

    def choose(self, value: str) -> None:
        tile = self.page.locator(f"input[name=choice][value='{value}']")
        if not tile.is_visible():
            self.page.locator("details", has=tile).locator("summary").click()
        tile.check()

    def review(self, choice: str = "credit:5000") -> str:
        """To the price of a choice; its id."""
        self.go()
        self.enter_number()
        self.choose(choice)
        self.press("see_price")
        self.page.wait_for_url("**/quotes/*")
        return self.page.url.rpartition("/")[2]

    def press_pay(self) -> None:
        self.page.locator("#pay .button").click()

    def order(self, choice: str = "credit:5000") -> None:
        """To the gateway's page."""
        self.review(choice)
        self.press_pay()
        self.page.wait_for_url("**/pay?*")

    def at_gateway_for(self) -> tuple[str, str]:
        """The order's path and the payment's id, while the gateway's page is open."""
        asked = parse_qs(urlsplit(self.page.url).query)
        return urlsplit(asked["return_url"][0]).path, asked["payment_id"][0]

    def at_gateway(self, outcome: str) -> None:
        """What the payer does there; and back on the order's page."""
        self.page.locator(f"button[value={outcome}]").click()
        self.page.wait_for_url("**/orders/*")

    def sees(self, message_id: str) -> None:
        """The headline of an order, when it comes to that. Without a script the page asks again every 5 s."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.text(message_id), timeout=30_000)

    def order_id(self) -> str:
        found = re.search(r"/orders/(ord_[0-9a-z]{26})", self.page.url)
        assert found
        return found[1]

    def facts(self) -> dict[str, Any]:
        """The order as the API tells it."""
        answer = httpx.get(f"{self.site.url}/api/v1/orders/{self.order_id()}", trust_env=False)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture
def guest(site: Site, chromium: Browser, a_number: Callable[[], str]) -> Iterator[Callable[..., Guest]]:
    """Makes guests. At the end none may have met an error in the console, a broken script, or another host."""
    contexts: list[BrowserContext] = []
    guests: list[Guest] = []

    def make(*, size: tuple[int, int] = PHONE, locale: str = "zh_Hans", scripted: bool = True, **options: Any) -> Guest:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=BROWSER_LOCALES[locale],
            java_script_enabled=scripted,
            **{"service_workers": "block", **options},
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        made = Guest(context.new_page(), site, locale, a_number(), scripted=scripted)
        _listen(made)
        guests.append(made)
        return made

    yield make
    for context in contexts:
        context.close()
    assert [complaint for one in guests for complaint in one.complaints] == []


def _listen(guest: Guest) -> None:
    page = guest.page
    page.on(
        "console",
        lambda message: (
            guest.complaints.append(message.text)
            if message.type == "error" and not _NO_ERROR.search(message.text)
            else None
        ),
    )
    page.on("pageerror", lambda error: guest.complaints.append(str(error)))

    def asked(request: Any) -> None:
        ours = request.url.startswith(
            (guest.url or guest.site.url, guest.site.url, guest.site.gateway_url, *guest.visits)
        )
        if not ours:
            guest.complaints.append(f"another host: {request.url}")
        if guest.number in request.url or guest.number[3:] in request.url:
            guest.complaints.append(f"a number in an address: {request.url}")

    page.on("request", asked)
