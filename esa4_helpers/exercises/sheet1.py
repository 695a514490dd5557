"""Sheet 1: know your clips."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Wrong, call, compare, exercise_clips, question
from ._choices import choose, one_number, own_answer


def _hiss(
    rng: np.random.Generator, n_clips: int, n_samples: int, offset: float
) -> np.ndarray:
    """Clips of noise with a root mean square of 1, and about the same offset."""
    noise = offset + rng.standard_normal((n_clips, n_samples))
    return noise / np.sqrt(np.mean(np.square(noise), axis=1, keepdims=True))


@question(
    "1.1",
    points=1,
    level="first steps",
    trains="telling clips, samples and seconds apart",
)
def duration(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate_of_chapters = 16000
    n_clips = 1 if seed % 4 == 1 else int(rng.integers(2, 9))
    sr = (8000, rate_of_chapters, 22050, 44100)[seed % 4]
    n_samples = int(rng.integers(100, 900))
    compare(
        call(answer, np.zeros((n_clips, n_samples)), sr),
        n_samples / sr,
        {
            "this is the number of clips divided by the sample rate: the samples of a "
            "clip lie along the second axis": n_clips / sr,
            "this is how long all clips are together: return the duration of one": (
                n_clips * n_samples / sr
            ),
            "this counts samples: there are `sr` of them in each second": n_samples,
            "this is upside down: a clip with more samples is longer": sr / n_samples,
            "the sample rate is written in as 16000 Hz: use `sr`, as other clips have "
            "other rates": n_samples / rate_of_chapters,
            "the sample rate is written in as 44100 Hz: use `sr`, as other clips have "
            "other rates": n_samples / 44100,
            "the sample rate is written in as 22050 Hz: use `sr`, as other clips have other rates": n_samples
            / 22050,
            "this is rounded down to whole seconds: // drops the rest, / keeps it": (
                n_samples // sr
            ),
            "this is rounded to whole seconds: return the duration as it is": (
                round(n_samples / sr)
            ),
            "these are milliseconds: return seconds": 1000 * n_samples / sr,
            "this is one sample too short: n samples last n / sr": (
                (n_samples - 1) / sr
            ),
        },
        what="the duration",
        hint="Count the samples of one clip, and ask how many there are in a second.",
        tolerance=1e-6,
    )


@question("1.2", points=2, level="first steps", trains="levels in dB")
def rms_level(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_clips = 1 if seed % 4 == 1 else int(rng.integers(3, 7))
    n_samples = int(rng.integers(40, 90))
    expected = rng.uniform(-50, -10, n_clips)
    amplitude = 10 ** (expected / 20)
    # Half of the data sets have an offset, as cheap microphones do.
    audio = amplitude[:, np.newaxis] * _hiss(rng, n_clips, n_samples, seed % 2)
    power = np.square(audio)
    spread = np.square(audio - np.mean(audio, axis=1, keepdims=True))
    compare(
        call(answer, audio),
        expected,
        {
            "half of what it should be: 10 times the logarithm is for powers, and the "
            "root has made a pressure of the power": expected / 2,
            "twice what it should be: did you forget the root? 20 times the logarithm "
            "is for pressures": expected * 2,
            "this averages over the clips, sample by sample: one level for each clip "
            "needs the mean over the other axis": 10 * np.log10(power.mean(axis=0)),
            "this is one level for all clips together: average over the samples of "
            "each clip only": 10 * np.log10(power.mean()),
            "this is the root mean square itself: turn it into dB": amplitude,
            "this is the mean square itself: take the root, and turn it into dB": (
                amplitude**2
            ),
            "np.log is the natural logarithm: dB use that to the base 10": (
                20 * np.log(amplitude)
            ),
            "the logarithm is not multiplied by 20: dB are a twentieth of it": (
                expected / 20
            ),
            "this is the mean of the absolute samples: square them, take the mean, "
            "then the root": 20 * np.log10(np.mean(np.abs(audio), axis=1)),
            "this is the peak level, of the largest sample alone: take the root mean "
            "square of all": 20 * np.log10(np.abs(audio).max(axis=1)),
            "this is the standard deviation in dB, from which a constant offset is "
            "gone: the samples themselves are to be squared": (
                10 * np.log10(spread.mean(axis=1))
            ),
            "this adds up the squares: take their mean, or a longer clip seems "
            "louder": 10 * np.log10(power.sum(axis=1)),
            "this is the mean of the levels of the samples: average the squares before "
            "you take the logarithm": 10 * np.log10(power).mean(axis=1),
            "this is the level of the mean sample, where ups and downs cancel: square the samples first": 20
            * np.log10(np.abs(audio.mean(axis=1))),
            "this is the level of the median square: take the mean of the squares": 10
            * np.log10(np.median(power, axis=1)),
            "this is the level of the distance from the lowest to the highest sample: take the root mean square": 20
            * np.log10(np.ptp(audio, axis=1)),
            "this is the root of the mean absolute sample: square the samples first": 10
            * np.log10(np.mean(np.abs(audio), axis=1)),
            "this mean divides by n - 1: divide the sum of squares by n": 10
            * np.log10(power.sum(axis=1) / (n_samples - 1)),
            "the sign is turned: what is fainter than full scale is below 0 dB": (
                -expected
            ),
            "the level of the loudest clip is 0 dB here: 0 dB is full scale, 1.0": (
                expected - expected.max()
            ),
        },
        what="the level",
        hint="Square, mean, root, then 20 times the logarithm to the base 10.",
        tolerance=2e-4,
    )


@question(
    "1.3",
    points=1,
    level="first steps",
    trains="selecting clips with boolean arrays",
)
def normal_test_clips(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # As in real life, a training clip may turn out to be faulty.
    kinds = rng.permutation(np.repeat(np.arange(4), rng.integers(1, 5, 4)))
    train, faulty = kinds >= 2, kinds % 2 == 1
    audio = rng.standard_normal((len(kinds), 3))
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
            "these are the abnormal training clips": audio[kinds == 3],
            "these clips are normal or for testing; both must be true": (
                audio[kinds != 3]
            ),
            "the abnormal training clips are among these: two conditions that are "
            "equal may both be true, or both be false": audio[kinds % 3 == 0],
            "these clips are either for training or abnormal: neither must be true": (
                audio[kinds % 3 != 0]
            ),
            "these are all clips: select some of them": audio,
            "all the others are left in, as zeros: select rows with the mask in square "
            "brackets": audio * (kinds == 0)[:, np.newaxis],
            "these are positions or truth values: return the clips themselves": (
                np.flatnonzero(kinds == 0)
            ),
            "this is the mask: use it in square brackets to select rows": kinds == 0,
            "this is how many there are: return the clips themselves": (
                np.count_nonzero(kinds == 0)
            ),
            "this is turned on its side: return one row for each clip": (
                audio[kinds == 0].T
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
    # Both odd and even numbers of training clips.
    n_train = 7 + seed % 2 + 2 * (seed % 3)
    train = rng.normal(-30, 1, n_train)
    train[:2] += rng.uniform(8, 12, 2)
    train = rng.permutation(train)
    test = rng.uniform(-50, -10, 1 if seed % 4 == 3 else int(rng.integers(3, 7)))
    in_order = sorted(train.tolist())
    lower, upper = in_order[(n_train - 1) // 2], in_order[n_train // 2]
    offset = test - (lower + upper) / 2
    both = np.concatenate([train, test])
    spread = np.std(train)
    compare(
        call(answer, train, test),
        np.maximum(offset, -offset),
        {
            "this is signed: a clip that is too quiet gets a low score, and is as "
            "suspicious as one that is too loud": offset,
            "this is signed, typical minus test: take its absolute value": -offset,
            "this is a ratio of levels: a distance in dB is a difference": np.abs(
                test / np.median(train)
            ),
            "this compares absolute levels: take the absolute value of the difference": np.abs(
                test
            )
            - np.abs(np.median(train)),
            "this is the distance to the lowest training level: take the median as typical": np.abs(
                test - train.min()
            ),
            "this is the distance to the highest training level: take the median as typical": np.abs(
                test - train.max()
            ),
            "this takes the middle between the lowest and the highest level as typical: take the median": np.abs(
                test - (train.min() + train.max()) / 2
            ),
            "this takes the test clips' mean as typical: take the training clips' median": np.abs(
                test - test.mean()
            ),
            "this is divided by the median deviation: return the distance in dB": np.abs(
                offset
            )
            / np.median(np.abs(train - np.median(train))),
            "this is the logarithm of the distance: levels are in dB already": 20
            * np.log10(np.abs(offset)),
            "higher must mean more anomalous, and this is the other way round": (
                -np.abs(offset)
            ),
            "of an even number of training clips this takes the upper of the two in "
            "the middle: the median lies halfway between them": np.abs(test - upper),
            "of an even number of training clips this takes the lower of the two in "
            "the middle: the median lies halfway between them": np.abs(test - lower),
            "this takes the test clips' median as typical: only training clips are "
            "known to be normal": np.abs(test - np.median(test)),
            "this takes the median of training and test clips together: only training "
            "clips are known to be normal": np.abs(test - np.median(both)),
            "this uses the mean, which a few odd training clips pull away: the "
            "question asks for the median": np.abs(test - train.mean()),
            "these clips come in no order: sort them before you take the one in the "
            "middle": np.abs(test - train[n_train // 2]),
            "these are the scores of the training clips": (
                np.abs(train - (lower + upper) / 2)
            ),
            "this is squared: return the distance itself, in dB": offset**2,
            "this is divided by the standard deviation: return the distance in dB": (
                np.abs(offset) / spread
            ),
            "this is the typical level: return how far each test clip is from it": (
                (lower + upper) / 2
            ),
            "only clips that are too loud get a score here: one that is too quiet is as "
            "suspicious": np.maximum(offset, 0),
            "this is one number for all test clips: return one score for each": (
                np.abs(offset).mean()
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
    test = ~clips.is_train

    def ends(middle: float, heard: np.ndarray = decibels) -> tuple[float, float]:
        """Lowest score of an abnormal clip, and highest of a normal one."""
        far = np.abs(heard - middle)
        return far[clips.is_anomaly].min(), far[test & ~clips.is_anomaly].max()

    middle = np.median(decibels[clips.is_train])
    far = np.abs(decibels - middle)
    normal = far[test & ~clips.is_anomaly]
    abnormal = far[clips.is_anomaly]
    low, high = ends(middle)
    signed = decibels - middle
    if np.ndim(answer) > 0:
        raise Wrong("the margin is one number: the lowest score minus the highest")
    compare(
        answer,
        low - high,
        {
            "the sign is turned: take the abnormal clips' lowest score, minus the normal "
            "clips' highest": high - low,
            "this is the distance between the means: the margin is about the closest "
            "pair": abnormal.mean() - normal.mean(),
            "this is the distance between the medians: the margin is about the closest "
            "pair": np.median(abnormal) - np.median(normal),
            "this counts the training clips among the normal ones": (
                low - far[~clips.is_anomaly].max()
            ),
            "this is the widest gap, highest abnormal to lowest normal; the margin is "
            "the narrowest": abnormal.max() - normal.min(),
            "this takes the lowest score of both sorts: of the normal clips it must be "
            "the highest": low - normal.min(),
            "this takes the highest score of both sorts: of the abnormal clips it must "
            "be the lowest": abnormal.max() - high,
            "this is half of it: levels are 20 times the logarithm of the root mean "
            "square": (low - high) / 2,
            "this is twice what it should be: 20 times the logarithm is for the root of "
            "the mean square": 2 * (low - high),
            "the typical level is the mean here: take the training clips' median": (
                -np.diff(ends(decibels[clips.is_train].mean())).item()
            ),
            "the typical level is that of the test clips here: take the training "
            "clips'": -np.diff(ends(np.median(decibels[test]))).item(),
            "the typical level is that of all clips here: take the training clips'": (
                -np.diff(ends(np.median(decibels))).item()
            ),
            "these scores keep their sign: a clip that is too quiet is as suspicious as "
            "one that is too loud": (
                signed[clips.is_anomaly].min() - signed[test & ~clips.is_anomaly].max()
            ),
            "this divides the two scores: the margin is their difference": low / high,
        },
        what="the margin",
        hint="Check 1.2 and 1.4 first; then lowest abnormal score minus highest normal.",
        tolerance=2e-3,
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
