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
# # Sheet 2: from clips to features
#
# Exercises to [chapter 2](../02_features.ipynb). You turn spectrograms into features with a
# few lines of numpy each, and measure how much a good feature is worth.
#
# **How it works**: as in sheet 1. Put your answer in the place of the three dots, run the
# cell and the check below it, and try as often as you like. Your notebook will be marked
# with *other* clips, so compute your answers, don't type numbers in.
#
# **Time**: about 40 minutes. **Points**: 12.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The clips of this sheet, and their log-mel spectrograms: `S` has the shape
# `(n_clips, n_bands, n_frames)` and holds levels in dB.

# %%
import numpy as np

from esa4_helpers import log_mel_spectrogram
from esa4_helpers.exercises import check, exercise_clips

clips = exercise_clips(2)
S = log_mel_spectrogram(clips.audio, clips.sr)
print(S.shape)

# %% [markdown]
# ## 2.1 When is each frame?
#
# *2 points · first steps · trains: telling frames, samples and seconds apart*
#
# A detector finds something odd in frame 57. To listen to it, you need to know when that is.
# Write a function that returns the times of *all* frames of a clip, in seconds: one array,
# from the first frame to the last.
#
# The frames are *centred*. That means: the middle of frame 0 lies at 0 s, and the middle of
# each next frame `hop_length` samples later. As long as its middle lies within the clip, or
# exactly at its end, a frame counts. The time of a frame is that of its middle. (What a frame
# needs from beyond the ends of the clip is filled up with zeros, so its own length does not
# matter here.)
#
# `n_samples` is the number of samples of the clip, `sr` the sample rate in Hz.

# %%
def frame_times(n_samples, sr, hop_length):
    # BEGIN SOLUTION
    frames = np.arange(n_samples // hop_length + 1)
    return frames * hop_length / sr
    # END SOLUTION

# %%
check("2.1", frame_times)

# %% [markdown]
# ## 2.2 From power to level
#
# *1 point · first steps · trains: levels of powers, and what to do with silence*
#
# The level of a power of 1 is 0 dB, and ten times the power is 10 dB more. Silence would have
# a level of minus infinity, and no detector can compute with that. So there is a floor: every
# level below `floor_db` is raised to `floor_db`, and all others stay as they are.
#
# Return the levels in dB. `power` is an array of any shape with numbers of 0 or more, and
# `floor_db` is one number in dB, such as -100. The result has the shape of `power`.

# %%
def power_to_level(power, floor_db):
    # BEGIN SOLUTION
    faintest = 10 ** (floor_db / 10)
    return 10 * np.log10(np.maximum(power, faintest))
    # END SOLUTION

# %%
check("2.2", power_to_level)

# %% [markdown]
# ## 2.3 Between mean and maximum
#
# *2 points · practice · trains: pooling over time, along the right axis*
#
# The mean over time hides a click. The maximum keeps it, but a single odd frame, say a door
# that slams, decides all. A way between the two: in each band, take the mean of the `k`
# *loudest* frames. Each band has loudest frames of its own.
#
# `S` has the shape `(n_clips, n_bands, n_frames)` and holds levels in dB; average these levels
# as they are. `k` is a whole number from 1 to `n_frames`. Return an array of the shape
# `(n_clips, n_bands)`.

# %%
def loudest_frames(S, k):
    # BEGIN SOLUTION
    ranked = np.sort(S, axis=2)
    return ranked[..., -k:].mean(axis=2)
    # END SOLUTION

# %%
check("2.3", loudest_frames)

# %% [markdown]
# ## 2.4 The same scale for all features
#
# *2 points · practice · trains: standardising without looking at the test clips*
#
# A band that varies by 20 dB should not outweigh one that varies by 2 dB. So from each
# feature we subtract its mean, and divide by its standard deviation. But the test clips stand
# for the future: how they are scaled must not depend on them.
#
# `X_train` has the shape `(n_train, n_features)`, `X_test` has the shape
# `(n_test, n_features)`. Return the standardised *test* clips, in the shape of `X_test`. Take the
# standard deviation as `np.std` computes it by default (the sum of squares divided by n).

# %%
def standardise(X_train, X_test):
    # BEGIN SOLUTION
    middle, width = X_train.mean(axis=0), X_train.std(axis=0)
    return (X_test - middle) / width
    # END SOLUTION

# %%
check("2.4", standardise)

# %% [markdown]
# ## 2.5 What is a good feature worth?
#
# *3 points · design · trains: comparing two features fairly*
#
# Now put your functions together, and measure how much clearer the faults show if the
# features keep the click. Do these steps twice, once with the *mean over time* of `S`, and once
# with the *three loudest frames* of your function from 2.3:
#
# 1. Standardise the test clips with the training clips (2.4).
# 2. The *score* of a test clip is the mean, over its features, of their absolute values. It
#    says how far the clip is from a typical one, in standard deviations.
# 3. The *contrast* is the mean score of the abnormal test clips, divided by the mean score of
#    the normal test clips. A contrast of 1 means that they score alike.
#
# The answer is the `advantage`: the contrast with the three loudest frames, divided by the
# contrast with the mean over time. (It uses the labels of the test clips. That is fine for
# understanding what happened, but no way to choose a feature.)

# %%
# BEGIN SOLUTION NO PROMPT
def contrast(pooled):
    z = standardise(pooled[clips.is_train], pooled[~clips.is_train])
    oddness = np.abs(z).mean(axis=1)
    faulty = clips.is_anomaly[~clips.is_train]
    return oddness[faulty].mean() / oddness[~faulty].mean()
# END SOLUTION
advantage = contrast(loudest_frames(S, 3)) / contrast(S.mean(axis=2))  # SOLUTION

# %%
check("2.5", advantage)

# %% [markdown]
# ## 2.6 Five lines, one bug
#
# *2 points · practice · find the bug · trains: checking code line by line*
#
# This function is to say how far each band of a clip sticks out. `S` holds levels of *powers*, in
# dB. In each band, take the mean of the power over time, and its level in dB. Then subtract
# the clip's typical level, which is the median over the bands. The result has the shape
# `(n_clips, n_bands)`, and looks plausible. But one of the five lines is wrong.

# %%
def prominence(S):
    power = 10 ** (S / 20)                                 # line 1
    mean_power = power.mean(axis=2)                        # line 2
    level = 10 * np.log10(mean_power)                      # line 3
    typical = np.median(level, axis=1, keepdims=True)      # line 4
    return level - typical                                 # line 5

# %% [markdown]
# Which one? Try it with clips so small that you know the result. Then write the function as
# it should be. It returns two things: the number of the wrong line, and the right result.
# Its last line is like `return 5, result`, if you think that line 5 is wrong.

# %%
def prominence_repaired(S):
    # BEGIN SOLUTION
    averaged = 10 * np.log10(np.mean(10 ** (S / 10), axis=2))
    return 1, averaged - np.median(averaged, axis=1)[:, np.newaxis]
    # END SOLUTION

# %%
check("2.6", prominence_repaired)
