"""Two posteriors that everybody knows, written in Pyro."""

from __future__ import annotations

import pyro
import torch

from pyro import distributions as dist
from torch import Tensor

import kldiv

from kldiv_bayes.pyro_targets import PyroTarget, pyro_target

__all__ = [
    "eight_schools",
    "logistic_regression",
    "pyro_eight_schools",
    "pyro_logistic_regression",
]

_EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)


def eight_schools(effects: Tensor, errors: Tensor, centered: bool = False) -> None:
    """The model of :func:`pyro_eight_schools`, a Pyro function."""
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", len(effects)):
        if centered:
            theta = pyro.sample("theta", dist.Normal(mu, tau))
        else:
            theta = mu + tau * pyro.sample("eta", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(theta, errors), obs=effects)


def logistic_regression(features: Tensor, labels: Tensor, scale: float = 2.0) -> None:
    """The model of :func:`pyro_logistic_regression`, a Pyro function."""
    zero = torch.zeros(features.shape[-1], dtype=features.dtype)
    weights = pyro.sample("weights", dist.Normal(zero, scale).to_event(1))
    with pyro.plate("data", len(labels)):
        pyro.sample("y", dist.Bernoulli(logits=features @ weights), obs=labels)


def pyro_eight_schools(centered: bool = False) -> PyroTarget:
    r"""The posterior of the eight schools, as a Pyro model.

    .. math:: y_j \sim N(\theta_j, \sigma_j^2), \quad \theta_j \sim N(\mu, \tau^2), \quad
        \mu \sim N(0, 5^2), \quad \tau \sim \operatorname{Cauchy}^+(0, 5)

    A point is :math:`(\mu, \log \tau, \eta_1, \dots, \eta_8)` with
    :math:`\theta_j = \mu + \tau \eta_j`, or with ``centered=True``
    :math:`(\mu, \log \tau, \theta_1, \dots, \theta_8)`. The density is that of the built-in
    ``eight_schools``, but for the evidence, which Pyro does not know.

    Arguments:
        centered: Whether the effects themselves are the coordinates.

    Returns:
        A target with event shape (10).

    References:
        Estimation in parallel randomized experiments (Rubin, 1981), table 1,
        doi:10.3102/10769986006004377. Bayesian Data Analysis (Gelman et al., 2013), section 5.5,
        http://www.stat.columbia.edu/~gelman/book/.
    """
    data = (torch.tensor(each, dtype=torch.float64) for each in (_EFFECTS, _ERRORS))
    return pyro_target(eight_schools, *data, centered=centered)


def pyro_logistic_regression(
    features: object = None, labels: object = None, scale: float = 2.0
) -> PyroTarget:
    r"""The posterior of the weights of a logistic regression, as a Pyro model.

    .. math:: y_i \sim \operatorname{Bernoulli}\bigl(\sigma(x_i^\top w)\bigr), \qquad
        w \sim N(0, s^2 I)

    with :math:`\sigma(t) = 1 / (1 + e^{-t})`. Without data, 200 points are made up, always the
    same, with an intercept and four slopes.

    Arguments:
        features: The matrix of the :math:`x_i`, with shape :math:`(N, D)`, a column of ones for an
            intercept among them.
        labels: The :math:`y_i`, each 0 or 1, with shape :math:`(N)`.
        scale: The standard deviation s of the prior, positive.

    Returns:
        A target with event shape (D).

    Raises:
        InvalidType: If features, labels or the scale are not numbers.
        InvalidArgument: If only one of features and labels is given, a number is not finite, a
            label is neither 0 nor 1, the scale is not positive, or the lengths differ.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), equation 4.142, ISBN
        978-0-387-31073-2.
    """
    if (features is None) != (labels is None):
        raise kldiv.InvalidArgument("features and labels must be given together, or neither")
    matrix, answers = _made_up() if features is None else _checked(features, labels)
    prior = _numbers("scale", scale, "a number", 0)
    if prior <= 0:
        raise kldiv.InvalidArgument(f"scale must be positive, got {scale!r}")
    return pyro_target(logistic_regression, matrix, answers, scale=prior)


def _checked(features: object, labels: object) -> tuple[Tensor, Tensor]:
    """Data as float64 tensors."""
    matrix = _numbers("features", features, "a matrix", 2)
    answers = _numbers("labels", labels, "a list of numbers", 1)
    if len(matrix) != len(answers):
        raise kldiv.ShapeMismatch(
            f"labels must have an entry for each of the {len(matrix)} rows of features, "
            f"got {len(answers)}"
        )
    if not ((answers == 0) | (answers == 1)).all():
        raise kldiv.InvalidArgument(f"labels must be 0 or 1, got {labels!r}")
    return matrix, answers


def _numbers(name: str, value: object, kind: str, dimensions: int) -> Tensor:
    """Finite numbers as a float64 tensor of some dimensions."""
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise kldiv.InvalidType(f"{name} must be {kind}, got {value!r}") from error
    if numbers.ndim != dimensions or numbers.numel() == 0:
        shape = tuple(numbers.shape)
        raise kldiv.ShapeMismatch(f"{name} must be {kind} and not empty, got the shape {shape}")
    if not numbers.isfinite().all():
        raise kldiv.InvalidArgument(f"{name} must be finite, got {value!r}")
    return numbers


def _made_up() -> tuple[Tensor, Tensor]:
    """Points of a logistic model, drawn with a seed of their own."""
    generator = torch.Generator().manual_seed(0)
    slopes = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    features = torch.cat([torch.ones(200, 1, dtype=torch.float64), slopes], -1)
    weights = torch.tensor([-0.5, 1.5, -1.0, 0.5, 0.0], dtype=torch.float64)
    return features, torch.bernoulli((features @ weights).sigmoid(), generator=generator)
