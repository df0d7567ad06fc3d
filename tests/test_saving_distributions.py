"""Torch distributions and transforms come back from their arguments to the last digit."""

import copy
import math

import pytest
import torch

from torch import distributions as td
from torch.distributions import transforms as tt

import kldiv

from kldiv.definitions.grid_density import GridDensity
from kldiv.saving.distributions import KNOWN, arguments_of, build
from kldiv.saving.values import Reader, Writer

F64 = torch.float64


def numbers(*values):
    return torch.tensor(values, dtype=F64)


SHARES = numbers(0.1, 0.2, 0.3)  # which sum to 0.6: torch divides them
MATRIX = torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 0.7]], dtype=F64)
MEAN = numbers(0.1, 0.2, 0.3)
A, B = numbers(0.7, 1.3), numbers(2.1, 0.4)

DISTRIBUTIONS = {
    "Bernoulli": td.Bernoulli(numbers(0.3, 0.1)),
    "Bernoulli, logits": td.Bernoulli(logits=numbers(0.3, -2.1)),
    "Beta": td.Beta(A, B),
    "Binomial": td.Binomial(7, numbers(0.1, 0.3)),
    "Binomial, logits": td.Binomial(numbers(3.0, 4.0), logits=A),
    "Categorical": td.Categorical(SHARES),
    "Categorical, logits": td.Categorical(logits=SHARES),
    "Cauchy": td.Cauchy(A, B),
    "Chi2": td.Chi2(A),
    "ContinuousBernoulli": td.ContinuousBernoulli(numbers(0.3, 0.9)),
    "ContinuousBernoulli, lims": td.ContinuousBernoulli(numbers(0.3), lims=(0.4, 0.6)),
    "Dirichlet": td.Dirichlet(SHARES),
    "Exponential": td.Exponential(A),
    "FisherSnedecor": td.FisherSnedecor(A, B),
    "Gamma": td.Gamma(A, B),
    "Geometric": td.Geometric(numbers(0.3, 0.1)),
    "Geometric, logits": td.Geometric(logits=A),
    "Gumbel": td.Gumbel(A, B),
    "HalfCauchy": td.HalfCauchy(A),
    "HalfNormal": td.HalfNormal(A),
    "Independent": td.Independent(td.Normal(A, B), 1),
    "InverseGamma": td.InverseGamma(A, B),
    "Kumaraswamy": td.Kumaraswamy(A, B),
    "LKJCholesky": td.LKJCholesky(3, numbers(0.7)),
    "Laplace": td.Laplace(A, B),
    "LogNormal": td.LogNormal(A, B),
    "LogisticNormal": td.LogisticNormal(A, B),
    "LowRankMultivariateNormal": td.LowRankMultivariateNormal(MEAN, MATRIX[:, :2], MEAN),
    "MixtureSameFamily": td.MixtureSameFamily(td.Categorical(SHARES), td.Normal(MEAN, MEAN)),
    "Multinomial": td.Multinomial(5, SHARES),
    "Multinomial, logits": td.Multinomial(5, logits=SHARES),
    "MultivariateNormal": td.MultivariateNormal(MEAN, MATRIX),
    "MultivariateNormal, precision": td.MultivariateNormal(MEAN, precision_matrix=MATRIX),
    "MultivariateNormal, factor": td.MultivariateNormal(MEAN, scale_tril=MATRIX.tril()),
    "MultivariateNormal, expanded": td.MultivariateNormal(MEAN, MATRIX).expand([2]),
    "NegativeBinomial": td.NegativeBinomial(numbers(3.0, 2.5), numbers(0.3, 0.1)),
    "NegativeBinomial, logits": td.NegativeBinomial(3, logits=A),
    "Normal": td.Normal(A, B),
    "OneHotCategorical": td.OneHotCategorical(SHARES),
    "OneHotCategorical, logits": td.OneHotCategorical(logits=SHARES),
    "OneHotCategoricalStraightThrough": td.OneHotCategoricalStraightThrough(SHARES),
    "Pareto": td.Pareto(A, B),
    "Poisson": td.Poisson(A),
    "RelaxedBernoulli": td.RelaxedBernoulli(numbers(0.5), numbers(0.3, 0.1)),
    "RelaxedBernoulli, logits": td.RelaxedBernoulli(numbers(0.5), logits=A),
    "RelaxedOneHotCategorical": td.RelaxedOneHotCategorical(numbers(0.5), SHARES),
    "RelaxedOneHotCategorical, logits": td.RelaxedOneHotCategorical(numbers(0.5), logits=SHARES),
    "StudentT": td.StudentT(A, B, A),
    "TransformedDistribution": td.TransformedDistribution(
        td.Normal(A, B), [tt.AffineTransform(0.1, B), tt.ExpTransform()]
    ),
    "Uniform": td.Uniform(-A, B),
    "VonMises": td.VonMises(A, B),
    "Weibull": td.Weibull(A, B),
    "Wishart": td.Wishart(numbers(5.0).squeeze(), MATRIX),
    "Wishart, factor": td.Wishart(numbers(5.0).squeeze(), scale_tril=MATRIX.tril()),
    "GridDensity": GridDensity([numbers(0.0, 1.0, 3.0)], numbers(0.1, 0.7, 0.3), vector=False),
    "GridDensity of vectors": GridDensity(
        [numbers(0.0, 1.0), numbers(0.0, 2.0)], MATRIX[:2, :2], vector=True
    ),
}
if hasattr(td, "GeneralizedPareto"):  # which older versions of torch have not
    DISTRIBUTIONS["GeneralizedPareto"] = td.GeneralizedPareto(*torch.tensor([1.3, 0.7, 0.2]))

