"""Pyro's variational inference, and the loop that torch users write."""

from __future__ import annotations

import logging

from typing import Any

import numpy as np
import torch

from benchmarks.arrivals import Path
from benchmarks.peers.settings import Setting
from benchmarks.problems.shared import Array, Problem

__all__ = ["hand_loop", "pyro_svi"]

logging.disable(logging.INFO)


def hand_loop(problem: Problem, setting: Setting, budget: float, *, full: bool = False) -> Path:
    """Adam on the evidence bound, reparameterised, the landing stuck, in float32."""
    torch.manual_seed(0)
    size = problem.dimension
    density = problem.log_density(torch, "float32")
    mean = torch.zeros(size, requires_grad=True)
    log_scale = torch.full((size,), float(np.log(problem.start)), requires_grad=True)
    below = torch.zeros(size, size, requires_grad=True)
    moved = [mean, log_scale, *([below] if full else [])]
    optimizer = torch.optim.Adam(moved, lr=setting.rate)
    rate = torch.optim.lr_scheduler.ExponentialLR(optimizer, setting.last ** (1 / setting.steps))

    def root() -> torch.Tensor:
        diagonal = log_scale.exp()
        return torch.diag(diagonal) + torch.tril(below, -1) if full else diagonal

    def parameters() -> tuple[Array, Array]:
        scale = root().detach().double().numpy()
        return mean.detach().double().numpy().copy(), scale.copy()

    path = Path()
    for step in range(1, setting.steps + 1):
        optimizer.zero_grad()
        z, scale = torch.randn(setting.draws, size), root()
        x = mean + (z @ scale.T if full else z * scale)
        held = scale.detach()
        off = x - mean.detach()
        back = torch.linalg.solve_triangular(held, off.T, upper=False).T if full else off / held
        log_q = -0.5 * back.square().sum(-1)
        points = x[:, 0] if size == 1 else x
        (log_q - density(points)).mean().backward()
        optimizer.step()
        rate.step()
        path.note(step, step * setting.draws, parameters)
        if path.elapsed > budget:
            break
    return path


def pyro_svi(problem: Problem, setting: Setting, budget: float, *, full: bool = False) -> Path:
    """Pyro's SVI with an automatic guide; the density is one factor."""
    import pyro
    import pyro.distributions as dist

    from pyro.infer import SVI, Trace_ELBO
    from pyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pyro.enable_validation(False)
    size = problem.dimension
    density = problem.log_density(torch, "float32")
    shape = () if size == 1 else (size,)

    def model() -> None:
        site = dist.Normal(torch.zeros(shape), 1.0).to_event(len(shape)).mask(False)
        z = pyro.sample("z", site)
        pyro.factor("log_density", density(z))

    kind: Any = AutoMultivariateNormal if full else AutoNormal
    guide = kind(model, init_loc_fn=lambda _: torch.zeros(shape), init_scale=problem.start)
    options = {"lr": setting.rate, "lrd": setting.last ** (1 / setting.steps), "clip_norm": 1e9}
    elbo = Trace_ELBO(num_particles=setting.draws, vectorize_particles=setting.draws > 1)
    svi = SVI(model, guide, pyro.optim.ClippedAdam(options), elbo)

    def parameters() -> tuple[Array, Array]:
        pair = _full_rank(guide) if full else (guide.locs.z, guide.scales.z)
        pair = [each.detach().double().numpy().copy() for each in pair]
        return np.atleast_1d(pair[0]), np.atleast_1d(pair[1])

    path = Path()
    for step in range(1, setting.steps + 1):
        svi.step()
        path.note(step, step * setting.draws, parameters)
        if path.elapsed > budget:
            break
    return path


def _full_rank(guide: Any) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401
    return guide.loc, guide.scale[..., None] * guide.scale_tril
