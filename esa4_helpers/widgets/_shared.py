"""What the widgets share: pages from templates, sounds, pictures, and their checks."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from math import isnan
from typing import Any

import librosa
import numpy as np
import soundfile
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from .._checks import check_finite, check_number, check_spectrograms
from ..datasets import MOST_CLIPS, MOST_SECONDS, Dataset
from ..evaluation import check_labels_and_scores
from ..features import log_mel_spectrogram

# Pictures show what is heard: the players' sample rate. Half as many mel bands as
# in the chapters are enough for a small picture.
SOUND_SR = 16000
_N_MELS = 64

# The ends of the colour scale in dB, the same everywhere, so that pictures compare.
DB_RANGE = (-80.0, -10.0)

# Where the colours of anomaly and error maps end.
MAP_PERCENTILE = 99.5


class Widget:
    """HTML that was written when the widget was made, under an id of its own."""

    id: str
    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r})"


# Pages.


@cache
def _environment(package: str = __package__) -> Environment:
    environment = Environment(
        # Another package has pages of its own, and shares the parts.
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "static": partial(_static, package),
        "map_percentile": MAP_PERCENTILE,
    }
    # A number that is none would end up as NaN, which no browser reads as JSON.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    return environment


def _static(package: str, name: str) -> Markup:
    # Scripts and styles are the package's own: to be taken as they stand.
    places = (files(place) / "static" / name for place in (package, __package__))
    path = next(path for path in places if path.is_file())
    return Markup(path.read_text(encoding="utf-8").strip())


def render(kind: str, *, package: str = __package__, **values: Any) -> str:
    """Fill in the template of one kind of widget, or of another package's page."""
    return _environment(package).get_template(f"{kind}.html").render(values, kind=kind)


# What comes in.


def check_id(id: str) -> str:
    if not isinstance(id, str):
        raise TypeError(f"id must be a text, got {id!r}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", id):
        raise ValueError(
            f"id must start with a letter and go on with letters, digits, - or _ only, "
            f"got {id!r}"
        )
    return id


def check_dataset(dataset: Dataset) -> Dataset:
    if not isinstance(dataset, Dataset):
        raise TypeError(
            "dataset must be a Dataset, such as load_dataset() returns, "
            f"got {type(dataset).__name__}"
        )
    return dataset


def check_shown(dataset: Dataset) -> Dataset:
    """Return clips that all become part of a page, if it can carry them."""
    check_dataset(dataset)
    check_page(len(dataset), dataset.audio.shape[1] / dataset.sr)
    return dataset


def check_page(n_clips: int, duration: float) -> None:
    if n_clips > MOST_CLIPS or n_clips * duration > MOST_SECONDS:
        raise ValueError(
            f"{n_clips} clips of {duration:.4g} s would make the page too large: it holds "
            f"all that can be heard and seen, and takes {MOST_CLIPS} clips and "
            f"{MOST_SECONDS} s at most. Show fewer clips, or shorter ones"
        )


def check_scores(
    scores: Mapping[str, ArrayLike], dataset: Dataset
) -> dict[str, np.ndarray]:
    """Return each detector's scores, of which there must be some to compare."""
    checked = check_numbers(scores, "scores", len(dataset))
    if not checked:
        raise ValueError("scores must hold at least one detector, got none")
    for values in checked.values():
        check_labels_and_scores(dataset.is_anomaly, values)
    return checked


def check_numbers(
    values: Mapping[str, ArrayLike], name: str, n_clips: int
) -> dict[str, np.ndarray]:
    """Return one float64 for each clip under each key."""
    checked = {}
    for key, numbers in check_mapping(values, name).items():
        numbers = np.asarray(numbers, dtype=np.float64)
        if numbers.shape != (n_clips,):
            raise ValueError(
                f"{name}[{key!r}] must have one entry for each of the {n_clips} clips, "
                f"got the shape {numbers.shape}"
            )
        check_finite(numbers, f"{name}[{key!r}]")
        checked[key] = numbers
    return checked


def check_mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping) or not all(
        isinstance(key, str) for key in values
    ):
        raise TypeError(f"{name} must map a text to an array each, got {values!r}")
    return values


