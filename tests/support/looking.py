"""What is wrong with a page: for axe, in its layout, in its words; at every size and in every look."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from tests.support.browsing import DESKTOP, PHONE, Guest

SMALLEST = (320, 640)
LOOKS = {
    "phone": {"size": PHONE, "locale": "zh_Hans"},
    "phone dark": {"size": PHONE, "locale": "zh_Hant", "color_scheme": "dark"},
    "smallest phone": {"size": SMALLEST, "locale": "en"},
    "desktop": {"size": DESKTOP, "locale": "en"},
    "elder": {"size": PHONE, "locale": "zh_Hans", "elder": True},
    "elder dark, smallest": {"size": SMALLEST, "locale": "en", "elder": True, "color_scheme": "dark"},
}

LAYOUT = """() => {
  const wrong = [];
  const name = (element) => element.outerHTML.slice(0, 90);
  if (document.documentElement.scrollWidth > innerWidth) {
    wrong.push(`wider than the screen: ${document.documentElement.scrollWidth} of ${innerWidth}`);
    for (const element of document.querySelectorAll("main *, header *")) {
      if (element.getBoundingClientRect().right > innerWidth + 1) wrong.push(`  sticks out: ${name(element)}`);
    }
  }
  const shown = (element) => element.checkVisibility({ checkOpacity: true }) && !element.closest(".unseen, .skip");
  for (const element of document.querySelectorAll("a, button, input, summary, select")) {
    if (!shown(element) || element.type === "hidden") continue;
    const target = element.closest(".check") ?? element;
    const { width, height } = target.getBoundingClientRect();
    if (width < 43.9 || height < 43.9) wrong.push(`${Math.round(width)} x ${Math.round(height)}: ${name(element)}`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(element)) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 16) wrong.push(`${size}px: ${name(element)}`);
  }
  return wrong;
}"""
"""What sticks out of the screen, is hard to hit, or too small to read."""

SPLIT = """() => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const split = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const word of node.data.matchAll(/(?<![\\w@.-])[A-Za-z¥0-9.,]+(?![\\w-])/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const seen = [...range.getClientRects()].filter((line) => line.width);
      if (word[0].length < 20 && new Set(seen.map((line) => line.top)).size > 1) split.push(word[0]);
    }
  }
  return split;
}"""
"""Words of Latin letters that a line breaks inside of."""

MOVED_ON = ("documentElement", "context was destroyed")
"""How a look ends whose page changed under it: axe lost an element, or a live page went on to another."""


def looked_at(look: Callable[[], Any]) -> Any:
    """What `look` finds on the page, once the page stands still."""
    for _ in range(4):
        try:
            return look()
        except PlaywrightError as error:
            if not any(words in error.message for words in MOVED_ON):
                raise
    raise AssertionError("the page never stood still")


def wrong_on(page: Page) -> list[str]:
    """What axe finds serious on a page, and what its layout does to people; empty is right."""
    violations = looked_at(lambda: Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"])
    serious = [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    return serious + looked_at(lambda: page.evaluate(LAYOUT))


def check(guest: Guest, name: str) -> None:
    """That nothing is wrong with the page; kept as a picture where one is asked for."""
    folder = os.environ.get("TOPUP_PICTURES")
    if folder:
        guest.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    assert wrong_on(guest.page) == []


def nothing_wrong(
    visit: Iterable[str], page: Page, look: str, *, also: Callable[[str], list[str]] = lambda _name: []
) -> None:
    """That nothing is wrong with any page of a visit, which brings the browser to one after the other and names each;
    `also` is what else is looked for.
    """
    found = {name: wrong_on(page) + also(name) for name in visit}
    bad = {name: wrong for name, wrong in found.items() if wrong}
    print(f"{look}: {len(found)} pages, {sum(map(len, bad.values()))} findings")
    print("\n".join(f"{name}: {wrong}" for name, all_wrong in bad.items() for wrong in all_wrong))
    assert bad == {}
