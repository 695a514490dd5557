"""A player for one clip that a notebook, Colab and the website all show alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._checks import check_clips, check_sample_rate
from ._shared import address, check_page, encode_sound, render


class ClipPlayer:
    """A player for one clip, as the last expression of a cell or in ``display``.

    The clip travels as an MP3 at 16 kHz inside the page, a twentieth of the size
    of a WAV file; nothing is loaded from elsewhere.

    Parameters
    ----------
    clip : array of shape (n_samples,)
        One clip, floats in [-1, 1].
    sr : float
        Sample rate in Hz.
    label : str
        What is heard, shown above the player and read out by screen readers.
    gain_db : float
        Gain in dB. Give clips that are to be compared the same one: the level is
        evidence. What then exceeds [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If the clip is empty, lasts more than 600 s, has more than one channel, holds
        NaN or infinity or is beyond [-1, 1] after the gain, ``sr`` is not positive or
        the gain not finite.
    TypeError
        If the clip does not hold floats, ``sr`` or the gain is no number, or
        the label no text.

    Examples
    --------
    >>> clip = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> ClipPlayer(clip, sr=16000, label="a tone of 440 Hz")
    ClipPlayer('a tone of 440 Hz')
    """

    def __init__(
        self, clip: ArrayLike, sr: float, label: str, *, gain_db: float = 0.0
    ) -> None:
        clip = np.asarray(clip)
        if clip.ndim != 1:
            raise ValueError(
                f"clip must be one clip of one channel, (n_samples,), got {clip.shape}"
            )
        [clip] = check_clips(clip[np.newaxis], "clip")
        sr = check_sample_rate(sr)
        check_page(1, len(clip) / sr)
        if not isinstance(label, str):
            raise TypeError(f"label must be a text, got {label!r}")
        self.label = label
        self.mp3 = encode_sound(clip, sr, label, gain_db)

    def _repr_html_(self) -> str:
        sound = address(self.mp3, "audio/mpeg")
        return render("player", label=self.label, sound=sound)

    def __repr__(self) -> str:
        return f"ClipPlayer({self.label!r})"
