"""Clips whose kind is not told at once."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from .._checks import check_count
from ..datasets import Dataset
from ._shared import (
    DB_RANGE,
    Widget,
    address,
    check_dataset,
    check_id,
    check_page,
    encode_sound,
    render,
    spectrogram_pictures,
)


class ClipQuiz(Widget):
    """Clips to hear and to see, and below them what they are, once that is asked for.

    The clips are called A, B, C and so on. A line runs over the picture of the clip
    that is heard.

    Parameters
    ----------
    dataset : Dataset
        Where the clips are from.
    question : str
        What to find out about them.
    clips : sequence of int, optional
        The numbers of the clips in the data set, as A, B, C and so on; at most 26. By
        default all.
    answer : str
        What is shown below the kind of each clip, such as what to listen for.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If there is no clip or more than there are letters, they last more than 600 s,
        the data set has no clip of a number, a clip is beyond [-1, 1] after the gain,
        or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import make_synthetic_dataset
    >>> clips = make_synthetic_dataset(n_train=0, n_test_normal=1, n_test_anomaly=1)
    >>> ClipQuiz(clips, "Which one is faulty?")
    ClipQuiz(id='quiz')
    """

    def __init__(
        self,
        dataset: Dataset,
        question: str,
        *,
        clips: Sequence[int] | None = None,
        answer: str = "",
        id: str = "quiz",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        dataset = check_dataset(dataset)
        for name, text in (("question", question), ("answer", answer)):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a text, got {text!r}")
        chosen = _check_clips(clips, len(dataset))
        check_page(len(chosen), dataset.audio.shape[1] / dataset.sr)
        sounds = [
            encode_sound(dataset.audio[i], dataset.sr, dataset.names[i], gain_db)
            for i in chosen
        ]
        self.html = render(
            "quiz",
            id=self.id,
            question=question,
            answer=answer,
            letters=ascii_uppercase[: len(chosen)],
            kinds=dataset.kinds[chosen],
            sounds=[address(sound, "audio/mpeg") for sound in sounds],
            # Finer ones than in other widgets, as they are shown larger.
            pictures=spectrogram_pictures(
                dataset.audio[chosen], dataset.sr, n_mels=128, hop_length=256
            ),
            db_range=DB_RANGE,
            data={"duration": dataset.audio.shape[1] / dataset.sr},
        )


def _check_clips(clips: Sequence[int] | None, n_clips: int) -> list[int]:
    numbers = range(n_clips) if clips is None else clips
    chosen = [check_count(clip, "each of clips") for clip in numbers]
    if not 1 <= len(chosen) <= len(ascii_uppercase):
        raise ValueError(
            f"clips must be 1 to {len(ascii_uppercase)}, a letter for each, "
            f"got {len(chosen)}"
        )
    if max(chosen) >= n_clips:
        raise ValueError(f"clips names {max(chosen)}, of {n_clips} clips")
    return chosen
