from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from esa4_helpers import (
    plot_points,
    plot_roc,
    plot_scores,
    plot_spectrogram,
    plot_training,
    set_style,
)

LABELS = [0, 0, 0, 1, 1]
SCORES = [1.0, 2.0, 3.0, 2.5, 4.0]
S = np.arange(64 * 50, dtype=float).reshape(64, 50)
DRAW = {
    "spectrogram": lambda ax=None: plot_spectrogram(S, 16000, ax=ax),
    "points": lambda ax=None: plot_points(np.eye(3), np.eye(3), [0, 1, 1], ax=ax),
    "scores": lambda ax=None: plot_scores(LABELS, SCORES, ax=ax),
    "roc": lambda ax=None: plot_roc(LABELS, SCORES, ax=ax),
    "training": lambda ax=None: plot_training([0.3, 0.2, 0.1], ax=ax),
}
# In inches: all fit the column of the book, and a share of the one is one of the other.
SIZES = {
    "spectrogram": (5, 3),
    "points": (5, 3.5),
    "scores": (4, 3),
    "roc": (4, 4),
    "training": (5, 3),
}


@pytest.mark.parametrize("name", DRAW)
def test_a_figure_of_its_own_fits_the_book(name):
    figure = DRAW[name]().figure
    assert tuple(figure.get_size_inches()) == SIZES[name]


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
class TestEveryPicture:
    def test_draws_into_given_axes_and_returns_them(self, draw):
        _, axes = plt.subplots(1, 2)
        assert draw(ax=axes[1]) is axes[1]
        assert axes[1].has_data()
        assert not axes[0].has_data()

    def test_makes_a_figure_of_its_own_otherwise(self, draw):
        _, bystander = plt.subplots()
        assert draw().figure is not bystander.figure
        assert not bystander.has_data()

    def test_labels_both_axes(self, draw):
        ax = draw()
        assert ax.get_xlabel()
        assert ax.get_ylabel()


class TestPlotSpectrogram:
    def test_axes_span_the_clip_and_the_band(self):
        ax = plot_spectrogram(S, 16000, hop_length=160)
        assert ax.get_xlim()[1] == pytest.approx(50 * 160 / 16000, rel=0.05)
        assert ax.get_ylim()[1] == pytest.approx(8000, rel=0.05)

    def test_by_default_frames_are_512_samples_apart(self):
        times = plot_spectrogram(S, 16000).collections[0].get_coordinates()[0, :, 0]
        np.testing.assert_allclose(np.diff(times), 512 / 16000)
        assert plot_spectrogram(S, 16000, hop_length=1).get_xlim()[1] < 50 / 16000
        with pytest.raises(ValueError, match="hop_length must be at least 1, got 0"):
            plot_spectrogram(S, 16000, hop_length=0)

    def test_colours_show_the_values_on_the_given_scale(self):
        ax = plot_spectrogram(
            S, 16000, vmin=-5, vmax=10_000, label="error", title="a clip"
        )
        mesh = ax.collections[0]
        np.testing.assert_array_equal(mesh.get_array().ravel(), S.ravel())
        assert mesh.get_clim() == (-5, 10_000)
        assert mesh.colorbar.ax.get_ylabel() == "error"
        assert ax.get_title() == "a clip"

    @pytest.mark.parametrize(
        ("bad", "sr", "message"),
        [
            (np.zeros((1, 64, 50)), 16000, "of one clip"),
            (np.zeros((0, 50)), 16000, "of one clip"),
            (np.zeros(50), 16000, "of one clip"),
            (np.full((4, 4), np.nan), 16000, "NaN"),
            (S, 0, "sr must be at least 1000 Hz"),
        ],
    )
    def test_bad_input_is_named_and_leaves_no_figure_behind(self, bad, sr, message):
        with pytest.raises(ValueError, match=message):
            plot_spectrogram(bad, sr)
        assert plt.get_fignums() == []


class TestPlotPoints:
    def test_each_group_is_where_its_clips_are(self):
        train, test = np.array([[0, 1, 9], [2, 3, 9]]), np.array([[4, 5, 9], [6, 7, 9]])
        ax = plot_points(train, test, [1, 0])
        drawn = {c.get_label(): c.get_offsets().tolist() for c in ax.collections}
        assert drawn == {
            "training (normal)": [[0, 1], [2, 3]],
            "test, normal": [[6, 7]],
            "test, abnormal": [[4, 5]],
        }

    def test_axes_say_what_the_features_are(self):
        ax = plot_points(np.eye(2), np.eye(2), [0, 1])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("first feature", "second feature")
        names = ("RMS level (dB)", "peak level (dB)")
        ax = plot_points(np.eye(2), np.eye(2), [0, 1], axis_names=names)
        assert (ax.get_xlabel(), ax.get_ylabel()) == names

    @pytest.mark.parametrize(
        ("train", "test", "labels"),
        [
            ([[0, 1]], [[0, 1, 2]], [0]),
            ([[0, 1, 2]], [[0, 1]], [0]),
            ([[0]], [[0]], [0]),
            ([0, 1], [[0, 1]], [0]),
            ([[0, 1]], [0, 1], [0, 1]),
            ([0, 1], [0, 1], [0, 1]),
            ([[[0], [1]]], [[0, 1]], [0]),
            ([[[0], [1]]], [[[0], [1]]], [0]),
        ],
    )
    def test_shapes_must_agree(self, train, test, labels):
        with pytest.raises(ValueError, match="train and test must have the shape"):
            plot_points(train, test, labels)

    @pytest.mark.parametrize(
        ("test", "labels", "message"),
        [
            ([[0, 1]], [0, 1], "is_anomaly must have one entry"),
            ([[0, 1]], [-1], "is_anomaly must hold 0 and 1"),
            ([[0, np.nan]], [0], "test holds NaN"),
        ],
    )
    def test_bad_values_are_named(self, test, labels, message):
        with pytest.raises(ValueError, match=message):
            plot_points([[0, 1]], test, labels)


