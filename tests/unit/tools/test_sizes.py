"""The check of sizes sees what is too long, and where."""

from pathlib import Path

from tools.sizes import LONGEST_FILE, LONGEST_FUNCTION, too_long


def function(lines: int, name: str = "long", indent: str = "") -> str:
    return f"{indent}def {name}():\n" + f"{indent}    pass\n" * (lines - 1)


def test_what_just_fits_is_not_named(tmp_path: Path) -> None:
    file = tmp_path / "fits.py"
    file.write_text(function(LONGEST_FUNCTION) + "#\n" * (LONGEST_FILE - LONGEST_FUNCTION))
    assert list(too_long(file)) == []


def test_one_line_more_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "long.py"
    file.write_text("#\n" + function(LONGEST_FUNCTION + 1) + "#\n" * (LONGEST_FILE - LONGEST_FUNCTION - 1))
    assert [line.split(" ")[0] for line in too_long(file)] == [f"{file}:1:", f"{file}:2:"]


def test_functions_inside_are_counted_for_themselves(tmp_path: Path) -> None:
    file = tmp_path / "nested.py"
    file.write_text("def outer():\n" + function(60, "first", "    ") + function(60, "second", "    "))
    assert list(too_long(file)) == []
