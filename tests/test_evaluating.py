"""The front door to values: one call, one estimate, or one error that names what is wrong."""

import math
import pickle

import numpy as np
import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
)

import kldiv

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


class Gap(kldiv.IntegralDivergence):
    """The integral of the squared difference, counted in apples."""

    unit = "apples"

    def integrands(self, log_p, log_q):
        return ((log_p.exp() - log_q.exp()).square(),)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_an_estimate_is_in_the_unit_of_its_divergence(dtype):
    p, q = (Normal(torch.tensor(loc, dtype=dtype), 1.0) for loc in (0.0, 1.0))
    assert kldiv.divergence(p, q).unit == "nats"
    assert repr(kldiv.divergence(p, q, Gap())).startswith("Estimate(0.1247983 apples ±")
    assert kldiv.fit(p, "laplace", Gap(), starts=1).divergence.unit == "apples"
    with pytest.raises(kldiv.ToleranceNotMet, match="apples"):
        kldiv.divergence(p, q, Gap(), estimator=kldiv.MonteCarlo(samples=100, rtol=1e-9))


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "squared_l2", "fisher"])
@pytest.mark.parametrize("estimator", ["auto", "quadrature", "monte_carlo"])
def test_an_empty_batch_has_an_empty_estimate(divergence, estimator):
    p, q = Normal(torch.zeros(3, 0), 1.0), StudentT(torch.ones(0), 1.0)
    found = kldiv.divergence(p, q, divergence, estimator=estimator)
    assert found.value.shape == found.error.shape == (3, 0)
    assert found.value.dtype == torch.float32


def test_the_first_experiment_is_the_same_number_four_ways():
    p, q = double(0.5, 0.5), double(0.7, 0.3)
    by_hand = float((p * (p / q).log()).sum())
    by_torch = float(torch.distributions.kl_divergence(Categorical(p), Categorical(q)))
    by_loss = float(torch.nn.KLDivLoss(reduction="sum")(q.log(), p))
    by_kldiv = float(kldiv.divergence(Categorical(p), Categorical(q)))
    assert by_hand == pytest.approx(0.0871767, abs=5e-8)
    assert [by_torch, by_loss, by_kldiv] == pytest.approx([by_hand] * 3, rel=1e-14)
    assert float(kldiv.divergence("coin", "bernoulli(probs=0.7)")) == pytest.approx(by_hand)


def test_the_second_experiment_is_one_batched_call():
    loc = torch.linspace(-2, 2, 41, dtype=F64).unsqueeze(-1)
    scale = torch.linspace(0.5, 4, 71, dtype=F64)
    found = kldiv.divergence(Normal(one(0.0), 1.0), Normal(loc, scale))
    formula = scale.log() + (1 + loc.square()) / (2 * scale.square()) - 0.5
    assert found.value.shape == (41, 71)
    assert (found.value - formula).abs().max() <= 1e-12


def test_the_table_of_the_second_experiment_by_quadrature_is_the_formula_too():
    loc = torch.linspace(-2, 2, 41, dtype=F64).unsqueeze(-1)
    scale = torch.linspace(0.5, 4, 71, dtype=F64)
    found = kldiv.divergence(Normal(one(0.0), 1.0), Normal(loc, scale), estimator="quadrature")
    formula = scale.log() + (1 + loc.square()) / (2 * scale.square()) - 0.5
    assert ((found.value - formula).abs() <= found.error + 1e-15).all()
    assert (found.value - formula).abs().max() <= 1e-9


def test_the_poisson_companion_of_the_second_experiment_is_its_formula():
    first = torch.linspace(0.5, 10, 20, dtype=F64).unsqueeze(-1)
    second = torch.linspace(0.5, 10, 30, dtype=F64)
    found = kldiv.divergence(Poisson(first), Poisson(second))
    formula = first * (first / second).log() + second - first
    assert (found.value - formula).abs().max() <= 1e-12


