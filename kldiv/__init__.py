"""How far one probability distribution is from another, and the nearest of a family.

The public names are imported when they are first used: ``import kldiv`` imports neither torch
nor a plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kldiv.importing import imported

if TYPE_CHECKING:
    import kldiv.testing  # noqa: F401 (an attribute, imported when it is first used)

    from kldiv.closed_form import ClosedForm
    from kldiv.definitions.divergence import Divergence, FDivergence, IntegralDivergence
    from kldiv.definitions.family import Family
    from kldiv.definitions.projected_target import ProjectedTarget
    from kldiv.definitions.sample_divergence import SampleDivergence, SampleScoreDivergence
    from kldiv.definitions.score_divergence import ScoreDivergence
    from kldiv.definitions.target import Target
    from kldiv.errors import (
        AmbiguousName,
        ConvergenceWarning,
        InvalidArgument,
        InvalidFile,
        InvalidType,
        KldivError,
        LawBroken,
        NotAvailable,
        NotFinite,
        PluginError,
        PluginWarning,
        ShapeMismatch,
        SupportMismatch,
        ToleranceNotMet,
        UnknownName,
    )
    from kldiv.estimate import Estimate
    from kldiv.estimators import Exact, MonteCarlo, Quadrature, Samples, Sum
    from kldiv.evaluating import divergence, explain
    from kldiv.fitting import Fit, explain_fit, fit
    from kldiv.hookspecs import hookimpl
    from kldiv.lazy import Lazy
    from kldiv.loading import load_fit
    from kldiv.registries import divergences, families, targets
    from kldiv.solvers import Descent, MomentMatching
    from kldiv.solvers.fixed_draws import FixedDraws
    from kldiv.solvers.quasi_newton import QuasiNewton

    __version__: str

__all__ = [
    "AmbiguousName",
    "ClosedForm",
    "ConvergenceWarning",
    "Descent",
    "Divergence",
    "Estimate",
    "Exact",
    "FDivergence",
    "Family",
    "Fit",
    "FixedDraws",
    "IntegralDivergence",
    "InvalidArgument",
    "InvalidFile",
    "InvalidType",
    "KldivError",
    "LawBroken",
    "Lazy",
    "MomentMatching",
    "MonteCarlo",
    "NotAvailable",
    "NotFinite",
    "PluginError",
    "PluginWarning",
    "ProjectedTarget",
    "Quadrature",
    "QuasiNewton",
    "SampleDivergence",
    "SampleScoreDivergence",
    "Samples",
    "ScoreDivergence",
    "ShapeMismatch",
    "Sum",
    "SupportMismatch",
    "Target",
    "ToleranceNotMet",
    "UnknownName",
    "__version__",
    "divergence",
    "divergences",
    "explain",
    "explain_fit",
    "families",
    "fit",
    "hookimpl",
    "load_fit",
    "targets",
]

_NAMES = {
    "closed_form": "ClosedForm",
    "definitions.divergence": "Divergence FDivergence IntegralDivergence",
    "definitions.family": "Family",
    "definitions.projected_target": "ProjectedTarget",
    "definitions.sample_divergence": "SampleDivergence SampleScoreDivergence",
    "definitions.score_divergence": "ScoreDivergence",
    "definitions.target": "Target",
    "errors": "AmbiguousName ConvergenceWarning InvalidArgument InvalidFile InvalidType "
    "KldivError LawBroken NotAvailable NotFinite PluginError PluginWarning ShapeMismatch "
    "SupportMismatch ToleranceNotMet UnknownName",
    "estimate": "Estimate",
    "estimators": "Exact MonteCarlo Quadrature Samples Sum",
    "evaluating": "divergence explain",
    "fitting": "Fit explain_fit fit",
    "hookspecs": "hookimpl",
    "lazy": "Lazy",
    "loading": "load_fit",
    "registries": "divergences families targets",
    "solvers": "Descent MomentMatching",
    "solvers.fixed_draws": "FixedDraws",
    "solvers.quasi_newton": "QuasiNewton",
}
_MODULES = {name: f"kldiv.{module}" for module, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:  # so that a type checker knows the names above and no others

    def __getattr__(name: str) -> object:
        """Imports a public name when it is first used (PEP 562)."""
        if name == "__version__":
            from importlib.metadata import version  # as slow to import as all of kldiv's front

            value = version("kldiv")
        elif name in _MODULES:
            value = getattr(imported(_MODULES[name]), name)
        elif name == "testing":
            value = imported("kldiv.testing")
        else:
            raise AttributeError(f"module 'kldiv' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
