"""What `kldiv.divergence` costs over the closed form that it evaluates.

The closed form is the function of the pair itself, on the same distributions in float64. Beside
it stands `torch.distributions.kl_divergence`, which has no error and checks nothing.
"""

from __future__ import annotations

import torch

from torch.distributions import Bernoulli, Beta, Distribution, MultivariateNormal, Normal

import kldiv

from benchmarks.timing import in_turns
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


def main() -> dict[str, dict[str, float]]:
    """Prints the table and returns its numbers."""
    torch.set_num_threads(1)
    results = {}
    kl = as_divergence("kl")
    print(f"{'pair':30} {'divergence':>12} {'closed form':>12} {'over it':>12} {'torch':>12}  µs")
    for name, (p, q) in pairs().items():
        rule = next(rule for rule in closed_forms() if rule.covers(kl, p, q))
        form = in_turns(
            lambda p=p, q=q: kldiv.divergence(p, q),
            lambda p=p, q=q, rule=rule: rule.function(p, q, kl),
            calls=(300, 300),
        )
        peer = in_turns(
            lambda p=p, q=q: kldiv.divergence(p, q),
            lambda p=p, q=q: torch.distributions.kl_divergence(p, q),
            calls=(300, 300),
        )
        over = form.ours - form.theirs
        results[name] = {
            "over": over,
            "ours": form.ours,
            "form": form.theirs,
            "torch": peer.theirs,
        }
        cells = (form.ours, form.theirs, over, peer.theirs)
        print(f"{name:30} " + " ".join(f"{1e6 * cell:12.1f}" for cell in cells))
    return results


if __name__ == "__main__":
    main()