def check_maps(maps: ArrayLike, name: str, n_clips: int) -> np.ndarray:
    maps = check_spectrograms(maps, name)
    if len(maps) != n_clips:
        raise ValueError(f"{name} has {len(maps)} entries for {n_clips} clips")
    return maps


# Sounds and pictures, as addresses that hold all they lead to.


def address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def encode_sound(clip: np.ndarray, sr: float, name: str, gain_db: float) -> bytes:
    """Turn a clip up and into an MP3, unless that would distort it."""
    gain = librosa.db_to_amplitude(check_number(gain_db, "gain_db"))
    clip = clip.astype(np.float64) * gain
    if np.abs(clip).max() > 1:
        raise ValueError(
            f"the clip {name!r} reaches {np.abs(clip).max():.2f} at a gain of "
            f"{gain_db:g} dB, beyond [-1, 1]: turn the gain down"
        )
    buffer = io.BytesIO()
    # Resampling can overshoot a little; the encoder would wrap what it can't hold.
    soundfile.write(buffer, np.clip(resampled(clip, sr), -1, 1), SOUND_SR, format="MP3")
    return buffer.getvalue()


def sound_data(dataset: Dataset, gain_db: float) -> dict[str, Any]:
    """What the script needs to play the clips."""
    sounds = [
        encode_sound(clip, dataset.sr, name, gain_db)
        for clip, name in zip(dataset.audio, dataset.names, strict=True)
    ]
    return {
        "duration": dataset.audio.shape[1] / dataset.sr,
        "sounds": [address(sound, "audio/mpeg") for sound in sounds],
    }


def spectrogram_pictures(
    audio: np.ndarray, sr: float, n_mels: int = _N_MELS, hop_length: int = 512
) -> list[str]:
    heard = resampled(audio.astype(np.float64), sr)
    S = log_mel_spectrogram(heard, SOUND_SR, n_mels=n_mels, hop_length=hop_length)
    return map_pictures(S, *DB_RANGE)


def map_pictures(maps: np.ndarray, low: float, high: float) -> list[str]:
    """Draw each map without axes, low frequencies at the bottom."""
    return [_map_picture(values, low, high) for values in maps]


def figure_picture(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return address(buffer.getvalue(), "image/png")


def _map_picture(values: np.ndarray, low: float, high: float) -> str:
    shares = Normalize(low, high, clip=True)(values[::-1])
    # With a palette, a picture takes half of what it takes in full colours.
    picture = Image.fromarray(np.round(255 * shares.data).astype(np.uint8), "P")
    picture.putpalette(_palette())
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return address(buffer.getvalue(), "image/png")


def _palette() -> bytes:
    return colormaps["magma"](np.arange(256), bytes=True)[:, :3].tobytes()


def scaled_maps(maps: np.ndarray) -> dict[str, dict[str, list[Any]]]:
    """Draw maps twice: with colours for all of them, and with each one's own.

    Each scale ends at a percentile: at the largest value of all, nearly all of every
    map would be black.
    """
    common = _map_ends(maps)
    own = [_map_ends(values) for values in maps]
    return {
        "common": {
            "pictures": map_pictures(maps, *common),
            "ends": [_end_texts(*common)] * len(maps),
        },
        "own": {
            "pictures": [
                _map_picture(values, *ends)
                for values, ends in zip(maps, own, strict=True)
            ],
            "ends": [_end_texts(*ends) for ends in own],
        },
    }


def _map_ends(maps: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(maps, [100 - MAP_PERCENTILE, MAP_PERCENTILE])
    return min(0.0, float(low)), float(high)


def _end_texts(low: float, high: float) -> list[str]:
    return [f"{low:.4g}", f"{high:.4g}"]


def resampled(audio: np.ndarray, sr: float) -> np.ndarray:
    return librosa.resample(audio, orig_sr=sr, target_sr=SOUND_SR)


# Texts.


def two_digits(value: float) -> str:
    return "NaN (no alarm)" if isnan(value) else f"{value:.2f}"


def svg_points(points: ArrayLike) -> str:
    """Write points in the way that a drawn line takes them."""
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in points)


def plain(text: str) -> str:
    """Keep matplotlib from reading a formula into a name."""
    return text.replace("$", r"\$")
