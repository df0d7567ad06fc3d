"""A fit and its history show themselves in short and cannot be changed."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.results import History
from kldiv.summaries import html_summary, text_summary

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


@pytest.fixture(scope="module")
def found():
    return kldiv.fit(Normal(one(1.0), one(2.0)), "normal", starts=1)


def test_the_way_of_the_start_that_won_is_told_for_each_problem():
    loss = one([[[3.0, 5.0], [4.0, 6.0]]])  # one step, two starts, two problems
    paths = History(torch.arange(1), loss, {"loc": loss.unsqueeze(-1)}, loss, one([0.1]))
    way = paths.of_start(torch.tensor([1, 0]))
    assert way.loss.tolist() == way.gradient_norm.tolist() == [[4.0, 5.0]]
    assert way.parameters["loc"].tolist() == [[[4.0], [5.0]]]
    single = History(torch.arange(1), loss[..., 0], {}, loss[..., 0], one([0.1]))
    assert single.of_start(torch.tensor(1)).loss.tolist() == [4.0]


def test_a_history_shows_how_many_steps_it_has_and_how_long_they_took():
    steps = torch.arange(3)
    history = History(
        steps, one([3.0, 2.0, 1.0]), {}, one([1.0, 0.5, 0.1]), one([0.0, 0.1, 0.256])
    )
    assert len(history) == 3
    assert repr(history) == "History(3 steps, 0.26 s)"


def test_a_fit_shows_itself_in_a_terminal_and_in_a_notebook(found):
    assert repr(found) == text_summary(found)
    assert found._repr_html_() == html_summary(found)


def test_a_fit_is_saved_to_a_file(found, tmp_path):
    found.save(tmp_path / "fit")
    assert repr(kldiv.load_fit(tmp_path / "fit")) == repr(found)


def test_a_fit_and_its_history_cannot_be_changed(found):
    with pytest.raises(FrozenInstanceError):
        found.converged = False
    with pytest.raises(FrozenInstanceError):
        found.history.loss = one(0.0)