def test_a_tail_of_the_fourth_experiment_is_infinite_one_way_and_finite_the_other():
    box = Uniform(one(-1.0), one(1.0))
    over = kldiv.divergence("normal", box)
    assert float(over) == math.inf
    assert over.reason == "one side has mass where the other has none"
    under = kldiv.divergence(box, "normal")
    assert float(under) == pytest.approx(math.log(math.sqrt(2 * math.pi) / 2) + 1 / 6)


def test_the_measure_of_the_fifth_experiment_has_its_own_optimum_value():
    measure = kldiv.divergence("normal_sum", Normal(one(2.5), math.sqrt(57.25)))
    assert measure.value.item() == pytest.approx(4.047428, abs=1e-6)


def test_an_infinite_integral_says_why():
    found = kldiv.divergence(Cauchy(one(0.0), 1.0), "normal")
    assert float(found) == math.inf
    assert "falls too fast" in found.reason


def test_the_value_is_differentiable_in_the_parameters_of_both_sides():
    parameters = [one(value).requires_grad_() for value in (0.5, 1.0, -0.5, 2.0)]
    loc_p, scale_p, loc_q, scale_q = parameters
    value = kldiv.divergence(Normal(loc_p, scale_p), Normal(loc_q, scale_q)).value
    slopes = torch.autograd.grad(value, parameters)
    gap = 0.5 + 0.5
    expected = [gap / 4, 1 / 4 - 1, -gap / 4, 1 / 2 - (1 + gap**2) / 8]
    assert [float(slope) for slope in slopes] == pytest.approx(expected, rel=1e-12)


def test_the_default_divergence_is_the_one_of_the_name():
    p, q = Bernoulli(one(0.2)), Bernoulli(one(0.4))
    assert float(kldiv.divergence(p, q)) == float(kldiv.divergence(p, q, "kl"))


def test_an_array_is_always_samples():
    found = kldiv.divergence(np.array([0.5, 0.5]), Normal(one(0.5), 1.0))
    assert found.method == "samples"
    with pytest.raises(kldiv.NotAvailable, match=r"make them torch\.distributions\.Categorical"):
        kldiv.divergence([0.5, 0.5], [0.7, 0.3])


def test_a_seed_is_only_needed_where_there_is_chance():
    p, q = Laplace(one(0.0), 1.0), Normal(one(0.0), 1.0)
    assert float(kldiv.divergence(p, q, seed=1)) == float(kldiv.divergence(p, q, seed=2))


def test_an_explanation_is_the_same_whatever_the_way_p_and_q_are_written():
    first = kldiv.explain("normal", "laplace(loc=0.0, scale=1.0)", "chi2")
    second = kldiv.explain(Normal(0.0, 1.0), Laplace(0.0, 1.0), kldiv.divergences["chi2"].load())
    assert str(first) == str(second)


