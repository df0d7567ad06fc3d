r"""Targets whose log density is a sum of functions of a few linear combinations each.

.. math:: \log p(w) = \sum_g \sum_i \varphi_{g,i}(a_{g,i}^\top w, b_{g,i}^\top w, \dots)
    + \text{constant}

Generalised linear models with normal priors are such: each datum and each direction of the prior
looks at the parameters along one line. So are models that are normal given a few of their
coordinates: an effect and the logarithm of its scale are two combinations. Under a normal q the
combinations are normal themselves, so that :math:`E_q[\log p]` takes integrals over no more
variables than a function has, in any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch

__all__ = ["ProjectedTarget", "Term"]

_PROBES = 2  # points at which the shapes that functions return are seen


@dataclass(frozen=True)
class Term:
    r"""Functions :math:`\varphi_i` of the same number of linear combinations.

    Arguments:
        matrices: One for each variable of the functions, all of shape :math:`(N, D)`.
        function: Takes as many tensors of shape :math:`(*, N)` to the values, of the same shape.
    """

    matrices: tuple[Tensor, ...]
    function: Callable[..., Tensor]

    @staticmethod
    def of(number: int, given: object) -> Term:
        """A term as it was given, its rows made as many for each matrix.

        Raises:
            InvalidType: If it is no tuple of matrices and a function.
            ShapeMismatch: If the shapes of matrices do not fit.
        """
        if not isinstance(given, tuple | list) or len(given) < 2 or not callable(given[-1]):
            raise InvalidType(
                f"term {number} must be one or more matrices, then a function of as many linear "
                f"combinations, such as (A, f) or (A, B, f), got {given!r}"
            )
        matrices = [as_numbers(f"a matrix of term {number}", each).double() for each in given[:-1]]
        shapes = [tuple(each.shape) for each in matrices]
        rows = max(shape[0] if shape else 0 for shape in shapes)
        fit = all(len(shape) == 2 and shape[0] in (1, rows) for shape in shapes)
        if not fit or len({shape[1] for shape in shapes}) > 1:
            raise ShapeMismatch(
                f"the matrices of term {number} must be of the same shape (N, D), or (1, D) where "
                f"one row serves all, got {', '.join(map(str, shapes))}"
            )
        return Term(tuple(each.expand(rows, -1).contiguous() for each in matrices), given[-1])

    def at(self, w: Tensor) -> Tensor:
        r"""The values at points of shape :math:`(*, D)`, with shape :math:`(*, N)`."""
        return self.function(*(w @ matrix.mT for matrix in self.matrices))


class ProjectedTarget(Target):
    r"""A target made of functions of linear combinations, which fits take without any sampling.

    A term is ``(A, f)`` or ``(A, B, ..., f)``. It adds :math:`\sum_i f(a_i^\top w, b_i^\top w,
    \dots)_i` to the log density, where :math:`a_i` is the i-th row of A. Expectations under a
    normal q are integrals over as many variables as f has, by nodes that are made more until this
    changes nothing. Two nodes are enough for a variable of which f is a quadratic function, given
    those before it: the best place for the others is the first.

    Arguments:
        terms: Tuples of matrices, of shape :math:`(N, D)` each, or :math:`(1, D)` for what is the
            same for all i, and of a function that takes as many tensors of shape
            :math:`(*, N)` to a tensor of the same shape, each entry by itself.

    Raises:
        InvalidArgument: If there is no term.
        InvalidType: If a term is no tuple of matrices and a function.
        ShapeMismatch: If matrices do not fit together, or a function returns another shape.

    Example:
        Logistic regression: the likelihood and the prior look along lines.

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

        Neal's funnel: given :math:`v`, the others are normal with the variance :math:`e^v`,

        .. math:: \log p(v, x) = -\tfrac{v^2}{18}
            - \sum_{i=1}^9 \tfrac12 (x_i^2 e^{-v} + v) + \text{constant}.

        >>> v, x = torch.eye(10)[:1], torch.eye(10)[1:]
        >>> funnel = kldiv.ProjectedTarget(
        ...     (v, lambda v: -v.square() / 18),
        ...     (v, x, lambda v, x: -(x.square() * (-v).exp() + v) / 2),
        ... )
        >>> kldiv.fit(funnel, "full_normal", direction="reverse").solver
        'on_projections'
    """

    def __init__(self, *terms: tuple[object, ...]) -> None:
        if not terms:
            raise InvalidArgument("a ProjectedTarget needs at least one term, such as (A, f)")
        self.terms = tuple(Term.of(number, each) for number, each in enumerate(terms))
        sizes = {term.matrices[0].shape[-1] for term in self.terms}
        if len(sizes) > 1:
            raise ShapeMismatch(
                f"all matrices must have as many columns as points have coordinates, got {sizes}"
            )
        for number, term in enumerate(self.terms):
            _check_values(number, term)
        super().__init__(self._sum, event_shape=(sizes.pop(),))

    def _sum(self, w: Tensor) -> Tensor:
        total: Tensor = torch.stack([term.at(w).sum(-1) for term in self.terms]).sum(0)
        return total

    def __repr__(self) -> str:
        shapes = ", ".join(f"{len(term.matrices[0])} rows" for term in self.terms)
        return f"ProjectedTarget({shapes}, event_shape={tuple(self.event_shape)})"


def _check_values(number: int, term: Term) -> None:
    """Raises where a function does not keep the shape of its arguments."""
    rows, size = term.matrices[0].shape
    with torch.no_grad():
        found = term.at(term.matrices[0].new_zeros(_PROBES, size))
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if shape != (_PROBES, rows):
        raise ShapeMismatch(
            f"the function of term {number} must return a value for each entry of its arguments, "
            f"of shape {(_PROBES, rows)} where these are, got {shape}; sum nothing"
        )
