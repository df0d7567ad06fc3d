"""Data in chunks give what the same data give at once."""

import numpy as np
import pytest
import torch

import kldiv

from kldiv.definitions.chunked_target import ChunkedTarget


class Chunks:
    """Arrays made anew each time they are asked for."""

    def __init__(self, count=3, size=100, event=(), make=torch.as_tensor):
        self.count, self.shape, self.make = count, (size, *event), make

    def __iter__(self):
        for seed in range(self.count):
            numbers = np.random.default_rng(seed).normal(1.0 + seed / 10, 2.0, self.shape)
            yield self.make(numbers)

    def whole(self):
        return torch.cat([torch.as_tensor(each) for each in self])


class Blocks:
    """What of a Dask array is used."""

    ndim = 2

    def __init__(self, rows):
        self.blocks = rows.split(100)
        self.numblocks = (len(self.blocks), 1)

    def rechunk(self, chunks):
        assert chunks == {1: -1}
        return self


FITS = {
    "moments": ("normal", ()),
    "moments of vectors": ("full_normal", (3,)),
    "ends": ("uniform", ()),
    "many steps": ("gumbel", ()),
    "several parts": ("normal_mixture(components=2)", ()),
    "vectors": ("low_rank_normal(rank=1)", (3,)),
}


@pytest.mark.parametrize("case", FITS)
def test_a_fit_to_chunks_is_the_fit_to_all_points(case):
    family, event = FITS[case]
    chunks = Chunks(event=event)
    at_once, chunked = (kldiv.fit(data, family, starts=2) for data in (chunks.whole(), chunks))
    assert chunked.converged
    assert float(chunked.divergence) == pytest.approx(float(at_once.divergence), abs=1e-9)
    assert float(chunked.divergence.error) == pytest.approx(float(at_once.divergence.error), 1e-9)
    for name in at_once.diagnostics.keys() & {"covariance"}:
        one, other = at_once.diagnostics[name], chunked.diagnostics[name]
        least = 1e-4 * float(one.abs().nan_to_num().max())  # it was found by differences
        assert torch.allclose(one, other, rtol=1e-3, atol=least, equal_nan=True)


def test_an_optimizer_moves_by_names_and_by_real_numbers_alike():
    chunks = Chunks(count=3)
    for unconstrained in (False, True):
        solver = kldiv.Descent(steps=5, lr=0.1, unconstrained=unconstrained)
        with pytest.warns(kldiv.ConvergenceWarning):
            found = [
                kldiv.fit(data, "laplace", solver=solver, starts={"loc": 0.0, "scale": 1.0})
                for data in (chunks, chunks.whole())
            ]
        first, second = (fit.history.loss for fit in found)
        assert torch.allclose(first, second, rtol=1e-12)


def test_numpy_arrays_and_blocks_are_chunks_too():
    rows = Chunks(event=(2,)).whole()
    assert kldiv.divergence(Chunks(make=np.asarray), "normal(loc=1, scale=2)").evaluations == 300
    q = torch.distributions.MultivariateNormal(torch.zeros(2).double(), 5 * torch.eye(2).double())
    found, expected = kldiv.divergence(Blocks(rows), q), kldiv.divergence(rows, q)
    assert float(found) == pytest.approx(float(expected), rel=1e-14)


def test_only_some_points_are_kept_and_all_are_known_of():
    target = ChunkedTarget(Chunks(count=5, size=4000))
    assert (target.number, len(target.points)) == (20_000, 10_000)
    whole = Chunks(count=5, size=4000).whole()
    assert [float(end) for end in target.ends] == [float(whole.min()), float(whole.max())]
    assert repr(target) == "20000 samples of event shape ()"
    kept, low = target.points.mean(), whole.mean()
    assert float((kept - low).abs()) < 4 * 2.0 / 100


def test_counts_have_as_many_categories_as_in_any_chunk():
    chunks = [torch.tensor([0.0, 1.0, 1.0]), torch.tensor([2.0, 5.0, 0.0])]
    found = kldiv.fit(ChunkedTarget(chunks), "categorical")
    assert found.parameters["probs"].tolist() == pytest.approx([2 / 6, 2 / 6, 1 / 6, 0, 0, 1 / 6])


def test_what_can_be_read_once_only_is_fitted_as_what_can_be_read_again():
    once = kldiv.fit((each for each in Chunks()), "laplace")
    again = kldiv.fit(Chunks(), "laplace")
    torch.testing.assert_close(once.parameters, again.parameters)


def test_chunks_must_be_alike_finite_and_not_empty():
    with pytest.raises(kldiv.ShapeMismatch, match="all chunks must have shape"):
        ChunkedTarget([torch.zeros(3), torch.zeros(3, 2)])
    with pytest.raises(kldiv.InvalidArgument, match="NaN or infinite"):
        ChunkedTarget([torch.zeros(3), torch.tensor([torch.nan])])
    with pytest.raises(kldiv.InvalidArgument, match="a point at least"):
        ChunkedTarget([torch.zeros(0)])


def test_numbers_one_by_one_are_no_chunks():
    with pytest.raises(kldiv.ShapeMismatch, match="got the number 0 as one; make a list"):
        ChunkedTarget(range(10))
