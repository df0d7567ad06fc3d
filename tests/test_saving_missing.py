"""What is missing tells its shapes, and how to give it back where more is asked for."""

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.resolving import as_target
from kldiv.saving.missing import (
    MissingDistribution,
    MissingDivergence,
    MissingFamily,
    MissingTarget,
)

TARGET = MissingTarget("Target(mine)", (3,), (2,), torch.float32)
SCALAR = MissingTarget("Target(yours)", (), (), torch.float64)
FAMILY = MissingFamily("flow(layers=3)")
MEMBER = MissingDistribution((), (2,))
DIVERGENCE = MissingDivergence("mine(a=1)")
NORMAL = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)

ASKED = {
    "a density": ("target", lambda: TARGET.log_prob(torch.zeros(3, 2))),
    "a target's divergence": ("target", lambda: kldiv.divergence(SCALAR, NORMAL)),
    "a family's member": ("family", lambda: FAMILY.at(torch.zeros(2))),
    "a family's parameters": ("family", lambda: FAMILY.space),
    "a member's density": ("family", lambda: MEMBER.log_prob(torch.zeros(2))),
    "a member's draw": ("family", lambda: MEMBER.sample()),
    "a member as a target": ("family", lambda: as_target(MEMBER, "p").sample((3,), 0)),
    "a divergence": ("divergence", lambda: kldiv.divergence(NORMAL, NORMAL, DIVERGENCE)),
}


@pytest.mark.parametrize("case", ASKED)
def test_more_is_refused_with_the_remedy(case):
    what, ask = ASKED[case]
    with pytest.raises(kldiv.NotAvailable, match=rf"give it back: .*\(path, {what}=\.\.\."):
        ask()


def test_shapes_and_descriptions_are_known():
    assert (TARGET.batch_shape, TARGET.event_shape) == ((3,), (2,))
    assert (TARGET.dtype, TARGET.device) == (torch.float32, torch.device("cpu"))
    assert (MEMBER.batch_shape, MEMBER.event_shape) == ((), (2,))
    assert list(map(repr, (TARGET, FAMILY))) == ["Target(mine)", "flow(layers=3)"]
    assert "event_shape=(2,)" in repr(MEMBER)
    assert str(DIVERGENCE) == "mine(a=1)"
