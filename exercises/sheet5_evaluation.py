# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,mystnb,-all
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
# # ASSIGNMENT CONFIG
# config_file: otter.yml

# %% [markdown]
# # Sheet 5: promise only what you can keep
#
# Exercises to [chapter 5](../05_evaluation.ipynb). You compute by hand what the chapter took
# from the package, and end with a detector that keeps its promise about false alarms.
#
# **How it works**: as in [sheet 1](sheet1_dataset.ipynb). Put your answers in the place of the
# dots and run the checks, as often as you like; when the sheet is marked, your functions are
# called with other numbers.
#
# **Time**: about 45 minutes. **Points**: 16.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# `combinations(range(4), 2)` lists all ways to pick 2 of the numbers 0 to 3, as tuples; `ceil`
# rounds up to a whole number. You will need them.

# %%
from itertools import combinations
from math import ceil

import numpy as np

from esa4_helpers.exercises import check

# %% [markdown]
# ## 5.1 What are the alarms worth?
#
# *2 points · first steps · trains: precision, recall and F1*
#
# Someone has to walk to the machine for each alarm, and each anomaly without an alarm may break
# it. Count both. A clip raises an alarm if its score is **above** the threshold; a score equal
# to it raises none. `is_anomaly` is a boolean array, `scores` has one score for each clip.
# Return a tuple of three numbers between 0 and 1:
#
# 1. the *precision*: which share of the alarms is about abnormal clips;
# 2. the *recall*: which share of the abnormal clips raises an alarm;
# 3. *F1*, their harmonic mean: twice their product, divided by their sum.
#
# You can rely on at least one alarm being right.

# %%
def alarm_quality(is_anomaly, scores, threshold):
    # BEGIN SOLUTION
    flagged = scores > threshold
    hits = np.sum(flagged & is_anomaly)
    share_right, share_found = hits / flagged.sum(), hits / is_anomaly.sum()
    return share_right, share_found, 2 * hits / (flagged.sum() + is_anomaly.sum())
    # END SOLUTION

# %%
check("5.1", alarm_quality)

# %% [markdown]
# ## 5.2 Could it be luck?
#
# *3 points · practice · trains: an exact p-value by trying all possibilities*
#
# With few test clips, even a detector that guesses may rank them well. How often? Look at all
# pairs of an abnormal and a normal clip. A pair is *won* if the abnormal clip has the higher
# score. A guessing detector knows nothing about which clips are abnormal, so any other choice
# of clips could just as well have been the abnormal ones.
#
# You get the scores of the normal and of the abnormal test clips, two arrays; no two scores are
# equal. Put all clips together and go through **all** ways to pick as many clips as there are
# abnormal ones. For each way, call the picked clips abnormal and the others normal, and count
# the pairs that are won. Return the *p-value*: the share of ways that win **at least as many**
# pairs as the real choice does. (The real choice is one of the ways and counts, too.)

# %%
def luck(normal, abnormal):
    # BEGIN SOLUTION
    def n_won(a, b):
        return np.sum(a[:, np.newaxis] > b)

    together = np.append(normal, abnormal)
    as_good = []
    for picked in combinations(range(len(together)), len(abnormal)):
        chance = n_won(together[list(picked)], np.delete(together, picked))
        as_good.append(chance >= n_won(abnormal, normal))
    return np.mean(as_good)
    # END SOLUTION

# %%
check("5.2", luck)

# %% [markdown]
# ## 5.3 A threshold with a promise
#
# *2 points · practice · trains: conformal thresholds, and when there is none*
#
# "At most 10 % false alarms" is a promise to the people who have to get up at night. `held_out`
# are the anomaly scores of $n$ normal clips that the detector was *not* fitted to, and `rate`
# is the highest false-alarm rate to allow, such as 0.1. A new normal clip is equally likely to
# land in each of the $n + 1$ places between, below and above the $n$ scores. So the $k$-th
# smallest of them, with $k = \lceil (1 - \text{rate})\,(n + 1) \rceil$ (the brackets mean
# rounding up), is exceeded with a probability of at most `rate`. Return it.
#
# If $n$ is too small for the rate, $k$ is larger than $n$. Then only one threshold keeps the
# promise, by never raising an alarm: return `np.inf`.

# %%
def promised_threshold(held_out, rate):
    # BEGIN SOLUTION
    rank = ceil((1 - rate) * (len(held_out) + 1))
    return np.sort(held_out)[rank - 1] if rank <= len(held_out) else np.inf
    # END SOLUTION

# %%
check("5.3", promised_threshold)

# %% [markdown]
# ## 5.4 An honest report
#
# *2 points · practice · trains: choosing a setting without looking at the test clips*
#
# You tried many settings of a network, each with several seeds. Whoever picks the setting with
# the best *test* result reports luck as skill: among many settings, one is good on these few
# clips by chance. So choose on one set of labelled clips, *validation*, and report on another,
# *test*.
#
# `validation` and `test` hold AUCs, in the shape `(n_settings, n_seeds)`. Choose the setting
# with the highest **mean** validation AUC over its seeds. Of the **test** AUCs of this setting,
# return a tuple of three numbers: mean, minimum, and standard deviation over the seeds, with
# `ddof=1`, as a few seeds stand for all that one might have taken.

