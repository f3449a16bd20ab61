"""Staff at browsers: hired on a running site, signed in by their own devices, on a desk or on a telephone."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyotp
from axe_playwright_python.sync_playwright import Axe

from tests.support.database import settings_for
from topup.kernel.ids import new_id
from topup.people import administration, credentials
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once
from topup.platform.database import Database, Transaction

PASSWORD = "four words nobody knows"
DESK, PHONE = (1280, 800), (360, 800)


@dataclass(frozen=True)
class Hired:
    """Somebody of the staff, as they know themselves."""

    id: str
    login: str
    secret: str


def inside(site, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
    """What a piece of work gives that is done in one transaction of the site's database."""

    async def done() -> Any:
        settings = settings_for(site.house.store.database.url)
        async with Database.open(settings=settings, migrating=False) as database, database.transaction() as transaction:
            return await work(transaction)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, done()).result()


def hire(site, role: Role) -> Hired:
    """Somebody new, ready to sign in."""
    login, secret = f"{role.value[:3]}-{new_id('staff', 0)[-8:]}", credentials.new_secret()

    async def work(transaction: Transaction) -> Hired:
        connection, now = transaction.connection, transaction.now
        await connection.execute("DELETE FROM people.sign_in_attempts")
        invited = await administration.add(connection, login=login, role=role, by="cli", now=now)
        keyring = site.house.store.keyring
        await enrol_at_once(connection, keyring, invited, password=PASSWORD, secret=secret, now=now)
        return Hired(invited.id, login, secret)

    hired: Hired = inside(site, work)
    return hired


def code_now(site, secret: str) -> str:
    """What a device shows now."""

    async def work(transaction: Transaction) -> float:
        return transaction.now.timestamp()

    return pyotp.TOTP(secret).at(int(inside(site, work)))


def sign_in(site, page, person: Hired) -> None:
    """By the door, and on to wherever their role begins."""
    page.goto(f"{site.url}/console/sign-in")
    page.fill("#login", person.login)
    page.fill("#password", PASSWORD)
    page.fill("#code", code_now(site, person.secret))
    page.click("form.sheet button")
    page.wait_for_url(re.compile(r"/(counter|console/(?!sign-in))"))


def accessible(page) -> None:
    """Nothing that axe finds against WCAG 2.2 AA, and nothing cut off at the side.

    In a context without JavaScript axe would wait for ever: evaluating works there and promises settle, but no timer
    ever fires (`setTimeout` stays pending), and axe waits for one. So the page as it stands is shown to axe in a
    context of its own that has scripts, without those of the page, and with what it says to who has none.
    """
    if page.evaluate("matchMedia('(scripting: none)').matches"):
        _accessible_elsewhere(page)
        return
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off at the side"


def _accessible_elsewhere(page) -> None:
    """The same page without its scripts, where axe can run."""
    head, body = page.content().split("</head>", 1)
    head = re.sub(r"<noscript>.*?</noscript>|<script.*?</script>", "", head, flags=re.DOTALL)
    body = re.sub(r"<(/?)noscript>", r"<\1div>", body)
    context = page.context.browser.new_context(viewport=page.viewport_size)
    try:
        shown = context.new_page()
        shown.route(page.url, lambda route: route.fulfill(body=f"{head}</head>{body}", content_type="text/html"))
        shown.goto(page.url)
        accessible(shown)
    finally:
        context.close()
