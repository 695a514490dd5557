"""Typical wrong answers to sheet 6, each with a part of the sentence it must get."""

from pathlib import Path

import librosa
import numpy as np
import soundfile

from esa4_helpers import anomaly_score, auc, auc_interval, make_detector


def read(folder, sr, *, reverse=False, mono=np.mean):
    """Read a folder right, but for what is asked for."""
    clips = []
    for file in sorted(Path(folder).glob("*.wav"), reverse=reverse):
        audio, rate = soundfile.read(file, always_2d=True)
        clips.append(librosa.resample(mono(audio, axis=1), orig_sr=rate, target_sr=sr))
    return cut_to_shortest(clips)


def cut_to_shortest(clips):
    return np.stack([clip[: min(map(len, clips))] for clip in clips])


def unmixed(audio, axis):
    return audio[:, 0]


def at_the_default_rate(folder, sr):
    files = sorted(Path(folder).glob("*.wav"))
    return cut_to_shortest([librosa.load(file)[0] for file in files])


def at_the_rate_of_each_file(folder, sr):
    files = sorted(Path(folder).glob("*.wav"))
    return cut_to_shortest([librosa.load(file, sr=None)[0] for file in files])


def padded(folder, sr):
    files = sorted(Path(folder).glob("*.wav"))
    clips = [librosa.load(file, sr=sr)[0] for file in files]
    longest = max(map(len, clips))
    return np.stack([np.pad(clip, (0, longest - len(clip))) for clip in clips])


def cut(recordings, n, *, step=None, stop=None, pad=False):
    """Cut right, but for what is asked for."""
    if pad:
        missing = -recordings.shape[1] % n
        recordings = np.pad(recordings, ((0, 0), (0, missing)))
    stop = recordings.shape[1] - n + 1 if stop is None else stop
    starts = range(0, stop, step or n)
    return np.stack([r[i : i + n] for r in recordings for i in starts])


