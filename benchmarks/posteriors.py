"""Fits of normals to ten posteriors: how far each ends above the optimum of its family.

The optimum is had by brute force: L-BFGS of torch on 8,192 draws that kldiv has not seen. Both
answers are scored on the same further draws, so that most of the chance in them cancels.

    python -m benchmarks.posteriors [name]
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

import kldiv

from benchmarks.posterior_densities import POSTERIORS, Density

__all__ = ["compared", "main"]

FAMILIES = ("diagonal_normal", "full_normal")


def draws(count: int, size: int, seed: int) -> Tensor:
    """Standard normal points, evenly spread, each with its mirror image."""
    cube = torch.quasirandom.SobolEngine(size, scramble=True, seed=seed).draw(count // 2).double()
    points = torch.special.ndtri(cube.clamp(1e-12, 1 - 1e-12))
    return torch.cat([points, -points])


def elbo(density: Density, loc: Tensor, factor: Tensor, points: Tensor) -> Tensor:
    """The evidence lower bound of a normal, without constants, one number."""
    spread = factor.diagonal().log().sum()
    blocks = (density(loc + block @ factor.mT).sum() for block in points.split(4096))
    return sum(blocks) / len(points) + spread


def optimum(
    density: Density, loc: Tensor, factor: Tensor, *, diagonal: bool
) -> tuple[Tensor, Tensor]:
    """The best normal by brute force, begun at one that is given."""
    points = draws(1 << 13, len(loc), seed=12345)
    free = [loc.clone().requires_grad_(), _free(factor, diagonal=diagonal).requires_grad_()]
    search = torch.optim.LBFGS(
        free, max_iter=150, history_size=50, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        spread = _factor(free[1], diagonal=diagonal).diagonal().log().sum()
        (-spread).backward()
        total = -spread.detach()
        for block in points.split(4096):
            moved = free[0] + block @ _factor(free[1], diagonal=diagonal).mT
            loss = -density(moved).sum() / len(points)
            loss.backward()
            total = total + loss.detach()
        return total

    search.step(closure)
    return free[0].detach(), _factor(free[1].detach(), diagonal=diagonal)


def _free(factor: Tensor, *, diagonal: bool) -> Tensor:
    logs = factor.diagonal().log()
    return logs if diagonal else factor.tril(-1) + torch.diag(logs)


def _factor(free: Tensor, *, diagonal: bool) -> Tensor:
    if diagonal:
        return torch.diag(free.exp())
    return free.tril(-1) + torch.diag(free.diagonal().exp())


def compared(name: str, family: str) -> dict[str, object]:
    """Kldiv's fit of a posterior, beside the optimum."""
    density, size = POSTERIORS[name]
    target = kldiv.Target(
        density, event_shape=(size,), support=torch.distributions.constraints.real_vector
    )
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = kldiv.fit(target, family, direction="reverse")
    seconds = time.perf_counter() - began
    diagonal = family == "diagonal_normal"
    loc = fit.parameters["loc"].detach()
    if diagonal:
        factor = torch.diag(fit.parameters["scale"].detach())
    else:
        factor = MultivariateNormal(loc, fit.parameters["covariance_matrix"].detach()).scale_tril
    best = optimum(density, loc, factor, diagonal=diagonal)
    score = draws(1 << 15, size, seed=777)
    with torch.no_grad():
        excess = elbo(density, *best, score) - elbo(density, loc, factor, score)
    tail = fit.divergence.pareto_k
    return {
        "posterior": name,
        "family": family,
        "excess": float(excess),
        "converged": fit.converged,
        "evaluations": fit.evaluations,
        "seconds": round(seconds, 3),
        "pareto_k": None if tail is None else float(tail),
        "verdict": fit.verdict,
    }


def main(*names: str) -> list[dict[str, object]]:
    """Prints a line for each posterior and family; returns them."""
    torch.set_num_threads(1)
    rows = []
    for name in names or POSTERIORS:
        for family in FAMILIES:
            row = compared(name, family)
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
