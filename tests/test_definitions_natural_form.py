"""The divergence of an exponential family is right where its terms cancel, and elsewhere."""

import pytest
import torch

from torch.distributions import Gamma

from kldiv.builtin.closed_forms.exponential_families import FAMILIES

GAMMA = FAMILIES["gamma"]


def apart(eta, gap):
    """The divergence from a member to the one that is a gap away."""
    second = tuple(a - b for a, b in zip(eta, gap, strict=True))
    return GAMMA.divergence(eta, second, gap)


def natural(k, rate):
    return torch.tensor(k).double(), -torch.tensor(rate).double()


@pytest.mark.parametrize("share", [1e-7, 1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("k", [0.1, 3.0, 1e4])
def test_close_members_are_half_the_variance_apart(k, share):
    r"""To second order, :math:`D = \tfrac12 \Delta^2 \psi'(k)`, and never below 0."""
    eta, gap = natural(k, 2.0), (torch.tensor(k * share).double(), torch.zeros(()).double())
    expected = gap[0].square() * torch.special.zeta(torch.tensor(2.0).double(), eta[0]) / 2
    found = apart(eta, gap)
    assert found > 0
    torch.testing.assert_close(found, expected, rtol=3 * share, atol=0)


def test_the_two_forms_agree_where_both_have_digits():
    eta, gap = natural(3.0, 2.0), natural(0.3, -0.1)
    second = tuple(a - b for a, b in zip(eta, gap, strict=True))
    remainder = GAMMA._remainder(second, gap)
    torch.testing.assert_close(apart(eta, gap), remainder, rtol=1e-12, atol=0)


@pytest.mark.parametrize("share", [1e-6, 0.5])
def test_gradients_are_those_of_finite_differences(share):
    def value(k, rate):
        eta = (k, -rate)
        gap = (k - 2.0, -(rate - 3.0 * (1 - share)))
        return apart(eta, gap)

    k = torch.tensor(2.0 * (1 + share)).double().requires_grad_()
    rate = torch.tensor(3.0).double().requires_grad_()
    assert torch.autograd.gradcheck(value, (k, rate), eps=1e-7, atol=1e-7, rtol=1e-5)


def test_log_norms_are_integrals_of_powers():
    p = Gamma(torch.tensor(3.0).double(), 2.0)
    x = torch.linspace(1e-6, 40, 400_001).double()
    integral = torch.trapezoid((1.5 * p.log_prob(x)).exp(), x)
    found = GAMMA.log_norm(GAMMA.of(p), 1.5)
    torch.testing.assert_close(found, integral.log(), rtol=1e-8, atol=0)


def test_nothing_is_attached_where_no_gradient_is_wanted():
    eta, gap = natural(3.0, 2.0), natural(1e-5, 0.0)
    assert not apart(eta, gap).requires_grad
    with torch.no_grad():
        assert apart((eta[0].requires_grad_(), eta[1]), gap) > 0
