"""Where densities and scores jump, gradients have a term of the jump."""

import pytest
import torch

from torch.distributions import (
    AffineTransform,
    Categorical,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    TransformedDistribution,
    Uniform,
)

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.jumps import jumps_of, kinks_in


def one(value):
    return torch.tensor(value, dtype=torch.float64)


def mixture(loc, scale):
    parts = Laplace(torch.stack([loc, loc + 2]), scale)
    return MixtureSameFamily(Categorical(one([0.3, 0.7])), parts)


def image(loc, scale):
    return TransformedDistribution(Laplace(loc, scale), [AffineTransform(1.0, 2.0)])


PAIRS = {
    "p jumps": lambda a, b, c: (Laplace(a, b), Normal(c, 1.3)),
    "q jumps": lambda a, b, c: (Normal(c, 1.3), Laplace(a, b)),
    "both jump": lambda a, b, c: (Laplace(a, b), Laplace(c, 0.9)),
    "a mixture": lambda a, b, c: (mixture(a, b), StudentT(5.0, c)),
    "an image": lambda a, b, c: (image(a, b), Normal(c, 1.3)),
    "a vector": lambda a, b, c: (
        Independent(Laplace(a.reshape(1), b), 1),
        Independent(StudentT(5.0, c.reshape(1), 1.3), 1),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_gradient_of_a_divergence_of_scores_is_that_of_its_value(name):
    def value(*parameters):
        return kldiv.divergence(*PAIRS[name](*parameters), "fisher").value

    parameters = [one(each).requires_grad_() for each in (0.3, 0.6, -0.4)]
    assert torch.autograd.gradcheck(value, parameters, eps=1e-5, rtol=1e-5)


def test_a_batch_has_the_gradients_of_its_elements():
    locs = one([[0.3], [-1.0]]).requires_grad_()
    q = Normal(one([0.0, 0.5, 1.0]), 1.5)
    (found,) = torch.autograd.grad(
        kldiv.divergence(Laplace(locs, 0.7), q, "fisher").value.sum(), locs
    )
    # E_p (s_p - s_q)^2 depends on the location by (a - c)^2 / 1.5^4 alone
    truth = 2 * (locs.detach() - q.loc).sum(1, keepdim=True) / 1.5**4
    torch.testing.assert_close(found, truth, rtol=1e-8, atol=0.0)


def uniforms(low, high):
    parts = Uniform(torch.stack([low, low + 1]), torch.stack([high, high + 3]))
    return MixtureSameFamily(Categorical(one([0.4, 0.6])), parts)


INSIDE = {
    "uniforms": lambda a, b, c: (uniforms(a, b), Normal(c, 1.7)),
    "uniforms as q": lambda a, b, c: (Uniform(a + 0.2, c), uniforms(a, b)),
    "an image": lambda a, b, c: (
        TransformedDistribution(uniforms(a, b), [AffineTransform(a, 2.0)]),
        Normal(c, 1.7),
    ),
    "vectors": lambda a, b, c: (
        Independent(
            MixtureSameFamily(
                Categorical(one([[0.4, 0.6]])),
                Uniform(torch.stack([a, a + 1]).reshape(1, 2), torch.stack([b, b + 3])),
            ),
            1,
        ),
        Independent(StudentT(5.0, c.reshape(1), 1.3), 1),
    ),
}


@pytest.mark.parametrize("divergence", ["kl", "total_variation", "renyi(alpha=0.5)", "cosine"])
@pytest.mark.parametrize("name", INSIDE)
def test_the_gradient_counts_jumps_inside_of_a_mixture(name, divergence):
    def value(*parameters):
        return kldiv.divergence(*INSIDE[name](*parameters), divergence).value

    parameters = [one(each).requires_grad_() for each in (0.3, 1.2, 1.1)]
    assert torch.autograd.gradcheck(value, parameters, eps=1e-5, atol=1e-4, rtol=1e-4)


def test_a_supremum_at_a_kink_moves_with_it():
    loc, other = (one(each).requires_grad_() for each in (1.3, 1.1))
    found = kldiv.divergence(Laplace(loc, 1.2), Laplace(other, 1.7), "renyi(alpha=inf)")
    slopes = torch.autograd.grad(found.value, (loc, other))
    # the ratio is greatest at loc, where it is log(1.7 / 1.2) + |loc - other| / 1.7
    assert [float(each) for each in slopes] == pytest.approx([1 / 1.7, -1 / 1.7], rel=1e-9)


def test_densities_without_kinks_have_no_jumps():
    for target in (DistributionTarget(Normal(0.0, 1.0)), kldiv.Target(lambda x: -x.abs())):
        assert jumps_of(target) == kinks_in(target) == []


def test_monte_carlo_gives_the_value_but_not_a_gradient_that_lacks_the_jump():
    loc = one([0.0, 0.3, 0.6]).requires_grad_()
    p = Independent(Laplace(loc, one(1.0)), 1)
    q = MultivariateNormal(one([0.0, 0.0, 0.0]), torch.eye(3, dtype=torch.float64) + 0.3)
    with pytest.raises(kldiv.NotAvailable, match="a score jumps at places that move"):
        kldiv.divergence(p, q, "fisher")
    with torch.no_grad():
        assert kldiv.divergence(p, q, "fisher", seed=0).value.isfinite()


def plane(loc):
    covariance = one([[1.0, 0.3], [0.3, 1.5]])
    return MultivariateNormal(torch.stack([loc, loc]), covariance)


def test_the_gradient_counts_edges_in_the_plane():
    low, high, loc = (one(each).requires_grad_() for each in (0.5, 1.2, 0.3))
    ends = torch.stack([low, low]), torch.stack([high, high + 1])
    q = plane(loc)
    found = kldiv.divergence(Independent(Uniform(*ends), 1), q, "kl")
    width, off = ends[1] - ends[0], (ends[0] + ends[1]) / 2 - q.loc
    spread = torch.diag(width.square() / 12) + torch.outer(off, off)
    truth = (q.precision_matrix * spread).sum() / 2 - width.log().sum()
    slopes, expected = (
        torch.autograd.grad(each, (low, high, loc)) for each in (found.value, truth)
    )
    torch.testing.assert_close(slopes, expected, rtol=1e-6, atol=0.0)


def test_the_gradient_counts_jumps_of_scores_in_the_plane():
    def value(first, second, loc):
        p = Independent(Laplace(torch.stack([first, second]), 1.0), 1)
        return kldiv.divergence(p, plane(loc), "fisher").value

    parameters = [one(each).requires_grad_() for each in (0.5, 1.2, 0.3)]
    assert torch.autograd.gradcheck(value, parameters, eps=1e-4, rtol=1e-4)
