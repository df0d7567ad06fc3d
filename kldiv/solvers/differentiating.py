"""A function of many real vectors and its gradient at each."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.errors import NotAvailable
from kldiv.solvers.groups import distinct_rows

__all__ = ["of_each", "value_and_gradient"]


def value_and_gradient(
    function: Callable[[Tensor], Tensor], theta: Tensor, refusal: Callable[[], str]
) -> tuple[Tensor, Tensor]:
    r"""The function and its gradient, without a graph.

    Arguments:
        function: A function of real vectors :math:`(*, P)` with shape :math:`(*)`.
        theta: The real vectors.
        refusal: What to say where it has no gradient.

    Returns:
        The values, and the gradients, which are 0 where the value is infinite.

    Raises:
        NotAvailable: If finite values have no gradient.
    """
    with torch.enable_grad():
        variable = theta.detach().requires_grad_()
        value = function(variable)
        finite = value.isfinite()
        if not value.requires_grad and finite.any():
            raise NotAvailable(refusal())
        total = torch.where(finite, value, 0.0).sum()
        (gradient,) = torch.autograd.grad(total + 0 * variable.sum(), variable)
    return value.detach(), torch.where(finite.unsqueeze(-1), gradient, 0.0)


def of_each(
    function: Callable[[Tensor], tuple[Tensor, Tensor]], theta: Tensor
) -> tuple[Tensor, Tensor]:
    r"""A value and a gradient for each start, computed once for those that are equal.

    Arguments:
        function: What computes both at real vectors :math:`(S, *, P)`.
        theta: The real vectors.
    """
    rows, home = distinct_rows(theta)
    if len(rows) == len(theta):
        return function(theta)
    value, gradient = function(theta[rows])
    return value[home], gradient[home]
