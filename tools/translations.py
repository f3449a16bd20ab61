"""`python -m tools.translations`: the texts are complete in all languages, and every problem that is raised has words.

Prints each mistake with its file and message id, and exits with 1 if there is any.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Final

from babel.messages.catalog import Message
from babel.messages.pofile import PoFileError, read_po

SOURCE: Final = Path(__file__).resolve().parent.parent / "src" / "topup"
LOCALES: Final = ("zh_Hans", "zh_Hant", "en")
PROBLEMS: Final = frozenset(
    {"Invalid", "NotFound", "Conflict", "Forbidden", "Unauthenticated", "Throttled", "Unavailable", "Problem"}
)


def mistakes(locale_dir: Path, source: Path) -> list[str]:
    """Every mistake, as `file: message id: what is wrong`."""
    domains = sorted({path.stem for path in locale_dir.glob("*/*.po")})
    found: list[str] = []
    known: set[str] = set()
    for domain in domains:
        texts = {locale: dict(_read(locale_dir / locale / f"{domain}.po", found)) for locale in LOCALES}
        found += _compare(locale_dir, domain, texts)
        known.update(*texts.values())
    found += [f"{place}: {code}: is raised and has no text" for place, code in raised(source) if code not in known]
    return found


def _read(path: Path, found: list[str]) -> Iterator[tuple[str, str]]:
    """(message id, text) of a file; what is wrong with the file by itself goes to `found`."""
    if not path.is_file():
        found.append(f"{path}: the file is missing")
        return
    try:
        catalogue = read_po(BytesIO(path.read_bytes()), abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        found.append(f"{path}: {error}")
        return
    seen: set[str] = set()
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("msgid ") and line in seen and line != 'msgid ""':
            found.append(f"{path}: {line[6:]}: stands there twice")
        seen.add(line)
    found += [f"{path}: {gone}: obsolete text" for gone in catalogue.obsolete]
    for message in catalogue:
        if message.id:
            found += [f"{path}: {message.id}: {reason}" for reason in _flaws(message)]
            yield str(message.id), str(message.string)


def _flaws(message: Message) -> Iterator[str]:
    text = str(message.string)
    if message.fuzzy:
        yield "is fuzzy"
    if not text.strip():
        yield "is empty"
    try:
        parameters(text)
    except ValueError as error:
        yield f"has a broken parameter: {error}"


def parameters(text: str) -> frozenset[str]:
    """The names of a text's `{parameters}`; raises ValueError for braces that do not match or hold more than a name."""
    names = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    for name, spec, conversion in names:
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is no plain name")
    return frozenset(name for name, _, _ in names)


def _compare(locale_dir: Path, domain: str, texts: dict[str, dict[str, str]]) -> Iterator[str]:
    ids = set().union(*texts.values())
    for locale, own in texts.items():
        path = locale_dir / locale / f"{domain}.po"
        if not path.is_file():
            continue
        yield from (f"{path}: {missing}: is missing" for missing in sorted(ids - set(own)))
        for message_id in sorted(own):
            if domain == "problems" and not _has_advice(message_id, ids):
                yield f"{path}: {message_id}: does not say what to do ({message_id}.do)"
            others = {_names(other[message_id]) for other in texts.values() if message_id in other}
            if locale == LOCALES[0] and len(others) > 1:
                yield f"{path}: {message_id}: the languages have different parameters"


def _has_advice(message_id: str, ids: Iterable[str]) -> bool:
    return "." in message_id or f"{message_id}.do" in ids


def _names(text: str) -> frozenset[str]:
    try:
        return parameters(text)
    except ValueError:
        return frozenset()


def raised(source: Path) -> Iterator[tuple[str, str]]:
    """(file:line, code) of every problem that the code makes with a literal code."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(source.rglob("*.py"))}
    names = set(PROBLEMS) | _kinds(trees.values())
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in names and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield f"{path}:{node.lineno}", code.value


def _kinds(trees: Iterable[ast.AST]) -> set[str]:
    """Classes that stand directly upon one of PROBLEMS."""
    return {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(_name(base) in PROBLEMS for base in node.bases)
    }


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def main() -> int:
    """Check this checkout."""
    found = mistakes(SOURCE / "locale", SOURCE)
    for mistake in found:
        print(mistake, file=sys.stderr)
    if not found:
        print(f"{len(list((SOURCE / 'locale').glob('*/*.po')))} files of texts are complete")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
