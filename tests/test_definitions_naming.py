"""The name of a class becomes the name that is shown."""

import pytest

from kldiv import FDivergence
from kldiv.definitions.naming import snake_case


@pytest.mark.parametrize(
    ("class_name", "name"),
    [("LeCam", "le_cam"), ("JensenShannon", "jensen_shannon"), ("Alpha", "alpha")],
)
def test_words_are_parted_by_underscores(class_name, name):
    assert snake_case(class_name) == name


@pytest.mark.parametrize(("class_name", "name"), [("KL", "kl"), ("SkewKL", "skew_kl")])
def test_an_abbreviation_stays_one_word(class_name, name):
    assert snake_case(class_name) == name


@pytest.mark.parametrize(
    ("class_name", "name"), [("Chi2", "chi2"), ("SquaredL2", "squared_l2"), ("L2Norm", "l2_norm")]
)
def test_a_digit_belongs_to_the_word_before_it(class_name, name):
    assert snake_case(class_name) == name


def test_a_name_in_lower_case_stays_as_it_is():
    assert snake_case("total_variation") == "total_variation"


def test_a_divergence_is_named_after_its_class():
    class VajdaOrder3(FDivergence):
        def generator(self, log_u):
            return log_u.expm1().abs() ** 3

    assert str(VajdaOrder3()) == "vajda_order3"
