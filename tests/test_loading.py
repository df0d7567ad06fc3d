"""A fit that was saved comes back whole, or says what it lacks, and runs no code."""

import copy
import functools
import json
import os
import pickle
import warnings

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import pytest
import torch

from safetensors import safe_open
from safetensors.torch import save_file
from scipy import stats
from torch import nn
from torch.distributions import (
    Exponential,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    TransformedDistribution,
)
from torch.distributions.transforms import AffineTransform, ExpTransform

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.solvers.optima import Optimum

F64 = torch.float64
QUICK = kldiv.Descent(torch.optim.Adam, lr=0.05, steps=3)


def numbers(*values):
    return torch.tensor(values, dtype=F64)


def fitted(*arguments, **options):
    """A fit, converged or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.ConvergenceWarning)
        return kldiv.fit(*arguments, **options)


def same(first, second):
    """Whether two values are the same to the last digit."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(
            first.nan_to_num(7.0), second.nan_to_num(7.0)
        )
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, Sequence) and not isinstance(first, str):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, kldiv.Estimate | Optimum | type(FIRST.history)):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))
    return type(first) is type(second) and first == second


LEFT = Normal(torch.tensor(-1.0, dtype=F64), 0.5)
RIGHT = Normal(torch.tensor(2.0), torch.tensor(1.0))  # in float32
PLANE = MultivariateNormal(numbers(0.1, -0.3), torch.tensor([[2.0, 0.3], [0.3, 0.7]], dtype=F64))
POINTS = torch.linspace(-2, 3, 30, dtype=F64)
FIRST = kldiv.fit(LEFT, "normal", starts=1)

CASES = {
    "a closed form": lambda: kldiv.fit("bimodal", "normal"),
    "several optima": lambda: kldiv.fit("bimodal", "normal", direction="reverse"),
    "float32": lambda: kldiv.fit(RIGHT, "laplace", starts=1),
    "a batch": lambda: kldiv.fit(Normal(numbers(-1.0, 0.0, 3.0), 1.0), "laplace", starts=2),
    "a batch of one": lambda: kldiv.fit(Normal(numbers(1.0), 1.0), "normal", starts=1),
    "a vector": lambda: kldiv.fit(PLANE, "full_normal"),
    "independent coordinates": lambda: kldiv.fit(
        Independent(Normal(numbers(0.0, 1.0), 1.0), 1), "diagonal_normal"
    ),
    "low rank": lambda: fitted(PLANE, "low_rank_normal(rank=1)", solver=QUICK),
    "samples": lambda: kldiv.fit(POINTS, "normal"),
    "samples in float32": lambda: kldiv.fit(POINTS.float(), "laplace", starts=1),
    "samples with weights": lambda: kldiv.fit(SampleTarget(POINTS, POINTS.exp()), "normal"),
    "counts": lambda: kldiv.fit(Poisson(numbers(2.5).squeeze()), "geometric"),
    "a family with numbers": lambda: kldiv.fit(
        torch.tensor([0.0, 2.0, 3.0]), "binomial(total_count=5)"
    ),
    "categories": lambda: kldiv.fit(torch.tensor([0.0, 2.0, 1.0, 2.0]), "categorical"),
    "a scipy distribution": lambda: kldiv.fit(stats.norm(1.5, 0.3), "normal"),
    "a transformed distribution": lambda: kldiv.fit(
        TransformedDistribution(LEFT, [AffineTransform(0.1, 0.5), ExpTransform()]), "lognormal"
    ),
    "a grid": lambda: kldiv.fit(
        kldiv.Target.on_grid(POINTS, (-POINTS.square()).exp()), "normal", starts=1
    ),
    "a registered log density": lambda: kldiv.fit(
        "normal_sum(loc=[-1.0, 1.0])", "normal", direction="reverse", starts=1
    ),
    "a registered distribution of its own": lambda: fitted("ring", "full_normal", solver=QUICK),
    "a held parameter": lambda: kldiv.fit(LEFT, "student_t(df=4)", starts=1),
    "a held parameter of a batch": lambda: kldiv.fit(
        Normal(numbers(0.0, 1.0), 1.0), kldiv.families.create("normal", scale=numbers(1.0, 2.0))
    ),
    "a class of torch": lambda: kldiv.fit(Exponential(numbers(2.0).squeeze()), Gamma, starts=1),
    "a class of torch, held": lambda: kldiv.fit(LEFT, kldiv.Family.of(StudentT, df=4.0), starts=1),
    "a mixture": lambda: kldiv.fit("bimodal", "normal_mixture(components=2)"),
    "a divergence with a parameter": lambda: kldiv.fit(
        LEFT, "laplace", "renyi(alpha=0.3)", starts=1
    ),
    "a divergence of infinite order": lambda: fitted(
        LEFT, "student_t", "renyi(alpha=inf)", starts=1, solver=QUICK
    ),
    "by chance": lambda: fitted(LEFT, "normal", estimator=kldiv.MonteCarlo(50), solver=QUICK),
    "by chance, a batch": lambda: fitted(
        Normal(numbers(0.0, 1.0), 1.0), "laplace", estimator=kldiv.MonteCarlo(50), solver=QUICK
    ),
    "stopped": lambda: fitted(LEFT, "laplace", starts=2, callback=lambda step: step.index == 1),
}


