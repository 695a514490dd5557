"""Sheet 1: know your clips."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Wrong, call, compare, exercise_clips, question
from ._choices import choose, one_number, own_answer


def _hiss(rng: np.random.Generator, n_clips: int, n_samples: int) -> np.ndarray:
    """Clips of noise with a root mean square of 1."""
    noise = rng.standard_normal((n_clips, n_samples))
    return noise / np.sqrt(np.mean(np.square(noise), axis=1, keepdims=True))


@question(
    "1.1",
    points=1,
    level="first steps",
    trains="telling clips, samples and seconds apart",
)
def duration(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(3):
        n_clips, seconds = int(rng.integers(4, 30)), int(rng.integers(2, 9)) / 2
        sr = int(rng.choice([8000, 16000, 44100]))
        audio = np.zeros((n_clips, int(seconds * sr)))
        compare(
            call(answer, audio, sr),
            seconds,
            {
                "this is the number of clips divided by the sample rate: the samples "
                "of a clip lie along the second axis": n_clips / sr,
                "this counts samples: there are `sr` of them in each second": (
                    seconds * sr
                ),
                "this is upside down: a clip with more samples is longer": 1 / seconds,
            },
            what="the duration",
            hint="Count the samples of one clip, and ask how many there are in a second.",
        )


@question("1.2", points=2, level="first steps", trains="levels in dB")
def rms_level(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(2):
        n_clips = int(rng.integers(3, 9))
        expected = rng.uniform(-60, -10, n_clips)
        amplitude = 10 ** (expected / 20)
        audio = amplitude[:, np.newaxis] * _hiss(rng, n_clips, 4000)
        over_clips = np.sqrt(np.mean(np.square(audio), axis=0))
        compare(
            call(answer, audio),
            expected,
            {
                "half of what it should be: 10 times the logarithm is for powers, and "
                "the root has made a pressure of the power": expected / 2,
                "twice what it should be: did you forget the root? 20 times the "
                "logarithm is for pressures": expected * 2,
                "this averages over the clips, sample by sample: one level for each "
                "clip needs the mean over the other axis": 20 * np.log10(over_clips),
                "this is one level for all clips together: average over the samples "
                "of each clip only": 20 * np.log10(np.sqrt(np.mean(audio**2))),
                "this is the root mean square itself: turn it into dB": amplitude,
                "np.log is the natural logarithm: dB use that to the base 10": (
                    20 * np.log(amplitude)
                ),
                "this is the mean of the absolute samples: square them, take the mean, "
                "then the root": 20 * np.log10(np.mean(np.abs(audio), axis=1)),
            },
            what="the level",
            hint="Square, mean, root, then 20 times the logarithm to the base 10.",
        )


@question(
    "1.3",
    points=1,
    level="first steps",
    trains="selecting clips with boolean arrays",
)
def normal_test_clips(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(3):
        # As in real life, a training clip may turn out to be faulty.
        kinds = rng.permutation(np.repeat(np.arange(4), rng.integers(1, 6, 4)))
        train, faulty = kinds >= 2, kinds % 2 == 1
        audio = rng.standard_normal((len(kinds), 50))
        compare(
            call(answer, audio, train, faulty),
            audio[kinds == 0],
            {
                "these are all normal clips: those from training are among them": (
                    audio[kinds % 2 == 0]
                ),
                "these are all test clips: the abnormal ones are among them": (
                    audio[kinds < 2]
                ),
                "these are the abnormal test clips": audio[kinds == 1],
                "these are the normal training clips": audio[kinds == 2],
                "these clips are normal or for testing; both must be true": (
                    audio[kinds != 3]
                ),
                "these are positions or truth values: return the clips themselves": (
                    np.flatnonzero(kinds == 0)
                ),
                "this is the mask: use it in square brackets to select rows": (
                    kinds == 0
                ),
            },
            what="the selection",
            hint="Both conditions must hold: not in training, and not abnormal.",
        )


@question(
    "1.4",
    points=2,
    level="practice",
    trains="two-sided anomaly scores, learnt from training clips only",
)
def level_score(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(3):
        train = np.append(rng.normal(-30, 1, 16), rng.uniform(-22, -18, 3))
        test = rng.uniform(-50, -10, int(rng.integers(5, 12)))
        offset = test - np.sort(train)[9]
        compare(
            call(answer, train, test),
            np.maximum(offset, -offset),
            {
                "this is signed: a clip that is too quiet gets a low score, and is as "
                "suspicious as one that is too loud": offset,
                "higher must mean more anomalous, and this is the other way round": (
                    -np.abs(offset)
                ),
                "this takes the test clips' median as typical: only training clips are "
                "known to be normal": np.abs(test - np.median(test)),
                "this uses the mean, which a few odd training clips pull away: the "
                "question asks for the median": np.abs(test - train.mean()),
                "these are the scores of the training clips": (
                    np.abs(train - np.median(train))
                ),
            },
            what="the score",
            hint="How far is each test level from the median of the training levels?",
        )


@question(
    "1.5",
    points=2,
    level="design",
    trains="putting a detector together, and asking how close it was",
    is_function=False,
)
def margin(answer: Any, seed: int) -> None:
    clips = exercise_clips(1, seed)
    energy = np.mean(np.square(clips.audio, dtype=np.float64), axis=1)
    decibels = 10 * np.log10(energy)
    middle = np.median(decibels[clips.is_train])
    far = np.abs(decibels - middle)
    normal = far[~clips.is_train & ~clips.is_anomaly]
    abnormal = far[clips.is_anomaly]
    low, high = abnormal.min(), normal.max()
    if isinstance(answer, np.ndarray) and answer.ndim > 0:
        raise Wrong("the margin is one number: the lowest score minus the highest")
    compare(
        answer,
        low - high,
        {
            "the sign is turned: take the abnormal clips' lowest score, minus the normal "
            "clips' highest": high - low,
            "this is the distance between the means: the margin is about the closest "
            "pair": abnormal.mean() - normal.mean(),
            "this counts the training clips among the normal ones": (
                low - far[~clips.is_anomaly].max()
            ),
            "this is the widest gap, highest abnormal to lowest normal; the margin is "
            "the narrowest": abnormal.max() - normal.min(),
        },
        what="the margin",
        hint="Check 1.2 and 1.4 first; then lowest abnormal score minus highest normal.",
        tolerance=1e-2,
    )


@question(
    "1.6",
    points=1,
    level="first steps",
    trains="what a factor does to a level",
    is_function=False,
)
def change(answer: Any, seed: int) -> None:
    choose(
        answer,
        {2},
        [
            "a level is a logarithm, which makes a sum of a product: a factor adds a "
            "number of dB, whatever the level is",
            "this is what twice the *power* does; samples are pressures, and the power "
            "is their square",
            "",
            "the level before is the same on both sides: a factor adds as many dB to a "
            "faint clip as to a loud one",
            "a factor is no number of dB: take 20 times its logarithm to the base 10",
        ],
    )


@question(
    "1.7",
    points=1,
    level="practice",
    trains="seeing that a recording was too loud",
    is_function=False,
)
def clipped(answer: Any, seed: int) -> None:
    number, given = own_answer(answer)
    given = one_number(given, "the number of the clip")
    peaks = np.abs(exercise_clips(1, number).train.audio[:6]).max(axis=1)
    if given not in range(6):
        raise Wrong("the clips have the numbers 0 to 5: look at the titles")
    if given != peaks.argmax():
        raise Wrong(
            f"in clip {given:g} next to no other sample is as high as the highest: "
            "in a clipped one, many are cut off at just the same height"
        )