NORMAL = Normal(one(0.0), 1.0)
VECTOR = MultivariateNormal(torch.zeros(2, dtype=F64), torch.eye(2, dtype=F64))
BAD = {
    "unknown divergence": (
        ("normal", "normal", "helinger"),
        {},
        LookupError,
        "'helinger'.*did you mean 'hellinger'",
    ),
    "unknown target": (("nromal", "normal"), {}, LookupError, "'nromal'.*did you mean 'normal'"),
    "order out of range": (("normal", "normal", "renyi(alpha=-1)"), {}, ValueError, "alpha .*-1"),
    "order of no number": (("normal", "normal", "renyi(alpha='x')"), {}, TypeError, "alpha .*'x'"),
    "argument unknown": (
        ("normal", "normal", "renyi(beta=2)"),
        {},
        ValueError,
        "no argument 'beta'.*'alpha'",
    ),
    "divergence of no type": (
        ("normal", "normal", 7),
        {},
        TypeError,
        "divergence must be .* got 7",
    ),
    "class for p": ((Normal, NORMAL), {}, TypeError, "p must be a distribution, got the class"),
    "number for q": (
        (NORMAL, 3.0),
        {},
        TypeError,
        "q must be a torch or scipy.stats distribution.* 3.0",
    ),
    "scalar tensor for p": ((one(3.0), NORMAL), {}, ValueError, "p is a single number, 3.0"),
    "event shapes": (
        (NORMAL, VECTOR),
        {},
        ValueError,
        r"same event shape, got \(\) for p = .* \(2,\) for q",
    ),
    "batch shapes": (
        (Normal(torch.zeros(2), 1.0), Normal(torch.zeros(3), 1.0)),
        {},
        ValueError,
        r"must broadcast, got \(2,\) and \(3,\)",
    ),
    "supports": ((NORMAL, Poisson(one(1.0))), {}, ValueError, "q = Poisson.* is discrete"),
    "empty data": (
        (torch.zeros(0), NORMAL),
        {},
        ValueError,
        r"must not be empty, got shape \(0,\)",
    ),
    "data with nan": (([1.0, math.nan], NORMAL), {}, ValueError, "1 of 2 samples are NaN"),
    "data of words": ((["a"], NORMAL), {}, TypeError, r"p must be .* list: \['a'\]"),
    "unknown estimator": (
        (NORMAL, NORMAL),
        {"estimator": "magic"},
        ValueError,
        "estimator must be 'auto'.* got 'magic'",
    ),
    "estimator of no type": (
        (NORMAL, NORMAL),
        {"estimator": 3},
        TypeError,
        "estimator must be .* got 3",
    ),
    "estimator class": (
        (NORMAL, NORMAL),
        {"estimator": kldiv.Quadrature},
        TypeError,
        r"such as kldiv\.Quadrature\(\), got",
    ),
    "estimator that does not apply": (
        (NORMAL, NORMAL),
        {"estimator": "sum"},
        NotImplementedError,
        "'sum' does not apply: the support is continuous; estimator='auto' finds one",
    ),
    "seed": ((NORMAL, NORMAL), {"seed": "one"}, TypeError, "seed must be an integer.* got 'one'"),
    "probabilities": (
        ("bimodal(weights=[0.5, 0.6])", NORMAL),
        {},
        ValueError,
        r"weights must .*sum to 1.* got",
    ),
    "negative scale": (("normal(scale=-1.0)", NORMAL), {}, ValueError, "scale must .*-1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_names_argument_value_and_remedy(case):
    arguments, options, builtin, message = BAD[case]
    with pytest.raises(kldiv.KldivError, match=message) as raised:
        kldiv.divergence(*arguments, **options)
    assert isinstance(raised.value, builtin)
    if not options:
        with pytest.raises(kldiv.KldivError, match=message):
            kldiv.explain(*arguments)


SEVERAL = {
    "closed forms and quadrature": (NORMAL, Laplace(one(1.0), 2.0), {}),
    "a batch": (Normal(double(0.0, 1.0), 1.0), StudentT(one(4.0)), {}),
    "categories": (Categorical(double(0.2, 0.8)), Categorical(double(0.5, 0.5)), {}),
    "a series": (Poisson(one(2.0)), Poisson(one(3.0)), {"estimator": "sum"}),
    "chance": (NORMAL, Laplace(one(1.0), 2.0), {"estimator": "monte_carlo", "seed": 3}),
    "samples": (torch.randn(50, 1).double(), torch.randn(60, 1).double(), {"seed": 1}),
    "names": ("normal", "laplace(scale=2.0)", {"estimator": kldiv.Quadrature(rtol=1e-6)}),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_divergences_are_each_what_they_are_alone(case):
    p, q, options = SEVERAL[case]
    wanted = ["renyi(alpha=0.5)", "kl", "alpha(alpha=0.5)"]
    found = kldiv.divergence(p, q, wanted, **options)
    assert list(found) == wanted
    for name, estimate in found.items():
        alone = kldiv.divergence(p, q, name, **options)
        assert repr(estimate) == repr(alone)
        torch.testing.assert_close(estimate.value, alone.value, rtol=0, atol=0)
        torch.testing.assert_close(estimate.error, alone.error, rtol=0, atol=0)


def test_several_may_be_names_classes_and_objects():
    chi2 = kldiv.divergences["chi2"].load()
    found = kldiv.divergence(NORMAL, NORMAL, ("Total-Variation", chi2, Gap()))
    assert list(found) == ["Total-Variation", "chi2", "gap"]
    assert found["gap"].unit == "apples"


def test_a_module_is_asked_for_its_distribution_once_for_several():
    class Member(torch.nn.Module):
        calls = 0

        def forward(self):
            self.calls += 1
            return NORMAL

    member = Member()
    kldiv.divergence(member, Laplace(one(0.0), 1.0), ["kl", "chi2", "hellinger"])
    assert member.calls == 1


def test_a_single_divergence_in_a_list_is_still_a_list():
    found = kldiv.divergence(NORMAL, NORMAL, ["kl"])
    assert isinstance(found, dict)
    assert float(found["kl"]) == 0


WRONG_LISTS = {
    "empty": ([], ValueError, r"must name at least one, got \[\]"),
    "twice": (["kl", "kl"], ValueError, "two of one name, got 'kl' after 'kl'; leave one"),
    "in capitals": (["kl", "KL"], ValueError, "got 'KL' after 'kl'"),
    "by its default": (
        ["jensen_shannon", "jensen_shannon(weight=0.5)"],
        ValueError,
        "after 'jensen_shannon'",
    ),
    "a name and an object": (["gap", Gap()], LookupError, "unknown divergence 'gap'"),
    "objects of one name": ([Gap(), Gap()], ValueError, "got 'gap' after 'gap'"),
    "unknown": (["kl", "helinger"], LookupError, "'helinger'.*did you mean 'hellinger'"),
    "a list": (["kl", ["chi2"]], TypeError, r"divergence must be .* got \['chi2'\]"),
    "a number": (("kl", 7), TypeError, "divergence must be .* got 7"),
    "no order": ({"kl", "chi2"}, TypeError, "divergence must be .* got {"),
}


@pytest.mark.parametrize("case", WRONG_LISTS)
def test_a_list_that_is_none_of_divergences_is_one_error(case):
    given, builtin, message = WRONG_LISTS[case]
    with pytest.raises(kldiv.KldivError, match=message) as raised:
        kldiv.divergence(NORMAL, NORMAL, given)
    assert isinstance(raised.value, builtin)


def test_a_tolerance_not_met_carries_the_estimate_through_pickle():
    tight = kldiv.Quadrature(rtol=1e-12, max_evaluations=100)
    with pytest.raises(kldiv.ToleranceNotMet) as raised:
        kldiv.divergence(StudentT(one(1.5)), Cauchy(one(0.5), 1.0), estimator=tight)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert str(copy) == str(raised.value)
    assert float(copy.estimate) == float(raised.value.estimate)
    assert isinstance(copy, ArithmeticError)


def test_vectors_with_independent_parts_are_one_event():
    p = Independent(Normal(torch.zeros(4, 3, dtype=F64), 1.0), 1)
    q = Independent(Normal(torch.ones(3, dtype=F64), 1.0), 1)
    assert kldiv.divergence(p, q).value.tolist() == pytest.approx([1.5] * 4)


@pytest.mark.parametrize(
    ("estimator", "method"),
    [("auto", "exact"), ("quadrature", "quadrature"), ("monte_carlo", "monte_carlo")],
)
def test_an_empty_batch_says_which_estimator_it_would_be(estimator, method):
    p, q = Normal(torch.zeros(2, 0), 1.0), Normal(1.0, 2.0)
    found = kldiv.divergence(p, q, estimator=estimator)
    assert found.value.shape == found.error.shape == (2, 0)
    assert found.method == method
    assert (found.stderr is not None) == (method == "monte_carlo")


def test_an_empty_batch_is_refused_by_an_estimator_that_does_not_apply():
    with pytest.raises(kldiv.NotAvailable, match="the support is continuous"):
        kldiv.divergence(Normal(torch.zeros(0), 1.0), Normal(1.0, 2.0), estimator="sum")


def test_bytes_are_no_list_of_divergences():
    with pytest.raises(kldiv.InvalidType, match="got b'kl'"):
        kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0), b"kl")
