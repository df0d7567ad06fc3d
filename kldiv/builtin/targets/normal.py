"""Targets of one mode: normal scalars, correlated normal vectors, and heavy tails."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Cauchy, MultivariateNormal, Normal, StudentT

from kldiv.builtin.checks import check_number, check_numbers, check_positive, check_together
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["cauchy", "correlated_normal", "normal", "student_t"]

_CORRELATION = -7 / 9


def normal(loc: object = 0.0, scale: object = 1.0) -> Normal:
    r"""A normal scalar with a mean and a standard deviation.

    Arguments:
        loc: The mean, with shape :math:`(*)`.
        scale: The standard deviation, positive, with shape :math:`(*)`.

    Returns:
        A normal distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a scale is not positive, or the shapes do not broadcast.
    """
    mean, deviation = check_together(
        loc=check_numbers("loc", loc), scale=check_positive("scale", scale)
    )
    return Normal(mean, deviation)


def cauchy(loc: object = 0.0, scale: object = 1.0) -> Cauchy:
    r"""A Cauchy scalar, whose tails are so heavy that it has no mean.

    Arguments:
        loc: The mode, with shape :math:`(*)`.
        scale: Half of the width at half of the height, positive, with shape :math:`(*)`.

    Returns:
        A Cauchy distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a scale is not positive, or the shapes do not broadcast.
    """
    mode, width = check_together(
        loc=check_numbers("loc", loc), scale=check_positive("scale", scale)
    )
    return Cauchy(mode, width)


def student_t(df: object = 4.0, loc: object = 0.0, scale: object = 1.0) -> StudentT:
    r"""A Student t scalar, normal in the middle and with tails of a power law.

    Arguments:
        df: The degrees of freedom, positive, with shape :math:`(*)`.
        loc: The mode, with shape :math:`(*)`.
        scale: The scale, positive, with shape :math:`(*)`.

    Returns:
        A Student t distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If ``df`` or ``scale`` is not positive, or the shapes do not broadcast.
    """
    freedom, mode, width = check_together(
        df=check_positive("df", df),
        loc=check_numbers("loc", loc),
        scale=check_positive("scale", scale),
    )
    return StudentT(freedom, mode, width)


def correlated_normal(
    loc: object = (0.0, 0.0),
    correlation: float = _CORRELATION,
    variance: object = 0.9,
    covariance_matrix: object = None,
) -> MultivariateNormal:
    r"""A normal vector of which every two coordinates have the same correlation.

    .. math:: N(\mu, \Sigma), \qquad \Sigma_{ij} = \rho\,\sigma_i \sigma_j + (1 - \rho)\,
        \sigma_i^2\,[i = j]

    By default it is the plane's :math:`\Sigma = \begin{pmatrix} 0.9 & -0.7 \\ -0.7 & 0.9
    \end{pmatrix}`.

    Arguments:
        loc: The mean, with shape :math:`(D)`.
        correlation: The correlation :math:`\rho` of two coordinates.
        variance: The variance of each coordinate, or one for all.
        covariance_matrix: The covariance itself, with shape :math:`(D, D)`, instead of the two.

    Returns:
        A normal distribution with event shape :math:`(D)`.

    Raises:
        InvalidArgument: If the covariance is not positive definite, or the shapes do not fit.

    Example:
        >>> correlated_normal().covariance_matrix
        tensor([[ 0.9000, -0.7000],
                [-0.7000,  0.9000]], dtype=torch.float64)
    """
    mean = check_numbers("loc", loc, dimensions=1)
    if covariance_matrix is None:
        matrix = _equicorrelated(len(mean), correlation, variance)
    else:
        matrix = check_numbers("covariance_matrix", covariance_matrix, dimensions=2)
    if matrix.shape != (len(mean), len(mean)):
        raise ShapeMismatch(
            f"covariance_matrix must have shape {(len(mean), len(mean))} as loc has "
            f"{len(mean)} entries, got {tuple(matrix.shape)}"
        )
    if not _is_covariance(matrix.detach()):
        raise InvalidArgument(
            f"covariance_matrix must be symmetric and positive definite, got {matrix.tolist()}"
        )
    return MultivariateNormal(mean, matrix)


def _is_covariance(matrix: Tensor) -> bool:
    """Whether a matrix is symmetric and positive definite beyond rounding."""
    if not torch.allclose(matrix, matrix.mT, rtol=1e-10, atol=1e-14):
        return False
    spectrum = torch.linalg.eigvalsh(matrix)
    return bool(spectrum[0] > len(matrix) * torch.finfo(matrix.dtype).eps * spectrum[-1])


def _equicorrelated(size: int, correlation: float, variance: object) -> Tensor:
    """A covariance matrix of equal correlations."""
    share = check_number("correlation", correlation, low=-1, high=1)
    each = check_positive("variance", variance)
    if each.ndim > 1 or (each.ndim == 1 and len(each) != size):
        raise ShapeMismatch(f"variance must be a number or {size} numbers, got {variance!r}")
    deviation = each.sqrt().expand(size)
    matrix = share * deviation.unsqueeze(-1) * deviation
    return torch.where(torch.eye(size, dtype=torch.bool), each.expand(size), matrix)