@functools.cache
def fit_of(case):
    return CASES[case]()


def by_file(fit, path):
    fit.save(path)
    return kldiv.load_fit(path)


WAYS = {
    "a file": by_file,
    "a pickle": lambda fit, path: pickle.loads(pickle.dumps(fit)),
    "a deep copy": lambda fit, path: copy.deepcopy(fit),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_a_fit_comes_back_to_the_last_digit(case, way, path):
    found = fit_of(case)
    again = WAYS[way](found, path)

    sides = {"family", "objective", "q", "target"}
    for name in {field.name for field in fields(found)} - sides:
        assert same(getattr(found, name), getattr(again, name)), name
    for name in sides:
        assert type(getattr(again, name)) is type(getattr(found, name)), name
    assert str(again.objective) == str(found.objective)
    assert same(found.family.present(), again.family.present())
    assert repr(again) == repr(found)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_target_and_member_are_the_same_functions_as_before(case, way, path):
    found = fit_of(case)
    again = WAYS[way](found, path)

    points = POINTS[:9].reshape(9, *(1,) * len(found.q.batch_shape + found.q.event_shape))
    points = points.expand(9, *found.q.batch_shape, *found.q.event_shape)
    if found.q.support.is_discrete or not found.q.support.check(points).all():
        points = found.q.sample(torch.Size([9]))
    assert same(found.q.log_prob(points), again.q.log_prob(points))
    assert same(found.family().log_prob(points), again.family().log_prob(points))
    if isinstance(found.target, SampleTarget):
        assert same(found.target.points, again.target.points)
        assert same(found.target.weights, again.target.weights)
    else:
        assert same(found.target.log_prob(points), again.target.log_prob(points))


@pytest.mark.parametrize("case", CASES)
def test_what_was_loaded_can_be_saved_and_loaded_once_more(case, path, tmp_path):
    fit_of(case).save(path)
    kldiv.load_fit(path).save(tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == path.read_bytes()


def bowl(x):
    return -x.cosh()


class Shifted(nn.Module):
    """A module of the user's own."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(numbers(0.5).squeeze())

    def forward(self):
        return Normal(self.shift, 1.0)


def test_a_pickle_takes_along_what_a_file_can_only_describe():
    found = fitted(kldiv.Target(bowl), Shifted(), starts=1)
    again = pickle.loads(pickle.dumps(found))
    assert same(again.target.log_prob(POINTS), found.target.log_prob(POINTS))
    assert same(again.q.log_prob(POINTS), found.q.log_prob(POINTS))
    assert repr(again) == repr(found)


def test_what_a_file_described_is_a_description_in_a_pickle_too(path):
    fitted(kldiv.Target(bowl), Shifted(), starts=1).save(path)
    found = kldiv.load_fit(path)
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    with pytest.raises(kldiv.errors.NotAvailable, match="give it back"):
        again.target.log_prob(POINTS)


def test_what_came_in_a_pickle_can_be_drawn():
    figure = pickle.loads(pickle.dumps(fit_of("a closed form"))).plot()
    assert figure.axes


def test_what_was_loaded_can_be_measured_and_drawn(path):
    start = {"loc": 9.0, "scale": 1.0}
    found = kldiv.fit("bimodal", "laplace", "jensen_shannon(weight=0.3)", starts=start)
    found.save(path)
    again = kldiv.load_fit(path)
    value = kldiv.divergence(again.target, again.q, again.objective)
    assert torch.equal(value.value, found.divergence.value)
    assert len(again.plot().axes) >= 3


# What a file cannot hold


class Two(nn.Module):
    """Normals with one scale in two places, as a module of the user's."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.tensor(0.3, dtype=F64))
        self.log_scale = nn.Parameter(torch.tensor(0.0, dtype=F64))

    def forward(self):
        return Normal(self.loc, self.log_scale.exp())


class Own(Normal):
    """A class of the user's, which files do not name."""


class OwnModule(Two):
    def forward(self):
        return Own(self.loc, self.log_scale.exp())


class Mine(kldiv.FDivergence):
    def generator(self, log_u):
        return log_u.exp() * log_u


def log_density(x):
    return -x.square() / 2


LACKING = {
    "target": lambda: fitted(kldiv.Target(log_density), "normal", solver=QUICK),
    "family": lambda: fitted(LEFT, OwnModule(), solver=QUICK),
    "divergence": lambda: fitted(LEFT, "laplace", Mine(), solver=QUICK),
}
GIVEN = {"target": kldiv.Target(log_density), "family": OwnModule(), "divergence": Mine}


def used(fit, what):
    """Asks for what may be missing."""
    if what == "target":
        return fit.target.log_prob(POINTS)
    if what == "family":
        return fit.q.log_prob(POINTS)
    return kldiv.divergence(fit.target, fit.q, fit.objective).value


@functools.cache
def lacking(what):
    return LACKING[what]()


@pytest.mark.parametrize("what", LACKING)
def test_what_a_file_cannot_hold_is_named_when_it_is_needed(what, path):
    found = lacking(what)
    found.save(path)
    again = kldiv.load_fit(path)
    assert repr(again) == repr(found)
    assert same(again.parameters, found.parameters)
    with pytest.raises(kldiv.NotAvailable, match=rf"load_fit\(path, {what}="):
        used(again, what)
    if what != "divergence":  # of which a picture shows no integrand then
        with pytest.raises(kldiv.NotAvailable, match=rf"load_fit\(path, {what}="):
            again.plot()


@pytest.mark.parametrize("what", LACKING)
def test_what_a_file_cannot_hold_can_be_given_back(what, path):
    found = lacking(what)
    found.save(path)
    again = kldiv.load_fit(path, **{what: GIVEN[what]})
    assert same(used(again, what), used(found, what))
    again.plot()


@pytest.mark.parametrize("what", LACKING)
def test_what_is_lacking_stays_lacking_when_it_is_saved_again(what, path, tmp_path):
    lacking(what).save(path)
    kldiv.load_fit(path).save(tmp_path / "second")
    again = kldiv.load_fit(tmp_path / "second", **{what: GIVEN[what]})
    assert torch.isfinite(used(again, what)).all()


def test_the_member_of_a_module_is_kept_where_it_is_one_of_torch(path):
    found = fitted(LEFT, Two(), solver=QUICK)
    found.save(path)
    again = kldiv.load_fit(path)
    assert same(again.q.log_prob(POINTS), found.q.log_prob(POINTS))
    with pytest.raises(kldiv.NotAvailable, match=r"the family Two could not be kept"):
        again.family()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"target": PLANE}, kldiv.ShapeMismatch, r"\(2,\).* that was fitted to"),
        ({"target": Normal(numbers(0.0, 1.0), 1.0)}, kldiv.ShapeMismatch, r"\(2,\)"),
        ({"family": "student_t"}, kldiv.InvalidArgument, "student_t is not the one .* normal"),
        ({"family": "laplace(scale=1)"}, kldiv.InvalidArgument, "is not the one that was fitted"),
        ({"divergence": "chi2"}, kldiv.InvalidArgument, "chi2 is not the one .* kl"),
    ],
)
def test_what_is_given_back_must_fit(given, error, message, path):
    FIRST.save(path)
    with pytest.raises(error, match=message):
        kldiv.load_fit(path, **given)


