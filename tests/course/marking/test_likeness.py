"""Which submissions are called alike, and which are not."""

from __future__ import annotations

import re

import pytest
from marking.grading import Grade
from marking.likeness import alike, shapes
from submissions import SOURCES

from esa4_helpers.exercises import SHEETS

# Five who answered sheet 1 on their own; the short ways are everybody's.
HONEST = {
    "ada": """
def duration(audio, sr):
    return audio.shape[-1] / sr

def rms_level(audio):
    power = np.mean(np.square(audio), axis=1)
    return 10 * np.log10(power)

def normal_test_clips(audio, is_train, is_anomaly):
    keep = np.logical_and(~is_train, ~is_anomaly)
    return audio[keep]

def level_score(train_level, test_level):
    return abs(test_level - np.median(train_level))

levels = rms_level(clips.audio)
is_test = ~clips.is_train
scores = level_score(levels[clips.is_train], levels[is_test])
bad = clips.is_anomaly[is_test]
margin = np.min(scores[bad]) - np.max(scores[~bad])
""",
    "bo": """
def duration(audio, sr):
    n_clips, n_samples = audio.shape
    return n_samples / sr

def rms_level(audio):
    return 20 * np.log10(np.sqrt(np.mean(audio**2, axis=1)))

def normal_test_clips(audio, is_train, is_anomaly):
    return audio[(~is_train) & (~is_anomaly)]

def level_score(train_level, test_level):
    typical = np.median(train_level)
    return np.abs(test_level - typical)

train = rms_level(clips.audio[clips.is_train])
test = rms_level(clips.audio[~clips.is_train])
s = level_score(train, test)
a = clips.is_anomaly[~clips.is_train]
margin = s[a].min() - s[a == False].max()
""",
    "cy": """
def duration(audio, sr):
    return len(audio[0]) / sr

def rms_level(audio):
    levels = []
    for clip in audio:
        levels.append(20 * np.log10(np.sqrt(np.mean(clip**2))))
    return np.array(levels)

def normal_test_clips(audio, is_train, is_anomaly):
    return audio[~is_train & ~is_anomaly]

def level_score(train_level, test_level):
    m = np.median(train_level)
    distance = test_level - m
    return np.where(distance < 0, -distance, distance)

all_levels = rms_level(clips.audio)
sc = level_score(all_levels[clips.is_train], all_levels)
abnormal = sc[clips.is_anomaly & ~clips.is_train]
normal = sc[~clips.is_anomaly & ~clips.is_train]
margin = abnormal.min() - normal.max()
""",
    "dee": """
def duration(audio, sr):
    return audio.shape[1] / sr

def rms_level(audio):
    rms = np.sqrt(np.mean(audio**2, axis=1))
    return 20 * np.log10(rms)

def normal_test_clips(audio, is_train, is_anomaly):
    return audio[~is_train & ~is_anomaly]

def level_score(train_level, test_level):
    return np.abs(test_level - np.median(train_level))

level = rms_level(clips.audio)
score = level_score(level[clips.is_train], level[~clips.is_train])
anomaly = clips.is_anomaly[~clips.is_train]
margin = score[anomaly].min() - score[~anomaly].max()
""",
    "eve": """
def duration(audio, sr):
    return audio.shape[1] / sr

def rms_level(audio):
    rms = np.sqrt(np.mean(audio**2, axis=1))
    return 20 * np.log10(rms)

def normal_test_clips(audio, is_train, is_anomaly):
    mask = ~is_train & ~is_anomaly
    return audio[mask]

def level_score(train_level, test_level):
    median = np.median(train_level)
    return np.abs(test_level - median)

level = rms_level(clips.audio)
test_scores = level_score(level[clips.is_train], level[~clips.is_train])
is_bad = clips.is_anomaly[~clips.is_train]
margin = test_scores[is_bad].min() - test_scores[~is_bad].max()
""",
}


def row(student: str, *code: str, sheet: int = 1) -> Grade:
    return Grade("", student, sheet, code=["import numpy as np", *code])


def disguised(code: str) -> str:
    """The same with other names and constants, comments, docstrings and type hints."""
    code = re.sub(r"(def .*):\n", r'\1 -> "float":\n    "Mine."\n', code)
    for name in ("audio", "power", "keep", "levels", "is_test", "scores", "bad", "rms"):
        code = re.sub(rf"(?<!\.)\b{name}\b", f"my_{name}", code)
    code = re.sub(r"\b(10|20)\b", "30", code).replace("np.", "numpy.")
    return "import numpy\n# All my own work\n" + code.replace("\n\n", "\n  # so\n\n")


def of_pairs(rows: list[Grade]) -> set[str]:
    return {f"{pair.first} {pair.second}" for pair in alike(rows)}


def test_honest_answers_to_short_questions_are_not_alike():
    assert of_pairs([row(name, code) for name, code in HONEST.items()]) == set()


@pytest.mark.parametrize("name", ["ada", "bo", "cy"])
def test_a_copy_in_disguise_is_alike(name):
    rows = [row(other, code) for other, code in HONEST.items()]
    rows.append(row("zoe", disguised(HONEST[name])))
    (pair,) = alike(rows)
    assert (pair.first, pair.second) == (name, "zoe")
    assert pair.likeness > 0.95


@pytest.mark.parametrize("sheet", SHEETS)
def test_what_is_published_makes_nobody_alike(sheet):
    text = SOURCES[sheet].read_text(encoding="utf-8")
    code = [part for part in text.split("# %%") if "[markdown]" not in part]
    assert shapes(code)
    assert alike([row("ada", *code, sheet=sheet), row("bo", *code, sheet=sheet)]) == []


def test_one_student_is_not_compared_with_themselves():
    assert alike([row("ada", HONEST["ada"]), row("ada", HONEST["ada"])]) == []


@pytest.mark.parametrize(
    "odd",
    ["x = (", "\0", "-" * 99_999 + "1", "a" + ".b" * 40_000, "\udcff", "x" * 10**6],
)
def test_code_that_cannot_be_read_is_passed_over(odd):
    assert alike([row("ada", odd), row("bo", odd)]) == []


def test_magic_lines_do_not_hide_the_rest():
    assert shapes(["%matplotlib inline\n!ls\nx = np.mean(a[b], axis=1) + c"])


def test_a_cell_of_empty_lines_holds_nobody_up():
    # Minutes, once: each line was compared with all that follow.
    assert shapes(["x = [1, 2, 3, 4, 5]" + "\n" * 99_000])
