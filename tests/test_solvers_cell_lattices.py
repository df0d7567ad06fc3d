"""Nodes inside the cells of a grid see no kinks."""

import numpy as np
import pytest
import torch

from scipy.optimize import minimize

import kldiv

from kldiv.solvers.cell_lattices import cell_lattices, cells_of

X = np.linspace(-3, 3, 25)
Y = np.sort(np.concatenate([np.linspace(-2, 5, 12), [-1.7, 0.3, 0.35, 2.2, 4.1]]))
A, B = np.meshgrid(X, Y, indexing="ij")
BELL = np.exp(-(A**2 + (B - 1) ** 2 - 1.2 * A * (B - 1)) / 1.28)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


def nodes_of(values):
    """Nodes in all cells, dense at edges, their weights, and the density there, of mass 1."""
    s = (NODES + 1) / 2
    u, w = s**2 * (3 - 2 * s), WEIGHTS * 3 * s * (1 - s)
    points, weights, heights = [], [], []
    for i in range(len(X) - 1):
        for j in range(len(Y) - 1):
            dx, dy = X[i + 1] - X[i], Y[j + 1] - Y[j]
            a, b = np.meshgrid(u, u, indexing="ij")
            points.append(np.stack([X[i] + a * dx, Y[j] + b * dy], -1).reshape(-1, 2))
            weights.append(np.outer(w, w).ravel() * dx * dy)
            low = values[i, j] * (1 - a) + values[i + 1, j] * a
            high = values[i, j + 1] * (1 - a) + values[i + 1, j + 1] * a
            heights.append((low * (1 - b) + high * b).ravel())
    points, weights, heights = (np.concatenate(each) for each in (points, weights, heights))
    return points, weights, heights / (heights * weights).sum()


def log_normal(points, a):
    z = np.linalg.solve([[np.exp(a[2]), 0], [a[3], np.exp(a[4])]], (points - a[:2]).T)
    return -(z**2).sum(0) / 2 - np.log(2 * np.pi) - a[2] - a[4]


def parameters_of(a):
    root = np.array([[np.exp(a[2]), 0], [a[3], np.exp(a[4])]])
    return a[:2], root @ root.T


def test_cells_are_told_by_their_edges():
    found = cells_of(kldiv.Target.on_grid((X, Y), BELL).cuts)
    assert [each.tolist() for each in found] == [X.tolist(), Y.tolist()]


def test_a_polynomial_in_each_cell_is_integrated_exactly_by_both_rules():
    axes = [torch.tensor([0.0, 0.5, 2.0]).double(), torch.tensor([-1.0, 1.0, 1.5]).double()]
    empty = -torch.inf

    def logs(x):
        return torch.where((x[:, :1] > 0.5) & (x[:, 1:] > 1), empty, 0.0)

    first = next(cell_lattices(logs, axes, 1000))
    x, y = first.points.unbind(-1)
    for weights in (first.weights, first.coarse):  # all but a cell of 1.5 times 0.5
        assert float(weights.sum()) == pytest.approx(2 * 2.5 - 1.5 * 0.5)
        assert float((weights * x).sum()) == pytest.approx(0.125 * 2.5 + 1.875 * 2)
    assert float((first.weights * x**2 * y**2).sum()) == pytest.approx(
        (0.125 / 3) * (2.375 + 2) / 3 + ((8 - 0.125) / 3) * 2 / 3
    )


@pytest.mark.parametrize("ends", ["without zeros", "with zeros"])
def test_a_fit_to_a_grid_is_the_optimum_between_its_kinks(ends):
    """Adaptive regions across the kinks left 5e-6, and called it converged."""
    values = BELL if ends == "without zeros" else np.where((A > -1) & (B > 0), BELL, 0.0)
    points, weights, p = nodes_of(values)

    def distance(a):
        return 1 - (weights * np.sqrt(p) * np.exp(log_normal(points, a) / 2)).sum()

    best = minimize(distance, [0, 1, 0, 0.5, 0], options={"gtol": 1e-9})
    loc, covariance = parameters_of(best.x)
    target = kldiv.Target.on_grid((X, Y), values)
    fitted = kldiv.fit(target, "full_normal", "squared_hellinger")
    assert fitted.converged
    assert float(fitted.divergence) == pytest.approx(best.fun, abs=1e-6)
    assert fitted.parameters["loc"].numpy() == pytest.approx(loc, abs=1e-4)
    assert fitted.parameters["covariance_matrix"].numpy() == pytest.approx(covariance, abs=2e-4)
