"""G11: 100 000 fits on a line at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.comparison import Claim, Goal, Record, called, no_more, ratio
from benchmarks.problems.many import descended, mixtures, objective
from benchmarks.problems.shared import Array

__all__ = ["GOAL", "fitted_all"]

COUNT, SOME = 100_000, 1_000
CASE = "100 000 fits"


def good(mean: Array, scale: Array, count: int) -> float:
    """The share within 1e-3 nats of where a descent from a standard normal ends, or lower."""
    parts = tuple(each[:SOME] for each in mixtures(count))
    known = np.array([descended(index, parts, 128) for index in range(SOME)])
    best = objective(known[:, 0], known[:, 1], parts)
    return float(np.mean(objective(mean[:SOME], scale[:SOME], parts) <= best + 1e-3))


def fitted_all(count: int, device: str = "cpu") -> Record:
    """All fits by one call, from one start as the peers."""
    import torch

    from torch.distributions import Categorical, MixtureSameFamily, Normal

    from benchmarks.own import record_of

    weights, means, scales = (torch.from_numpy(each).to(device) for each in mixtures(count))
    target = MixtureSameFamily(Categorical(weights), Normal(means, scales))
    start = {"loc": torch.zeros(count), "scale": torch.ones(count)}
    record = record_of(target, "normal", calls=1, starts=start)
    values = record.pop("fit").parameters
    share = good(values["loc"].cpu().numpy(), values["scale"].cpu().numpy(), count)
    return record | {"good": share}


def kldiv_side(_: float) -> Iterator[Record]:
    """One call."""
    yield {"case": CASE, "method": "kldiv", **fitted_all(COUNT)}


def torch_side(budget: float) -> Iterator[Record]:
    """A loop of scipy's L-BFGS, measured on 1000, and Pyro over as many latent numbers."""
    parts = mixtures(COUNT)
    seconds, _ = called(lambda: [descended(index, parts) for index in range(SOME)])
    yield {"case": CASE, "method": "scipy loop", "seconds": seconds * COUNT / SOME}
    yield {"case": CASE, "method": "Pyro", **_pyro(parts, 3 * budget)}


def _pyro(parts: tuple[Array, Array, Array], budget: float, steps: int = 1000) -> Record:
    import time

    import pyro
    import pyro.distributions as dist
    import torch

    from pyro.infer import SVI, Trace_ELBO
    from pyro.infer.autoguide import AutoNormal

    weights, means, scales = (torch.from_numpy(each).float() for each in parts)
    logs = weights.log() - scales.log()
    pyro.set_rng_seed(0)
    pyro.enable_validation(False)

    def model() -> None:
        z = pyro.sample("z", dist.Normal(torch.zeros(COUNT), 1.0).to_event(1).mask(False))
        away = logs - 0.5 * ((z[..., None] - means) / scales) ** 2
        pyro.factor("log_density", torch.logaddexp(away[..., 0], away[..., 1]).sum(-1))

    guide = AutoNormal(model, init_loc_fn=lambda _: torch.zeros(COUNT), init_scale=1.0)
    options = {"lr": 0.1, "lrd": 1e-2 ** (1 / steps), "clip_norm": 1e9}
    elbo = Trace_ELBO(num_particles=10, vectorize_particles=True)
    svi = SVI(model, guide, pyro.optim.ClippedAdam(options), elbo)
    svi.step()
    began, taken = time.perf_counter(), 0
    while taken < steps and time.perf_counter() - began < budget:
        svi.step()
        taken += 1
    seconds = (time.perf_counter() - began) * steps / taken
    return {"seconds": seconds, "evaluations": 10 * steps * COUNT, "measured_steps": taken}


GOAL = Goal(
    "G11",
    "100 000 one-dimensional reverse fits in one call",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        no_more(CASE, "seconds", 1.0, prototype="4.4 s"),
        ratio(CASE, "scipy loop", 50, prototype="12"),
        ratio(CASE, "Pyro", 40, prototype="9"),
        Claim(
            f"{CASE}: share within 1e-3 nats of a descent's end",
            0.995,
            lambda found: found.best(CASE, "kldiv", "good"),
            prototype="0.994",
        ),
    ],
)
