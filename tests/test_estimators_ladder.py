"""The ladder takes the first rung that applies and says why not the earlier ones."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Cauchy,
    Distribution,
    Exponential,
    ExponentialFamily,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    TransformedDistribution,
    Uniform,
    kl_divergence,
)
from torch.distributions.transforms import AffineTransform, SigmoidTransform, TanhTransform

import kldiv

from kldiv import Exact, Samples
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Estimator, Explanation, Problem
from kldiv.estimators.exact import has_registered_kl
from kldiv.resolving import as_target, ladder

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


NORMAL, OTHER = Normal(one(0.0), 1.0), Normal(one(1.0), 2.0)
CUBE = MultivariateNormal(torch.zeros(3, dtype=F64), torch.eye(3, dtype=F64))


@pytest.mark.parametrize(
    ("p", "q", "divergence", "method"),
    [
        (NORMAL, OTHER, "kl", "exact"),
        (Bernoulli(one(0.5)), Bernoulli(one(0.7)), "kl", "exact"),
        (Bernoulli(one(0.5)), Bernoulli(one(0.7)), "total_variation", "sum"),
        (Poisson(one(3.0)), Categorical(torch.ones(4)), "jensen_shannon", "sum"),
        (StudentT(one(5.0)), Laplace(one(0.0), 1.0), "kl", "quadrature"),
        (kldiv.Target(lambda x: -x.square()), NORMAL, "kl", "quadrature"),
        (CUBE, CUBE, "total_variation", "monte_carlo"),
        (torch.zeros(5), NORMAL, "kl", "samples"),
    ],
)
def test_each_problem_has_its_rung_and_the_explanation_agrees(p, q, divergence, method):
    explained = kldiv.explain(p, q, divergence)
    assert explained.method == method
    assert kldiv.divergence(p, q, divergence, seed=0).method == method
    names = [rung.name for rung in ladder().rungs]
    assert list(explained.rejected) == names[: names.index(method)]


def test_an_explanation_is_one_sentence_a_rung():
    text = str(kldiv.explain(CUBE, CUBE, "total_variation"))
    assert text.splitlines() == [
        "exact: no, no closed form of total_variation between MultivariateNormal and "
        "MultivariateNormal is registered",
        "sum: no, the support is continuous",
        "quadrature: no, the event shape (3,) has more than two dimensions",
        "monte_carlo: yes",
    ]


def test_an_explanation_computes_nothing():
    def never(x):
        raise AssertionError("the density was evaluated at more than one point")

    class Silent(Distribution):
        support = torch.distributions.constraints.real
        arg_constraints = {}  # noqa: RUF012 (torch's way)
        log_prob = never
        sample = never

    silent = Silent(validate_args=False)
    assert kldiv.explain(silent, NORMAL, "chi2").method == "quadrature"


def test_nothing_applies_is_an_error_that_lists_all_reasons():
    cube = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    assert kldiv.explain(cube, CUBE).method is None
    assert str(kldiv.explain(cube, CUBE)).endswith("no estimator applies")
    with pytest.raises(kldiv.NotAvailable) as raised:
        kldiv.divergence(cube, CUBE)
    message = str(raised.value)
    assert message.startswith("kl cannot be had between p = Target(<lambda>, event_shape=(3,)")
    for rung in ("exact", "sum", "quadrature", "monte_carlo", "samples"):
        assert f"\n{rung}: no, " in message


def test_every_rung_is_an_estimator():
    assert all(isinstance(rung, Estimator) for rung in ladder().rungs)
    assert repr(Explanation("sum", {"exact": "none"})) == "exact: no, none\nsum: yes"


@pytest.mark.parametrize(
    ("p", "q", "known"),
    [
        (NORMAL, OTHER, True),
        (NORMAL, Uniform(one(0.0), one(1.0)), True),
        (StudentT(one(3.0)), NORMAL, False),
        (Uniform(one(0.0), one(1.0)), NORMAL, True),
        (Cauchy(one(0.0), 1.0), NORMAL, False),
        (Beta(one(2.0), 3.0), Beta(one(1.0), 1.0), True),
        (Gamma(one(2.0), 3.0), Exponential(one(1.0)), True),
        (
            Independent(Normal(double(0, 1), 1.0), 1),
            Independent(Normal(double(1, 1), 1.0), 1),
            False,
        ),
        (
            Independent(Cauchy(double(0, 1), 1.0), 1),
            Independent(Laplace(double(1, 1), 1.0), 1),
            False,
        ),
        (LogNormal(one(0.0), 1.0), LogNormal(one(1.0), 1.0), False),
        (
            TransformedDistribution(NORMAL, [SigmoidTransform()]),
            TransformedDistribution(OTHER, [SigmoidTransform()]),
            False,
        ),
        (
            TransformedDistribution(NORMAL, [SigmoidTransform()]),
            TransformedDistribution(OTHER, [TanhTransform()]),
            False,
        ),
        (
            TransformedDistribution(StudentT(one(3.0)), [AffineTransform(0.0, 2.0)]),
            TransformedDistribution(StudentT(one(4.0)), [AffineTransform(0.0, 2.0)]),
            False,
        ),
    ],
)
def test_what_torch_has_a_formula_for_is_known_without_computing_it(p, q, known):
    assert has_registered_kl(p, q) is known
    wrapped = isinstance(p, Independent | TransformedDistribution)  # by rules of kldiv's own
    if known:
        assert kl_divergence(p, q) > 0
    elif not wrapped:
        with pytest.raises(NotImplementedError):
            kl_divergence(p, q)


def test_a_closed_form_of_a_plugin_goes_before_that_of_torch():
    form = kldiv.ClosedForm(KL, Normal, Normal, lambda p, q, divergence: p.loc + 42)
    problem = Problem(KL(), DistributionTarget(NORMAL), DistributionTarget(OTHER))
    assert float(Exact((form,)).estimate(problem).value) == 42
    assert float(Exact().estimate(problem).value) == pytest.approx(
        float(kl_divergence(NORMAL, OTHER))
    )


def test_a_closed_form_may_decline_a_pair():
    declining = kldiv.ClosedForm(KL, Normal, Distribution, lambda *_: NotImplemented)
    problem = Problem(KL(), DistributionTarget(NORMAL), DistributionTarget(OTHER))
    assert float(Exact((declining,)).estimate(problem)) == pytest.approx(
        float(kl_divergence(NORMAL, OTHER))
    )
    alien = Problem(KL(), DistributionTarget(NORMAL), DistributionTarget(Cauchy(one(0.0), 1.0)))
    with pytest.raises(kldiv.NotAvailable, match="no closed form covers Normal"):
        Exact((declining,)).estimate(alien)


def test_a_closed_form_covers_subclasses_of_its_types_but_not_of_its_divergence():
    class Mine(KL):
        """Another divergence."""

    form = kldiv.ClosedForm(KL, Normal, Distribution, lambda *_: None)
    assert form.covers(KL(), NORMAL, CUBE)
    assert not form.covers(Mine(), NORMAL, NORMAL)
    assert not form.covers(KL(), CUBE, NORMAL)


def test_a_closed_form_of_an_infinite_value_has_its_reason():
    found = kldiv.divergence(
        Uniform(one(0.0), one(2.0)), Uniform(one(0.0), one(1.0)), estimator="exact"
    )
    assert float(found) == math.inf
    assert float(found.error) == 0
    assert found.reason == "one side has mass where the other has none"


def test_a_closed_form_has_the_batch_shape_of_both_sides():
    p, q = Normal(torch.zeros(3, dtype=F64), 1.0), Normal(torch.ones(2, 1, dtype=F64), 1.0)
    found = kldiv.divergence(p, q, estimator="exact")
    assert found.value.shape == found.error.shape == (2, 3)


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        (kldiv.Target(lambda x: -x.square()), NORMAL, r"Target\(<lambda>.* is no torch distr"),
        (
            StudentT(one(3.0)),
            Laplace(one(0.0), 1.0),
            "no closed form of kl between StudentT and Laplace",
        ),
    ],
)
def test_the_exact_rung_says_why_it_does_not_apply(p, q, message):
    with pytest.raises(kldiv.NotAvailable, match=message):
        kldiv.divergence(p, q, estimator="exact")


def test_data_have_a_cross_entropy_to_a_density():
    points = double(0.0, 1.0, 5.0)
    found = kldiv.divergence(points, NORMAL)
    assert float(found) == pytest.approx(-float(NORMAL.log_prob(points).mean()))
    assert (found.method, found.up_to_constant, found.evaluations) == ("samples", True, 3)
    spread = float(NORMAL.log_prob(points).std()) / math.sqrt(3)
    assert float(found.stderr) == pytest.approx(spread)
    assert float(found.error) == math.inf  # of three points


def test_weights_of_data_count():
    weighted = SampleTarget(double(0.0, 1.0), double(1.0, 3.0))
    found = kldiv.divergence(weighted, NORMAL)
    assert float(found) == pytest.approx(0.75 * 0.5 + math.log(2 * math.pi) / 2)


def test_data_where_the_density_vanishes_are_at_infinity():
    found = kldiv.divergence(double(0.5, 2.0), Uniform(one(0.0), one(1.0)))
    assert float(found) == math.inf
    assert float(found.stderr) == 0
    assert found.reason == "q has no mass at some of the samples"


def test_data_of_weight_zero_do_not_count_even_there():
    points = SampleTarget(double(0.5, 2.0), double(1.0, 0.0))
    assert float(kldiv.divergence(points, Uniform(one(0.0), one(1.0)))) == 0


def test_data_are_compared_with_a_batch_of_densities():
    found = kldiv.divergence(double(0.0, 1.0), Normal(torch.zeros(4, 1, dtype=F64), double(1, 2)))
    assert found.value.shape == (4, 2)
    vectors = Independent(Normal(torch.zeros(5, 3, dtype=F64), 1.0), 1)
    assert kldiv.divergence(torch.zeros(10, 3), vectors).value.shape == (5,)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "message"),
    [
        (NORMAL, OTHER, "kl", "p = Normal.* is no sample"),
        (NORMAL, torch.zeros(3), "kl", "q is a sample; only p may be one"),
        (torch.zeros(3), torch.zeros(3), "kl", "cannot compare two samples.*Categorical"),
        (torch.zeros(3), NORMAL, "chi2", "chi2 needs the density of p, and p is only samples"),
        (
            torch.zeros(3),
            kldiv.Target(lambda x: -x.square()),
            "kl",
            "is not known to be normalised",
        ),
    ],
)
def test_the_samples_rung_says_why_it_does_not_apply(p, q, divergence, message):
    with pytest.raises(kldiv.NotAvailable, match=message):
        kldiv.divergence(p, q, divergence, estimator="samples")
    with pytest.raises(kldiv.NotAvailable, match="is no sample"):
        Samples().estimate(Problem(KL(), DistributionTarget(NORMAL), DistributionTarget(OTHER)))


def test_a_problem_has_the_batch_shape_and_the_type_of_both_sides():
    problem = Problem(
        KL(),
        DistributionTarget(Normal(torch.zeros(3), 1.0)),
        DistributionTarget(Normal(torch.zeros(2, 1, dtype=F64), 1.0)),
    )
    assert (problem.batch_shape, problem.event_shape, problem.dtype) == ((2, 3), (), F64)
    assert not problem.discrete


@pytest.mark.parametrize(
    ("p", "q", "error", "message"),
    [
        (
            CUBE,
            NORMAL,
            kldiv.ShapeMismatch,
            r"same event shape, got \(3,\) for p = Multi.* and \(\) for q = Normal",
        ),
        (
            Normal(torch.zeros(2), 1.0),
            Normal(torch.zeros(3), 1.0),
            kldiv.ShapeMismatch,
            r"batch shapes of p and q must broadcast, got \(2,\) and \(3,\)",
        ),
        (
            Poisson(one(1.0)),
            NORMAL,
            kldiv.SupportMismatch,
            "p = Poisson.* is discrete and q = Normal.* is continuous",
        ),
        (
            NORMAL,
            Poisson(one(1.0)),
            kldiv.SupportMismatch,
            "p = Normal.* is continuous and q = Poisson.* is discrete",
        ),
        (
            NORMAL,
            Normal(torch.zeros((), device="meta"), 1.0, validate_args=False),
            kldiv.InvalidArgument,
            r"p is on device cpu and q on meta; move one of them with \.to\(device\)",
        ),
    ],
)
def test_sides_that_do_not_fit_together_are_refused(p, q, error, message):
    with pytest.raises(error, match=message):
        kldiv.divergence(p, q)


def test_a_combination_that_is_not_a_number_is_an_error():
    class Ratio(kldiv.IntegralDivergence):
        def integrands(self, log_p, log_q):
            gap = log_p.exp() - log_q.exp()
            return gap, gap

        def combine(self, *integrals):
            return 0 * integrals[0] / (0 * integrals[1])

    for estimator in ("quadrature", "monte_carlo"):
        with pytest.raises(kldiv.NotFinite, match="ratio is NaN: its integrals are"):
            kldiv.divergence(NORMAL, OTHER, Ratio(), estimator=estimator, seed=0)


def test_a_closed_form_needs_two_distributions():
    problem = Problem(KL(), as_target(lambda_target(), "p"), DistributionTarget(NORMAL))
    with pytest.raises(kldiv.NotAvailable, match="a closed form needs two torch distributions"):
        Exact().estimate(problem)


def test_pairs_of_one_exponential_family_without_a_normaliser_are_unknown():
    assert not has_registered_kl(VonMisesFisher(), VonMisesFisher())


def lambda_target():
    return kldiv.Target(lambda x: -x.square())


class VonMisesFisher(ExponentialFamily):
    """An exponential family that states nothing."""

    def __init__(self):
        super().__init__(validate_args=False)


class Constant:
    """An estimator of one divergence, which it knows to be 7 between Cauchy distributions."""

    name = "constant"

    def why_not(self, problem):
        known = isinstance(problem.p.distribution, Cauchy)
        return None if known else "it knows nothing but Cauchy distributions"

    def estimate(self, problem):
        value = torch.full(problem.batch_shape, 7.0, dtype=F64)
        return kldiv.Estimate(value, torch.zeros_like(value), self.name)


class Seven(KL):
    """A divergence with an estimator of its own."""

    estimators = (Constant(),)


def test_an_estimator_of_its_own_comes_after_closed_forms_and_before_all_others():
    p, q = Cauchy(torch.zeros(()), 1.0), Laplace(torch.zeros(()), 1.0)
    assert list(kldiv.explain(p, q, Seven()).rejected) == ["exact"]
    assert kldiv.divergence(p, q, Seven()).method == "constant"
    assert kldiv.divergence(p, q, Seven(), estimator="constant").value == 7
    assert kldiv.divergence(q, p, Seven()).method == "quadrature"
    assert "nothing but Cauchy" in kldiv.explain(q, p, Seven()).rejected["constant"]


def test_other_divergences_do_not_have_it():
    p = Cauchy(torch.zeros(()), 1.0)
    with pytest.raises(kldiv.InvalidArgument, match="estimator must be"):
        kldiv.divergence(p, p, "kl", estimator="constant")
