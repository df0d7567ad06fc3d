"""Close pairs of every kind keep their sign and their digits, in float32 too.

Parameters are of every size from 0.1 to 1000, changes from 1e-3 to 1e-6; the truth is an
independent formula in extended precision.
"""

import numpy as np
import pytest
import torch

import kldiv

from tests.close_pairs import FORMULAS, KINDS, members, parameters, reference

extended = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="this platform has no extended precision"
)

OFTEN = ("kl", "squared_hellinger", "chi2", "renyi(alpha=0.3)")
OF_THE_UNIT = (
    "density_power(beta=0.5)",
    "gamma(gamma=0.5)",
    "squared_l2",
    "cosine",
    "cauchy_schwarz",
)
"""Which need densities that are square integrable: parameters from 1 on."""

DTYPES = {"float64": torch.float64, "float32": torch.float32}


def rows():
    for name in KINDS:
        for divergence in FORMULAS:
            if divergence in OF_THE_UNIT and name == "lognormal":
                continue  # e^1000 is no density
            marks = [] if divergence in OFTEN else [pytest.mark.slow]
            yield pytest.param(divergence, name, marks=marks, id=f"{divergence}-{name}")


@extended
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("divergence", "name"), [*rows()])
def test_a_close_pair_is_at_its_distance_and_a_distribution_at_none_from_itself(
    divergence, name, dtype
):
    kind, dtype = KINDS[name], DTYPES[dtype]
    low = 1.0 if divergence in OF_THE_UNIT and kind.high > 1 else 0.1
    p, q = parameters(kind, 2, dtype, low)
    first, second = members(kind, p, dtype), members(kind, q, dtype)
    found = kldiv.divergence(first, second, divergence).value.double().numpy()
    assert (found >= 0).all()
    np.testing.assert_allclose(found, reference(divergence, name, p, q), rtol=1e-5, atol=0)
    assert (kldiv.divergence(first, first, divergence).value.abs() <= 2e-15).all()
