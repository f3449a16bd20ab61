"""The screen: what one must copy is never cut, however narrow the terminal."""

import pytest
from rich.table import Table

from topup.channels.cli import screen

ID = "shr_01m7yq794r06ga9hemgsd9rkz2"


def table() -> Table:
    found = Table(box=None, show_header=False)
    for least in (None, None, None, screen.ID_WIDTH):
        found.add_column(min_width=least)
    found.add_row("Nov 21, 2026, 5:32:58 PM", "to 139 0013 9000", "done", ID)
    return found


@pytest.mark.parametrize("columns", [10, 40, 70, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_an_id_in_a_table_is_never_cut(monkeypatch, columns, terminal):
    console = screen.Screen(width=columns, force_terminal=terminal, soft_wrap=True, color_system=None)
    monkeypatch.setattr(screen, "out", console)
    with console.capture() as capture:
        screen.show(table())
    assert len(ID) == screen.ID_WIDTH
    lines = capture.get().splitlines()
    assert any(ID in line for line in lines)
    if not terminal:
        assert [" ".join(line.split()) for line in lines if line.strip()] == [
            f"Nov 21, 2026, 5:32:58 PM to 139 0013 9000 done {ID}"
        ]
