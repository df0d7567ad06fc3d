"""The posterior of a logistic regression."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.builtin.checks import check_numbers, check_positive
from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["logistic_regression"]

_POINTS = 40
_WEIGHTS = (-0.5, 1.5)  # of the data made up
_SEED = 0
_NEWTON_STEPS = 30


def logistic_regression(
    features: object = None, labels: object = None, scale: float = 2.0
) -> ProjectedTarget:
    r"""The posterior of the weights of a logistic regression, its normaliser unknown.

    .. math:: \log p(w) = \sum_i \log \sigma\bigl((2 y_i - 1)\, x_i^\top w\bigr)
        - \frac{\lVert w \rVert^2}{2 s^2} + \text{constant}

    with :math:`\sigma(t) = 1 / (1 + e^{-t})` and the prior :math:`N(0, s^2 I)`. The constant makes
    it 0 at the mode, so that many data do not make the density vanish. It has one mode, as its
    logarithm is concave, all moments, even where a line separates the labels, and no sampler. In
    many dimensions the reverse KL, up to a constant, is what is left to fit with; the more data,
    the nearer the posterior is to a normal. Without data, 40 made-up points are taken, always the
    same, with an intercept and a slope: the posterior is then one of the plane.

    Arguments:
        features: The matrix of the :math:`x_i`, with shape :math:`(N, D)`, a column of ones for an
            intercept among them.
        labels: The :math:`y_i`, each 0 or 1, with shape :math:`(N)`.
        scale: The standard deviation s of the prior, positive.

    Returns:
        A target with event shape (D).

    Raises:
        InvalidArgument: If only one of features and labels is given, a label is neither 0 nor 1,
            the scale is not positive, or the lengths differ.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), equation 4.142, ISBN
        978-0-387-31073-2.
    """
    if (features is None) != (labels is None):
        raise InvalidArgument("features and labels must be given together, or neither")
    matrix, answers = _made_up() if features is None else _checked(features, labels)
    prior = check_positive("scale", scale, dimensions=0)
    signed = (2 * answers - 1).unsqueeze(-1) * matrix

    def log_joint(weights: Tensor) -> Tensor:
        likelihood = torch.nn.functional.logsigmoid(weights @ signed.mT).sum(-1)
        return likelihood - (weights / prior).square().sum(-1) / 2

    highest = log_joint(_mode(signed, prior)) / matrix.shape[-1]
    return ProjectedTarget(
        (signed, torch.nn.functional.logsigmoid),
        (torch.eye(matrix.shape[-1], dtype=torch.float64) / prior, lambda t: -t * t / 2 - highest),
    )


def _mode(signed: Tensor, prior: Tensor) -> Tensor:
    """The mode by Newton's method, on rows of features with the signs of their labels."""
    weights = torch.zeros_like(signed[0])
    for _ in range(_NEWTON_STEPS):
        missed = (-(signed @ weights)).sigmoid()
        slope = missed @ signed - weights / prior.square()
        bend = (signed.mT * (missed * (1 - missed))) @ signed
        bend = bend + torch.eye(len(weights), dtype=bend.dtype) / prior.square()
        weights = weights + torch.linalg.solve(bend, slope)
    return weights


def _made_up() -> tuple[Tensor, Tensor]:
    """Points of a logistic model with an intercept, drawn with a seed of their own."""
    generator = torch.Generator().manual_seed(_SEED)
    slope = torch.randn(_POINTS, generator=generator, dtype=torch.float64)
    matrix = torch.stack([torch.ones_like(slope), slope], -1)
    chance = (matrix @ torch.tensor(_WEIGHTS, dtype=torch.float64)).sigmoid()
    return matrix, torch.bernoulli(chance, generator=generator)


def _checked(features: object, labels: object) -> tuple[Tensor, Tensor]:
    matrix = check_numbers("features", features, dimensions=2)
    answers = check_numbers("labels", labels, dimensions=1)
    if len(matrix) != len(answers):
        raise ShapeMismatch(
            f"labels must have an entry for each of the {len(matrix)} rows of features, "
            f"got {len(answers)}"
        )
    if not ((answers == 0) | (answers == 1)).all():
        raise InvalidArgument(f"labels must be 0 or 1, got {labels!r}")
    return matrix, answers
