"""The front door to values: ``divergence`` and ``explain``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, overload

import torch

from torch import Generator

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.randomness import as_seed
from kldiv.errors import InvalidArgument, NotAvailable, NotFinite
from kldiv.estimate import Estimate, Estimates, finished
from kldiv.estimators import Estimator, Exact, Explanation, Ladder, Problem
from kldiv.estimators.exact import prepare
from kldiv.estimators.reductions import reduction_of
from kldiv.resolving import as_divergence, as_estimator, as_target, ladder

__all__ = ["divergence", "explain"]

_BY_CHANCE = ("monte_carlo", "samples")
Wanted: TypeAlias = str | Divergence | type[Divergence]


@overload
def divergence(  # type: ignore[overload-overlap]  # a text is no sequence of divergences
    p: object,
    q: object,
    divergence: Wanted = "kl",
    *,
    estimator: str | Estimator = "auto",
    seed: int | Generator | None = None,
) -> Estimate: ...
@overload
def divergence(
    p: object,
    q: object,
    divergence: Sequence[Wanted],
    *,
    estimator: str | Estimator = "auto",
    seed: int | Generator | None = None,
) -> Estimates: ...
def divergence(
    p: object,
    q: object,
    divergence: Wanted | Sequence[Wanted] = "kl",
    *,
    estimator: str | Estimator = "auto",
    seed: int | Generator | None = None,
) -> Estimate | Estimates:
    r"""The divergence of p from q, :math:`D(p \parallel q)`, with its error; or several of them.

    Both sides broadcast; the value is differentiable in the parameters of both. It is in nats
    unless the divergence has another unit. An infinite divergence is ``inf`` with a reason.
    Everything is computed in float64 and returned in the precision of the inputs, but for many
    pairs of normals in the plane in float32, of which those stay in float32 that lose no more than
    2e-5 of themselves by it; the errors say how much.

    Arguments:
        p: A torch distribution, a frozen one of ``scipy.stats``, a module that returns one, a
            :class:`kldiv.Target`, a name with arguments such as ``"bimodal(weights=[0.3, 0.7])"``,
            or samples with shape :math:`(N, E)`: a tensor, an array, a list or a data frame.
        q: Likewise. An array is always samples; a vector of probabilities is a ``Categorical``.
        divergence: A name, a name with arguments such as ``"renyi(alpha=0.5)"``, a class or an
            object; or a list of such, which is faster than one after the other where they share
            work: of two categorical distributions one pass over the categories gives them all.
        estimator: ``"auto"`` takes the first that applies of ``"exact"``, ``"sum"``,
            ``"quadrature"``, ``"monte_carlo"`` and ``"samples"``; a name or an estimator object
            takes that one.
        seed: A number or a generator that randomness follows; ``None`` draws anew each time.

    Returns:
        The estimate, whose value and error have the broadcast batch shape :math:`(*)`. For a list
        a dictionary of estimates in its order, by the names as they were written and by the texts
        of objects, that is shown as a table; each is that of its divergence alone.

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
        >>> found = kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0), ["kl", "hellinger"])
        >>> print(f"{float(found['hellinger']):.4f}")
        0.3428
    """
    if isinstance(divergence, Sequence) and not isinstance(divergence, str | bytes):
        return _together(p, q, divergence, estimator, as_seed(seed))
    problem = _problem(p, q, divergence, as_seed(seed))
    return _estimated(as_estimator(estimator, problem.divergence), problem)


def _together(
    p: object, q: object, divergences: Sequence[Wanted], estimator: str | Estimator, seed: int
) -> Estimates:
    """The estimates of several divergences between the same two sides."""
    wanted = _by_name(divergences)
    first, second = as_target(p, "p"), as_target(q, "q")
    problems = {name: Problem(each, first, second, seed) for name, each in wanted.items()}
    chosen = {name: as_estimator(estimator, each) for name, each in wanted.items()}
    leading = {
        name: each.rungs[0] if isinstance(each, Ladder) else each for name, each in chosen.items()
    }
    rungs = [(each, problems[name]) for name, each in leading.items() if isinstance(each, Exact)]
    prepare([(rung, problem) for rung, problem in rungs if 0 not in problem.batch_shape])
    return Estimates({name: _estimated(chosen[name], problems[name]) for name in wanted})


def _by_name(divergences: Sequence[Wanted]) -> dict[str, Divergence]:
    """The divergences by the names that were written, or by their texts."""
    if not divergences:
        raise InvalidArgument(
            f"divergence must name at least one, got {divergences!r}; the default is 'kl'"
        )
    found: dict[str, Divergence] = {}
    texts: dict[tuple[type, str], str] = {}
    for each in divergences:
        made = as_divergence(each)
        name = each if isinstance(each, str) else str(made)
        same = texts.setdefault((type(made), str(made)), name)
        if name in found or same != name:
            raise InvalidArgument(
                f"divergence must not hold two of one name, got {name!r} after {same!r}; "
                "leave one of them out, or ask for it in a call of its own"
            )
        found[name] = made
    return found


def _estimated(chosen: Estimator | Ladder, problem: Problem) -> Estimate:
    """What an estimator or the ladder gives, in the precision of the inputs."""
    if 0 in problem.batch_shape:
        return _of_nothing(chosen, problem)
    found = chosen.estimate(problem) if isinstance(chosen, Ladder) else _by(chosen, problem)
    if found.undefined:
        raise NotFinite(
            f"estimator {found.method!r} gives NaN for {problem.divergence} between "
            f"{problem.p!r} and {problem.q!r}; another estimator may not"
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


def _of_nothing(chosen: Estimator | Ladder, problem: Problem) -> Estimate:
    """The divergences of an empty batch."""
    none = torch.zeros(problem.batch_shape, dtype=problem.dtype, device=problem.p.device)
    rungs = chosen if isinstance(chosen, Ladder) else Ladder((chosen,))
    method = rungs.explain(problem).method or rungs.select(problem).name
    stderr = none if method in _BY_CHANCE else None
    return Estimate(none, none, method, stderr, unit=problem.divergence.unit)


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
