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
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

TARGET: Final = Path(__file__).parent.parent / "docs" / "screenshots"
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 860}
NUMBER: Final = "138 0013 8000"

_READY: Final = re.compile(r"http://127\.0\.0\.1:\d+")


def main() -> int:
    """Take all of them; 0 when every one was taken."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with _demonstration() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        steps = _way(browser, url, "phone", NUMBER, viewport=PHONE, locale="zh-CN", device_scale_factor=2)
        _way(browser, url, "dark", "13900139000", viewport=PHONE, locale="zh-TW", color_scheme="dark")
        _way(browser, url, "desktop", "13700137000", viewport=DESKTOP, locale="en-GB")
        _elder(browser, url)
        _side_by_side(browser, steps)
        browser.close()
    for picture in sorted(TARGET.glob("*.png")):
        print(f"{picture.stat().st_size // 1024:5} kB  {picture.name}")
    return 0


@contextmanager
def _demonstration() -> Iterator[str]:
    """A demonstration of its own, in a directory that is thrown away; its address."""
    with tempfile.TemporaryDirectory(prefix="topup-screenshots-") as directory:
        # The embedded database may run as another system user, who must be able to pass.
        Path(directory).chmod(0o711)
        command = [sys.executable, "-m", "topup", "serve", "--demo", "--port", "0"]
        environment = os.environ | {"TOPUP_DATA_DIR": f"{directory}/data"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.wait(30)


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := _READY.search(line):
            return found[0]
    raise SystemExit(f"the demonstration did not start: exit code {process.wait()}")


def _way(browser: Browser, url: str, name: str, number: str, **look: Any) -> list[Path]:
    """The whole way of one top-up; the pictures of its steps."""
    context = browser.new_context(reduced_motion="reduce", **look)
    page = context.new_page()
    page.goto(url)
    page.fill("#number", number)
    page.locator(".readback").wait_for()
    page.check("input[value='credit:5000']")
    page.locator("#number").evaluate("(field) => field.blur()")
    page.wait_for_load_state("networkidle")
    taken = [_take(page, f"{name}-1-amounts")]
    page.locator("#start .button").click()
    page.wait_for_url("**/quotes/*")
    taken.append(_take(page, f"{name}-2-price"))
    page.locator("#pay .button").click()
    page.wait_for_url("**/pay?*")
    page.locator("button[value=pay]").click()
    page.wait_for_url("**/orders/*")
    page.locator("a[href$='/receipt']").wait_for()
    taken.append(_take(page, f"{name}-3-arrived"))
    page.locator("a[href$='/receipt']").click()
    page.wait_for_url("**/receipt")
    taken.append(_take(page, f"{name}-4-receipt"))
    context.close()
    return taken


def _elder(browser: Browser, url: str) -> None:
    context = browser.new_context(viewport=PHONE, locale="zh-CN")
    context.add_cookies([{"name": "size", "value": "large", "url": url}])
    page = context.new_page()
    page.goto(url)
    page.fill("#number", "13600136000")
    page.locator(".readback").wait_for()
    _take(page, "elder-1-amounts")
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
