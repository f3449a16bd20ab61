"""Pictures of the main pages, taken of a demonstration that is started for it: `make screenshots`.

They go into docs/screenshots: one of each step on a phone, the same for other sizes and looks, and `top-up.png`, the
whole way side by side, which the README shows.
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tools.screenshots_console import console
from tools.screenshots_counter import counter
from tools.screenshots_home import home_with_a_history
from tools.screenshots_sharing import a_link_that_is_opened, paying_elsewhere, saved_numbers_and_links

TARGET: Final = Path(__file__).parent.parent / "docs" / "screenshots"
PHONE: Final[dict[str, Any]] = {
    "viewport": ViewportSize(width=390, height=844),
    # A browser on a phone says so, and is offered what a phone can pay with.
    "user_agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36",
    "is_mobile": True,
}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 860}
NUMBER: Final = "138 0013 8000"

_CODE: Final = re.compile(r"\b[0-9]{6}\b")
_PATIENCE: Final = 60
_PAUSE_MS: Final = 250
_READY: Final = re.compile(r"http://127\.0\.0\.1:\d+")


def main() -> int:
    """Take all of them; 0 when every one was taken."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with _demonstration() as (url, data_dir), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell", args=["--no-sandbox"])
        steps = _way(browser, url, "phone", NUMBER, "alipay", **PHONE, locale="zh-CN", device_scale_factor=2)
        _way(browser, url, "dark", "13900139000", "wechatpay", **PHONE, locale="zh-TW", color_scheme="dark")
        _way(browser, url, "desktop", "13700137000", "stripe", viewport=DESKTOP, locale="en-GB")
        _scan(browser, url)
        _transfer(browser, url)
        _elder(browser, url)
        _help(browser, url)
        _account(browser, url)
        look = {**PHONE, "locale": "zh-CN"}
        home_with_a_history(browser, url, _take, look, DESKTOP)
        paying_elsewhere(browser, url, partial(_to_a_price, url=url), _take, look)
        console(browser, url, data_dir, NUMBER.replace(" ", ""), _take)
        counter(browser, url, data_dir, NUMBER.replace(" ", ""), _take)
        _side_by_side(browser, steps)
        browser.close()
    for picture in sorted(TARGET.glob("*.png")):
        print(f"{picture.stat().st_size // 1024:5} kB  {picture.name}")
    return 0


@contextmanager
def _demonstration() -> Iterator[tuple[str, Path]]:
    """A demonstration of its own, in a directory that is thrown away: its address, and its data."""
    with tempfile.TemporaryDirectory(prefix="topup-screenshots-") as directory:
        # The embedded database may run as another system user, who must be able to pass.
        Path(directory).chmod(0o711)
        command = [sys.executable, "-m", "topup", "serve", "--demo", "--port", "0"]
        environment = os.environ | {"TOPUP_DATA_DIR": f"{directory}/data", "TOPUP_LANG": "zh_Hans"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            yield _address(process), Path(directory) / "data"
        finally:
            process.terminate()
            process.wait(30)


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := _READY.search(line):
            return found[0]
    raise SystemExit(f"the demonstration did not start: exit code {process.wait()}")


def _way(browser: Browser, url: str, name: str, number: str, method: str, **look: Any) -> list[Path]:
    """The whole way of one top-up, paid in a provider's page; the pictures of its steps."""
    context = browser.new_context(reduced_motion="reduce", **look)
    page = context.new_page()
    _amounts(page, url, number)
    taken = [_take(page, f"{name}-1-amounts")]
    _price(page, method)
    taken.append(_take(page, f"{name}-2-price"))
    page.locator("#pay .button").click()
    _pay(page, url)
    page.locator("a[href$='/receipt']").wait_for()
    taken.append(_take(page, f"{name}-3-arrived"))
    page.locator("a[href$='/receipt']").click()
    page.wait_for_url("**/receipt")
    taken.append(_take(page, f"{name}-4-receipt"))
    context.close()
    return taken


def _to_a_price(page: Page, *, url: str) -> None:
    _amounts(page, url, "13300133000")
    _price(page, "alipay")


def _amounts(page: Page, url: str, number: str) -> None:
    page.goto(url)
    page.fill("#number", number)
    page.locator(".readback").wait_for()
    page.check("input[value='credit:5000']")
    page.locator("#number").evaluate("(field) => field.blur()")
    page.wait_for_load_state("networkidle")


def _price(page: Page, method: str) -> None:
    page.locator("#start .button").click()
    page.wait_for_url("**/quotes/*")
    page.locator(f"label[for=method-{method}]").click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished))")


def _pay(page: Page, url: str) -> None:
    """Do what a simulated provider's page asks for, until it sends the payer back."""
    page.wait_for_url(lambda here: not here.startswith(url))
    while not page.url.startswith(url):
        page.locator(".button.first").click()
        page.wait_for_load_state()


