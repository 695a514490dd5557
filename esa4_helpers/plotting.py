"""Pictures of clips, features and scores.

Every function draws into the axes it is given, or into a new figure, and
returns the axes. Blue circles are normal and orange diamonds are abnormal
throughout, in the colours of Okabe and Ito, which people with any kind of
colour vision can tell apart.
"""

from __future__ import annotations

import librosa.display
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.metrics import RocCurveDisplay

from ._checks import check_count, check_finite, check_labels, check_sample_rate
from .evaluation import check_labels_and_scores

_TRAINING = {"color": "#767676", "marker": ".", "label": "training (normal)"}
_NORMAL = {"color": "#0072B2", "marker": "o", "label": "test, normal"}
_ANOMALY = {"color": "#D55E00", "marker": "D", "label": "test, abnormal"}
_NEUTRAL = "#767676"
# Of what is kept as pixels in a figure: two for each pixel of a common screen.
_DPI = 192
_GUESSING = "guessing"


def set_style() -> None:
    """Give all figures made from now on the look of the course.

    Sets some of ``matplotlib.rcParams``: colours, resolution and layout. They
    are in the style sheet ``esa4_helpers.esa4``, by whose name Matplotlib knows it
    too: ``with plt.style.context("esa4_helpers.esa4")``. In a notebook, figures are
    shown as SVG, which stays sharp at any size.

    Examples
    --------
    >>> set_style()
    >>> plt.rcParams["axes.prop_cycle"].by_key()["color"][0]
    '#0072B2'
    """
    plt.style.use("esa4_helpers.esa4")
    if "inline" in plt.get_backend():
        # A part of IPython, and so wherever this backend is.
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # Neither the day nor Matplotlib's version makes another figure.
        undated = {"Date": None, "Creator": None}
        set_matplotlib_formats("svg", dpi=_DPI, metadata=undated)


