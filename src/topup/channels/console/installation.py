"""What this installation was told: every setting in force, where it comes from, and what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from topup.channels.console.keeping import Watch
from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Wording
from topup.people.sessions import SignedIn
from topup.platform.i18n import has_text, translate
from topup.platform.setting_facts import SettingFact
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest

_DOMAIN: Final = "settings"
_TRUTHS: Final = ("true", "false")


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """Settings that belong together: `kind` is `process`, `web`, or a kind of plugins with the plugin's `name`."""

    kind: str
    name: str
    facts: Sequence[SettingFact]


@dataclass(frozen=True, slots=True)
class Installed:
    """What the composition root knows of the installation: its settings, and the file that plugins' are in."""

    groups: Sequence[SettingGroup]
    file: Path
    has_file: bool
    watch: Watch
    """What providers' keys and certificates are like."""


@dataclass(frozen=True, slots=True)
class Row:
    """A setting in words."""

    called: str
    means: str
    value: str
    is_code: bool
    hint: str
    source: str
    given: bool


def meaning_id(group: SettingGroup, fact: SettingFact) -> str:
    """The id of the sentence that says what a setting means; empty where nobody wrote one."""
    own = f"{group.kind}.{group.name}.{fact.name}" if group.name else fact.name
    wished = {"process": f"setting.{own}", "web": f"setting.web.{own}"}.get(group.kind, f"setting.{own}")
    shared = f"setting.any.{fact.name}"
    return next((one for one in (wished, shared) if has_text(_DOMAIN, one)), "")


class InstallationPages:
    """The installation as those see it who look after it."""

    def __init__(self, *, look: Look, installed: Installed) -> None:
        self._look = look
        self._installed = installed

    async def settings(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Every setting."""
        wording = wording_of(request, self._look.zone)
        told = self._installed
        return self._look.page(
            request,
            "settings.html",
            who=who,
            place="settings",
            s=lambda message_id, **parameters: translate(wording.locale, _DOMAIN, message_id, **parameters),
            groups=[
                (one, _group_name(one, wording), [_row(one, fact, wording) for fact in one.facts])
                for one in told.groups
            ],
            path=told.file,
            has_file=told.has_file,
        )


def _group_name(group: SettingGroup, wording: Wording) -> str:
    name = wording.method(group.name) if group.kind == "payments" else group.name
    return translate(wording.locale, _DOMAIN, f"group.{group.kind}", name=name)


def _row(group: SettingGroup, fact: SettingFact, wording: Wording) -> Row:
    def said(message_id: str) -> str:
        return translate(wording.locale, _DOMAIN, message_id)

    meaning = meaning_id(group, fact)
    hidden = fact.value is None
    value = fact.value or ""
    is_word = hidden or not fact.is_set or value in _TRUTHS
    if hidden:
        value = said("set" if fact.is_set else "not_set")
    elif is_word:
        value = said(value if value in _TRUTHS else "empty")
    return Row(
        called=fact.called,
        means=said(meaning or "unexplained"),
        value=value,
        is_code=not is_word,
        hint=said("hidden_help") if hidden and fact.is_set else "",
        source=said(f"source.{fact.source.value}"),
        given=fact.source.value != "default",
    )