def _scan(browser: Browser, url: str) -> None:
    """On a computer a wallet is paid by scanning."""
    context = browser.new_context(viewport=DESKTOP, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    _amounts(page, url, "13500135000")
    _price(page, "wechatpay")
    page.locator("#pay .button").click()
    page.wait_for_url("**/payments/*")
    _take(page, "desktop-scan")
    context.close()


def _transfer(browser: Browser, url: str) -> None:
    """Where the money goes by bank, and with which reference."""
    context = browser.new_context(**PHONE, locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    _amounts(page, url, "13400134000")
    _price(page, "bank_transfer")
    page.locator("#pay .button").click()
    page.wait_for_url("**/payments/*")
    _take(page, "phone-transfer")
    context.close()


def _elder(browser: Browser, url: str) -> None:
    context = browser.new_context(**PHONE, locale="zh-CN")
    context.add_cookies([{"name": "size", "value": "large", "url": url}])
    page = context.new_page()
    page.goto(url)
    page.fill("#number", "13600136000")
    page.locator(".readback").wait_for()
    _take(page, "elder-1-amounts")
    context.close()


def _account(browser: Browser, url: str) -> None:
    """An account: its door, the code, what it holds, its lines and devices, the settings; and the same on a desk."""
    context = browser.new_context(**PHONE, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{url}/account/sign-in")
    _take(page, "account-1-door")
    page.fill("#number", NUMBER)
    page.locator("main form .button").first.click()
    _take(page, "account-2-code")
    page.fill("#code", _code(context, url))
    page.locator("main form.sheet .button").click()
    page.wait_for_url(f"{url}/home")
    for name in ("lines", "devices", "safety", "settings"):
        page.goto(f"{url}/account/{name}")
        _take(page, f"account-{name}")
    page.goto(f"{url}/account")
    _take(page, "account-3-inside")
    saved_numbers_and_links(page, url, _take)
    a_link_that_is_opened(browser, page.url, _take, {**PHONE, "locale": "zh-CN"})
    page.goto(f"{url}/account")
    page.set_viewport_size(DESKTOP)
    _take(page, "desktop-account")
    context.close()


def _code(context: BrowserContext, url: str) -> str:
    """The newest code of the demonstration's mailbox, once it is there."""
    mailbox = context.new_page()
    for _ in range(_PATIENCE):
        mailbox.goto(f"{url}/sandbox/mailbox")
        found = _CODE.search(mailbox.inner_text("main"))
        if found:
            mailbox.close()
            return found[0]
        mailbox.wait_for_timeout(_PAUSE_MS)
    raise RuntimeError("no code came")


def _help(browser: Browser, url: str) -> None:
    """Help: its first page, a question, whose turn it is, a ticket, a verdict, the halls."""
    context = browser.new_context(**PHONE, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{url}/help")
    _take(page, "help-1-index")
    page.goto(f"{url}/help/no-network")
    page.locator("main form .button").click()
    _take(page, "help-2-question")
    for answer in ("all", "no_service", "yes", "everywhere", "cannot_try"):
        page.locator(f"button[value='{answer}']").click()
    page.locator(".turn").wait_for()
    _take(page, "help-3-turn")
    page.locator(".actions .button").click()
    page.fill("#text", "在家里和公司都没有信号，已经两天了。")
    page.locator("main form .button").click()
    page.locator(".thread").wait_for()
    _take(page, "help-4-ticket")
    page.goto(f"{url}/help/official")
    page.fill("#text", "【topup】您的积分今天到期，点 http://topup.example.win/x 领取话费")
    page.locator("main form .button").click()
    page.locator(".asked").wait_for()
    _take(page, "help-5-official")
    page.goto(f"{url}/help/shops?q=510620")
    page.locator(".map").scroll_into_view_if_needed()
    _take(page, "help-6-halls")
    context.close()


def _take(page: Page, name: str) -> Path:
    path = TARGET / f"{name}.png"
    page.screenshot(path=path)
    return path


def _side_by_side(browser: Browser, pictures: list[Path]) -> None:
    """The steps in a row, small, on the ground of the pages."""
    images = "".join(
        f'<img src="data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}">' for picture in pictures
    )
    style = (
        "body{margin:0;display:flex;gap:24px;padding:32px;background:#e9e4d8;width:max-content}"
        "img{width:280px;border-radius:24px;box-shadow:0 12px 32px -16px #28241866}"
    )
    page = browser.new_page(viewport={"width": 1280, "height": 700})
    page.set_content(f"<style>{style}</style>{images}")
    page.locator("body").screenshot(path=TARGET / "top-up.png")
    page.close()


if __name__ == "__main__":
    sys.exit(main())
