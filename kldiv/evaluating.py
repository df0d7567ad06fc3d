"""The front door to values: ``divergence`` and ``explain``."""

from __future__ import annotations

import torch

from torch import Generator

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.randomness import as_seed
from kldiv.errors import NotAvailable, NotFinite
from kldiv.estimate import Estimate, finished
from kldiv.estimators import Estimator, Explanation, Ladder, Problem
from kldiv.estimators.reductions import reduction_of
from kldiv.resolving import as_divergence, as_estimator, as_target, ladder

__all__ = ["divergence", "explain"]


def divergence(
    p: object,
    q: object,
    divergence: str | Divergence | type[Divergence] = "kl",
    *,
    estimator: str | Estimator = "auto",
    seed: int | Generator | None = None,
) -> Estimate:
    r"""The divergence of p from q, :math:`D(p \parallel q)`, with its error.

    Both sides broadcast; the value is differentiable in the parameters of both. It is in nats
    unless the divergence has another unit. An infinite divergence is ``inf`` with a reason.
    Everything is computed in float64 and returned in the precision of the inputs.

    Arguments:
        p: A torch distribution, a frozen one of ``scipy.stats``, a module that returns one, a
            :class:`kldiv.Target`, a name with arguments such as ``"bimodal(weights=[0.3, 0.7])"``,
            or samples with shape :math:`(N, E)`: a tensor, an array, a list or a data frame.
        q: Likewise. An array is always samples; a vector of probabilities is a ``Categorical``.
        divergence: A name, a name with arguments such as ``"renyi(alpha=0.5)"``, a class or an
            object.
        estimator: ``"auto"`` takes the first that applies of ``"exact"``, ``"sum"``,
            ``"quadrature"``, ``"monte_carlo"`` and ``"samples"``; a name or an estimator object
            takes that one.
        seed: A number or a generator that randomness follows; ``None`` draws anew each time.

    Returns:
        The estimate, whose value and error have the broadcast batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If the two sides do not fit together, or an argument is out of range.
        UnknownName: If a name is not registered; close matches are named.
        NotAvailable: If no estimator applies, or the one asked for does not.
        ToleranceNotMet: If an estimator with a tolerance does not reach it; the error carries the
            best estimate.

    Example:
        >>> import kldiv
        >>> from torch.distributions import Normal
        >>> kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        Estimate(0.5 nats ± 6.0e-08, exact)
    """
    problem = _problem(p, q, divergence, as_seed(seed))
    chosen = as_estimator(estimator, problem.divergence)
    if 0 in problem.batch_shape:
        return _of_nothing(problem)
    found = chosen.estimate(problem) if isinstance(chosen, Ladder) else _by(chosen, problem)
    if found.undefined:
        raise NotFinite(
            f"estimator {found.method!r} gives NaN for {problem.divergence} between {p!r} and "
            f"{q!r}; another estimator may not"
        )
    return finished(found, problem.divergence.unit, problem.dtype)


def explain(
    p: object, q: object, divergence: str | Divergence | type[Divergence] = "kl"
) -> Explanation:
    r"""Which estimator :func:`kldiv.divergence` would take, and why not the earlier ones.

    Nothing is computed.

    Arguments:
        p: As for :func:`kldiv.divergence`.
        q: As for :func:`kldiv.divergence`.
        divergence: As for :func:`kldiv.divergence`.

    Returns:
        The explanation, a sentence for each estimator.

    Example:
        >>> import kldiv
        >>> from torch.distributions import Laplace, Normal, StudentT
        >>> kldiv.explain(StudentT(5.0), Laplace(0.0, 1.0))
        exact: no, no closed form of kl between StudentT and Laplace is registered
        sum: no, the support is continuous
        quadrature: yes
    """
    problem = _problem(p, q, divergence, seed=0)
    return ladder(problem.divergence).explain(problem)


def _of_nothing(problem: Problem) -> Estimate:
    """The divergences of an empty batch."""
    none = torch.zeros(problem.batch_shape, dtype=problem.dtype, device=problem.p.device)
    return Estimate(none, none, "exact", unit=problem.divergence.unit)


def _by(estimator: Estimator, problem: Problem) -> Estimate:
    """What one estimator gives: of the problem as it stands, or made smaller by a rule."""
    reason = estimator.why_not(problem)
    if reason is None:
        return estimator.estimate(problem)
    smaller = reduction_of(problem)
    if smaller is None:
        raise NotAvailable(
            f"estimator {estimator.name!r} does not apply: {reason}; "
            "estimator='auto' finds one that does"
        )
    return smaller.restore(_by(estimator, smaller.problem))


def _problem(
    p: object, q: object, divergence: str | Divergence | type[Divergence], seed: int
) -> Problem:
    return Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"), seed)