def test_what_is_given_replaces_what_the_file_holds(path):
    FIRST.save(path)
    wider = Normal(torch.tensor(-1.0, dtype=F64), 0.7)
    assert kldiv.load_fit(path, target=wider).target.original is wider


# Files that are refused


def rewritten(path, change):
    """Changes the JSON of a file."""
    with safe_open(path, framework="pt") as opened:
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        document = json.loads(opened.metadata()["kldiv_fit"])
    change(document)
    save_file(tensors, path, {"kldiv_fit": json.dumps(document)})


def _object(name):
    def change(document):
        document["fit"]["target"]["made_of"] = {
            "mapping": {"distribution": {"object": [name, {"command": "touch hacked"}]}}
        }

    return change


def _named(side, name, **arguments):
    def change(document):
        document["fit"][side]["made_of"] = {
            "mapping": {"name": name, "arguments": {"mapping": arguments}}
        }

    return change


def _class(name):
    def change(document):
        document["fit"]["family"]["made_of"] = {
            "mapping": {"class": name, "arguments": {"mapping": {}}}
        }

    return change


def _set(*keys, value):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def _drop(*keys):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


WRONG = {
    "a function as a distribution": _object("os.system"),
    "a builtin as a distribution": _object("eval"),
    "a method as a distribution": _object("Distribution.__subclasses__"),
    "a module as a family": _class("os.system"),
    "a transform as a family": _class("ExpTransform"),
    "a distribution of nonsense": _object("Normal"),
    "a file of data as a target": _named("target", "kldiv:samples", values="/etc/hostname"),
    "a name with a call": _named("target", "samples(values='/etc/hostname')"),
    "another record": _set("fit", "divergence", "record", value=["system", {}]),
    "an unknown kind": _set("fit", "verdict", value={"code": "import os"}),
    "two kinds at once": _set("fit", "verdict", value={"float": "1", "tensor": "theta"}),
    "a tensor that is not there": _set("fit", "family", "theta", "tensor", value="nothing"),
    "an unknown field": _set("fit", "extra", value=1),
    "a field that is not there": _drop("fit", "verdict"),
    "no fit at all": _drop("fit"),
    "a format that is no number": _set("format", value="one"),
    "a format before the first": _set("format", value=0),
    "an empty kind": _set("fit", "verdict", value=[[[{}]]]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_with_anything_else_is_refused_and_nothing_happens(case, path, monkeypatch):
    FIRST.save(path)
    rewritten(path, WRONG[case])
    called = []
    monkeypatch.setattr(os, "system", called.append)
    with pytest.raises(kldiv.InvalidFile, match="is damaged"):
        kldiv.load_fit(path)
    assert called == []


def test_a_file_from_before_evaluations_were_counted_is_read(path):
    FIRST.save(path)
    for each in ("history", "paths"):
        rewritten(path, _drop("fit", each, "record", 1, "evaluations"))
    again = kldiv.load_fit(path)
    assert again.history.evaluations is again.paths.evaluations is None
    assert torch.equal(again.history.loss, FIRST.history.loss)


def test_a_later_format_says_which_version_wrote_it(path):
    FIRST.save(path)
    rewritten(path, lambda document: document.update(format=2, kldiv="9.9"))
    with pytest.raises(kldiv.InvalidFile, match=r"written by kldiv 9\.9 in format 2"):
        kldiv.load_fit(path)


@pytest.mark.parametrize("side", ["family", "objective", "target"])
def test_a_plugin_that_is_not_installed_is_named(side, path):
    FIRST.save(path)
    rewritten(path, _named(side, "kldiv-nowhere:thing"))
    with pytest.raises(kldiv.UnknownName, match="install kldiv-nowhere, if you trust it"):
        kldiv.load_fit(path)


def test_what_is_given_back_needs_no_plugin(path):
    FIRST.save(path)
    rewritten(path, _named("family", "kldiv-nowhere:thing"))
    assert repr(kldiv.load_fit(path, family="normal").family) == "normal"


def test_a_name_of_the_moment_is_not_kept(path):
    with kldiv.divergences.temporary("mine", Mine):
        fitted(LEFT, "laplace", "mine", solver=QUICK).save(path)
        with pytest.raises(kldiv.NotAvailable, match=r"load_fit\(path, divergence="):
            used(kldiv.load_fit(path), "divergence")


def test_a_cut_file_is_refused_wherever_it_is_cut(path):
    FIRST.save(path)
    whole = path.read_bytes()
    for length in {0, 1, 8, 100, *range(0, len(whole), len(whole) // 20)}:
        path.write_bytes(whole[:length])
        with pytest.raises(kldiv.InvalidFile):
            kldiv.load_fit(path)


def test_fields_that_this_version_has_and_the_file_has_not_take_their_defaults(path):
    replace(FIRST, divergence=replace(FIRST.divergence, reason="because")).save(path)
    rewritten(path, _drop("fit", "divergence", "record", 1, "reason"))
    assert kldiv.load_fit(path).divergence.reason == ""
