# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,mystnb,-all
#     formats: ipynb,py:percent
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

# %% [markdown]
# # From clips to features: the log-mel spectrogram
#
# Your ear tells a healthy valve from a faulty one within seconds. To a computer each clip
# is a row of a hundred thousand numbers. Which numbers would tell the two apart?
#
# Two cells prepare this page; the first installs the helpers in Colab.

# %% tags=["hide-input"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The libraries, the helpers, and the clips of chapter 1.

# %% tags=["hide-input"]
import librosa
import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from esa4_helpers import (
    ClipQuiz, PoolOverTime, ResultTable, load_dataset, log_mel_spectrogram,
    plot_spectrogram, pool_over_time, set_style,
)

set_style()
dataset = load_dataset()
print(f"data set: {dataset.title}")

# %% [markdown]
# Listen to both, and look at their pictures while the line runs over them. If you could
# keep one number of each clip, which would it be?

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
test = dataset.test
# The first of each sort: where is_anomaly is smallest, and where it is largest.
pair = [np.argmin(test.is_anomaly), np.argmax(test.is_anomaly)]
ClipQuiz(test, "Which numbers tell these two apart?", clips=pair, gain_db=dataset.gain_db,
         answer="Some that keep the click. This chapter finds out which do, and which don't.")

# %% [markdown]
# Few detectors can learn anything from all the numbers of a clip, of which each alone means
# nothing. In this chapter we turn clips into *features*: fewer numbers, each of which says
# something about the sound. The pictures above are the first step.
#
# **What you will learn**
#
# - what a log-mel spectrogram is, and what each step to it is for;
# - how to describe a clip by one number a frequency band, by *pooling* over time;
# - why a reference level chosen clip by clip throws information away;
# - why the mean over time hides a click, and what keeps it;
# - how to standardise features without looking at the test clips.
#
# **What you need**: [chapter 1](01_dataset.ipynb). It helps to have heard of the
# Fourier transform.
#
# **Time**: about 25 minutes.

# %% [markdown]
# ## Four steps to a picture of sound
#
# 1. **Frames.** Sound changes all the time, so it is cut into short overlapping
#    *frames*. Here a frame is 2048 samples long, and the next one starts 512 samples
#    later; that step is called the *hop*.
# 2. **Spectrum.** The Fourier transform tells how much power each frame has at each
#    frequency. The frames' spectra side by side make a *spectrogram*.
# 3. **Mel bands.** The ear tells 200 Hz from 300 Hz with ease, 8200 Hz from 8300 Hz
#    hardly. The *mel scale* spaces frequencies as we hear them. Summing up the power
#    in 128 bands, narrow at the bottom and wide at the top, gives the *mel
#    spectrogram*.
# 4. **Decibels.** Sound powers span many orders of magnitude. Their logarithm,
#
#    $$S_\text{dB} = 10 \log_{10} \frac{S}{S_\text{ref}},$$
#
#    brings quiet and loud parts into view together. A factor of 10 in power is 10 dB.
#
# The result is the **log-mel spectrogram**, the standard input of machine listening.
# First we compute it the way the lecture did: at 44.1 kHz, relative to the loudest
# point of each clip (`ref=np.max`), and cut off 80 dB below it.

# %%
S_lecture = log_mel_spectrogram(
    dataset.audio, dataset.sr, n_mels=128, ref=np.max, top_db=80
)
print("(n_clips, n_mels, n_frames) =", S_lecture.shape)

# %% [markdown]
# A stack of pictures, one for each clip. Networks for images expect one more axis at
# the end, for colour *channels*; sound has a single one. With it, the stack has the
# shape that chapter 4 feeds to an autoencoder:

# %%
print("with a channel axis:", S_lecture[..., np.newaxis].shape)

# %% [markdown]
# Let us look at one normal and one abnormal clip, on the same colour scale. Time runs
# to the right, pitch goes up, and brighter means more power.

