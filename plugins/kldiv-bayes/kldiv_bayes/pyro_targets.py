r"""The posterior of a Pyro model as a target.

Values :math:`\theta` of the unknowns that obey constraints are mapped to points of
:math:`\mathbb R^D` by torch's bijections T, and the density there is that of model and data
together,

.. math:: \log \tilde p(x) = \log p(y, \theta) + \log \left| \det \frac{\partial T}{\partial x}
    \right|, \qquad \theta = T(x),

whose mass is the evidence :math:`p(y)`. Many points are one call, by ``torch.func.vmap``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch

from pyro import poutine
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import constraints

import kldiv

from kldiv.definitions.randomness import seeded
from kldiv_bayes.precision import doubled, in_double
from kldiv_bayes.sites import Site, Sites

__all__ = ["PyroTarget", "pyro_target"]


def pyro_target(
    model: Callable[..., object],
    *args: Any,  # noqa: ANN401 (the model's own)
    **kwargs: Any,  # noqa: ANN401 (the model's own)
) -> PyroTarget:
    """The posterior of a Pyro model, its normaliser unknown.

    Arguments:
        model: A function with ``pyro.sample`` statements, data given by ``obs=`` or conditioned
            on with ``pyro.condition``.
        args: What the model is called with: the data, in float64 if they are floating.
        kwargs: Likewise.

    Returns:
        A target with event shape (D), D being the number of real numbers behind the unknowns.

    Raises:
        InvalidType: If ``model`` cannot be called.
        NotAvailable: If an unknown is discrete, or data are subsampled: neither has a density.
        InvalidArgument: If the model has no unknowns.

    Example:
        >>> import kldiv, pyro, torch
        >>> from kldiv_bayes import pyro_target
        >>> def model(y):
        ...     scale = pyro.sample("scale", pyro.distributions.Gamma(2.0, 1.0))
        ...     with pyro.plate("data", len(y)):
        ...         pyro.sample("y", pyro.distributions.Normal(0.0, scale), obs=y)
        >>> target = pyro_target(model, torch.tensor([0.5, -1.2, 2.0]))
        >>> fit = kldiv.fit(target, "full_normal", direction="reverse")
        >>> [*target.to_constrained(fit.q.mean)]
        ['scale']
    """
    return PyroTarget(model, args, kwargs)


class PyroTarget(kldiv.Target):
    """A Pyro model with its data, seen as a density of real numbers; made by :func:`pyro_target`.

    Arguments:
        model: The model.
        args: What it is called with.
        kwargs: Likewise, by name.
    """

    def __init__(
        self, model: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if not callable(model):
            raise kldiv.InvalidType(f"model must be a function with pyro.sample, got {model!r}")
        self.model, self.args, self.kwargs = model, doubled(args), doubled(kwargs)
        self.sites = _sites_of(model, self.args, self.kwargs)
        super().__init__(
            self._log_joint_of_many,
            event_shape=(self.sites.size,),
            support=constraints.real_vector,
        )
        self._vectorized = True
        self._vectorized = self._vectorizes()

    def to_constrained(self, points: Tensor) -> dict[str, Tensor]:
        r"""The unknowns behind points, by the names of their ``pyro.sample`` statements.

        Arguments:
            points: With shape :math:`(*, D)`.

        Returns:
            Values that satisfy their constraints, each with shape :math:`(*, \text{site})`.
        """
        return self.sites.values(points)

    def to_unconstrained(self, values: Mapping[str, object]) -> Tensor:
        r"""The points behind values of all unknowns, with shape :math:`(*, D)`.

        Arguments:
            values: By name, each with shape :math:`(*, \text{site})`.

        Raises:
            InvalidArgument: If a value is missing or violates its constraint.
        """
        return self.sites.points(values)

    def _log_joint(self, point: Tensor) -> Tensor:
        """The log density at one point, with shape ()."""
        values, stretch = self.sites.values_and_stretch(point)
        held = poutine.condition(self.model, data=values)
        trace = poutine.trace(held).get_trace(*self.args, **self.kwargs)
        return trace.log_prob_sum() + stretch

    def _log_joint_of_many(self, points: Tensor) -> Tensor:
        """The log density at points of shape (*, D), with shape (*).

        Far out, where numbers overflow and the model knows nothing but NaN, it is ``-inf``.
        """
        rows = points.reshape(-1, self.sites.size)
        with pyro.validation_enabled(False), in_double():
            if self._vectorized:
                found = torch.func.vmap(self._log_joint)(rows)
            else:
                found = torch.stack([self._log_joint(row) for row in rows])
        return torch.where(found.isnan(), -torch.inf, found).reshape(points.shape[:-1])

    def _vectorizes(self) -> bool:
        """Whether the model can be evaluated at many points at once."""
        probe = torch.linspace(-0.5, 0.5, 2 * self.sites.size, dtype=torch.float64)
        try:
            self._log_joint_of_many(probe.reshape(2, -1))
        except RuntimeError:  # torch's word for what it cannot vectorise
            return False
        return True

    def __repr__(self) -> str:
        names = ", ".join(site.name for site in self.sites.sites)
        name = getattr(self.model, "__name__", type(self.model).__name__)
        return f"PyroTarget({name} of {names}, event_shape={tuple(self.event_shape)})"


def _sites_of(
    model: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Sites:
    """The unknowns of a model, by running it once."""
    with seeded(0), torch.no_grad(), in_double():
        trace = poutine.trace(model).get_trace(*args, **kwargs)
    found = []
    for name, node in trace.nodes.items():
        if node["type"] != "sample":
            continue
        if site_is_subsample(node):
            if node["fn"].subsample_size not in (None, node["fn"].size):
                raise kldiv.NotAvailable(
                    f"the plate {name!r} takes a subsample of the data, and the density would "
                    "change at each call; leave subsample_size out"
                )
        elif not node["is_observed"]:
            if node["fn"].support.is_discrete:
                raise kldiv.NotAvailable(
                    f"the site {name!r} is discrete and has no density; sum it out in the model, "
                    "as torch.distributions.MixtureSameFamily does"
                )
            found.append(Site(name, node["fn"].support, node["value"].shape))
    if not found:
        raise kldiv.InvalidArgument(
            "the model has no unknowns; name some by pyro.sample without obs="
        )
    return Sites(tuple(found))
