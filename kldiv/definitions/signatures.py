"""What a class of ``torch.distributions`` says of its parameters and of its events."""

from __future__ import annotations

import inspect

from collections.abc import Mapping

from torch.distributions import Distribution, biject_to, constraints
from torch.distributions.constraints import Constraint

from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["constraints_of", "event_dims_of"]

_PREFERRED = ({"probs", "logits"}, {"covariance_matrix", "precision_matrix", "scale_tril"})


def constraints_of(
    distribution_class: type[Distribution], fixed: Mapping[str, object]
) -> dict[str, Constraint]:
    """The constraints of the parameters: of several that mean the same, one given or the first."""
    found = getattr(distribution_class, "arg_constraints", None)
    if not isinstance(found, dict):
        raise InvalidType(
            f"{distribution_class.__name__} does not state arg_constraints; "
            "wrap it in a kldiv.Family"
        )
    chosen = dict(found)
    for group in _PREFERRED:
        alternatives = [
            name
            for name in sorted(chosen, key=["probs", "covariance_matrix"].count, reverse=True)
            if name in group
        ]
        keep = next(
            (name for name in alternatives if name in fixed),
            alternatives[0] if alternatives else None,
        )
        for name in alternatives:
            if name != keep:
                del chosen[name]
    defaults = inspect.signature(distribution_class).parameters
    _check_needs(distribution_class, [*found])
    for name, constraint in list(chosen.items()):
        if name in fixed or name not in defaults:
            continue
        if constraint.is_discrete or (
            isinstance(constraint, constraints.Constraint) and _no_bijection(constraint)
        ):
            raise InvalidArgument(
                f"{distribution_class.__name__} must be given {name}=, it cannot be fitted"
            )
    return {name: constraint for name, constraint in chosen.items() if name in defaults}


def _check_needs(distribution_class: type[Distribution], stated: list[str]) -> None:
    for name, parameter in inspect.signature(distribution_class).parameters.items():
        if name not in stated and parameter.default is parameter.empty:
            raise InvalidType(
                f"{distribution_class.__name__} needs {name}, of which its arg_constraints say "
                "nothing; wrap it in a kldiv.Family"
            )


def _no_bijection(constraint: Constraint) -> bool:
    if constraints.is_dependent(constraint):
        return True
    try:
        biject_to(constraint)
    except NotImplementedError:
        return constraint not in (constraints.positive_definite, constraints.lower_cholesky)
    return False


def event_dims_of(distribution_class: type[Distribution]) -> int:
    """How many dimensions an event of the class has, as far as the class itself tells."""
    support = getattr(distribution_class, "support", None)
    if isinstance(support, property):
        names: Mapping[str, Constraint] = getattr(distribution_class, "arg_constraints", {})
        return 1 if "covariance_matrix" in names else 0
    return int(getattr(support, "event_dim", 0) or 0)
