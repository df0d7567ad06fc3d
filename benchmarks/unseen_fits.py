"""150 fits whose answers kldiv has not seen, beside brute force.

For every problem: is the global optimum found, to 1e-6 in value and 1e-4 in parameters; is every
optimum listed that more than 1 % of the starts of the brute force lead to; and does no fit say
converged that is not at a minimum.

    python -m benchmarks.unseen_fits [seed]
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import torch

import kldiv

from benchmarks.fit_problems import Problem, problems

__all__ = ["examined", "main"]


def examined(problem: Problem) -> dict[str, object]:
    """What kldiv makes of a problem, beside the brute force."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = kldiv.fit(
            problem.target, problem.family, problem.divergence, direction=problem.direction
        )
    seconds = time.perf_counter() - began
    minima = problem.minima()
    at = problem.read(fit.parameters)
    excess = problem.objective(at) - minima[0].value if minima else np.nan
    tied = [each for each in minima if each.value - minima[0].value < 1e-8]
    off = min((float(np.abs(at - each.at).max()) for each in tied), default=np.nan)
    turned = problem.family.startswith("low_rank")  # any turn of its factors is as good
    listed = [problem.read(optimum.parameters) for optimum in fit.optima]
    missed = [
        (each.at.tolist(), each.value, each.share)
        for each in minima
        if each.proper
        and each.share > 0.01
        and not turned
        and not any(np.abs(each.at - other).max() < 0.02 for other in listed)
    ]
    scale = max(1.0, abs(minima[0].value)) if minima else 1.0
    right = excess <= 1e-6 * scale and (off <= 1e-4 or turned or not minima[0].proper)
    return {
        "problem": f"{problem.family} to {problem.label}",
        "by": f"{problem.divergence} {problem.direction}",
        "right": bool(right),
        "excess": float(excess),
        "off": off,
        "missed": missed,
        "false": bool(fit.converged and not right and off > 1e-2 and minima[0].proper),
        "converged": fit.converged,
        "seconds": seconds,
        "evaluations": fit.evaluations,
        "verdict": fit.verdict,
    }


def main(seed: int = 1) -> list[dict[str, object]]:
    """Prints what is wrong, and the counts; returns a row for each problem."""
    torch.set_num_threads(1)
    rows = []
    for problem in problems(seed):
        row = examined(problem)
        rows.append(row)
        if not row["right"] or row["missed"] or row["false"]:
            print(json.dumps(row, default=str), flush=True)
    for word in ("right", "false", "converged"):
        print(f"{word}: {sum(bool(row[word]) for row in rows)} of {len(rows)}")
    print(f"all optima listed: {sum(not row['missed'] for row in rows)} of {len(rows)}")
    print(f"seconds: median {np.median([row['seconds'] for row in rows]):.3f}")
    return rows


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
