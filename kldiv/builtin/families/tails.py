"""Families on the line with tails other than the normal's: Laplace and Student's t."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import StudentT as TorchStudentT
from torch.distributions import constraints

from kldiv.builtin.families.elementary import Elementary
from kldiv.definitions.place import Place

__all__ = ["Laplace", "StudentT"]

_START_DF = 5.0


class Laplace(Elementary):
    r"""Laplace distributions: exponential on both sides of ``loc``, of mean distance ``scale``.

    .. math:: q(x) = \frac{1}{2 b} \exp\Bigl(-\frac{|x - \mu|}{b}\Bigr)

    Arguments:
        fixed: ``loc`` or ``scale``, to hold them fixed.
    """

    name = "laplace"
    distribution_class = TorchLaplace
    scalars: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        return self.free({"loc": place.mean, "scale": (place.variance / 2).sqrt()})


class StudentT(Elementary):
    r"""Student's t distributions: normal in the middle, with tails of a power law.

    .. math:: q(x) \propto \Bigl(1 + \frac{(x - \mu)^2}{\nu \sigma^2}\Bigr)^{-(\nu + 1) / 2}

    The degrees of freedom ``df`` are :math:`\nu`: 1 is Cauchy's distribution, infinity the normal.

    Arguments:
        fixed: ``df``, ``loc`` or ``scale``, to hold them fixed.
    """

    name = "student_t"
    distribution_class = TorchStudentT
    scalars: ClassVar = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance with 5 degrees of freedom."""
        df = self.fixed.get("df", place.mean.new_tensor(_START_DF))
        share = ((df - 2) / df).clamp_min(0.2)
        return self.free(
            {
                "df": place.mean.new_full(place.mean.shape, _START_DF),
                "loc": place.mean,
                "scale": (place.variance * share).sqrt(),
            }
        )
