r"""Targets whose log density is a sum of functions of linear combinations.

.. math:: \log p(w) = \sum_g \sum_i \varphi_{g,i}(a_{g,i}^\top w) + \text{constant}

Generalised linear models with normal priors are such: each datum and each direction of the prior
looks at the parameters along one line. Under a normal q each :math:`a^\top w` is a normal scalar,
so that :math:`E_q[\log p]` takes integrals on lines only, in any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch

__all__ = ["ProjectedTarget"]

Term = tuple[object, Callable[[Tensor], Tensor]]


class ProjectedTarget(Target):
    r"""A target made of functions of linear combinations, which fits take without any sampling.

    Arguments:
        terms: Pairs of a matrix :math:`A_g`, of shape :math:`(N_g, D)`, and of a function that
            takes :math:`A_g w`, of shape :math:`(*, N_g)`, to the :math:`\varphi_{g,i}` of each
            entry, of the same shape.

    Raises:
        InvalidArgument: If there is no term.
        InvalidType: If a function cannot be called.
        ShapeMismatch: If the matrices have different numbers of columns.

    Example:
        >>> import kldiv
        >>> import torch
        >>> features = torch.tensor([[1.0, -1.0], [1.0, 0.5], [1.0, 2.0]])
        >>> signs = torch.tensor([-1.0, 1.0, 1.0])
        >>> posterior = kldiv.ProjectedTarget(
        ...     (features, lambda t: torch.nn.functional.logsigmoid(signs * t)),
        ...     (torch.eye(2), lambda w: -w.square() / 2),
        ... )
        >>> kldiv.fit(posterior, "full_normal", direction="reverse").converged
        True
    """

    def __init__(self, *terms: Term) -> None:
        if not terms:
            raise InvalidArgument("a ProjectedTarget needs at least one pair of matrix, function")
        self.terms = tuple(_checked(*term) for term in terms)
        sizes = {matrix.shape[-1] for matrix, _ in self.terms}
        if len(sizes) > 1:
            raise ShapeMismatch(
                f"all matrices must have as many columns as points have coordinates, got {sizes}"
            )
        super().__init__(self._sum, event_shape=(sizes.pop(),))

    def _sum(self, w: Tensor) -> Tensor:
        parts = [function(w @ matrix.mT).sum(-1) for matrix, function in self.terms]
        total: Tensor = torch.stack(parts).sum(0)
        return total

    def __repr__(self) -> str:
        shapes = ", ".join(f"{len(matrix)} rows" for matrix, _ in self.terms)
        return f"ProjectedTarget({shapes}, event_shape={tuple(self.event_shape)})"


def _checked(
    matrix: object, function: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    if not callable(function):
        raise InvalidType(f"a term is a matrix and a function of A w, got {function!r}")
    found = as_numbers("matrix", matrix).double()
    if found.ndim != 2:
        raise ShapeMismatch(f"the matrix of a term must be of shape (N, D), got {found.shape}")
    return found, function
