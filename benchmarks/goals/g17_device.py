"""G17: on a graphics processor, by device alone."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Goal, Record, ratio
from benchmarks.goals.g11_many import fitted_all
from benchmarks.problems.normal_vectors import moments

__all__ = ["GOAL"]


def kldiv_side(_: float) -> Iterator[Record]:
    """A million fits on a line, and a full covariance in 1000 dimensions; nothing without one."""
    import torch

    if not torch.cuda.is_available():
        return
    for case, run in (("1e6 fits on a line", _many), ("full rank, d = 1000", _full)):
        for method, device in (("kldiv", "cuda"), ("the processor", "cpu")):
            yield {"case": case, "method": method, **run(device)}


def _many(device: str) -> Record:
    return fitted_all(1_000_000, device)


def _full(device: str) -> Record:
    import torch

    from torch.distributions import MultivariateNormal

    from benchmarks.own import record_of

    mean, covariance, _ = (torch.from_numpy(each).to(device) for each in moments(1000))
    known = MultivariateNormal(mean, covariance)

    import kldiv

    target = kldiv.Target(known.log_prob, event_shape=(1000,), device=device)
    record = record_of(target, "full_normal", calls=1)
    record.pop("fit")
    return record


GOAL = Goal(
    "G17",
    "The same calls on a graphics processor, where there is one",
    {"kldiv": kldiv_side},
    [ratio(case, "the processor", 1) for case in ("1e6 fits on a line", "full rank, d = 1000")],
    "no graphics processor has run it yet; that all follows the device is tested with a pretended "
    "one.",
)
