"""Fits of normals to ten posteriors as kldiv makes them by default, beside brute force.

The optimum of each family is looked for by L-BFGS of torch on 16,384 draws that kldiv has not
seen. Both ends are scored as the peers are in the comparisons; what brute force is above the best
evidence bound that is known, says how far that can be trusted.

    python -m benchmarks.posteriors [name ...]
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import torch

from torch import Tensor

import kldiv

from benchmarks.own import Counted, member
from benchmarks.problems.energies import whitened
from benchmarks.problems.posteriors import POSTERIORS
from benchmarks.problems.shared import Array, Problem, matrix_of

__all__ = ["compared", "main", "optimum"]

FAMILIES = {"diagonal_normal": False, "full_normal": True}
_BLOCK = 4096


def optimum(
    problem: Problem, mean: Array, scale: Array, *, full: bool, draws: int = 1 << 14, seed: int = 1
) -> tuple[Array, Array]:
    """The best normal by brute force, begun at one that is given: its mean and root."""
    density = problem.log_density(torch, "float64")
    points = torch.from_numpy(whitened(draws, problem.dimension, seed))
    root = torch.from_numpy(matrix_of(scale))
    free = [torch.from_numpy(mean).clone(), root.tril(-1) + torch.diag(root.diagonal().log())]
    free = [each.requires_grad_() for each in free]
    search = torch.optim.LBFGS(
        free, max_iter=300, history_size=50, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        total = -free[1].diagonal().sum()
        total.backward()
        for block in points.split(_BLOCK):
            loss = -density(free[0] + block @ _root(free[1], full=full).mT).sum() / draws
            loss.backward()
            total = total + loss
        return total.detach()

    search.step(closure)
    return free[0].detach().numpy(), _root(free[1], full=full).detach().numpy()


def _root(free: Tensor, *, full: bool) -> Tensor:
    diagonal = torch.diag(free.diagonal().exp())
    return free.tril(-1) + diagonal if full else diagonal


def compared(name: str, family: str) -> dict[str, object]:
    """Kldiv's fit of a posterior, beside the optimum."""
    problem, full = POSTERIORS[name], FAMILIES[family]
    density = Counted(problem)
    target = kldiv.Target(density, event_shape=density.shape)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = kldiv.fit(target, family, direction="reverse")
    seconds, evaluations = time.perf_counter() - began, density.points
    mean, scale = member(fit.parameters)
    best = optimum(problem, mean, scale, full=full)
    return {
        "posterior": name,
        "family": family,
        "excess": problem.excess(mean, scale, full),
        "brute_force": problem.excess(*best, full),
        "converged": fit.converged,
        "evaluations": evaluations,
        "seconds": round(seconds, 3),
        "pareto_k": float(fit.diagnostics["pareto_k"]),
        "verdict": fit.verdict,
    }


def main(*names: str) -> list[dict[str, object]]:
    """Prints a line for each posterior and family; returns them."""
    torch.set_num_threads(1)
    rows = []
    for name in names or POSTERIORS:
        for family in FAMILIES:
            rows.append(compared(name, family))
            print(json.dumps(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
