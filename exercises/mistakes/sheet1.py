"""Typical wrong answers to sheet 1, each with a part of the sentence it must get.

Of a question for a function, the answer is one. Of a question for a value, it is a
function that computes the value from the sheet's clips.
"""

import numpy as np


def _scores(clips, typical=np.median):
    level = 10 * np.log10((clips.audio.astype(float) ** 2).mean(axis=1))
    return np.abs(level - typical(level[clips.is_train]))


def _ends(scores, clips):
    """The abnormal test clips' scores, and the normal ones'."""
    return scores[clips.is_anomaly], scores[~clips.is_anomaly & ~clips.is_train]


def turned_margin(clips):
    abnormal, normal = _ends(_scores(clips), clips)
    return normal.max() - abnormal.min()


def margin_of_means(clips):
    abnormal, normal = _ends(_scores(clips), clips)
    return abnormal.mean() - normal.mean()


def widest_margin(clips):
    abnormal, normal = _ends(_scores(clips), clips)
    return abnormal.max() - normal.min()


def _lowest_and_highest(scores, clips):
    """The abnormal clips' lowest score, and the normal ones' highest."""
    abnormal, normal = _ends(scores, clips)
    return abnormal.min(), normal.max()


def _levels(clips):
    return 10 * np.log10((clips.audio.astype(float) ** 2).mean(axis=1))


def _margin_about(typical, clips):
    low, high = _lowest_and_highest(np.abs(_levels(clips) - typical), clips)
    return low - high


def typical_of_test_clips(clips):
    return _margin_about(np.median(_levels(clips)[~clips.is_train]), clips)


def typical_of_all_clips(clips):
    return _margin_about(np.median(_levels(clips)), clips)


def signed_margin(clips):
    level = _levels(clips)
    low, high = _lowest_and_highest(level - np.median(level[clips.is_train]), clips)
    return low - high


def relative_level(x):
    level = 10 * np.log10((x**2).mean(axis=1))
    return level - level.max()


