"""A maximum from many starts: smooth, kinked, on an edge, far from where it was looked for."""

import pytest
import torch

from kldiv.estimators.extrema.zooming import best_starts, zoom


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


FUNCTIONS = {
    "smooth": lambda u: -(u - 0.321).square().sum(-1),
    "kinked": lambda u: -(u - 0.321).abs().sum(-1),
    "edge": lambda u: torch.where(
        (u <= 0.321).all(-1), u.sum(-1) - u.shape[-1] * 0.321, -torch.inf
    ),
}


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("width", [1e-6, 0.3, 40.0])
def test_the_maximum_is_found_to_rounding_from_any_width(name, dimensions, width):
    function = FUNCTIONS[name]
    centre = torch.zeros(1, dimensions, dtype=torch.float64)
    top, value, gain, cost = zoom(function, centre, torch.full_like(centre, width))
    tolerance = 1e-7 if name == "smooth" else 1e-9
    torch.testing.assert_close(top, torch.full_like(top, 0.321), rtol=0, atol=tolerance)
    assert abs(float(value)) <= 2e-9
    assert 0 <= float(gain) <= 1e-8
    assert cost > 0


def test_each_element_of_a_batch_has_its_own_maximum():
    places = tensor([[0.1, 5.0, -3.0], [0.2, 0.0, 9.0]])
    centre = torch.zeros(2, 2, 3, 1, dtype=torch.float64)
    top, value, _, _ = zoom(
        lambda u: -(u.squeeze(-1) - places).square(), centre, torch.ones_like(centre)
    )
    torch.testing.assert_close(top.squeeze(-1), places, rtol=0, atol=1e-7)
    assert value.shape == (2, 3)


def test_on_a_line_only_local_maxima_are_starts():
    points = tensor([3.0, 0.0, 1.0, 2.0, 4.0]).unsqueeze(-1)
    values = tensor([1.0, 5.0, 4.9, 0.0, 2.0])
    starts, gaps = best_starts(points, values, torch.ones_like(points))
    assert starts[:2].squeeze(-1).tolist() == [0.0, 4.0]
    assert gaps.shape == starts.shape


def test_in_a_plane_the_best_points_are_starts():
    points = torch.cartesian_prod(tensor([0.0, 1.0, 2.0, 3.0]), tensor([0.0, 1.0, 2.0, 3.0, 4.0]))
    starts, _ = best_starts(points, points.sum(-1), torch.ones_like(points))
    assert starts[0].tolist() == [3.0, 4.0]
    assert len(starts) == 12
