r"""Normal families seen from inside: what a small step does, in units of the member itself.

A member is :math:`x = \mu + L z` with a standard normal z. A step :math:`(a, B)` leads to
:math:`x = \mu + L (a + e^B z)`, so that steps are counted in standard deviations and in ratios of
scales: no change of units changes them. With :math:`\gamma = -L^\top \nabla \log p(x)` and the
velocity :math:`\xi_i(z)` of the i-th parameter, :math:`e_i` or :math:`B_i z`, the derivatives of
:math:`D(q \parallel p)` are averages of :math:`\gamma` alone, by Stein's identity:

.. math::
    g_i &= E[\gamma \cdot \xi_i] - \operatorname{tr} B_i, \\
    \mathcal H_{ij} &= E[\gamma \cdot (\xi_i\, (z \cdot \xi_j - \operatorname{tr} B_j)
        - B_i \xi_j + \tfrac12 (B_i B_j + B_j B_i) z)].

References:
    Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
    Approximations (Lin, Khan and Schmidt, 2019), section 4, arXiv:1906.02914.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, constraints

from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter, ParameterSpace
from kldiv.definitions.triangles import gram, triangle_of, triangular, with_diagonal
from kldiv.definitions.units import is_measured
from kldiv.solvers.arrays import Numbers, as_array, as_tensor, library_of
from kldiv.solvers.normal_tables import Tables, basis_of, tables_of

__all__ = ["NormalChart", "chart_of"]

_NAMES = {"loc", "scale"}, {"loc", "covariance_matrix"}


@dataclass(frozen=True)
class NormalChart:
    """A family of normal members.

    Arguments:
        family: The family.
        size: The number D of coordinates.
        shape: ``"isotropic"``, ``"diagonal"`` or ``"full"``.
    """

    family: Family
    size: int
    shape: str

    def members(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        r"""Means and factors L of members, with shapes :math:`(*, D)` and :math:`(*, D, D)`."""
        if self.family.fixed:
            return self.of(self.family.at(theta))
        values = self._factored.constrain(theta)
        if self.shape == "full":
            return values["loc"], values["covariance_matrix"]
        batch = theta.shape[:-1]
        loc, scale = (values[name].reshape(*batch, -1) for name in ("loc", "scale"))
        return loc, torch.diag_embed(scale.expand_as(loc))

    def of(self, member: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (a normal distribution)
        """The same of members as one distribution."""
        if isinstance(member, MultivariateNormal):
            return member.loc, member.scale_tril
        shape = (*member.batch_shape, self.size)
        inner = member.base_dist if isinstance(member, Independent) else member
        return inner.loc.reshape(shape), torch.diag_embed(inner.scale.reshape(shape))

    def parameters(self, loc: Tensor, root: Tensor) -> dict[str, Tensor]:
        """The free parameters by name."""
        return self._by_name(loc, gram(root) if self.shape == "full" else root)

    def real_vectors(self, loc: Tensor, root: Tensor) -> Tensor:
        """The family's real vectors of members: the way back from :meth:`members`."""
        return self._factored.unconstrain(self._by_name(loc, root), check=False)

    def has(self, member: Distribution, theta: Tensor) -> bool:
        """Whether a member is what real vectors stand for."""
        known, found = self._factored.constrain(theta), self._by_name(*self.of(member))
        return all(_alike(found[name], each) for name, each in known.items())

    def _by_name(self, loc: Tensor, matrix: Tensor) -> dict[str, Tensor]:
        """Of a mean and a matrix, whose diagonal may be all that counts, what is free."""
        spread = {"covariance_matrix": matrix}
        if self.shape != "full":
            scale = matrix.diagonal(dim1=-2, dim2=-1)
            spread = {"scale": scale[..., 0] if self.shape == "isotropic" else scale}
        return {
            name: value.reshape((*loc.shape[:-1], *self.space.parameters[name].shape))
            for name, value in {"loc": loc, **spread}.items()
            if name in self.space.parameters
        }

    def moved(self, loc: Numbers, root: Numbers, step: Numbers) -> tuple[Numbers, Numbers]:
        """Where a step in the chart leads, in tensors or in arrays of numpy."""
        if self.size == 1:
            return self._moved_on_a_line(loc, root, step)
        found = self._moved(*map(as_tensor, (loc, root, step)))
        return found if isinstance(step, Tensor) else tuple(map(as_array, found))

    def _moved(self, loc: Tensor, root: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        tables = basis_of(self.size, self.shape, *self._free)
        shifts, basis = (table.to(root.device) for table in tables)
        shift, change = step[..., : len(shifts)], step[..., len(shifts) :]
        if len(shifts):
            loc = loc + (root @ shift.unsqueeze(-1)).squeeze(-1)
        if len(basis):
            matrix = (change @ basis.flatten(1)).unflatten(-1, (self.size, self.size))
            grown = torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1).exp())
            root = root @ (grown + matrix.tril(-1))
        return loc, root

    def _moved_on_a_line(
        self, loc: Numbers, root: Numbers, step: Numbers
    ) -> tuple[Numbers, Numbers]:
        if self.shifts:
            loc = loc + root[:, 0] * step[:, :1]
        if step.shape[-1] > self.shifts:
            root = root * library_of(step).exp(step[:, -1:, None])
        return loc, root

    def real_gradient(self, root: Tensor, gradient: Tensor) -> Tensor:
        """The gradient in the family's real vectors, from that in the chart."""
        of_loc, of_root = gradient[..., : self.shifts], gradient[..., self.shifts :]
        if self.shape != "full":
            scale = root.diagonal(dim1=-2, dim2=-1)
            return torch.cat([of_loc / scale if self.shifts else of_loc, of_root], -1)
        if self.shifts:
            column = torch.linalg.solve_triangular(root.mT, of_loc.unsqueeze(-1), upper=True)
            of_loc = column.squeeze(-1)
        if of_root.shape[-1]:
            matrix = triangular(of_root, self.size)
            matrix = torch.linalg.solve_triangular(root.mT, matrix, upper=True)
            diagonal, scales = (each.diagonal(dim1=-2, dim2=-1) for each in (matrix, root))
            of_root = triangle_of(with_diagonal(matrix, diagonal * scales))
        return torch.cat([of_loc, of_root], -1)

    def natural_norm(self, root: Tensor, gradient: Tensor) -> Tensor:
        r"""The norm of a gradient in the family's real vectors by the Fisher information.

        In the chart the information is 1 for each shift and each entry below the diagonal, and 2
        for the logarithm of each scale.
        """
        of_loc, of_root = gradient[..., : self.shifts], gradient[..., self.shifts :]
        square = torch.zeros_like(root[..., 0, 0])
        if self.shifts:
            square = (root.mT @ of_loc.unsqueeze(-1)).square().sum((-1, -2))
        if self.shape != "full" or not of_root.shape[-1]:
            each = 2 * self.size if self.shape == "isotropic" else 2
            return (square + of_root.square().sum(-1) / each).sqrt()
        matrix = triangular(of_root, self.size)
        diagonal, scales = (each.diagonal(dim1=-2, dim2=-1) for each in (matrix, root))
        inner = (root.mT @ with_diagonal(matrix, diagonal / scales)).square()
        below, along = inner.tril(-1).sum((-1, -2)), inner.diagonal(dim1=-2, dim2=-1).sum(-1)
        return (square + below + along / 2).sqrt()

    def tables(self, grid: tuple[float, float], offset: float = 0.0) -> Tables:
        """Equally spaced nodes of the standard normal.

        Arguments:
            grid: Their spacing, and how far they reach.
            offset: How far they are moved, as a share of the spacing.
        """
        return tables_of(self.size, self.shape, *self._free, grid, offset)

    @cached_property
    def space(self) -> ParameterSpace:
        """The family's free parameters."""
        return self.family.space

    @cached_property
    def _factored(self) -> ParameterSpace:
        """The same, with a factor in place of a covariance matrix: real vectors do not differ."""
        factor = Parameter(constraints.lower_cholesky, (self.size, self.size))
        return ParameterSpace(
            {
                name: factor if name == "covariance_matrix" else each
                for name, each in self.space.parameters.items()
            }
        )

    @property
    def free(self) -> slice:
        """Of a mean and a scale on a line, what moves."""
        loc, scale = self._free
        return slice(0 if loc else 1, 2 if scale else 1)

    @cached_property
    def shifts(self) -> int:
        """How many of the chart's parameters move the mean; the others change the scale."""
        return self.size if self._free[0] else 0

    @cached_property
    def _free(self) -> tuple[bool, bool]:
        names = self.space.parameters.keys()
        return "loc" in names, bool(names - {"loc"})


