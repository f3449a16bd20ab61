"""What a browser says it is, in two words of ours: enough to know one's own devices by, and no more."""

from collections.abc import Sequence
from typing import Final

OTHER: Final = "other"
_BROWSERS: Final[Sequence[tuple[str, str]]] = (
    ("MicroMessenger", "wechat"),
    ("AlipayClient", "alipay"),
    ("HuaweiBrowser", "huawei"),
    ("MiuiBrowser", "xiaomi"),
    ("UCBrowser", "uc"),
    ("MQQBrowser", "qq"),
    ("SamsungBrowser", "samsung"),
    ("Edg", "edge"),
    ("OPR/", "opera"),
    ("Firefox/", "firefox"),
    ("FxiOS", "firefox"),
    ("CriOS", "chrome"),
    ("Chrome/", "chrome"),
    ("Safari/", "safari"),
)
"""In this order: those built on another name that one too."""
_SYSTEMS: Final[Sequence[tuple[str, str]]] = (
    ("HarmonyOS", "harmony"),
    ("OpenHarmony", "harmony"),
    ("Android", "android"),
    ("iPhone", "iphone"),
    ("iPad", "ipad"),
    ("Windows", "windows"),
    ("Mac OS X", "mac"),
    ("CrOS", "chromeos"),
    ("Linux", "linux"),
)
BROWSERS: Final = frozenset(word for _, word in _BROWSERS) | {OTHER}
SYSTEMS: Final = frozenset(word for _, word in _SYSTEMS) | {OTHER}


def name_of(user_agent: str) -> str:
    """`chrome.android`: a browser and a system, either of which may be `other`."""
    return f"{_first(_BROWSERS, user_agent)}.{_first(_SYSTEMS, user_agent)}"


def _first(known: Sequence[tuple[str, str]], user_agent: str) -> str:
    return next((word for mark, word in known if mark in user_agent), OTHER)
