"""Amounts said as people count: short, and never larger than they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.quantities import rough_text

_SIZES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


@pytest.mark.parametrize(
    ("asset", "amount", "said"),
    [
        ("DATA", 8_092_079_512, "7.5 GB"),
        ("DATA", 380_000_000, "380 MB"),
        ("DATA", 379_999_999, "362 MB"),
        ("DATA", 5 * 10**9, "5 GB"),
        ("DATA", 10 * 2**30, "10 GB"),
        ("DATA", 3 * 2**29, "1.5 GB"),
        ("DATA", 7717 * 2**20, "7.5 GB"),
        ("DATA", 2**30 + 1, "1 GB"),
        ("DATA", 1_500, "1.5 KB"),
        ("DATA", 0, "0 B"),
        ("VOICE", 5_769, "96"),
        ("VOICE", 59, "59"),
        ("SMS", 5, "5"),
    ],
)
def test_what_is_exact_in_few_digits_is_said_so_and_the_rest_is_cut(asset: str, amount: int, said: str) -> None:
    assert " ".join(rough_text(asset, amount)[1].values()) == said


@given(st.integers(2**20, 2**45))
def test_data_is_said_in_few_letters_and_never_larger_than_it_is(amount: int) -> None:
    said = rough_text("DATA", amount)[1]
    assert len(said["count"]) <= 4
    # By the smaller unit of that name: what a carrier sells as 5 GB may be of a thousand or of 1024.
    decimal = 1_000 ** ("B", "KB", "MB", "GB", "TB").index(said["unit"])
    assert float(said["count"]) * decimal <= amount
    assert float(said["count"]) * _SIZES[said["unit"]] > amount * 0.88