def chart_of(family: Family) -> NormalChart | None:
    """The chart of a family of normals; ``None`` where its members are others.

    What a module calls a scale may be another function of it: names are not believed.
    """
    if not family.batched or is_measured(family):
        return None
    probe = family.present() + 0.5
    member = family.at(probe)
    chart = _by_names(family, member)
    return None if chart is None or not chart.has(member, probe) else chart


def _alike(first: Tensor, second: Tensor) -> bool:
    return torch.equal(first, second) or torch.allclose(first, second)


def _by_names(family: Family, member: Distribution) -> NormalChart | None:
    """The chart that the names of a family's parameters speak for."""
    names = {*family.space.parameters}
    if isinstance(member, MultivariateNormal):
        matrix = family.space.parameters.get("covariance_matrix")
        whole = names <= {"loc", "covariance_matrix"} and (matrix is None or matrix.is_covariance)
        return NormalChart(family, member.event_shape[0], "full") if whole else None
    inner = member.base_dist if isinstance(member, Independent) else member
    if type(inner) is not Normal or member.event_shape.numel() != inner.batch_shape.numel():
        return None
    if not names <= {"loc", "scale"}:
        return None
    scale = family.space.parameters.get("scale")
    single = scale is not None and not scale.shape and len(member.event_shape)
    return NormalChart(family, member.event_shape.numel(), "isotropic" if single else "diagonal")
