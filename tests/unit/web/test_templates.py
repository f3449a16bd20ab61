"""The pages keep to their own rules: no inline script or style, no other host, every text known, small."""

import gzip
import re
from pathlib import Path

import pytest

import topup.charging.usage.wording as usage_wording
import topup.lines.plans.wording as plans_wording
from topup.channels.web import assets as module
from topup.channels.web.assets import STATIC, assets, by_path
from topup.orders.schedules import wording as automatic_wording
from topup.platform.i18n import catalogue

WEB = Path(module.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
SUBJECTS = sorted({path.parent for path in TEMPLATES} - {WEB / "templates", WEB / "templates" / "help"})
"""Folders of pages whose texts have a file of their own, asked for as `s`."""
SAID_BELOW = {
    "plans": (Path(plans_wording.__file__), Path(usage_wording.__file__)),
    "automatic": (Path(automatic_wording.__file__),),
}
"""What every channel says in the same words, where those of a folder's subject have their file."""
BUDGET_BYTES = 60_000


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_strict_policy_finds_nothing_to_forbid(template):
    html = template.read_text()
    assert not re.search(r"\bstyle\s*=|<style|\bon[a-z]+\s*=|javascript:|hx-on", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"(?:href|src|action|url)\s*=\s*.https?://", html)


def test_every_text_that_is_asked_for_exists_and_every_text_is_asked_for():
    sources = "".join(path.read_text() for path in [*TEMPLATES, *sorted(WEB.glob("*.py"))])
    known = set(catalogue("zh_Hans", "web"))
    asked = set(re.findall(r"""(?<![\w.])t\(["']([a-z_]+)["']""", sources))
    asked |= set(re.findall(r"""\btext\(\s*["']([a-z_]+)["']""", sources))
    asked |= {name for path in WEB.glob("*.py") for name in re.findall(r'"(step_[a-z_]+)"', path.read_text())}
    made = {name for name in known if re.match(r"(headline|step|who|ask|transfer|place)_", name)}
    assert asked - known == set()
    assert known - asked - made == set()


@pytest.mark.parametrize("folder", SUBJECTS, ids=lambda path: path.name)
def test_every_text_of_a_subject_is_there_and_is_said(folder):
    """By the templates, or by the code beside them; `s("door_" ~ name)` asks for every text that begins so."""
    known = set(catalogue("zh_Hans", folder.name))
    sources = "".join(path.read_text() for path in sorted(folder.glob("*.html")))
    beside = [*sorted((WEB / folder.name).glob("*.py")), *SAID_BELOW.get(folder.name, ())]
    code = "".join(path.read_text() for path in beside)
    asked = set(re.findall(r"""(?<![\w.])s\(["']([a-z_]+)["']\s*[,)]""", sources))
    begun = re.findall(r"""(?<![\w.])s\(["']([a-z_]+_)["']\s*~""", sources) + re.findall(r'f"([a-z_]+_)\{', code)
    named = set(re.findall(r'"([a-z_]+)"', code))
    assert asked - known == set()
    assert {name for name in known if not name.startswith(tuple(begun))} - asked - named == set()


def test_the_first_visit_is_small():
    """Compressed and without fonts; the first screen's own markup counts as its template, which is larger."""
    page = b"".join(
        (WEB / "templates" / name).read_bytes() for name in ("base.html", "start.html", "offer.html", "parts.html")
    )
    named = set(re.findall(r"asset\('([^']+)'\)", page.decode()))
    sizes = {name: len(asset.compressed or asset.plain) for name, asset in assets().items() if name in named}
    sizes["first page"] = len(gzip.compress(page))
    total = sum(sizes.values())
    print(f"first visit, compressed: {total} bytes of {BUDGET_BYTES}: {sizes}")
    assert total < BUDGET_BYTES


def test_an_asset_is_named_by_its_content():
    for name, asset in assets().items():
        assert re.fullmatch(r"/assets/.+\.[0-9a-f]{12}\.[a-z]+", asset.path), name
        assert by_path()[asset.path] is asset
        if asset.compressed is not None:
            assert gzip.decompress(asset.compressed) == asset.plain == (STATIC / name).read_bytes()


def test_what_is_compressed_says_so():
    body, headers = assets()["topup.css"].encoded("br, gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == assets()["topup.css"].plain
    assert assets()["topup.css"].encoded("")[0] == assets()["topup.css"].plain


def test_no_colour_stands_outside_the_tokens():
    css = (STATIC / "topup.css").read_text()
    rules = re.sub(r"(?s):root \{.*?\n  \}\n\}|:root \{.*?\n\}|\.elder \{.*?\}|@media print.*", "", css)
    assert re.findall(r"#[0-9a-fA-F]{6}\b", rules) == []


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[(ink, ground) for ink in ("ink", "quiet", "accent", "alarm", "wait") for ground in ("ground", "card", "sunken")],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent-strong", "accent-soft"),
    ("ink", "accent-soft"),
    ("ink", "alarm-soft"),
    ("alarm", "alarm-soft"),
    ("ink", "wait-soft"),
    ("wait", "wait-soft"),
]


def themes() -> dict[str, dict[str, str]]:
    """The tokens of each theme, as the cascade gives them."""
    css = (STATIC / "topup.css").read_text()
    blocks = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r"(?::root|\.elder) \{([^}]*)\}", css)
    ]
    light, dark, elder, elder_dark = blocks[:4]
    return {
        "light": light,
        "dark": light | dark,
        "elder": light | elder,
        "elder dark": light | dark | elder | elder_dark,
    }


@pytest.mark.parametrize(("theme", "least"), [("light", 4.5), ("dark", 4.5), ("elder", 7), ("elder dark", 7)])
def test_contrast_is_aa_everywhere_and_aaa_for_elders(theme, least):
    tokens = themes()[theme]
    ratios = {pair: contrast(tokens[pair[0]], tokens[pair[1]]) for pair in PAIRS}
    weakest = min(ratios, key=lambda pair: ratios[pair])
    print(f"{theme}: weakest {weakest} {ratios[weakest]:.2f} of {least}")
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < least} == {}
