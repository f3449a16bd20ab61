"""Files stay under 400 lines and functions under 70: `python -m tools.sizes` names what grew beyond, and exits 1.

What is that long does several things, and wants to be parted where they meet.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LONGEST_FILE: Final = 400
LONGEST_FUNCTION: Final = 70
FOLDERS: Final = ("src", "tests", "tools", "bench")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def too_long(path: Path) -> Iterator[str]:
    """A line for the file, and for each of its functions, that is too long."""
    text = path.read_text("utf-8")
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines > LONGEST_FILE:
        yield f"{path}:1: {lines} lines; a file has {LONGEST_FILE} at most"
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, Function) and (length := _length(node)) > LONGEST_FUNCTION:
            yield f"{path}:{node.lineno}: {node.name} has {length} lines; a function has {LONGEST_FUNCTION} at most"


def _length(function: Function) -> int:
    """Lines from `def` to the end, functions defined inside not counted: they are counted for themselves."""
    inner = [node for node in ast.iter_child_nodes(function) if isinstance(node, Function)]
    nested = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in inner)
    return (function.end_lineno or function.lineno) - function.lineno + 1 - nested


def main() -> int:
    """Look at every Python file of ours; gives the exit code."""
    found = [line for folder in FOLDERS for path in sorted(Path(folder).rglob("*.py")) for line in too_long(path)]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
