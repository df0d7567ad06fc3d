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

    .. math:: p(x) = \frac{1}{\sqrt{2 \pi}\,\sigma}
        \exp\Bigl(-\frac{(x - \mu)^2}{2 \sigma^2}\Bigr)

    ``loc`` is :math:`\mu` and ``scale`` is :math:`\sigma`. Most divergences from one normal to
    another are known in closed form, so that it is the target to compare methods on. Its tails are
    light: the reverse KL of any q of infinite variance is infinite.

    Arguments:
        loc: The mean, with shape :math:`(*)`.
        scale: The standard deviation, positive, with shape :math:`(*)`.

    Returns:
        A normal distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a scale is not positive, or the shapes do not broadcast.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 13.
    """
    mean, deviation = check_together(
        loc=check_numbers("loc", loc), scale=check_positive("scale", scale)
    )
    return Normal(mean, deviation)


def cauchy(loc: object = 0.0, scale: object = 1.0) -> Cauchy:
    r"""A Cauchy scalar, whose tails are so heavy that it has no mean.

    .. math:: p(x) = \frac{1}{\pi \gamma} \Bigl[1 + \Bigl(\frac{x - m}{\gamma}\Bigr)^2\Bigr]^{-1}

    ``loc`` is m and ``scale`` is :math:`\gamma`. There are no moments to match: the forward KL is
    infinite for every normal, Laplace or Gumbel q, and finite for q with tails of a power law. The
    reverse KL of these is finite. Between two Cauchys every f-divergence is symmetric.

    Arguments:
        loc: The mode, with shape :math:`(*)`.
        scale: Half of the width at half of the height, positive, with shape :math:`(*)`.

    Returns:
        A Cauchy distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a scale is not positive, or the shapes do not broadcast.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 16.
        On f-Divergences between Cauchy Distributions (Nielsen and Okamura, 2021),
        arXiv:2101.12459.
    """
    mode, width = check_together(
        loc=check_numbers("loc", loc), scale=check_positive("scale", scale)
    )
    return Cauchy(mode, width)


def student_t(df: object = 4.0, loc: object = 0.0, scale: object = 1.0) -> StudentT:
    r"""A Student t scalar, normal in the middle and with tails of a power law.

    .. math:: p(x) = \frac{\Gamma(\frac{\nu + 1}{2})}{\Gamma(\frac\nu2) \sqrt{\nu \pi}\,\sigma}
        \Bigl(1 + \frac{(x - m)^2}{\nu \sigma^2}\Bigr)^{-(\nu + 1) / 2}

    ``df`` is :math:`\nu`, ``loc`` is m and ``scale`` is :math:`\sigma`. The mean exists for
    :math:`\nu > 1`, the variance :math:`\sigma^2 \nu / (\nu - 2)` for :math:`\nu > 2`: up to there
    the forward KL of a normal q is infinite. At :math:`\nu = 1` it is Cauchy's distribution, at
    infinity the normal.

    Arguments:
        df: The degrees of freedom, positive, with shape :math:`(*)`.
        loc: The mode, with shape :math:`(*)`.
        scale: The scale, positive, with shape :math:`(*)`.

    Returns:
        A Student t distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If ``df`` or ``scale`` is not positive, or the shapes do not broadcast.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 28.
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

    Fitted by independent coordinates it shows both directions of the Kullback-Leibler divergence
    at work: forward each has its own variance :math:`\Sigma_{ii}`, reverse the smaller
    :math:`1 / (\Sigma^{-1})_{ii}`, which goes to 0 with the determinant. A covariance exists for D
    coordinates where :math:`-1 / (D - 1) < \rho < 1`.

    Arguments:
        loc: The mean, with shape :math:`(D)`.
        correlation: The correlation :math:`\rho` of two coordinates.
        variance: The variance of each coordinate, or one for all.
        covariance_matrix: The covariance itself, with shape :math:`(D, D)`, instead of the two.

    Returns:
        A normal distribution with event shape :math:`(D)`.

    Raises:
        InvalidArgument: If the covariance is not positive definite, or the shapes do not fit.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 10.1.2.

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
