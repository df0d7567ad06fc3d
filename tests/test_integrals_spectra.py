"""What the spectrum at the nodes promises of the trapezium rule is kept."""

import math

import pytest
import torch

from kldiv.estimators.integrals.spectra import digits_of, promised_digits
from tests.axis import double

ROOT = math.sqrt(2 * math.pi)
BELLS = {  # weights and scales
    "a bell": ((1.0, 1.0),),
    "a bell in which a narrow one hides": ((1.0, 1.0), (1e-6, 0.4)),
    "bells of three scales": ((1.0, 1.0), (1e-3, 0.5), (1e-6, 0.25)),
    "a wide one and a narrow one": ((1.0, 3.0), (1e-8, 0.4)),
}
OTHERS = {
    "poles": (lambda x: 1 / x.cosh(), math.pi),
    "a bell and poles": (lambda x: (-x.square()).exp() / (1 + x.square()), None),
    "both signs": (lambda x: x * (-(x - 1).square()).exp(), math.sqrt(math.pi)),
}
WAYS = 7  # in which nodes may lie


def bells(parts):
    def function(x):
        return sum(w / (s * ROOT) * (-((x / s).square()) / 2).exp() for w, s in parts)

    return function, sum(w for w, _ in parts)


CASES = {**{name: bells(parts) for name, parts in BELLS.items()}, **OTHERS}


def at_nodes(function, spacing):
    """The function at nodes that lie in several ways, one a column, with shape (1, n, C)."""
    steps = torch.arange(-int(40 / spacing), int(40 / spacing) + 1, dtype=torch.float64)
    offsets = torch.arange(WAYS, dtype=torch.float64) / WAYS
    return function((steps.unsqueeze(-1) + offsets) * spacing).unsqueeze(0)


def true_digits(function, exact, values, spacing):
    exact = at_nodes(function, 1 / 512).sum(1) / 512 if exact is None else exact
    return digits_of(values.sum(1) * spacing - exact, values.abs().sum(1) * spacing)


@pytest.mark.parametrize("spacing", [0.8, 0.6, 0.5, 0.4, 0.33, 0.25, 0.2, 0.12])
@pytest.mark.parametrize("name", CASES)
def test_the_rule_has_the_digits_that_are_promised(name, spacing):
    function, exact = CASES[name]
    values = at_nodes(function, spacing)
    promised = promised_digits(values, values.abs().sum(1))
    true = true_digits(function, exact, values, spacing)
    assert (true <= promised.clamp_min(-14.5)).all()


@pytest.mark.parametrize(("spacing", "digits"), [(0.5, -11), (0.25, -14)])
def test_a_bell_is_promised_the_digits_that_it_has(spacing, digits):
    values = at_nodes(CASES["a bell"][0], spacing)
    assert (promised_digits(values, values.abs().sum(1)) < digits).all()


def test_many_nodes_blur_nothing():
    values = at_nodes(CASES["a bell"][0], 1 / 256)
    assert values.shape[1] > 20_000
    assert (promised_digits(values, values.abs().sum(1)) < -14.5).all()


def test_each_integrand_has_its_own_digits():
    both = [at_nodes(CASES[name][0], 0.5) for name in ("a bell", "bells of three scales")]
    together = promised_digits(torch.cat(both), torch.cat(both).abs().sum(1))
    alone = torch.cat([promised_digits(each, each.abs().sum(1)) for each in both])
    torch.testing.assert_close(together, alone)
    assert (together[0] < together[1] - 2).all()


def test_what_is_nothing_at_all_promises_nothing():
    assert promised_digits(torch.zeros(1, 9, 1).double(), double([0.0])).isnan().all()
