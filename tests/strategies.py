"""What Hypothesis draws: batches of three pairs for the laws of `kldiv.testing`."""

from hypothesis import settings
from hypothesis import strategies as st
from torch.distributions import Beta, Categorical, Gamma, Normal, Poisson

from kldiv.testing import Pair, Side

__all__ = ["drawn", "of_betas", "of_dice", "of_gammas", "of_normals", "of_poissons"]

COUNT = 3
"""Pairs in a batch, so that there are triangles."""


def drawn(examples):
    """Settings under which the same cases are drawn everywhere."""
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None)


def log_uniform(low, high):
    """Numbers of every size in a range."""
    return st.floats(0, 1).map(lambda share: low * (high / low) ** share)


@st.composite
def probabilities(draw, faces):
    """Chances of faces, some of them 0, some tiny."""
    chance = st.one_of(st.just(0.0), log_uniform(1e-12, 1.0))
    weights = draw(st.lists(chance, min_size=faces, max_size=faces).filter(any))
    return [weight / sum(weights) for weight in weights]


@st.composite
def of_dice(draw):
    """Pairs of dice of 2 to 6 faces; the faces that one of them has not may be any."""
    faces = draw(st.integers(2, 6))
    rows = st.lists(probabilities(faces), min_size=COUNT, max_size=COUNT)
    p, q = (Side(Categorical, probs=draw(rows)) for _ in range(2))
    return Pair("drawn dice", p, q)


def _of(make, name, **parameters):
    """Pairs of distributions of one kind, by the strategies of their parameters."""
    side = st.fixed_dictionaries(
        {key: st.lists(each, min_size=COUNT, max_size=COUNT) for key, each in parameters.items()}
    ).map(lambda chosen: Side(make, **chosen))
    return st.builds(lambda p, q: Pair(name, p, q, interior=True), side, side)


def of_normals():
    return _of(Normal, "drawn normals", loc=st.floats(-5, 5), scale=log_uniform(0.1, 10.0))


def of_gammas():
    """Square integrable ones: some infinite at 0."""
    concentration, rate = log_uniform(0.6, 20.0), log_uniform(0.1, 10.0)
    return _of(Gamma, "drawn gammas", concentration=concentration, rate=rate)


def of_betas():
    """Square integrable ones: some infinite at an end."""
    scale = log_uniform(0.7, 20.0)
    return _of(Beta, "drawn betas", concentration1=scale, concentration0=scale)


def of_poissons():
    return _of(Poisson, "drawn counts", rate=log_uniform(0.1, 50.0))
