"""A value that says how it was had and how wrong it may be."""

from __future__ import annotations

import math

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.numerics import is_finite
from kldiv.tables import html_table, numbers_text, text_table, with_unit

__all__ = ["Estimate", "Estimates", "finished"]

_HEADERS = ("divergence", "value", "error", "method")


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""A divergence, by default in nats, with its error and its origin.

    Arguments:
        value: The divergence, with shape :math:`(*)`; differentiable in the parameters of p and
            of q.
        error: A bound such that :math:`|\text{value} - \text{truth}| \leq \text{error}` in at
            least 99 of 100 cases, whichever estimator made it, with shape :math:`(*)`.
        method: The estimator that made it: ``"exact"``, ``"sum"``, ``"quadrature"``,
            ``"monte_carlo"`` or ``"samples"``.
        stderr: The standard error with shape :math:`(*)` where chance played a part, else
            ``None``.
        evaluations: How many points the log densities were evaluated at, for each element of the
            batch.
        reason: Why this method was used, or why the value or its error is infinite.
        up_to_constant: Whether an unknown constant (a log normaliser, an entropy) is missing from
            the value.
        pareto_k: The shape of the tail of what was averaged, with shape :math:`(*)`, where
            chance played a part: above 0.5 it has no finite variance, above 0.7, or less of few
            points, the error is infinite.
        unit: What the value is counted in: that of the divergence, empty for a plain number.

    Example:
        >>> import torch
        >>> estimate = Estimate(torch.tensor(0.5), torch.tensor(0.0), "exact")
        >>> float(estimate)
        0.5
    """

    value: Tensor
    error: Tensor
    method: str
    stderr: Tensor | None = None
    evaluations: int = 0
    reason: str = ""
    up_to_constant: bool = False
    pareto_k: Tensor | None = None
    unit: str = "nats"

    @cached_property
    def finite(self) -> bool:
        """Whether all values are finite numbers."""
        return is_finite(self.value)

    @property
    def undefined(self) -> bool:
        """Whether a value is NaN: no estimate is handed out that is."""
        return not self.finite and bool(self.value.isnan().any())

    def bits(self) -> Tensor:
        r"""The value in bits, :math:`\text{value} / \ln 2`, with shape :math:`(*)`.

        Raises:
            NotAvailable: If it is not counted in nats.
        """
        if self.unit != "nats":
            unit = repr(self.unit) if self.unit else "no unit: it is a plain number"
            raise NotAvailable(f"bits() converts nats, this value has {unit}; use .value")
        return self.value / math.log(2)

    def detach(self) -> Estimate:
        """The same estimate, cut off from the graph of gradients."""
        return replace(self, value=self.value.detach(), error=self.error.detach())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Estimate):
            return NotImplemented
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return all(
            torch.equal(a, b)
            if isinstance(a, Tensor) and isinstance(b, Tensor)
            else a is b or a == b
            for a, b in pairs
        )

    def __hash__(self) -> int:
        return hash((self.value.shape, self.method, self.evaluations, self.reason))

    def __float__(self) -> float:
        if self.value.numel() != 1:
            raise InvalidArgument(
                f"float() needs a single divergence, this estimate holds {self.value.numel()} "
                f"(batch shape {tuple(self.value.shape)}); use .value for the tensor"
            )
        return float(self.value.detach())

    def __repr__(self) -> str:
        unit = with_unit(" + constant" if self.up_to_constant else "", self.unit)
        if self.value.numel() == 0:
            return f"Estimate({tuple(self.value.shape)} values, {self.method})"
        error = float(self.error.max())
        bound = {0.0: "", math.inf: " ± ∞"}.get(error, f" ± {error:.1e}")
        if self.value.numel() == 1:
            text = f"{float(self):.7g}{unit}{bound}"
        else:
            low, high = (float(each) for each in self.value.detach().aminmax())
            values = f"{tuple(self.value.shape)} values in [{low:.6g}, {high:.6g}]"
            text = f"{values}{unit}{bound}{' at most' if bound else ''}"
        origin = (
            f"{self.method}, {self.evaluations} evaluations" if self.evaluations else self.method
        )
        known = math.isfinite(error) and bool(self.value.isfinite().all())
        because = "" if known or not self.reason else f": {self.reason}"
        return f"Estimate({text}, {origin}{because})"


class Estimates(dict[str, Estimate]):
    """Estimates of several divergences of one pair, by the divergences' names: shown as a table.

    Example:
        >>> import kldiv
        >>> from torch.distributions import Normal
        >>> kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0), ["kl", "hellinger"])
        divergence  value      error    method
        ----------  ---------  -------  ------
        kl          0.5 nats   6.0e-08  exact
        hellinger   0.3427872  4.1e-08  exact
    """

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for name, estimate in self.items():
            constant = " + constant" if estimate.up_to_constant else ""
            value = with_unit(numbers_text(estimate.value.detach()) + constant, estimate.unit)
            yield name, value, f"{float(estimate.error.max()):.1e}", estimate.method

    def __repr__(self) -> str:
        return text_table(_HEADERS, self._rows())

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows())


def finished(estimate: Estimate, unit: str, dtype: torch.dtype) -> Estimate:
    """The estimate in a divergence's unit and in the precision of the inputs.

    Rounding to that precision is counted as error.
    """
    if estimate.value.dtype == dtype:
        return estimate if estimate.unit == unit else replace(estimate, unit=unit)
    value = estimate.value.to(dtype)
    size = value.detach().abs()
    if estimate.reason:  # without one nothing is infinite but what the precision cannot hold
        size = torch.where(size.isinf(), 0.0, size)
    error = torch.add(estimate.error, size, alpha=torch.finfo(dtype).eps).to(dtype)
    stderr = None if estimate.stderr is None else estimate.stderr.to(dtype)
    pareto_k = None if estimate.pareto_k is None else estimate.pareto_k.to(dtype)
    return Estimate(
        value,
        error,
        estimate.method,
        stderr,
        estimate.evaluations,
        estimate.reason,
        estimate.up_to_constant,
        pareto_k,
        unit,
    )
