"""The laws of divergences, in the order in which reports list them."""

from __future__ import annotations

from collections.abc import Mapping

from kldiv.testing.estimates import agreement, batch, gradient, precision
from kldiv.testing.inequalities import inequalities
from kldiv.testing.law import Law
from kldiv.testing.limits import continuity, edges, slopes
from kldiv.testing.structure import (
    additivity,
    data_processing,
    duality,
    invariance,
    joint_convexity,
    scaling,
    terms,
)
from kldiv.testing.values import bound, identity, non_negative, symmetry, triangle

__all__ = ["DIVERGENCE_LAWS"]

DIVERGENCE_LAWS: Mapping[str, Law] = {
    each.name: each
    for each in (
        non_negative,
        identity,
        symmetry,
        bound,
        triangle,
        data_processing,
        joint_convexity,
        invariance,
        scaling,
        additivity,
        duality,
        terms,
        continuity,
        slopes,
        edges,
        agreement,
        gradient,
        batch,
        precision,
        inequalities,
    )
}