class TestPlotScores:
    def test_every_score_stands_above_its_label(self):
        normal, abnormal = plot_scores(LABELS, SCORES).collections
        np.testing.assert_array_equal(normal.get_offsets()[:, 1], [1, 2, 3])
        np.testing.assert_array_equal(abnormal.get_offsets()[:, 1], [2.5, 4])
        assert (abs(normal.get_offsets()[:, 0]) < 0.2).all()
        assert (abs(abnormal.get_offsets()[:, 0] - 1) < 0.2).all()

    def test_equal_scores_do_not_hide_each_other(self):
        normal = plot_scores([0, 0, 1], [1, 1, 2]).collections[0].get_offsets()
        assert normal[0, 0] != normal[1, 0]

    def test_they_are_spread_evenly_around_the_label(self):
        (three, two), one = (
            [
                dots.get_offsets()[:, 0]
                for dots in plot_scores(labels, scores).collections
            ]
            for labels, scores in ((LABELS, SCORES), ([0, 1], [1.0, 2.0]))
        )
        aside = three[2]
        assert 0.1 < aside < 0.15
        np.testing.assert_allclose(three, [-aside, 0, aside], atol=1e-12)
        np.testing.assert_allclose(two, [1 - aside, 1 + aside])
        assert [*map(float, one)] == [0, 1]

    def test_the_labels_are_named_with_room_beside_them(self):
        ax = plot_scores(LABELS, SCORES, title="a machine")
        ticks = [(t.get_position()[0], t.get_text()) for t in ax.get_xticklabels()]
        assert ticks == [(0, "normal"), (1, "abnormal")]
        assert ax.get_xlim() == (-0.5, 1.5)
        assert ax.get_title() == "a machine"
        assert ax.get_legend() is None

    def test_threshold_is_marked(self):
        assert plot_scores(LABELS, SCORES, threshold=2.2).lines[0].get_ydata()[0] == 2.2


class TestPlotRoc:
    def test_curve_encloses_the_auc_it_is_labelled_with(self):
        line = plot_roc(LABELS, SCORES, label="mine").lines[0]
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert line.get_label() == f"mine, AUC = {area:.2f}"

    def test_each_score_has_its_point(self):
        line = plot_roc(LABELS, SCORES).lines[0]
        assert len(line.get_xdata()) == len(SCORES) + 1
        assert line.get_marker() == "."

    def test_detectors_share_one_diagonal_and_differ_in_colour(self):
        ax = plot_roc(LABELS, SCORES, label="a")
        for label in "bc":
            plot_roc(LABELS, SCORES[::-1], label=label, ax=ax)
        names = [text.get_text().split(",")[0] for text in ax.get_legend().get_texts()]
        assert names == ["a", "b", "c", "guessing"]
        diagonals = [line for line in ax.lines if line.get_label() == "guessing"]
        assert len(diagonals) == 1
        assert diagonals[0].get_xydata().tolist() == [[0, 0], [1, 1]]
        assert len({line.get_color() for line in ax.lines}) == 4

    def test_a_line_that_was_there_is_not_taken_for_the_diagonal(self):
        _, ax = plt.subplots()
        ax.axvline(0.1, label="highest false-alarm rate")
        plot_roc(LABELS, SCORES, ax=ax)
        assert "guessing" in [line.get_label() for line in ax.lines]

    def test_the_legend_is_below_and_in_the_middle(self):
        ax = plot_roc(LABELS, SCORES)
        ax.figure.canvas.draw()
        below = ax.xaxis.label.get_window_extent()
        legend = ax.get_legend().get_window_extent()
        assert legend.y1 < below.y0
        assert below.y0 - legend.y1 < 2 * below.height
        middle = ax.get_window_extent()
        assert legend.x0 + legend.x1 == pytest.approx(middle.x0 + middle.x1, abs=2)


class TestPlotTraining:
    def test_first_epoch_is_number_one(self):
        line = plot_training([0.3, 0.2]).lines[0]
        assert line.get_xydata().tolist() == [[1, 0.3], [2, 0.2]]

    @pytest.mark.parametrize("losses", [[], [[0.1]], [0.1, np.nan]])
    def test_bad_losses_are_refused(self, losses):
        with pytest.raises(ValueError, match="finite numbers"):
            plot_training(losses)


@pytest.mark.parametrize("backend", ["inline", "agg"])
def test_notebooks_show_sharp_figures_that_are_the_same_each_day(monkeypatch, backend):
    asked = []
    inline = pytest.importorskip("matplotlib_inline.backend_inline")
    monkeypatch.setattr(
        inline,
        "set_matplotlib_formats",
        lambda *kinds, **how: asked.append((kinds, how)),
    )
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    with plt.rc_context():
        set_style()
    undated = {"Date": None, "Creator": None}
    # Two pixels for each of a common screen, which has 96 in an inch.
    expected = [(("svg",), {"dpi": 2 * 96, "metadata": undated})]
    assert asked == (expected if backend == "inline" else [])


def test_style_keeps_figures_opaque_for_dark_pages_and_has_the_colours_in_order():
    with plt.rc_context():
        set_style()
        figure, ax = plt.subplots()
        assert figure.get_facecolor() == (1, 1, 1, 1)
        colours = [ax.plot([0, i])[0].get_color() for i in range(5)]
        assert colours == ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"]