def straddling(recordings, n):
    samples = recordings.ravel()
    return samples[: len(samples) // n * n].reshape(-1, n)


def in_turn(recordings, n):
    starts = range(0, recordings.shape[1] - n + 1, n)
    return np.concatenate([recordings[:, i : i + n] for i in starts])


def stacked(recordings, n):
    return cut(recordings, n).reshape(len(recordings), -1, n)


def table(score, fit=lambda train, test, y: train, end=0):
    """Report right, but for what is asked for."""

    def answer(names, train, test, is_anomaly, sr):
        result = {}
        for name in names:
            known = fit(train, test, is_anomaly)
            values = score(make_detector(name, sr=sr).fit(known), test)
            low_and_high = auc_interval(is_anomaly, values)
            result[name] = [auc(is_anomaly, values), low_and_high[end]]
        return result

    return answer


def all_clips(train, test, is_anomaly):
    return np.concatenate([train, test])


def all_normal_clips(train, test, is_anomaly):
    return np.concatenate([train, test[~is_anomaly]])


def watch(name, *, known=False, on_new=False, sign=1):
    """A watchman as it should be, but for what is asked for."""

    def answer(normal, new, sr, every, per_day):
        rate = per_day * every / (24 * 60 * 60)
        first, rest = normal[::2], normal[1::2]
        detector = make_detector(name, sr=sr).fit(first)
        clips = new if on_new else first if known else rest
        threshold = np.quantile(anomaly_score(detector, clips), 1 - rate)
        return sign * anomaly_score(detector, new) > sign * threshold

    return answer


def read_in_order(folder, sr, key):
    files = sorted(Path(folder).glob("*.wav"), key=key)
    return cut_to_shortest([librosa.load(file, sr=sr)[0] for file in files])


def natural(folder, sr):
    return read_in_order(
        folder, sr, lambda f: (f.stem.split("_")[0], int(f.stem.split("_")[1]))
    )


def without_case(folder, sr):
    return read_in_order(folder, sr, lambda f: f.name.lower())


def right_channel(audio, axis):
    return audio[:, -1]


def uncut(folder, sr):
    files = sorted(Path(folder).glob("*.wav"))
    return [librosa.load(file, sr=sr)[0] for file in files]


def loudest_is_one(folder, sr):
    return cut_to_shortest([x / np.abs(x).max() for x in uncut(folder, sr)])


def only_test_clips(train, test, is_anomaly):
    return test


def told_by(
    *, alarms=np.greater, promise=max, of_all=1, short=0, a_day="promised", day=86400
):
    """Read a report right, but for what is asked for."""

    def answer(scores, threshold, n_recordings, clip_seconds, allowed):
        share = promise(allowed, 1 / (n_recordings + of_all))
        counted = {"promised": share, "allowed": allowed, "all": 1}[a_day]
        return [
            np.sum(alarms(scores, threshold)),
            share,
            counted * day / clip_seconds,
            np.ceil(1 / allowed - 1e-9) - 1 + short,
        ]

    return answer


def evidence(*, simulated=False, **changes):
    """What a right answer to the last question holds, but for what is asked for."""
    report = {
        "scores": [0.5, 2.5, 4.0, np.nan],
        "threshold": 3.0,
        "n_recordings": 4,
        "clip_seconds": 2.0,
        "allowed": 0.1,
    }
    return {
        "report": report,
        "told": {
            "clips": 4,
            "alarms": 1,
            "promised_rate": 0.2,
            "false_alarms_a_day": 8640.0,
        },
        "levels": [-30.0, -31.5, -30.5, -29.0],
        "trained_on": [-32.0, -28.0],
        "simulated": simulated,
        "answers": told_by()(**report),
    } | changes


MISTAKES = {
    "6.1": [
        (lambda folder, sr: read(folder, sr, reverse=True), "turned round"),
        (at_the_default_rate, "22050 Hz"),
        (at_the_rate_of_each_file, "of the files themselves"),
        (lambda folder, sr: read(folder, sr, mono=unmixed), "left channel"),
        (lambda folder, sr: read(folder, sr, mono=np.sum), "sum of the channels"),
        (lambda folder, sr: read(folder, sr).T, "one row for each file"),
        (padded, "cut the others"),
        (lambda folder, sr: 32768 * read(folder, sr), "between -1 and 1"),
        (natural, "order of the numbers"),
        (without_case, "upper and lower case"),
        (lambda folder, sr: read(folder, 16000), "have 16000 Hz"),
        (lambda folder, sr: read(folder, sr, mono=right_channel), "right channel"),
        (lambda folder, sr: read(folder, sr)[0], "one file only"),
        (uncut, "one array of numbers"),
        (loudest_is_one, "loudest sample"),
    ],
    "6.2": [
        (lambda x, n: cut(x, n, pad=True), "padded"),
        (lambda x, n: cut(x, n, step=n // 2), "overlap"),
        (lambda x, n: cut(x, n, stop=x.shape[1] - n), "one too few"),
        (straddling, "begin in one recording"),
        (in_turn, "first clips of all recordings"),
        (stacked, "two dimensions"),
        (lambda x, n: cut(x, n).T, "one row for each clip"),
        (lambda x, n: x[:, :n], "first clip of each"),
        (lambda x, n: cut(x[:1], n), "of the first recording"),
        (
            lambda x, n: cut(x[:, x.shape[1] % n :], n),
            "beginning of each recording is dropped",
        ),
        (lambda x, n: cut(x, n, step=1), "at each sample"),
        (lambda x, n: x.reshape(-1, n), "stops with ValueError"),
    ],
    "6.3": [
        (table(anomaly_score, all_clips), "heard the test clips"),
        (table(anomaly_score, all_normal_clips), "the normal test clips, too"),
        (table(lambda d, x: d.score_samples(x)), "turn the sign"),
        (table(anomaly_score, end=1), "upper end"),
        (table(lambda d, x: -d.predict(x)), "labels, not scores"),
        (lambda names, *_: [[1.0, 0.5] for _ in names], "a dict"),
        (lambda names, *_: {"other": [1.0, 0.5]}, "one entry for each"),
        (
            lambda names, *data: {
                k: v[::-1] for k, v in table(anomaly_score)(names, *data).items()
            },
            "comes second",
        ),
        (
            lambda names, *data: {
                k: v[0] for k, v in table(anomaly_score)(names, *data).items()
            },
            "AUC alone",
        ),
        (table(anomaly_score, only_test_clips), "fitted to the test clips"),
        (
            lambda names, *data: {
                k: np.multiply(100, v)
                for k, v in table(anomaly_score)(names, *data).items()
            },
            "in percent",
        ),
    ],
    "6.4": [
        (watch("mahalanobis", known=True), "clips that the detector knows"),
        (watch("mahalanobis", on_new=True), "taken from the new clips"),
        (watch("mahalanobis", sign=-1), "the wrong way round"),
        (watch("level"), "nearly deaf"),
        (
            lambda normal, new, sr, *_: (
                make_detector("mahalanobis", sr=sr).fit(normal).predict(new) == -1
            ),
            "however many are accepted",
        ),
        (
            lambda normal, new, sr, *_: anomaly_score(
                make_detector("level", sr=sr).fit(normal), new
            ),
            "True or False for each",
        ),
        (lambda normal, new, *_: np.zeros(len(new), dtype=bool), "no clip raises"),
        (lambda normal, new, *_: np.ones(len(new), dtype=bool), "every clip raises"),
        (lambda normal, new, *_: np.flatnonzero(np.ones(len(new))), "and is int64"),
    ],
    "6.5": [
        (lambda clips: [0, "a"], "the *lowest* scores"),
        (lambda clips: [0, "b, c, d"], "less than half of the time"),
        (lambda clips: [0, "b"], "catches the click in each band"),
        (lambda clips: [0, "d"], "whether above or below"),
        (lambda clips: [0, "abcd"], "decided nothing"),
    ],
    "6.6": [
        (lambda clips: [0, "b"], "another day"),
        (lambda clips: [0, "d"], "also heard the window"),
        (lambda clips: [0, "a, c, e"], "not what causes it"),
        (lambda clips: [1, ["a"]], "cut from the same two recordings"),
        (lambda clips: [0, "a"], "with the paper alone"),
        (lambda clips: [0, "c"], "paper was never there"),
    ],
    "6.7": [
        (told_by(alarms=np.greater_equal), "just at the threshold"),
        (told_by(alarms=lambda s, t: ~(s <= t)), "clips without a score"),
        (told_by(alarms=lambda s, t: ~(s > t)), "raise none"),
        (told_by(promise=lambda allowed, best: allowed), "so few recordings"),
        (told_by(promise=min), "no better than what was asked for"),
        (told_by(of_all=0), "the new one counts"),
        (told_by(a_day="allowed"), "not those that were asked for"),
        (told_by(day=3600), "of an hour"),
        (told_by(a_day="all"), "all clips of a day"),
        (told_by(short=1), "one fewer"),
        (lambda *_: [1, 2, 3], "list of four numbers"),
    ],
    "6.8": [
        (lambda clips: [0, evidence(answers=[0, 0.1, 4320, 9])], "too low"),
        (lambda clips: [0, evidence(simulated=True)], "that your number makes"),
        (lambda clips: [0, evidence(levels=[-30, -30, -31, -29])], "copies"),
        (lambda clips: [0, evidence(levels=[-30, -31])], "show hardly"),
        (lambda clips: [0, evidence(levels=[-30, -31, -29])], "promise was made"),
        (lambda clips: [0, evidence(trained_on=[-42, -40])], "from other recordings"),
        (lambda clips: [0, evidence(told={"clips": 9})], "scores of 4"),
        (
            lambda clips: [0, evidence(told=evidence()["told"] | {"alarms": 2})],
            "counts 2 alarms",
        ),
        (
            lambda clips: [
                0,
                evidence(told=evidence()["told"] | {"promised_rate": 0.1}),
            ],
            "promises 0.1",
        ),
        (lambda clips: [0, {"answers": [1, 2, 3, 4]}], "`evidence`"),
        (lambda clips: [0, "b"], "should be a dict"),
    ],
}
