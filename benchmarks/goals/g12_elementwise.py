"""G12: the divergence of 4 000 000 log densities, against the time that reading them takes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Claim, Goal, Record, Round, called, median_seconds, ratio

__all__ = ["GOAL"]

COUNT = 4_000_000
KINDS = ("float32", "float64")
SIX = (
    "kl",
    "alpha(alpha=0)",
    "jensen_shannon",
    "squared_hellinger",
    "chi2",
    "total_variation",
)


def kldiv_side(_: float) -> Iterator[Record]:
    """Kldiv between two distributions on as many categories, and torch beside it."""
    import torch

    from torch.distributions import Categorical

    import kldiv

    from kldiv.compiling import no_compiler

    for kind in KINDS:
        log_p, log_q = _logs(kind)
        p, q = (Categorical(logits=each, validate_args=False) for each in (log_p, log_q))
        with torch.no_grad():
            own = median_seconds(lambda p=p, q=q: kldiv.divergence(p, q), 3)
            eager = median_seconds(
                lambda a=log_p, b=log_q: (a.exp() * (a.exp().log() - b.exp().log())).sum(), 5
            )
            logs = median_seconds(lambda a=log_p, b=log_q: (a.exp() * (a - b)).sum(), 5)
            together = median_seconds(lambda p=p, q=q: kldiv.divergence(p, q, SIX), 3)
        case = {"case": kind, "evaluations": COUNT}
        yield {**case, "method": "kldiv", "seconds": own}
        yield {**case, "method": "eager, densities", "seconds": eager}
        yield {**case, "method": "eager, log densities", "seconds": logs}
        yield {
            "case": f"six, {kind}",
            "evaluations": COUNT,
            "method": "kldiv",
            "seconds": together,
        }
        if no_compiler() is None:
            yield from _compiled_side(kind, p, q)


def _compiled_side(kind: str, p, q) -> Iterator[Record]:  # noqa: ANN001 (distributions)
    """Kldiv by compiled functions, after the first call, which compiles, and torch beside it."""
    import kldiv

    estimator = kldiv.Exact(compiled=True)
    a, b = p.logits, q.logits
    for case, wanted, name, peer in (
        (f"{kind}, compiled", "kl", "read roof", lambda: a.sum() + b.sum()),
        (f"six, {kind}, compiled", SIX, "eager", lambda: _six(a, b)),
    ):

        def own(wanted: object = wanted) -> object:
            return kldiv.divergence(p, q, wanted, estimator=estimator)

        first = called(own)[0]
        yield {"case": case, "method": "first call", "seconds": first, "evaluations": COUNT}
        for method, function in (("kldiv", own), (name, peer)):
            seconds = median_seconds(function, 9)
            yield {"case": case, "method": method, "seconds": seconds, "evaluations": COUNT}


def _six(log_p, log_q):  # noqa: ANN001, ANN202 (tensors)
    """The six divergences by their formulas."""
    p, q, gap = log_p.exp(), log_q.exp(), log_p - log_q
    log_mean = (0.5 * (p + q)).log()
    return (
        (p * gap).sum(),
        -(q * gap).sum(),
        0.5 * ((p * (log_p - log_mean)).sum() + (q * (log_q - log_mean)).sum()),
        1 - (0.5 * (log_p + log_q)).exp().sum(),
        ((p - q).square() / q).sum(),
        (p - q).abs().sum() / 2,
    )


def _logs(kind: str):  # noqa: ANN202 (two tensors)
    import torch

    generator = torch.Generator().manual_seed(0)
    found = torch.rand(2, COUNT, generator=generator, dtype=torch.float64) + 0.01
    return (found / found.sum(-1, keepdim=True)).log().to(getattr(torch, kind)).unbind()


def _times_roof(kind: str, wanted: float, prototype: str) -> Claim:
    case = f"{kind}, compiled"

    def of(found: Round) -> float | None:
        own, roof = found.best(case, "kldiv"), found.best(case, "read roof")
        return None if own is None or roof is None else own / roof

    return Claim(f"{case}: kldiv / reading", wanted, of, at_least=False, prototype=prototype)


def _six_times(kind: str, prototype: str) -> Claim:
    text = f"six at once, {kind}, compiled: eager / kldiv"
    return ratio(f"six, {kind}, compiled", "eager", 9, text=text, prototype=prototype)


GOAL = Goal(
    "G12",
    "Kullback-Leibler between 4e6 log densities",
    {"kldiv": kldiv_side},
    [
        _times_roof("float32", 2.5, "2.3"),
        _times_roof("float64", 1.7, "1.5"),
        ratio("float32", "eager, densities", 4, prototype="3.5 to 4.4"),
        ratio("float64", "eager, densities", 8, prototype="8.3"),
        _six_times("float32", "9"),
        _six_times("float64", "14"),
    ],
    "there is no call for bare arrays of log densities: these are two Categoricals, of which both "
    "masses are summed in the one pass over them, as a softmax is 1 up to its rounding only. In "
    "float32 numpy's two exponentials of each number are half of the 4.5 to 5.2 ms of a call, and "
    "some 0.4 ms are spent beside the pass, as Python's own memory is no longer in the cache "
    "after 32 MB. So it is with a compiler, where the call takes 1.3 to 3 times as long as "
    "reading, more where both arrays are still in the cache that cores share. Without one eager "
    "torch takes 16 or 38 ms in float32 and 40 to 120 ms in float64 for the same, by whether the "
    "pages of its memory are had anew for each call: 3.1 to 3.5 times as long as kldiv or 6 to 9 "
    "times in float32, 4 to 5 or 6 to 12 times in float64.",
)
