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
# # Sheet 1: know your clips
#
# Exercises to [chapter 1](../01_dataset.ipynb). You measure clips with a few lines of numpy
# each, and end with a detector that needs no learning at all.
#
# **How it works**: each question has a cell with three dots, `...`. Put your answer in
# their place, run the cell, then run the check below it. The check tells you at once whether
# you are right, and if not, what may have gone wrong. You can try as often as you like. The
# checks use made-up clips, so everything works offline. Hand in the notebook as it is; it
# will be run again with *other* clips, so compute your answers, don't type numbers in.
#
# **Time**: about 30 minutes. **Points**: 8.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The clips of this sheet: `clips.audio` has one row for each clip, `clips.sr` is the sample
# rate in Hz; `clips.is_train` and `clips.is_anomaly` say what each clip is.

# %%
import numpy as np

from esa4_helpers.exercises import check, exercise_clips

clips = exercise_clips(1)
print(clips.audio.shape, clips.sr)

# %% [markdown]
# ## 1.1 How long is a clip?
#
# *1 point · first steps · trains: telling clips, samples and seconds apart*
#
# Write a function that takes an array of clips of shape `(n_clips, n_samples)` and their sample
# rate in Hz, and returns how long each clip is, in seconds. One number, as all clips in an
# array are equally long.

# %%
def duration(audio, sr):
    # BEGIN SOLUTION
    return audio.shape[1] / sr
    # END SOLUTION

# %%
check("1.1", duration)

# %% [markdown]
# ## 1.2 How loud is it?
#
# *2 points · first steps · trains: levels in dB*
#
# The *RMS level* of a clip says how loud it is over its whole length: **s**quare the samples,
# take their **m**ean, take the **r**oot, and turn this pressure into dB: 20 times the logarithm to
# the base 10. Full scale, 1.0, is 0 dB. Return one level for each clip.

# %%
def rms_level(audio):
    # BEGIN SOLUTION
    rms = np.sqrt((audio**2).mean(axis=1))
    return 20 * np.log10(rms)
    # END SOLUTION

# %%
check("1.2", rms_level)

# %% [markdown]
# ## 1.3 Pick the right clips
#
# *1 point · first steps · trains: selecting clips with boolean arrays*
#
# To set a threshold one looks at clips that are normal and that the detector has *not* been
# trained on. Return these rows of `audio`. `is_train` and `is_anomaly` are boolean arrays with one
# entry for each clip.

# %%
def normal_test_clips(audio, is_train, is_anomaly):
    # BEGIN SOLUTION
    return audio[~(is_train | is_anomaly)]
    # END SOLUTION

# %%
check("1.3", normal_test_clips)

# %% [markdown]
# ## 1.4 A detector in one line
#
# *2 points · practice · trains: two-sided anomaly scores, learnt from training clips only*
#
# A broken machine may be too loud or too quiet. Take the *median* level of the training
# clips as the typical one, and return for each test clip how far its level is from that, in
# dB: the further, the more anomalous, whether above or below.

# %%
def level_score(train_level, test_level):
    # BEGIN SOLUTION
    typical_level = np.median(train_level)
    return np.abs(test_level - typical_level)
    # END SOLUTION

# %%
check("1.4", level_score)

# %% [markdown]
# ## 1.5 By how much?
#
# *2 points · design · trains: putting a detector together, and asking how close it was*
#
# Use your functions on the clips of this sheet: score all test clips by their RMS level. A
# perfect ranking has every abnormal clip above every normal one, but by how much? Compute the
# *margin*: the lowest score of an abnormal test clip minus the highest score of a normal one,
# in dB. (If it is negative, the ranking was not perfect.)

# %%
# BEGIN SOLUTION NO PROMPT
level = rms_level(clips.audio)
score = level_score(level[clips.is_train], level[~clips.is_train])
faulty = clips.is_anomaly[~clips.is_train]
# END SOLUTION
margin = score[faulty].min() - score[~faulty].max()  # SOLUTION

# %%
check("1.5", margin)