def plot_spectrogram(
    S: ArrayLike,
    sr: float,
    *,
    hop_length: int = 512,
    vmin: float | None = None,
    vmax: float | None = None,
    label: str = "level (dB)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one mel spectrogram, or any map of the same shape.

    Parameters
    ----------
    S : array of shape (n_mels, n_frames)
        Values to draw, of one clip.
    sr : float
        Sample rate in Hz, which sets both axes.
    hop_length : int
        Step between frames in samples.
    vmin, vmax : float, optional
        Values at the ends of the colour scale. Give the same ones to pictures
        that are to be compared.
    label : str
        What the colours mean, with the unit.
    title : str, optional
        Title of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With time in s and frequency in Hz on a mel scale.

    Raises
    ------
    ValueError
        If ``S`` is not two-dimensional, is empty or holds NaN, or ``sr`` or
        ``hop_length`` is not positive.
    TypeError
        If ``sr`` or ``hop_length`` is no number.

    Examples
    --------
    >>> ax = plot_spectrogram(np.zeros((64, 100)), sr=16000)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (s)', 'frequency (Hz)')
    """
    S = np.asarray(S, dtype=np.float64)
    if S.ndim != 2 or not S.size:
        raise ValueError(
            f"S must be the spectrogram of one clip, (n_mels, n_frames), got {S.shape}"
        )
    check_finite(S[np.newaxis], "S")
    sr = check_sample_rate(sr)
    hop_length = check_count(hop_length, "hop_length", at_least=1)
    ax = _axes(ax, figsize=(5, 3))
    mesh = librosa.display.specshow(
        S,
        sr=sr,
        hop_length=hop_length,
        x_axis="time",
        y_axis="mel",
        vmin=vmin,
        vmax=vmax,
        cmap="magma",
        ax=ax,
    )
    ax.figure.colorbar(mesh, ax=ax, label=label)
    ax.set(xlabel="time (s)", ylabel="frequency (Hz)", title=title)
    return ax


def plot_points(
    train: ArrayLike,
    test: ArrayLike,
    is_anomaly: ArrayLike,
    *,
    axis_names: tuple[str, str] = ("first feature", "second feature"),
    ax: Axes | None = None,
) -> Axes:
    """Scatter training, normal and abnormal test clips in two dimensions.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
        Training clips, for example in principal components; two or more
        features, of which the first two are drawn.
    test : array of shape (n_test, n_features)
        Test clips in the same coordinates.
    is_anomaly : array of shape (n_test,)
        1 or True for the abnormal test clips.
    axis_names : tuple of two str
        What the first two features are, with the unit if they have one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With the first two features as coordinates.

    Raises
    ------
    ValueError
        If the shapes disagree, a label is neither 0 nor 1, or a coordinate is
        NaN or infinite.

    Examples
    --------
    >>> ax = plot_points([[0, 0], [1, 1]], [[0, 1], [5, 5]], [0, 1])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['training (normal)', 'test, normal', 'test, abnormal']
    """
    train, test = (np.asarray(X, dtype=np.float64) for X in (train, test))
    if not (train.ndim == test.ndim == 2 and train.shape[1] == test.shape[1] >= 2):
        raise ValueError(
            "train and test must have the shape (n_clips, n_features) with the same "
            f"two or more features, got {train.shape} and {test.shape}"
        )
    check_finite(train, "train")
    check_finite(test, "test")
    is_anomaly = check_labels(is_anomaly, "is_anomaly", len(test))
    ax = _axes(ax, figsize=(5, 3.5))
    for points, style in (
        (train, _TRAINING),
        (test[~is_anomaly], _NORMAL),
        (test[is_anomaly], _ANOMALY),
    ):
        ax.scatter(points[:, 0], points[:, 1], **style)
    ax.set(xlabel=axis_names[0], ylabel=axis_names[1])
    ax.legend()
    return ax


def plot_scores(
    is_anomaly: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw anomaly scores against the true labels.

    Parameters
    ----------
    is_anomaly : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : array of shape (n_clips,)
        Anomaly scores, higher for more anomalous.
    threshold : float, optional
        A score to mark by a line.
    title : str, optional
        Title of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Labels from left to right, scores upwards. Dots are spread a little
        sideways, so that equal scores don't hide each other.

    Raises
    ------
    ValueError
        As in `auc`.

    Examples
    --------
    >>> ax = plot_scores([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9])
    >>> ax.get_ylabel()
    'anomaly score'
    """
    is_anomaly, scores = check_labels_and_scores(is_anomaly, scores)
    ax = _axes(ax, figsize=(4, 3))
    for label, style in ((False, _NORMAL), (True, _ANOMALY)):
        group = scores[is_anomaly == label]
        sideways = np.linspace(-0.12, 0.12, len(group)) if len(group) > 1 else 0.0
        ax.scatter(label + sideways, group, **style)
    if threshold is not None:
        ax.axhline(threshold, color=_NEUTRAL, linestyle="--", label="threshold")
        ax.legend()
    ax.set_xticks([0, 1], ["normal", "abnormal"])
    ax.set(xlim=(-0.5, 1.5), xlabel="true label", ylabel="anomaly score", title=title)
    return ax


def plot_roc(
    is_anomaly: ArrayLike,
    scores: ArrayLike,
    *,
    label: str = "detector",
    ax: Axes | None = None,
) -> Axes:
    """Draw the ROC curve: anomalies found against false alarms.

    Parameters
    ----------
    is_anomaly : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : array of shape (n_clips,)
        Anomaly scores, higher for more anomalous.
    label : str
        Name of the detector; the legend adds its AUC.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure. Curves of several detectors
        can share the axes.

    Returns
    -------
    matplotlib.axes.Axes
        False positive rate to the right, true positive rate upwards.

    Raises
    ------
    ValueError
        As in `auc`.

    Examples
    --------
    >>> ax = plot_roc([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9], label="GMM")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['GMM, AUC = 0.75', 'guessing']
    """
    is_anomaly, scores = check_labels_and_scores(is_anomaly, scores)
    ax = _axes(ax, figsize=(4, 4))
    display = RocCurveDisplay.from_predictions(
        is_anomaly,
        scores,
        drop_intermediate=False,
        plot_chance_level=_GUESSING not in {line.get_label() for line in ax.lines},
        chance_level_kw={"color": _NEUTRAL, "label": _GUESSING},
        ax=ax,
    )
    # Afterwards, since scikit-learn 1.7 has changed how to ask for it.
    display.line_.set(marker=".", label=f"{label}, AUC = {display.roc_auc:.2f}")
    ax.set(
        xlabel="false positive rate (false alarms)",
        ylabel="true positive rate (anomalies found)",
    )
    ax.legend(
        handles=sorted(ax.lines, key=lambda line: line.get_label() == _GUESSING),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
    )
    return ax


def plot_training(losses: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw the training loss against the epoch.

    Parameters
    ----------
    losses : array of shape (n_epochs,)
        Loss after each epoch, as in ``model.fit(...).history["loss"]``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With the loss on a logarithmic scale.

    Raises
    ------
    ValueError
        If the losses are not a row of one or more finite numbers.

    Examples
    --------
    >>> ax = plot_training([0.1, 0.05, 0.03])
    >>> ax.get_xlabel()
    'epoch'
    """
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 1 or not losses.size or not np.isfinite(losses).all():
        raise ValueError(f"losses must be a row of finite numbers, got {losses}")
    ax = _axes(ax, figsize=(5, 3))
    ax.plot(np.arange(1, len(losses) + 1), losses, color=_NORMAL["color"])
    ax.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    return ax


def _axes(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    return plt.subplots(figsize=figsize)[1]
