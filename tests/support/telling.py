"""How well one can tell two kinds of things apart by a number that was measured of each."""


def curve(ones: list[float], others: list[float]) -> float:
    """The area under the ROC curve of telling `ones` from `others`: 0.5 is guessing (Mann and Whitney's U)."""
    ranked = sorted([(value, 1) for value in ones] + [(value, 0) for value in others])
    ranks = sum(rank for rank, (_, is_one) in enumerate(ranked, 1) if is_one)
    return (ranks - len(ones) * (len(ones) + 1) / 2) / (len(ones) * len(others))
