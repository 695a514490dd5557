"""How the site makes the figures of its dark pages."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
from sphinx_ext import esa4_figures

from esa4_helpers import plot_scores, plot_spectrogram, set_style


def svg(ax: plt.Axes) -> str:
    file = io.StringIO()
    ax.figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def drawn(draw) -> str:
    with plt.rc_context():
        set_style()
        return svg(draw())


def scores() -> plt.Axes:
    return plot_scores([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9], threshold=0.5, title="a")


def test_a_figure_is_the_same_file_each_time():
    assert drawn(scores) == drawn(scores)


def test_ink_and_ground_are_exchanged_and_all_other_colours_stay():
    light = drawn(scores)
    dark = esa4_figures.darken(light)
    assert esa4_figures.INK in light
    assert esa4_figures.GROUND in light
    assert esa4_figures.INK not in dark
    assert esa4_figures.GROUND not in dark
    assert esa4_figures.LIGHT_INK in dark
    for colour in ("#0072b2", "#d55e00", "#767676"):
        assert light.count(colour) == dark.count(colour) > 0


def test_no_text_is_left_black():
    """What has no fill of its own is black, which a dark page would swallow."""
    assert "#000000" not in drawn(scores)
    assert esa4_figures.INK in drawn(scores)


def test_a_spectrogram_is_kept_as_pixels_in_its_own_colours():
    S = np.random.default_rng(0).uniform(-80, 0, (128, 216))
    light = drawn(lambda: plot_spectrogram(S, 16000))
    dark = esa4_figures.darken(light)
    assert len(light) < 300_000
    pixels = [line for line in light.splitlines() if "base64" in line]
    assert pixels
    assert all(line in dark for line in pixels)
