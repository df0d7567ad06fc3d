"""What an explorer shows is one thing, however it is written down."""

import numpy as np
import pytest

from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch
from kldiv.pictures.explorer_data import (
    ENTRIES_ALLOWED,
    Densities,
    LocationScale,
    Parameter,
    as_array,
    ceiling,
    iso_levels,
)

X = np.linspace(-8, 8, 1601)
MU, SIGMA = Parameter("mu", [-1.0, 0.0, 2.0]), Parameter("sigma", [0.5, 1.0])


def normal(x, mu=0.0, sigma=1.0):
    return np.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))


def test_a_location_scale_is_the_array_it_stands_for():
    table = normal(X, MU.grid[:, None], SIGMA.grid[:, None, None])
    densities = Densities(X, LocationScale(X, normal(X)), table)

    for place in np.ndindex(3, 2):
        p, q = (densities.at(name, MU, SIGMA, place) for name in ("p", "q"))
        # between points h apart, a line is off by up to h² max|φ''| / 8, here divided by σ
        assert p == pytest.approx(q, abs=0.01**2 * 0.4 / 8 / 0.5)

    assert densities.peak(SIGMA) == pytest.approx(normal(0.0, 0.0, 0.5))


def test_densities_keep_their_size_and_must_fit_the_parameters():
    of_sigma = np.arange(8.0).reshape(2, 1, 4)
    densities = Densities([0, 1, 2, 3], np.full(4, 0.25), of_sigma)
    densities.check(MU, SIGMA)

    assert densities.q.shape == (2, 1, 4)
    assert densities.at("q", MU, SIGMA, (2, 1)).tolist() == [4.0, 5.0, 6.0, 7.0]
    with pytest.raises(ShapeMismatch, match=r"q has shape \(2, 1, 4\).*\(3, 2, 4\)"):
        densities.check(SIGMA, MU)


def test_a_page_carries_as_many_entries_as_are_allowed_and_not_one_point_more():
    def densities(count):
        return Densities(np.arange(count), np.ones(count), np.ones((2, 3, count)))

    densities(ENTRIES_ALLOWED // 6).check(MU, SIGMA)
    with pytest.raises(InvalidArgument, match=f"q has {ENTRIES_ALLOWED + 6} entries"):
        densities(ENTRIES_ALLOWED // 6 + 1).check(MU, SIGMA)


def test_an_array_is_a_copy_and_anything_else_is_named():
    given = np.arange(3.0)
    as_array("table", given)[0] = 7.0

    assert given[0] == 0.0
    with pytest.raises(InvalidType, match="table is a list"):
        as_array("table", [1.0, "two"])


def test_levels_and_ceiling_of_even_values_are_even_and_round():
    table = np.linspace(1.0, 5.0, 101)

    assert iso_levels(table) == [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    assert ceiling(table) == 5.0  # nine in ten lie below 4.6
    assert ceiling(np.append(np.linspace(0.0, 1.4, 99), 80.0)) == 1.5