# %%
def honest_report(validation, test):
    # BEGIN SOLUTION
    chosen = test[validation.mean(axis=1).argmax()]
    return chosen.mean(), chosen.min(), chosen.std(ddof=1)
    # END SOLUTION

# %%
check("5.4", honest_report)

# %% [markdown]
# ## 5.5 Keep the promise
#
# *3 points · design · trains: a detector and its threshold, from normal clips alone*
#
# Put it together. `train` holds features of about 30 normal clips, one row for each; `new`
# those of clips that nobody has labelled. Both have the same 12 to 14 columns. Return a boolean
# array with one entry for each new clip: True for an alarm. The detector is up to you, from a
# line of numpy to scikit-learn. The check tries it on some hundred made-up machines. They differ:
# some are restless, so that a few normal clips vary far more than the others, and of some, one
# training clip is far off. It asks that
#
# - at most 12 % of their new normal clips raise an alarm (13.5 % of those of restless machines).
#   Aim for 10 % (`rate=0.1`); the rest allows for chance;
# - of three sorts of abnormal clips, each raises an alarm in at least 90 % of cases: clips with
#   all features too high, with all too low, and with wrong values only in features whose
#   numbers are small. (The columns have different units: one may vary by 0.01 and another by
#   100.)
# - the answer for a clip does not depend on the other clips in `new`. If you draw random
#   numbers, set a seed.
#
# A hint: as in the chapter, fit to a part of the training clips, score the others, and take
# turns; then use your function of 5.3.

# %%
def raise_alarm(train, new):
    # BEGIN SOLUTION
    def distance(known, rows):
        z = (rows - known.mean(axis=0)) / known.std(axis=0)
        return np.mean(z**2, axis=1)

    turn = np.arange(len(train)) % 5
    unseen = [distance(train[turn != i], train[turn == i]) for i in range(5)]
    return distance(train, new) > promised_threshold(np.concatenate(unseen), 0.1)
    # END SOLUTION

# %%
check("5.5", raise_alarm)

# %% [markdown]
# ## 5.6 Five lines, one bug
#
# *2 points · practice · find the bug · trains: noticing where test clips leak into a detector*
#
# This function is to be the simplest of all detectors. `train` has the levels of normal clips, in
# dB, and `new` those of clips to be judged. The score of a clip says how far its level is from
# the typical one of the normal clips. The threshold is such that the given share of the
# *training* clips scores above it. Returned is the share of the new clips that raise an alarm.
# One of the five lines is wrong. On most data nobody notices.

# %%
def share_of_alarms(train, new, share):
    typical = np.median(np.append(train, new))             # line 1
    known = np.abs(train - typical)                        # line 2
    scores = np.abs(new - typical)                         # line 3
    limit = np.quantile(known, 1 - share)                  # line 4
    return np.mean(scores > limit)                         # line 5

# %% [markdown]
# Ask of each line which clips it may know. Then write the function as it should be. It
# returns two things: the number of the wrong line, and the right share. Its last line is like
# `return 5, result`, if you think that line 5 is wrong.

# %%
def share_repaired(train, new, share):
    # BEGIN SOLUTION
    usual = np.median(train)
    boundary = np.quantile(np.abs(train - usual), 1 - share)
    return 1, np.mean(np.abs(new - usual) > boundary)
    # END SOLUTION

# %%
check("5.6", share_repaired)

# %% [markdown]
# ## Your own number
#
# Answers that are typed in are not marked with other clips. So choose a number of your
# own, as in sheet 1, before you answer what follows. An answer is a list of it and of what
# you have found, such as `[my_number, "b"]`.

# %%
my_number = 1234

# %% [markdown]
# ## 5.7 Would you sign this?
#
# *2 points · design · referee · trains: objections that hold, and those that don't*
#
# You are to referee this: "We tried 40 settings of our detector on the same 10 normal and 10
# abnormal clips. The best setting reaches an AUC of 0.97, where the other group's detector, on
# the same clips, has 0.93. So ours is better, and in the factory it will raise an alarm for 97 %
# of all faults."
#
# Which of these objections hold? There may be one or several; each wrong one would
# embarrass you.

# %%
options = [
    "the best of 40 settings was chosen by the clips that its AUC is reported for",
    "in a factory faults are much rarer than here, and then the AUC of a detector drops",
    "with 10 clips of each sort, 0.97 and 0.93 are no more apart than luck can explain",
    "an AUC depends on the threshold, and the report names none",
    "an AUC is not the share of faults that raise an alarm: that needs a threshold",
    "the abnormal clips should have been used for training, too: an AUC needs both sorts",
]
for letter, option in zip("abcdef", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %% [markdown]
# Several letters go into one text, as in `[my_number, "a, b"]`.

# %%
objections = [my_number, "a, c, e"]  # SOLUTION

# %%
check("5.7", objections)

# %% [markdown]
# **To try, without points**: in 5.5, take the threshold from the training clips that the
# detector was fitted to, and count. How much worse does it get for a detector that learns more
# numbers?
