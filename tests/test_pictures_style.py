"""A colour is a role, on light pages and on dark ones, and no global setting is touched."""

import matplotlib as mpl
import numpy as np
import pytest

from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure

from kldiv.pictures import style


def contrast(one, other):
    """The ratio of luminances as WCAG 2 defines it."""

    def luminance(color):
        channels = np.array(to_rgb(color))
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_text_and_curves_are_seen_on_their_surface(theme):
    assert theme.keys() == style.LIGHT.keys()
    for role, least in {
        "ink": 7,
        "muted": 4.5,
        "p": 3,
        "q": 3,
        "forward": 3,
        "reverse": 3,
    }.items():
        assert contrast(theme[role], theme["surface"]) >= least, role


def test_the_style_is_in_force_inside_its_block_only():
    before = dict(mpl.rcParams)
    with style.applied():
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    after = dict(mpl.rcParams)

    assert colors[:2] == [style.LIGHT["p"], style.LIGHT["q"]]
    assert after == before


def test_a_colour_map_runs_from_end_to_end_of_its_ramp():
    colors, ends = style.ramp("p", 17), style.colormap("p")([0.0, 1.0])

    assert [to_hex(end) for end in ends] == [colors[0], colors[-1]]


def test_probabilities_are_bars_for_p_and_stems_for_q():
    axes = Figure().subplots()
    style.draw_density(axes, [0, 1], [0.25, 0.75], "p", discrete=True)
    style.draw_density(axes, [0, 1], [0.5, 0.5], "q", discrete=True, label="the fit")

    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.75]
    assert axes.patches[0].get_facecolor()[:3] == to_rgba(style.LIGHT["p"])[:3]
    assert axes.lines[0].get_ydata().tolist() == [0.5, 0.5]
    assert axes.get_legend_handles_labels()[1] == ["the fit", "p"]
