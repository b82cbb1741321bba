"""Figures: what is made of the measurements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import median, quantiles
from typing import Any, NamedTuple

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


class Watched(NamedTuple):
    """How long something took; or, not ``seen``, for how long it was watched and did not come."""

    seconds: float
    seen: bool


#: Points of a distribution that are kept for its plot, besides the slowest.
POINTS, SLOWEST = 100, 20


def watched(sample: Sequence[Watched]) -> dict[str, Any]:
    """Return percentiles by nearest rank, the greatest, and points of the distribution (share still to come, seconds).

    What did not come stands behind all that came. A figure among it is a lower bound: its name is in ``beyond``.
    """
    came = sorted(each.seconds for each in sample if each.seen)
    missing = sorted(each.seconds for each in sample if not each.seen)
    everything = came + missing
    number = len(everything)
    if not number:
        return {"n": 0, "missing": 0, "beyond": [], "curve": []}
    ranks = {
        "p50": ceil(0.5 * number),
        "p99": ceil(0.99 * number),
        "p99.9": ceil(0.999 * number),
        "greatest": number,
    }
    figures = {name: everything[rank - 1] for name, rank in ranks.items()}
    beyond = [name for name, rank in ranks.items() if rank > len(came)]
    for (
        name
    ) in beyond:  # the least that is certain of all that did not come; of the greatest, all that was watched
        figures[name] = missing[-1] if name == "greatest" else missing[0]
    chosen = {round(n * (len(came) - 1) / POINTS) for n in range(POINTS + 1)} if came else set()
    chosen |= set(range(max(0, len(came) - SLOWEST), len(came)))
    curve = [[round((number - place) / number, 5), round(came[place], 4)] for place in sorted(chosen)]
    return {"n": number, "missing": len(missing), **figures, "beyond": beyond, "curve": curve}
