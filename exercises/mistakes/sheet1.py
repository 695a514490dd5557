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


MISTAKES = {
    "1.1": [
        (lambda audio, sr: len(audio) / sr, "number of clips divided"),
        (lambda audio, sr: audio.shape[1], "counts samples"),
        (lambda audio, sr: sr / audio.shape[1], "upside down"),
    ],
    "1.2": [
        (lambda x: 10 * np.log10(np.sqrt((x**2).mean(axis=1))), "half of what"),
        (lambda x: 20 * np.log10((x**2).mean(axis=1)), "twice what"),
        (lambda x: 10 * np.log10((x**2).mean(axis=0)), "averages over the clips"),
        (lambda x: 10 * np.log10((x**2).mean()), "one level for all clips"),
        (lambda x: np.sqrt((x**2).mean(axis=1)), "turn it into dB"),
        (lambda x: 20 * np.log(np.sqrt((x**2).mean(axis=1))), "natural logarithm"),
        (lambda x: 20 * np.log10(np.abs(x).mean(axis=1)), "mean of the absolute"),
    ],
    "1.3": [
        (lambda x, train, faulty: x[~faulty], "those from training are among"),
        (lambda x, train, faulty: x[~train], "the abnormal ones are among"),
        (lambda x, train, faulty: x[~train & faulty], "the abnormal test clips"),
        (lambda x, train, faulty: x[train & ~faulty], "the normal training clips"),
        (lambda x, train, faulty: x[~train | ~faulty], "both must be true"),
        (lambda x, train, faulty: ~train & ~faulty, "this is the mask"),
        (lambda x, train, faulty: np.flatnonzero(~train & ~faulty), "positions"),
    ],
    "1.4": [
        (lambda train, test: test - np.median(train), "this is signed"),
        (lambda train, test: -np.abs(test - np.median(train)), "other way round"),
        (lambda train, test: np.abs(test - np.median(test)), "test clips' median"),
        (lambda train, test: np.abs(test - train.mean()), "uses the mean"),
        (lambda train, test: np.abs(train - np.median(train)), "the training clips"),
    ],
    "1.5": [
        (turned_margin, "the sign is turned"),
        (margin_of_means, "distance between the means"),
        (widest_margin, "widest gap"),
        (lambda clips: _scores(clips), "one number"),
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