TRANSFORMS = {
    "AbsTransform": tt.AbsTransform(),
    "AffineTransform": tt.AffineTransform(A, 2.5, event_dim=1, cache_size=1),
    "CatTransform": tt.CatTransform([tt.ExpTransform(), tt.AffineTransform(1.0, 2.0)], 0, [2, 1]),
    "ComposeTransform": tt.ComposeTransform([tt.SigmoidTransform(), tt.ExpTransform()]),
    "CorrCholeskyTransform": tt.CorrCholeskyTransform(),
    "CumulativeDistributionTransform": tt.CumulativeDistributionTransform(td.Normal(0.1, 2.0)),
    "ExpTransform": tt.ExpTransform(cache_size=1),
    "IndependentTransform": tt.IndependentTransform(tt.ExpTransform(), 1),
    "LowerCholeskyTransform": tt.LowerCholeskyTransform(),
    "PositiveDefiniteTransform": tt.PositiveDefiniteTransform(),
    "PowerTransform": tt.PowerTransform(numbers(2.5)),
    "ReshapeTransform": tt.ReshapeTransform((3,), (3, 1)),
    "SigmoidTransform": tt.SigmoidTransform(),
    "SoftmaxTransform": tt.SoftmaxTransform(),
    "SoftplusTransform": tt.SoftplusTransform(),
    "StackTransform": tt.StackTransform([tt.ExpTransform(), tt.TanhTransform()], 0),
    "StickBreakingTransform": tt.StickBreakingTransform(),
    "TanhTransform": tt.TanhTransform(),
    "an inverse": tt.ExpTransform().inv,
}
POINTS = {
    "CatTransform": numbers(0.1, 0.2, 0.3),
    "LowerCholeskyTransform": MATRIX,
    "PositiveDefiniteTransform": MATRIX,
    "StackTransform": torch.stack([A, B]),
    "AbsTransform": A,
}


def again(value):
    writer = Writer()
    return Reader(writer.tensors, {}).read(writer.write(value, "it"))


def drawn(distribution):
    if isinstance(distribution, td.Wishart):  # whose sampler warns of its own draws
        return MATRIX
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return distribution.sample(torch.Size([3]))


def test_every_class_of_torch_is_tried():
    tried = {type(each).__name__ for each in (*DISTRIBUTIONS.values(), *TRANSFORMS.values())}
    assert tried == {*KNOWN, type(tt.ExpTransform().inv).__name__}  # Pyro renames it


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_a_distribution_comes_back_as_it_was(case):
    before = DISTRIBUTIONS[case]
    kept = copy.copy(vars(before))
    made = again(before)
    assert type(made) is type(before)
    assert (made.batch_shape, made.event_shape) == (before.batch_shape, before.event_shape)
    points = drawn(before)
    assert torch.equal(drawn(made), points)
    assert torch.equal(made.log_prob(points), before.log_prob(points))
    for name, value in kept.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(vars(made)[name], value.expand_as(vars(made)[name])), name
    assert made._validate_args == before._validate_args


def test_writing_a_distribution_does_not_change_it():
    before = td.MultivariateNormal(MEAN, scale_tril=MATRIX.tril())
    kept = set(vars(before))
    again(before)
    assert set(vars(before)) == kept


@pytest.mark.parametrize("cached", ["covariance_matrix", "precision_matrix"])
def test_a_factor_that_was_given_is_told_from_a_matrix_that_was_computed(cached):
    before = td.MultivariateNormal(MEAN, scale_tril=MATRIX.tril())
    getattr(before, cached)
    assert torch.equal(again(before).scale_tril, before.scale_tril)


def test_a_covariance_that_was_given_is_told_from_a_factor_that_was_computed():
    before = td.MultivariateNormal(MEAN, MATRIX)
    before.scale_tril  # noqa: B018 (it is kept)
    assert torch.equal(again(before).covariance_matrix, MATRIX)


def test_logits_that_were_given_are_told_from_probabilities_that_were_computed():
    before = td.Bernoulli(logits=numbers(800.0))
    before.probs  # noqa: B018 (it is kept)
    assert again(before).log_prob(numbers(0.0)) == -800


@pytest.mark.parametrize("case", TRANSFORMS)
def test_a_transform_comes_back_as_it_was(case):
    before, made = TRANSFORMS[case], again(TRANSFORMS[case])
    x = POINTS.get(case, MEAN if "inverse" not in case else MEAN.exp())
    if case == "AffineTransform":
        x = B
    assert type(made) is type(before)
    assert torch.equal(made(x), before(x))
    assert made._cache_size == before._cache_size


@pytest.mark.parametrize("validate", [False, True])
def test_whether_arguments_are_checked_is_kept(validate):
    before = (
        td.Normal(numbers(math.nan), 1.0, validate_args=False)
        if not validate
        else td.Normal(numbers(0.0), 1.0, validate_args=True)
    )
    assert again(before)._validate_args is validate


@pytest.mark.parametrize("name", ["system", "os.system", "Distribution", "Transform", "eval", ""])
def test_no_other_name_makes_anything(name):
    with pytest.raises(kldiv.NotAvailable, match="no class of torch"):
        build(name, {})


def test_a_class_of_the_users_is_refused_even_by_the_name_of_one_of_torch():
    class Normal(td.Normal):
        pass

    with pytest.raises(kldiv.NotAvailable, match="Normal is no class of torch"):
        arguments_of(Normal(A, B))
