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
# # Sheet 3: model what is normal
#
# Exercises to [chapter 3](../03_gmm.ipynb). You take density models, AUC and threshold apart,
# and in the end build a detector of your own.
#
# **How it works**: as in sheet 1. Put your answer in the place of the three dots, run the
# cell and the check below it, and try as often as you like. Your notebook will be marked
# with *other* clips, so compute your answers, and type numbers in only where a question
# says so.
#
# **Time**: about 40 minutes. **Points**: 12.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The helpers that you may want for the last question, and clips to try your detector on:
# `clips.train.audio` and `clips.test.audio` have one row for each clip, `clips.sr` is the sample
# rate in Hz, and `clips.test.is_anomaly` says which test clips are abnormal.

# %%
import numpy as np

from esa4_helpers import (
    GMMDetector, KNNDetector, MahalanobisDetector, PoolOverTime, anomaly_score, auc,
    log_mel_spectrogram, make_synthetic_dataset, pool_over_time,
)
from esa4_helpers.exercises import check

clips = make_synthetic_dataset(
    25, 15, 20, sr=16000, kinds=("weak click", "squeak", "missing click", "squeak")
)
print(clips.train.audio.shape, clips.test.audio.shape, clips.sr)

# %% [markdown]
# ## 3.1 How much does the model want to know?
#
# *1 point · first steps · trains: counting the unknowns of a Gaussian mixture*
#
# Before you trust a model, compare its unknowns with the data that you have. Write a function
# that returns how many numbers must be estimated for a Gaussian mixture with *full*
# covariance matrices. `n_components` is the number of Gaussians, two or more, and
# `n_features` the number of features.
#
# Three things to think of: a covariance matrix is symmetric, so half of what is off its
# diagonal is known from the other half. Each Gaussian has a mean for each feature. And each
# Gaussian has a weight, but the weights add up to 1, so the last one follows from the others.

# %%
def count_unknowns(n_components, n_features):
    # BEGIN SOLUTION
    covariances = n_features * (n_features + 1) // 2
    return n_components * (n_features + covariances + 1) - 1
    # END SOLUTION

# %%
check("3.1", count_unknowns)

# %% [markdown]
# ## 3.2 From a Gaussian to a score
#
# *2 points · practice · trains: log-likelihood and its sign as an anomaly score*
#
# One Gaussian with a *diagonal* covariance matrix is the simplest density model. The
# natural logarithm of the density of one feature $x$ with mean $\mu$ and variance
# $\sigma^2$ is
#
# $$\log p(x) = -\frac{1}{2} \log(2 \pi \sigma^2) - \frac{(x - \mu)^2}{2 \sigma^2}.$$
#
# The model takes features to be independent, so the log-densities of a clip's features are
# added up. That sum is the log-likelihood of the clip, high for clips that look normal. An
# *anomaly score* must be the other way round: return *minus* the log-likelihood.
#
# `X` has the shape `(n_clips, n_features)`; `mean` and `variance` have one number for each
# feature. Return one score for each clip.

# %%
def gaussian_score(X, mean, variance):
    # BEGIN SOLUTION
    stretched = (X - mean) ** 2 / variance
    return (stretched + np.log(2 * np.pi * variance)).sum(axis=1) / 2
    # END SOLUTION

# %%
check("3.2", gaussian_score)

# %% [markdown]
# ## 3.3 What the AUC counts
#
# *2 points · first steps · trains: reading the AUC as a share of pairs*
#
# An AUC needs no threshold and no curve. Form all pairs of one abnormal and one normal clip.
# The AUC is the share of the pairs in which the abnormal clip scores higher. Where both score
# the same, the pair counts half. Compute it yourself, without `auc`.
#
# The arguments hold the scores of the abnormal clips and those of the normal clips. There
# may be more of one sort. Return one number between 0 and 1.

# %%
def share_of_pairs(abnormal_scores, normal_scores):
    # BEGIN SOLUTION
    ahead = abnormal_scores[:, np.newaxis] - normal_scores
    return ((ahead > 0) + (ahead == 0) / 2).mean()
    # END SOLUTION

# %%
check("3.3", share_of_pairs)

# %% [markdown]
# ## 3.4 Raise the alarm
#
# *2 points · practice · trains: a threshold that is set by training clips alone*
#
# In a factory, a score must become a decision. Set the threshold so that a given share of
# the *training* clips scores above it, with the help of `np.quantile` as it is by default.
# With a `share` of 0.1, this is one training clip in ten. A clip whose score lies above
# the threshold raises an alarm.
#
# Return the alarms of the *test* clips: an array of True (alarm) and False, one for each test
# clip.

