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
# # Sheet 4: copy and compare
#
# Exercises to [chapter 4](../04_autoencoder.ipynb). You build the smallest autoencoder there
# is, without a network, look for the moment that it can't copy, and design a score that notices
# clips that are *too easy* to copy as well.
#
# **How it works**: as in [sheet 1](sheet1_dataset.ipynb). Put your answers in the place of the
# dots and run the checks, as often as you like; when the sheet is marked, your functions are
# called with other numbers.
#
# **Time**: about 35 minutes. **Points**: 12.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# This sheet needs no recordings and no network, only numpy:

# %%
import numpy as np

from esa4_helpers.exercises import check

# %% [markdown]
# ## 4.1 Is it a bottleneck?
#
# *1 point · first steps · trains: counting the values in a code*
#
# An autoencoder only has to learn something if its code is smaller than its input. The
# *compression ratio* says by how much: the number of values in the input divided by the number
# of values in the code. Above 1, the passage is narrow. Both shapes are given as tuples for one
# clip, such as `(64, 79, 1)` for 64 bands, 79 frames and 1 channel. A code may have another
# number of dimensions than the input, for instance `(16,)`. Return the ratio.

# %%
def compression(input_shape, code_shape):
    # BEGIN SOLUTION
    return np.prod(input_shape) / np.prod(code_shape)
    # END SOLUTION

# %%
check("4.1", compression)

# %% [markdown]
# ## 4.2 Fit for a sigmoid
#
# *1 point · first steps · trains: scaling by what is known of the training clips*
#
# A network with a sigmoid at its end can only output values between 0 and 1. So scale
# spectrograms: the lowest value in all training clips becomes 0, the highest becomes 1. `train`
# and `test` have the shape `(n_clips, n_mels, n_frames)`. Return the scaled **test** clips. A
# test value may end up below 0 or above 1. Leave it there: no training clip had such a value,
# and the error that the network then makes should tell.

# %%
def scale(train, test):
    # BEGIN SOLUTION
    lowest, highest = train.min(), train.max()
    return (test - lowest) / (highest - lowest)
    # END SOLUTION

# %%
check("4.2", scale)

# %% [markdown]
# ## 4.3 An autoencoder in a few lines
#
# *3 points · practice · trains: principal components as an autoencoder without a network*
#
# *Principal component analysis* (PCA) is an autoencoder in which everything is linear. It finds
# the `k` directions in which the training data vary most. How far a row of features goes in
# each of these directions is its code, `k` numbers. It is fitted at once and has no seed, so it
# is a good baseline for any network.
#
# `train` and `test` have the shape `(n_clips, n_features)`. Return what the autoencoder makes
# of the **test** rows, in the same shape:
#
# 1. From the training rows, take the mean of each feature, and subtract it.
# 2. `np.linalg.svd(rows, full_matrices=False)` of these gives three arrays. The **rows** of the
#    third are the directions, each of length 1, the most important first. Keep `k` of them.
# 3. *Encode*: subtract the mean of step 1 from the test rows, and multiply them (`@`) with the
#    directions, transposed (`.T`) so that the shapes match.
# 4. *Decode*: multiply the codes with the directions, and undo the subtraction.

# %%
def rebuild(train, test, k):
    # BEGIN SOLUTION
    centre = train.mean(axis=0)
    directions = np.linalg.svd(train - centre, full_matrices=False)[2][:k]
    code = (test - centre) @ directions.T
    return code @ directions + centre
    # END SOLUTION

# %%
check("4.3", rebuild)

# %% [markdown]
# ## 4.4 When did it happen?
#
# *2 points · practice · trains: from an error map to a moment in time*
#
# An engineer doesn't want to hear a score, but the moment that went wrong. Given spectrograms
# and their copies by an autoencoder, both of shape `(n_clips, n_mels, n_frames)`, square the
# difference of the two in each cell and take the mean over the bands. This is the error of each
# frame. Return the time of the frame with the **highest** error, in seconds, one for each clip.
# Frames count from 0; frame 0 is at 0 seconds, and each next frame comes `hop_length` samples
# later, at a sample rate of `sr` Hz.

# %%
def worst_moment(original, copy, sr, hop_length):
    # BEGIN SOLUTION
    frame_error = np.mean((original - copy) ** 2, axis=1)
    return frame_error.argmax(axis=1) * hop_length / sr
    # END SOLUTION

# %%
check("4.4", worst_moment)

# %% [markdown]
# ## 4.5 Too easy is suspicious, too
#
# *3 points · design · trains: scores that assume nothing about the direction of a fault*
#
# In [chapter 4](../04_autoencoder.ipynb), clips without their click were *easier* to copy
# than healthy ones. Design a score that finds them, **and** those that are harder. You get
# maps of squared errors, `train_errors` and `test_errors`, each of shape
# `(n_clips, n_mels, n_frames)`; all training clips are normal. Return one score for each test clip, higher for a more anomalous one.
#
# How you compute it, and how large the numbers are, is up to you. The check makes error maps of
# its own and looks at the order only. Each of these must score higher than all normal test
# clips:
#
# - clips that are harder to copy in all bands, and clips that are easier in all bands;
# - clips with four times the usual error in two bands whose error is usually very small. (Some
#   bands have a hundred times the error of others.)
# - clips that are harder in one half of the bands and easier in the other.
#
# And a clip must get the same score whichever other test clips come with it: on a real machine,
# there is only one at a time.

# %%
def surprise(train_errors, test_errors):
    # BEGIN SOLUTION
    known, new = train_errors.mean(axis=2), test_errors.mean(axis=2)
    typical, spread = known.mean(axis=0), known.std(axis=0)
    return np.mean(np.abs(new - typical) / spread, axis=1)
    # END SOLUTION

# %%
check("4.5", surprise)

# %% [markdown]
# ## Your own number
#
# Answers that are typed in are not marked with other clips. So choose a number of your
# own, as in sheet 1, before you answer what follows. An answer is a list of it and of what
# you have found, such as `[my_number, "b"]`.

# %%
my_number = 1234

# %% [markdown]
# ## 4.6 Perfect, but why?
#
# *2 points · design · which control? · trains: finding the comparison that a claim needs*
#
# A colleague reports: "We trained an autoencoder on normal clips only and described each clip by
# its *error profile*, the mean error in each band. A Gaussian that was fitted to the profiles of
# the training clips ranks all 20 test clips perfectly, with an AUC of 1, and does so with each of
# five seeds. So the network **has learnt** what a healthy valve sounds like, and that is what
# finds the faults."
#
# The ranking may well be real. But does it come from what the network has learnt? A *control*
# is the same computation without the part that is thought to matter. Which of these are the
# controls that this claim lacks? There may be one or several.

# %%
options = [
    "train twenty seeds instead of five",
    "the profiles of the same network before any training",
    "train for ten times as many epochs",
    "the profiles with no network: each clip minus the mean spectrum of the training clips",
    "the training clips' own mean error, which should be lower than that of the test clips",
    "the same profiles with a larger model of them, such as a mixture of Gaussians",
]
for letter, option in zip("abcdef", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %% [markdown]
# Several letters go into one text, as in `[my_number, "a, b"]`.

# %%
controls = [my_number, "b, f"]  # SOLUTION

# %%
check("4.6", controls)

# %% [markdown]
# **To try, without points**: take the log-mel spectrograms of
# [chapter 4](../04_autoencoder.ipynb), copy them frame by frame with your `rebuild` (each frame is a row, each band a feature), and score the clips with
# `surprise`. How does it do beside the networks?