MISTAKES = {
    "1.1": [
        (lambda audio, sr: len(audio) / sr, "number of clips divided"),
        (lambda audio, sr: audio.shape[1], "counts samples"),
        (lambda audio, sr: sr / audio.shape[1], "upside down"),
        (lambda audio, sr: audio.size / sr, "all clips are together"),
        (lambda audio, sr: audio.shape[1] / 16000, "written in as 16000"),
        (lambda audio, sr: audio.shape[1] / 44100, "written in as 44100"),
        (lambda audio, sr: audio.shape[1] // sr, "rounded down"),
        (lambda audio, sr: 1000 * audio.shape[1] / sr, "milliseconds"),
        (lambda audio, sr: (audio.shape[1] - 1) / sr, "one sample too short"),
        (lambda audio, sr: print(audio.shape[1] / sr), "returns nothing yet"),
        (lambda audio, sr: str(audio.shape[1] / sr), "of the type str"),
        (lambda audio, sr: f"{audio.shape[1] / sr} s".split(), "(texts)"),
        (
            lambda audio, sr: [audio.shape[1] / sr] * len(audio),
            "should have the shape ()",
        ),
        (lambda audio, sr: audio.shape[2] / sr, "stops with IndexError"),
    ],
    "1.2": [
        (lambda x: 10 * np.log10(np.sqrt((x**2).mean(axis=1))), "half of what"),
        (lambda x: 20 * np.log10((x**2).mean(axis=1)), "twice what"),
        (lambda x: 10 * np.log10((x**2).mean(axis=0)), "averages over the clips"),
        (lambda x: 10 * np.log10((x**2).mean()), "one level for all clips"),
        (lambda x: np.sqrt((x**2).mean(axis=1)), "turn it into dB"),
        (lambda x: 20 * np.log(np.sqrt((x**2).mean(axis=1))), "natural logarithm"),
        (lambda x: 20 * np.log10(np.abs(x).mean(axis=1)), "mean of the absolute"),
        (lambda x: 20 * np.log10(np.abs(x).max(axis=1)), "peak level"),
        (lambda x: 20 * np.log10(x.std(axis=1)), "standard deviation in dB"),
        (lambda x: 10 * np.log10((x**2).sum(axis=1)), "adds up the squares"),
        (lambda x: (20 * np.log10(np.abs(x))).mean(axis=1), "mean of the levels"),
        (lambda x: -10 * np.log10((x**2).mean(axis=1)), "sign is turned"),
        (lambda x: np.log10(np.sqrt((x**2).mean(axis=1))), "multiplied by 20"),
        (lambda x: (x**2).mean(axis=1), "mean square itself"),
        (relative_level, "loudest clip is 0 dB"),
    ],
    "1.3": [
        (lambda x, train, faulty: x[~faulty], "those from training are among"),
        (lambda x, train, faulty: x[~train], "the abnormal ones are among"),
        (lambda x, train, faulty: x[~train & faulty], "the abnormal test clips"),
        (lambda x, train, faulty: x[train & ~faulty], "the normal training clips"),
        (lambda x, train, faulty: x[~train | ~faulty], "both must be true"),
        (lambda x, train, faulty: ~train & ~faulty, "this is the mask"),
        (lambda x, train, faulty: np.flatnonzero(~train & ~faulty), "positions"),
        (lambda x, train, faulty: x, "these are all clips"),
        (lambda x, train, faulty: x[train & faulty], "abnormal training clips"),
        (lambda x, train, faulty: x[train ^ faulty], "either for training"),
        (lambda x, train, faulty: x[train == faulty], "two conditions that are"),
        (lambda x, train, faulty: (~train & ~faulty).sum(), "how many there are"),
        (lambda x, train, faulty: x * (~train & ~faulty)[:, np.newaxis], "as zeros"),
        (lambda x, train, faulty: x[~train & ~faulty].T, "turned on its side"),
        (lambda x, train, faulty: x[~train and ~faulty], "stops with ValueError"),
    ],
    "1.4": [
        (lambda train, test: test - np.median(train), "this is signed"),
        (lambda train, test: -np.abs(test - np.median(train)), "other way round"),
        (lambda train, test: np.abs(test - np.median(test)), "test clips' median"),
        (lambda train, test: np.abs(test - train.mean()), "uses the mean"),
        (lambda train, test: np.abs(train - np.median(train)), "the training clips"),
        (
            lambda train, test: np.abs(test - np.sort(train)[len(train) // 2]),
            "upper of the two",
        ),
        (
            lambda train, test: np.abs(test - np.sort(train)[(len(train) - 1) // 2]),
            "lower of the two",
        ),
        (lambda train, test: np.abs(test - train[len(train) // 2]), "come in no order"),
        (lambda train, test: (test - np.median(train)) ** 2, "this is squared"),
        (
            lambda train, test: np.abs(test - np.median(train)) / train.std(),
            "divided by the standard",
        ),
        (
            lambda train, test: np.maximum(test - np.median(train), 0),
            "only clips that are too loud",
        ),
        (
            lambda train, test: np.abs(test - np.median(train)).mean(),
            "one number for all",
        ),
        (lambda train, test: np.median(train), "this is the typical level"),
        (
            lambda train, test: np.abs(test - np.median(np.append(train, test))),
            "training and test clips together",
        ),
    ],
    "1.5": [
        (turned_margin, "the sign is turned"),
        (margin_of_means, "distance between the means"),
        (widest_margin, "widest gap"),
        (lambda clips: _scores(clips), "one number"),
        (
            lambda clips: (
                -np.diff(_lowest_and_highest(_scores(clips, np.mean), clips)).item()
            ),
            "the mean here",
        ),
        (typical_of_test_clips, "that of the test clips"),
        (typical_of_all_clips, "that of all clips"),
        (signed_margin, "keep their sign"),
        (
            lambda clips: (
                2 * -np.diff(_lowest_and_highest(_scores(clips), clips)).item()
            ),
            "twice what",
        ),
        (
            lambda clips: (
                -np.diff(_lowest_and_highest(_scores(clips), clips)).item() / 2
            ),
            "half of it",
        ),
        (
            lambda clips: np.divide(*_lowest_and_highest(_scores(clips), clips)),
            "divides the two",
        ),
        (
            lambda clips: (
                _ends(_scores(clips), clips)[0].min()
                - _ends(_scores(clips), clips)[1].min()
            ),
            "lowest score of both",
        ),
        (lambda clips: str(_scores(clips)[0]), "of the type str"),
    ],
    "1.6": [
        (lambda clips: [0, "a"], "a sum of a product"),
        (lambda clips: [1, "c"], "twice the *power*"),
        (lambda clips: [0, "D"], "as many dB to a faint clip"),
        (lambda clips: [4, "(d)"], "20 times its logarithm"),
        (lambda clips: [0, "b, c"], "choose one letter"),
        (lambda clips: [0, "abcde"], "decided nothing"),
        (lambda clips: [0, "six"], "letters a to e"),
        (lambda clips: "c", "a list of two"),
    ],
    "1.7": [
        (lambda clips: [0, 1], "in clip 1 next to no other sample"),
        (lambda clips: [0, 6], "0 to 5"),
        (lambda clips: [0, "2"], "one finite number"),
    ],
}
