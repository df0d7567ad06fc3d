"""What `kldiv.divergence` costs over the closed form that it evaluates.

In the same calls it is measured how long they take and how long of that they are in the closed
form, which gives a value and its rounding error; the rest is the front door. Beside it stands
`torch.distributions.kl_divergence` on the same distributions, which has no error, checks nothing
and finds nothing.
"""

from __future__ import annotations

import statistics
import time

from unittest import mock

import torch

from torch import Tensor
from torch.distributions import Bernoulli, Beta, Distribution, MultivariateNormal, Normal

import kldiv

from benchmarks.timing import in_turns
from kldiv import resolving
from kldiv.closed_form import Rule
from kldiv.definitions.divergence import Divergence
from kldiv.registries import closed_forms
from kldiv.resolving import as_divergence

__all__ = ["main"]


def pairs() -> dict[str, tuple[Distribution, Distribution]]:
    """The pairs, of numbers, of vectors and of batches."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(2, 10, 10, generator=generator, dtype=torch.float64)
    matrices = root @ root.mT + 10 * torch.eye(10).double()
    zero, one, two = (torch.tensor(value).double() for value in (0.0, 1.0, 2.0))
    loc = torch.linspace(-1, 1, 1000).double()
    return {
        "Normal": (Normal(zero, one), Normal(one, two)),
        "Normal, float32": (Normal(zero.float(), one.float()), Normal(one.float(), two.float())),
        "Normal, batch of 1000": (Normal(loc, one), Normal(zero, two)),
        "Beta": (Beta(one, two), Beta(two, two)),
        "Bernoulli": (Bernoulli(one / 2), Bernoulli(one / 5)),
        "MultivariateNormal, d = 10": tuple(
            MultivariateNormal(torch.zeros(10).double(), matrix) for matrix in matrices
        ),
    }


class Timed:
    """A closed form that adds up the seconds spent in it."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.seconds = rule, 0.0
        self.covers = rule.covers

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        """The value."""
        began = time.perf_counter()
        found = self.rule.function(p, q, divergence)
        self.seconds += time.perf_counter() - began
        return found

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """Its rounding."""
        began = time.perf_counter()
        found = self.rule.error_of(value, p, q, divergence)
        self.seconds += time.perf_counter() - began
        return found


def spent(p: Distribution, q: Distribution, calls: int = 400) -> tuple[float, float]:
    """The median seconds of a call, and of the closed form in it."""
    kl = as_divergence("kl")
    rules = closed_forms()
    timed = Timed(next(rule for rule in rules if rule.covers(kl, p, q)))
    patched = tuple(timed if rule is timed.rule else rule for rule in rules)
    with mock.patch.object(resolving, "closed_forms", return_value=patched):
        whole, form = [], []
        for _ in range(calls):
            timed.seconds, began = 0.0, time.perf_counter()
            kldiv.divergence(p, q)
            whole.append(time.perf_counter() - began)
            form.append(timed.seconds)
    return statistics.median(whole), statistics.median(form)


def main() -> dict[str, dict[str, float]]:
    """Prints the table and returns its numbers."""
    torch.set_num_threads(1)
    results = {}
    print(f"{'pair':30} {'divergence':>12} {'closed form':>12} {'over it':>12} {'torch':>12}  µs")
    for name, (p, q) in pairs().items():
        spent(p, q)
        ours, form = spent(p, q)
        peer = in_turns(
            lambda p=p, q=q: kldiv.divergence(p, q),
            lambda p=p, q=q: torch.distributions.kl_divergence(p, q),
            calls=(300, 300),
        )
        cells = {"ours": ours, "form": form, "over": ours - form, "torch": peer.theirs}
        results[name] = cells
        print(f"{name:30} " + " ".join(f"{1e6 * cell:12.1f}" for cell in cells.values()))
    return results


if __name__ == "__main__":
    main()
