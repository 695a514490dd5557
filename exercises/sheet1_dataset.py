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
# will be run again with *other* clips, so compute your answers, and type numbers in only
# where a question says so.
#
# **Time**: about 40 minutes. **Points**: 10.

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

# %% [markdown]
# ## What do you expect, and what do you see?
#
# The last two questions ask for no code. You type in what you expect or see, so these answers
# are *not* marked with other clips. Instead, everybody gets a figure or an order of their own:
# choose a number, the last four digits of your student number, say. An answer is a list of
# that number and of what you have found, such as `[my_number, "b"]`. Choose the number first:
# with another one, the answers are others.

# %%
my_number = 1234

# %% [markdown]
# ## 1.6 Twice as large
#
# *1 point · first steps · predict · trains: what a factor does to a level*
#
# All samples of a clip are multiplied by 2. What becomes of its RMS level in dB? Decide
# *before* you measure: which of these is true?

# %%
options = [
    "the level doubles: from 20 dB to 40 dB, or from -30 dB to -60 dB",
    "the level rises by about 3 dB",
    "the level rises by about 6 dB",
    "that depends on how loud the clip was before",
    "the level rises by 2 dB",
]
for letter, option in zip("abcde", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %% [markdown]
# Your answer: `[my_number, "?"]`, with a letter in the place of the question mark.

# %%
change = [my_number, "b"]  # SOLUTION

# %%
check("1.6", change)

# %% [markdown]
# Now measure. The first column of `level` is the RMS level in dB:

# %%
from esa4_helpers import level as measure

print((measure(2 * clips.audio) - measure(clips.audio))[:5, 0])

# %% [markdown]
# ## 1.7 Which one is clipped?
#
# *1 point · practice · read a plot · trains: seeing that a recording was too loud*
#
# A recorder has a largest value. What is louder is cut off to just that value: the recording
# is *clipped*, and sounds harsh. One of these six clips was recorded with half the largest
# value that it needed. All are shown around their loudest moment, and scaled so that their
# largest sample is 1 or -1: how loud they are gives nothing away. Which one is it?

# %%
import matplotlib.pyplot as plt

mine = exercise_clips(1, my_number)
six = mine.train.audio[:6].copy()
peaks = np.abs(six).max(axis=1)
harsh = six[peaks.argmax()]
harsh[:] = np.clip(harsh, -peaks.max() / 2, peaks.max() / 2)

figure, panels = plt.subplots(2, 3, figsize=(9, 5), sharey=True, layout="constrained")
for number, (clip, panel) in enumerate(zip(six, panels.flat)):
    loudest = max(80, np.abs(clip).argmax())
    panel.plot(clip[loudest - 80 : loudest + 80] / np.abs(clip).max(), ".-")
    panel.set(title=f"clip {number}", xlabel="sample")

# %% [markdown]
# Your answer: `[my_number, ...]`, with the number of the clip in the place of the dots.

# %%
clipped = [my_number, 3]  # SOLUTION

# %%
check("1.7", clipped)