# %% mystnb={"image": {"alt": "Log-mel spectrograms up to 22 kHz of a normal and an abnormal clip, each relative to its own maximum. The normal one shows bright vertical lines, its clicks. In the abnormal one they are weaker or missing. Above 8 kHz both are dark."}}
S = log_mel_spectrogram(test.audio, test.sr, ref=np.max, top_db=80)
figure, axes = plt.subplots(2, 1, figsize=(5, 5))
for ax, i in zip(axes, pair):
    plot_spectrogram(S[i], test.sr, vmin=-80, vmax=0, title=test.names[i], ax=ax)

# %% [markdown]
# The vertical lines are the clicks: short, so narrow in time; sharp, so wide in
# frequency. The horizontal glow at the bottom is the noise of the hall.
#
# ## What the reference level hides
#
# Each of these pictures has its maximum at 0 dB, because each clip was measured against
# its own loudest point. But what is that point? It may be a click, or just as well the
# hall, or another machine that happens to run. All *training* clips are of the same
# healthy valve, so its clicks should have much the same level in all of them. Do they?
# We take the loudest frame in each band between 4 and 7.5 kHz, where the clicks stand
# out, once relative to each clip's maximum and once in **absolute** levels, with the same
# reference for all clips (the function's default).

# %%
train = dataset.train
centres = librosa.mel_frequencies(128 + 2, fmax=dataset.sr / 2)[1:-1]
click_bands = (centres > 4000) & (centres < 7500)
variation = {}
for title, ref in (("relative", np.max), ("absolute", 1.0)):
    S = log_mel_spectrogram(train.audio, train.sr, ref=ref)
    clicks = S[:, click_bands].max(axis=2).mean(axis=1)
    variation[title] = {"standard deviation (dB)": clicks.std()}
ResultTable(variation, "How much the level of the clicks varies", corner="level", formats=".1f")

# %% [markdown]
# The same click on the same valve, and the relative level makes it vary more, since it
# mixes in how loud the *rest* of the clip was. For a machine that may click too weakly,
# that blurs the one thing we want to see. So from here on we use absolute levels.
#
# ## What the sample rate hides
#
# The upper part of the pictures is dark. Sound sampled at 44.1 kHz can hold
# frequencies up to 22.05 kHz, but these clips were made from recordings at 16 kHz,
# which end at 8 kHz. How many of the 128 bands hold nothing of the machine? (The list of
# their centres has one more at each end, because a band reaches from the centre of its
# lower neighbour to that of its upper one.)

# %%
print(f"{np.mean(centres > 8000):.0%} of the bands lie above 8 kHz")

# %% [markdown]
# And how much lies there? The level in each band, averaged over all training clips:

# %% mystnb={"image": {"alt": "Level in each mel band, averaged over time and over the training clips, against frequency on a logarithmic axis. The curve drops steeply at 8 kHz, marked by a dashed line, and stays low above."}}
figure, ax = plt.subplots(figsize=(5, 3))
S = log_mel_spectrogram(train.audio, train.sr)
ax.semilogx(centres, S.mean(axis=(0, 2)))
ax.axvline(8000, color="#767676", linestyle="--", label="8 kHz")
ax.set(xlabel="frequency (Hz)", ylabel="mean level (dB)", title="Training clips")
_ = ax.legend()

# %% [markdown]
# The level falls off a cliff at 8 kHz. What lies beyond comes from the conversion, not
# from the valve. A detector may still "learn" from it, and even profit by chance, but
# it would learn how the files were made. We go back to the rate of the original
# recordings. *Resampling* computes the samples that a recording at the lower rate
# would have had. (`resampled` lets `librosa.resample` do it, and returns a whole data set:
# names and labels stay with their clips.)

# %%
clips = dataset.resampled(16000)
S = log_mel_spectrogram(clips.test.audio, clips.sr)
print("test clips: (n_clips, n_mels, n_frames) =", S.shape)

# %% [markdown]
# The same two clips again, now at 16 kHz and in absolute levels:

# %% mystnb={"image": {"alt": "Log-mel spectrograms up to 8 kHz of the same normal and abnormal clip in absolute levels. The background is similar, if not the same, and the bright vertical lines of the normal clip are fainter and fewer, or missing, in the abnormal one."}}
figure, axes = plt.subplots(2, 1, figsize=(5, 5))
for ax, i in zip(axes, pair):
    plot_spectrogram(S[i], clips.sr, vmin=-80, vmax=-10, title=test.names[i], ax=ax)

# %% [markdown]
# Nearly all 128 bands now serve the range in which there is something to hear, and the pictures
# agree with the ear: in the faulty clip the clicks are weaker and fewer. The background
# differs a little, too, as each clip has its own share of factory noise.
#
# ## One row of numbers a clip: pooling over time
#
# Many detectors want a table: one row for each clip, one column for each feature. To
# get there, each band's row of frames is summarised by a single number; this is called
# *pooling over time*. The lecture takes the **mean**.

# %%
X_mean = pool_over_time(S_lecture, "mean")
print("(n_clips, n_features) =", X_mean.shape)

# %% [markdown]
# That is the shape known from any introduction to machine learning: number of examples
# by number of features. But think about what the mean does to a click. A click lasts a
# few frames out of many, so its level hardly moves the mean, while the background,
# present in *every* frame, rules it. The **maximum** over time does the opposite: it
# keeps the loudest frame in each band, however short.

# %% mystnb={"image": {"alt": "Two panels of level against frequency, one curve a test clip. Top, mean over time: the blue normal and orange abnormal curves overlap in most bands. Bottom, maximum over time: the orange curves run clearly below the blue ones at high frequencies."}}
centres = librosa.mel_frequencies(128 + 2, fmax=clips.sr / 2)[1:-1]
figure, axes = plt.subplots(2, 1, figsize=(5, 6), sharex=True, sharey=True)
for ax, statistic in zip(axes, ("mean", "max")):
    for x, is_anomaly in zip(pool_over_time(S, statistic), test.is_anomaly):
        color, style = ("#D55E00", "--") if is_anomaly else ("#0072B2", "-")
        ax.semilogx(centres, x, color=color, linestyle=style, linewidth=1)
    ax.set(title=f"{statistic} over time", ylabel="level (dB)")
_ = axes[1].set_xlabel("frequency (Hz)")

# %% [markdown]
# Each line is one test clip, blue and solid if normal, orange and dashed if abnormal.
# In the upper panel the two sorts overlap in most bands: **averaging hides the click.** In
# the lower one they come apart at the high frequencies, where the click is louder than the
# hall.
#
# A number says the same. For each band, take the distance between the mean of the
# normal and that of the abnormal test clips, in units of the spread within the two
# sorts. Beware: this uses the labels of test clips. That is fine for *understanding*
# what happened, and forbidden for *choosing* a method.

# %%
distances = {}
for statistic in ("mean", "max"):
    X = pool_over_time(S, statistic)
    a, b = X[~test.is_anomaly], X[test.is_anomaly]
    spread = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / 2)
    distance = np.median(np.abs(a.mean(axis=0) - b.mean(axis=0)) / spread)
    distances[statistic] = {"median distance (spreads)": distance}
ResultTable(distances, "Normal and abnormal clips", corner="over time", formats=".1f")

# %% [markdown]
# The maximum sets the two sorts much further apart than the mean does.
#
# Between mean and maximum there is a whole family. *Global weighted ranking pooling*
# (GWRP) sorts the frames of a band from loud to quiet and gives the $i$-th the weight
# $r^i$: with $r = 1$ it is the mean, with $r = 0$ the maximum, and between the two it
# listens to the loudest few frames
# ([Guan et al. 2023](https://arxiv.org/abs/2305.03328)):

# %%
between = {}
for decay in (1.0, 0.9, 0.0):
    X = pool_over_time(S, "gwrp", decay=decay)
    between[f"r = {decay}"] = {
        f"to the {s} (dB)": np.abs(X - pool_over_time(S, s)).mean() for s in ("mean", "max")
    }
ResultTable(between, "Distance of GWRP", corner="weight", formats="z.1f")

# %% [markdown]
# *Percentiles* are another family:
# the 95th is the level that 95 % of the frames stay below, the *median* is the 50th. And the
# standard deviation says how much a band's level moves. All of them are available:

# %%
for statistic in ("mean", "max", "std", "gwrp", "median", "p95"):
    print(f"{statistic:6}", pool_over_time(S, statistic).shape)

# %% [markdown]
# Which is the right one depends on the fault: a click lives in the maximum, a worn bearing
# that hums all the time lives in the mean or the median. If we don't know what will break,
# we can keep several side by side. `PoolOverTime` does that, as a *transformer*, the form
# in which scikit-learn chains steps into a pipeline:

# %%
pool = PoolOverTime(("mean", "std", "p5", "median", "p95", "max"))
print("(n_clips, n_features) =", pool.fit_transform(S).shape)

# %% [markdown]
# ## Split and standardise
#
# The last step before a detector: training and test clips are separated, and each
# feature is *standardised*, which means shifted and scaled to mean 0 and standard
# deviation 1. Otherwise a band that varies by 20 dB would outweigh one that varies by
# 2 dB. Mean and standard deviation are computed **from the training clips only**. The
# test clips stand for the future, and the future must not leak into the preparation. We do
# it with the mean features of the lecture, with which chapter 3 starts.

# %%
X_train, X_test = (
    pool_over_time(log_mel_spectrogram(part.audio, part.sr, ref=np.max, top_db=80), "mean")
    for part in (train, test)
)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
print("training", X_train.shape, "test", X_test.shape)

# %% [markdown]
# Over all features together, what has become of mean and standard deviation?

# %%
for title, X in (("training", X_train), ("test", X_test)):
    print(f"{title:8} mean {round(X.mean(), 2) + 0:.2f}, standard deviation {X.std():.2f}")

# %% [markdown]
# The training features have mean 0 and standard deviation 1, by construction. The test
# features don't, and that is right: if they did, the scaler would have seen them.
#
# ## Summary
#
# - A log-mel spectrogram shows the level in each frequency band over time, spaced as
#   the ear hears it. Levels should be absolute if it may matter how loud something is.
# - Features should cover the range in which the machine can be heard, no more.
# - The mean over time hides what is short. The maximum keeps it.
# - Everything that is fitted, even a scaler, is fitted to training clips only.
#
# ## Questions to think about
#
# 1. The maximum keeps the loudest frame. What would one passing forklift do to it, and which
#    value of $r$ in GWRP would you try instead?
#
#    <details><summary>Answer</summary>
#
#    In every band in which the forklift is louder than the click, the maximum belongs to the
#    forklift: a false alarm, and a weak click would pass unnoticed. A value between the two,
#    such as 0.9, takes a weighted mean over the loudest ten frames or so, in which a single bang
#    counts less. If the forklift stays for long, no $r$ helps; a percentile below its share of
#    the time does, and keeps no click.
#
#    </details>
#
# 2. Which anomaly would the mean over time find, and the maximum miss?
#
#    <details><summary>Answer</summary>
#
#    One that goes on all the time and stays below the click: a hum, a leak's hiss, a worn
#    bearing. The loudest frame is still the click and says nothing about it, while the mean of
#    all the other frames rises.
#
#    </details>
#
# 3. The picture with the test clips' curves used their labels. Could you have drawn a picture
#    from the training clips alone that makes you prefer the maximum?
#
#    <details><summary>Answer</summary>
#
#    Yes: the level in one band against time. In every healthy clip a few frames stand far above
#    the others, and those are what the machine does. A summary that hardly changes when one
#    leaves these frames out can't say much about the machine, and that is the mean.
#
#    </details>
#
# 4. How many frames does a 10 s clip at 16 kHz have with a hop of 512 samples?
#
#    <details><summary>Answer</summary>
#
#    There are 160,000 samples, and 160,000 / 512 = 312.5. librosa centres the first frame on the
#    first sample and fills up with zeros, so that there are 313 frames: one more than whole hops
#    fit in.
#
#    </details>
#
# **Next**: [chapter 3](03_gmm.ipynb) learns what normal clips look like in this space,
# and finds those that don't.
