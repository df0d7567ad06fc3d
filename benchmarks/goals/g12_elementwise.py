"""G12: the divergence of 4 000 000 log densities, against the time that reading them takes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Claim, Goal, Record, Round, median_seconds, ratio

__all__ = ["GOAL"]

COUNT = 4_000_000
KINDS = ("float32", "float64")


def kldiv_side(_: float) -> Iterator[Record]:
    """Kldiv between two distributions on as many categories, and torch beside it."""
    import torch

    from torch.distributions import Categorical

    import kldiv

    for kind in KINDS:
        log_p, log_q = _logs(kind)
        p, q = (Categorical(logits=each, validate_args=False) for each in (log_p, log_q))
        with torch.no_grad():
            own = median_seconds(lambda p=p, q=q: kldiv.divergence(p, q), 3)
            eager = median_seconds(
                lambda a=log_p, b=log_q: (a.exp() * (a.exp().log() - b.exp().log())).sum(), 5
            )
            logs = median_seconds(lambda a=log_p, b=log_q: (a.exp() * (a - b)).sum(), 5)
            roof = median_seconds(lambda a=log_p, b=log_q: a.sum() + b.sum(), 9)
        case = {"case": kind, "evaluations": COUNT}
        yield {**case, "method": "kldiv", "seconds": own}
        yield {**case, "method": "eager, densities", "seconds": eager}
        yield {**case, "method": "eager, log densities", "seconds": logs}
        yield {**case, "method": "read roof", "seconds": roof}


def _logs(kind: str):  # noqa: ANN202 (two tensors)
    import torch

    generator = torch.Generator().manual_seed(0)
    found = torch.rand(2, COUNT, generator=generator, dtype=torch.float64) + 0.01
    return (found / found.sum(-1, keepdim=True)).log().to(getattr(torch, kind)).unbind()


def _times_roof(kind: str, wanted: float, prototype: str) -> Claim:
    def of(found: Round) -> float | None:
        own, roof = found.best(kind, "kldiv"), found.best(kind, "read roof")
        return None if own is None or roof is None else own / roof

    return Claim(f"{kind}: kldiv / reading", wanted, of, at_least=False, prototype=prototype)


GOAL = Goal(
    "G12",
    "Kullback-Leibler between 4e6 log densities",
    {"kldiv": kldiv_side},
    [
        _times_roof("float32", 2.5, "2.3"),
        _times_roof("float64", 1.7, "1.5"),
        ratio("float32", "eager, densities", 4, prototype="3.5 to 4.4"),
        ratio("float64", "eager, densities", 8, prototype="8.3"),
    ],
    "there is no call for bare arrays of log densities: these are two Categoricals, whose numbers "
    "are checked before the one blocked pass over them, so that all are read twice, with kernels "
    "of numpy and no compiler. Other f-divergences take one such pass each, by their generator in "
    "torch; no call takes several at once, as kldiv.divergence is one divergence's value.",
)
