"""Figures: what is made of the measurements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median, quantiles
from typing import Any

#: One contender's rounds: generation -> [{"cpu": us, "wall": us}, ...], with None where it failed.
Rounds = Mapping[str, list[list[dict[str, float]]]]


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, least, greatest and quartiles."""
    sample = sorted(values)
    low, _, high = quantiles(sample, n=4, method="inclusive") if len(sample) > 1 else (sample * 3)[:3]
    return {
        "median": median(sample),
        "min": sample[0],
        "max": sample[-1],
        "q1": low,
        "q3": high,
        "n": len(sample),
    }


def ratios(rounds: Rounds, contender: str, floor: str, what: str) -> dict[str, Any]:
    """Return the ratio of ``what`` to the floor's: taken inside each round, then the median.

    ``generations``: least and greatest median of a generation of processes, the honest spread: the same code in
    another process differs by more than it does from round to round.
    """
    of_generations = [
        [mine[what] / theirs[what] for mine, theirs in zip(each, other, strict=False)]
        for each, other in zip(rounds[contender], rounds[floor], strict=False)
    ]
    filled = [each for each in of_generations if each]
    if not filled:
        return {}
    medians = [median(each) for each in filled]
    return {
        **spread(value for each in filled for value in each),
        "generations": [min(medians), max(medians)],
    }


def absolute(rounds: Rounds, contender: str, what: str) -> dict[str, float]:
    """Return the spread of ``what`` over all rounds."""
    return spread(each[what] for generation in rounds[contender] for each in generation)
