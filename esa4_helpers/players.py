"""Audio players that a notebook, Colab and the website all show alike."""

from __future__ import annotations

import base64
import html
import io

import librosa
import numpy as np
import soundfile
from numpy.typing import ArrayLike

from ._checks import check_clips, check_number, check_sample_rate

_PLAYER_SR = 16000


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
        Gain in dB. Give clips that are to be compared the same one: loudness is
        evidence. What then exceeds [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If the clip is empty, has more than one channel, holds NaN or infinity
        or is beyond [-1, 1] after the gain, ``sr`` is not positive or the gain
        not finite.
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
        clip = check_clips(clip[np.newaxis], "clip")[0]
        sr = check_sample_rate(sr)
        gain_db = check_number(gain_db, "gain_db")
        if not isinstance(label, str):
            raise TypeError(f"label must be a text, got {label!r}")
        clip = clip.astype(np.float64) * 10.0 ** (gain_db / 20.0)
        if np.abs(clip).max() > 1:
            raise ValueError(
                f"the clip {label!r} reaches {np.abs(clip).max():.2f} at a gain of "
                f"{gain_db:g} dB, beyond [-1, 1]: turn the gain down"
            )
        self.label = label
        self.mp3 = _encode(clip, sr)

    def _repr_html_(self) -> str:
        label = html.escape(self.label, quote=True)
        data = base64.b64encode(self.mp3).decode("ascii")
        return (
            '<figure class="esa4-player" style="margin: 0.5em 0">'
            f"<figcaption>{label}</figcaption>"
            f'<audio controls preload="metadata" aria-label="{label}" '
            f'style="width: 100%; max-width: 24em" '
            f'src="data:audio/mpeg;base64,{data}"></audio></figure>'
        )

    def __repr__(self) -> str:
        return f"ClipPlayer({self.label!r})"


def _encode(clip: np.ndarray, sr: float) -> bytes:
    if sr != _PLAYER_SR:
        clip = librosa.resample(clip, orig_sr=sr, target_sr=_PLAYER_SR)
    buffer = io.BytesIO()
    # Resampling can overshoot a little; the encoder would wrap what it can't hold.
    soundfile.write(buffer, np.clip(clip, -1, 1), _PLAYER_SR, format="MP3")
    return buffer.getvalue()
