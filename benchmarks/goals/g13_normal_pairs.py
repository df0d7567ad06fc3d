"""G13: closed forms of many pairs of normal vectors."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Goal, Record, called, median_seconds, ratio

__all__ = ["GOAL"]

SIZES = {"1e6 pairs, d = 2": (1_000_000, 2), "1e4 pairs, d = 10": (10_000, 10)}


def kldiv_side(_: float) -> Iterator[Record]:
    """Kldiv and torch on the same pairs."""
    import torch

    from torch.distributions import MultivariateNormal, kl_divergence

    import kldiv

    from kldiv.compiling import no_compiler

    for case, (count, size) in SIZES.items():
        generator = torch.Generator().manual_seed(0)
        root = torch.randn(2, count, size, size, generator=generator).tril(-1)
        root = root + torch.eye(size)
        mean = torch.randn(2, count, size, generator=generator)
        p, q = (MultivariateNormal(m, scale_tril=r) for m, r in zip(mean, root, strict=True))
        for method, function in (("kldiv", kldiv.divergence), ("torch", kl_divergence)):
            seconds = median_seconds(lambda f=function, p=p, q=q: f(p, q), 3)
            yield {"case": case, "method": method, "seconds": seconds, "evaluations": 0}
        if size == 2 and no_compiler() is None:
            yield from _compiled_side(case, p, q, seconds)


def _compiled_side(case: str, p, q, torch_seconds: float) -> Iterator[Record]:  # noqa: ANN001
    """Kldiv by a compiled function, after the first call, which compiles."""
    import kldiv

    def own() -> object:
        return kldiv.divergence(p, q, estimator=kldiv.Exact(compiled=True))

    case = f"{case}, compiled"
    seconds = {
        "first call": called(own)[0],
        "kldiv": median_seconds(own, 9),
        "torch": torch_seconds,
    }
    for method, each in seconds.items():
        yield {"case": case, "method": method, "seconds": each, "evaluations": 0}


GOAL = Goal(
    "G13",
    "Closed forms of normal vectors, many pairs",
    {"kldiv": kldiv_side},
    [
        ratio("1e6 pairs, d = 2, compiled", "torch", 80, prototype="100"),
        ratio("1e6 pairs, d = 2", "torch", 20, prototype="25"),
        ratio("1e4 pairs, d = 10", "torch", 3, prototype="3.2"),
    ],
    "pairs of ten dimensions are computed in float64, each with an error, as the bound of what "
    "float32 would do to such random factors is thousands of its units: two fifths of the time "
    "go to the 210 products of each solve, a quarter to reading numbers that lie apart, a tenth "
    "to the bound of rounding and a seventh to the sum of squares, in blocks that leave the "
    "nearest cache, of which smaller ones cost as much in calls and four times as large ones "
    "save a fourteenth (tiles of a block, copies of it first, the diagonal "
    "read with the columns and norms as bounds save nothing). In the plane pairs are computed in "
    "float32, and in float64 where its bound is more than 2e-5 of them: half of the time, "
    "without a compiler, is reading ten numbers of each pair that lie apart; compiled it is four "
    "fifths.",
)
