"""What an autoencoder makes of a clip, picture by picture, with the sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..datasets import Dataset
from ._shared import (
    DB_RANGE,
    Widget,
    check_id,
    check_maps,
    check_shown,
    map_pictures,
    render,
    scaled_maps,
    sound_data,
)


class ErrorMapViewer(Widget):
    """What went into an autoencoder, what came out, and the error, with the sound.

    The colours of the error end at the 99.5th percentile of all clips, or of the clip
    that is shown.

    Parameters
    ----------
    dataset : Dataset
        The clips that the autoencoder was given.
    spectrograms : array of shape (n_clips, n_mels, n_frames)
        Their spectrograms in dB.
    reconstructions : array of the same shape
        What the autoencoder made of these, in dB too.
    errors : array of the same shape
        The squared error, 0 or more, in any unit.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If there are more than 200 clips or 600 s, which a page can't carry. Also if
        shapes disagree, a number is not finite, an error is below 0, a clip is beyond
        [-1, 1] after the gain, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import log_mel_spectrogram, make_synthetic_dataset
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=1, n_test_anomaly=1)
    >>> S = log_mel_spectrogram(clips.audio, clips.sr)
    >>> flat = np.broadcast_to(S.mean(axis=2, keepdims=True), S.shape)
    >>> ErrorMapViewer(clips, S, flat, (S - flat) ** 2)
    ErrorMapViewer(id='errormaps')
    """

    def __init__(
        self,
        dataset: Dataset,
        spectrograms: ArrayLike,
        reconstructions: ArrayLike,
        errors: ArrayLike,
        *,
        id: str = "errormaps",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        dataset = check_shown(dataset)
        S = check_maps(spectrograms, "spectrograms", len(dataset))
        rebuilt = _check_like(S, reconstructions, "reconstructions")
        errors = _check_like(S, errors, "errors")
        if errors.min() < 0:
            raise ValueError(f"errors must be 0 or more, got {errors.min():.4g}")
        pictures = {
            "spectrogram": map_pictures(S, *DB_RANGE),
            "reconstruction": map_pictures(rebuilt, *DB_RANGE),
        }
        maps = scaled_maps(errors)
        data = sound_data(dataset, gain_db) | pictures
        data |= {"names": dataset.names, "maps": maps}
        self.html = render(
            "errormaps",
            id=self.id,
            names=dataset.names,
            first={what: shown[0] for what, shown in pictures.items()},
            first_error=maps["common"]["pictures"][0],
            first_ends=maps["common"]["ends"][0],
            db_range=DB_RANGE,
            data=data,
        )


def _check_like(S: np.ndarray, maps: ArrayLike, name: str) -> np.ndarray:
    maps = check_maps(maps, name, len(S))
    if maps.shape != S.shape:
        raise ValueError(
            f"{name} must have the shape of the spectrograms, {S.shape}, got {maps.shape}"
        )
    return maps
