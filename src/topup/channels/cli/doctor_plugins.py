"""What `topup doctor` says of plugins: their keys, certificates, clocks and reach, each as its own check found it."""

from collections.abc import Sequence
from typing import Final

from topup.channels.cli.findings import Finding, Level
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Problem
from topup.orders.wording import method_name
from topup.platform import plugs
from topup.platform.i18n import has_text, translate

_DOMAIN: Final = "doctor"
_LEVELS: Final = {
    plugs.Health.FINE: Level.GOOD,
    plugs.Health.SOON: Level.WARNING,
    plugs.Health.WRONG: Level.BROKEN,
    plugs.Health.UNKNOWN: Level.SKIPPED,
}


async def plugin_findings(runtime: Runtime, store: Store) -> list[Finding]:
    """A line for each thing that is not as it should be, and one for each plugin with which all is well."""
    async with store.database.read() as transaction:
        now = transaction.now
    try:
        found = await runtime.plugin_findings(store.settings, demo=store.installation.demo, now=now)
    except Problem:
        return []  # said by the check of the plugins themselves
    return [line for name, findings in found.items() for line in _of_one(name, findings)]


def _of_one(name: str, findings: Sequence[plugs.Finding]) -> list[Finding]:
    spoken = method_name(name, locale=locale())
    worse = [finding for finding in findings if finding.health is not plugs.Health.FINE]
    if not worse:
        subjects = ", ".join(translate(locale(), _DOMAIN, f"subject.{finding.subject}") for finding in findings)
        return [Finding(f"plugin.{name}", Level.GOOD, subjects, name=spoken)]
    return [_line(name, spoken, finding) for finding in worse]


def _line(name: str, spoken: str, finding: plugs.Finding) -> Finding:
    subject = translate(locale(), _DOMAIN, f"subject.{finding.subject}")
    what = translate(locale(), _DOMAIN, finding.reason, **finding.parameters)
    remedy = f"{finding.reason}.do"
    done = translate(locale(), _DOMAIN, remedy, **finding.parameters) if has_text(_DOMAIN, remedy) else None
    words = say("doctor.plugin_finding", subject=subject, what=what)
    return Finding(f"plugin.{name}.{finding.subject}", _LEVELS[finding.health], words, done, name=spoken)