# %%
def alarms(train_scores, test_scores, share):
    # BEGIN SOLUTION
    limit = np.quantile(train_scores, 1 - share)
    return test_scores > limit
    # END SOLUTION

# %%
check("3.4", alarms)

# %% [markdown]
# ## 3.5 Your own detector
#
# *3 points · design · trains: building a detector that hears more than one fault*
#
# Build a whole detector: from audio to scores. `train_audio` has the shape
# `(n_train, n_samples)` and holds normal clips only. `test_audio` has the shape
# `(n_test, n_samples)`, and `sr` is the sample rate in Hz. Return one anomaly score for each
# *test* clip, higher for more anomalous. You may use everything that you know from the
# chapters.
#
# The check makes new clips of a valve and asks for three things:
#
# - clips with a weak or missing click are told from normal ones with an AUC of 0.95 or more;
# - clips with a squeak, which is a soft tone, with an AUC of 0.75 or more;
# - the score of a test clip is the same each time, and whatever other test clips there are.
#   (If a detector has a parameter `random_state`, set it.)
#
# There are no labels to look at, as in a real factory. To try your detector, run
# `auc(clips.test.is_anomaly, detect(clips.train.audio, clips.test.audio, clips.sr))`
# in a cell of your own. Marking makes other clips, on which the AUC will be a little better or
# worse, so leave a margin: look at clips of several seeds (`make_synthetic_dataset` has a
# parameter `seed`), and aim for 0.9.

# %%
def detect(train_audio, test_audio, sr):
    # BEGIN SOLUTION
    pool = PoolOverTime(("max", "p95"))
    known = pool.transform(log_mel_spectrogram(train_audio, sr))
    unknown = pool.transform(log_mel_spectrogram(test_audio, sr))
    return anomaly_score(MahalanobisDetector().fit(known), unknown)
    # END SOLUTION

# %%
check("3.5", detect)

# %% [markdown]
# ## Your own number
#
# Answers that are typed in are not marked with other clips. So choose a number of your
# own, as in sheet 1, before you answer what follows. An answer is a list of it and of what
# you have found, such as `[my_number, "b"]`.

# %%
my_number = 1234

# %% [markdown]
# ## 3.6 Labels at random
#
# *1 point · first steps · predict · trains: what an AUC says of a detector that knows nothing*
#
# A detector has ranked 20 normal and 20 abnormal clips perfectly, with an AUC of 1. Now you
# shuffle the *labels* and leave the scores as they are, compute the AUC again, and do this
# 300 times. What do these AUCs look like? Decide before you run anything.

# %%
options = [
    "all are 0: every pair is in the wrong order now",
    "they scatter around 0.5, and few are below 0.3 or above 0.7",
    "they scatter around 1, as the scores are still those of a perfect detector",
    "all are just 0.5, as nobody can rank random labels",
    "they take all values from 0 to 1 equally often",
]
for letter, option in zip("abcde", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %%
shuffled = [my_number, "a"]  # SOLUTION

# %%
check("3.6", shuffled)

# %% [markdown]
# Now compare:

# %%
rng = np.random.default_rng(my_number)
labels, scores = np.arange(40) < 20, -np.arange(40.0)
by_chance = [auc(rng.permutation(labels), scores) for _ in range(300)]
print(f"with the right labels {auc(labels, scores):.2f}, shuffled {np.mean(by_chance):.2f} "
      f"on average, 95 % of them from {np.quantile(by_chance, 0.025):.2f} to "
      f"{np.quantile(by_chance, 0.975):.2f}")

# %% [markdown]
# ## 3.7 Read the curve
#
# *1 point · practice · read a plot · trains: from an ROC curve to what a threshold achieves*
#
# One false alarm in ten normal clips is what the people at the machine accept. Which share of
# the abnormal clips raises an alarm then? Read it from the curve, to within 0.04.

# %%
import matplotlib.pyplot as plt

from esa4_helpers import plot_roc

rng = np.random.default_rng(my_number)
labels = np.arange(95) < 50
curve = plot_roc(labels, rng.normal(1.8 * labels))
curve.set(xticks=np.linspace(0, 1, 11), yticks=np.linspace(0, 1, 11))
curve.grid(True)

# %%
share_found = [my_number, 0.52]  # SOLUTION

# %%
check("3.7", share_found)
