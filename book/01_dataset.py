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
# # Meet the valve: download, look, listen
#
# A valve in a factory opens and closes all day, and it clicks each time. One day
# it sounds different. Would you notice?
#
# Two cells prepare this page. In Google Colab the first one installs the course's helper
# functions, a small package called `esa4_helpers`; elsewhere it does nothing.

# %% tags=["hide-input"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The second has the libraries, the helpers of this chapter, and one look for all figures.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from esa4_helpers import (
    ClipGallery, ClipPlayer, ClipQuiz, ResultTable, auc, level, load_dataset, peak_level,
    set_style,
)

set_style()

# %% [markdown]
# Here are two clips of such a valve. All players on this page are turned up by the same
# 18 dB, as the recordings are quiet.

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
dataset = load_dataset()
test = dataset.test
pair = [np.argmin(test.is_anomaly), np.argmax(test.is_anomaly)]
ClipQuiz(test, "In which one is something wrong?", clips=pair, gain_db=dataset.gain_db,
         answer="Listen for the click: in the faulty valve it is weak, or missing.")

# %% [markdown]
# Can a computer notice, too, if all it has ever heard is the valve in good health? That is
# *acoustic anomaly detection*, and this course builds detectors that do it. In this
# chapter we get the recordings and use our own ears and eyes before any machine learning.
#
# **What you will learn**
#
# - what kind of problem anomaly detection is, and how it differs from classification;
# - what the recordings are, where they come from and what you may do with them;
# - how to download data so that you know you got the right file;
# - how a healthy and a faulty valve sound and look, and what a very simple
#   measurement already tells.
#
# **What you need**: a little Python and numpy. No machine learning yet.
#
# **Time**: about 20 minutes.

# %% [markdown]
# ## The problem
#
# A *classifier* learns from examples of every class. For machines that is rarely
# possible: a healthy machine gives hours of sound, a broken one a few seconds
# before someone turns it off, and no two faults sound the same. An *anomaly
# detector* is therefore trained on **normal** sounds only. It learns what normal
# is, and gives every new sound an **anomaly score**: the higher, the less it is
# like what it knows. The faulty recordings that we do have are kept for the test.

# %% [markdown]
# ## The recordings
#
# **MIMII** (Malfunctioning Industrial Machine Investigation and Inspection) is a
# public collection of machine sounds by Hitachi: valves, pumps, fans and slide
# rails, of each the four product models that are public, in normal operation (5000 to 10000
# seconds for each model) and with faults such as contamination, leakage or imbalance (about
# 1000 seconds). Eight microphones in a circle recorded the machines. The noise was recorded
# separately, in real factories, and added afterwards.
#
# > H. Purohit, R. Tanabe, K. Ichige, T. Endo, Y. Nikaido, K. Suefusa,
# > Y. Kawaguchi: *MIMII Dataset: Sound Dataset for Malfunctioning Industrial
# > Machine Investigation and Inspection.* 4th Workshop on Detection and
# > Classification of Acoustic Scenes and Events (DCASE), New York, 2019.
# > Data: [doi.org/10.5281/zenodo.3384388](https://doi.org/10.5281/zenodo.3384388),
# > paper: [doi.org/10.33682/m76f-d618](https://doi.org/10.33682/m76f-d618)
#
# **anomaly_mini** is a handful of clips from the valve part of MIMII, one microphone of the
# eight, from the version in which the valve is nominally 6 dB above the factory noise.
# (*Decibels*, dB, measure ratios: every 6 dB doubles the pressure, every 10 dB is ten times the
# power.) Nominally, because a valve is silent most of the time: what counts as its level
# depends on whether one measures the clicks or the pauses too. Jakob Abeßer cut the clips for
# his lecture *Computational Analysis of Sound and Music*, on which this course is built.
#
# MIMII is licensed under [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/):
# you may copy and change the recordings, if you name the authors and share your
# version under the same licence.

# %% [markdown]
# ## Download
#
# `load_dataset` fetches one zip file, on the first call only, and keeps it in a
# cache folder. Three things in it are worth copying into your own work:
#
# 1. The web address names a *commit*, a fixed state of the repository that hosts the
#    file. "Whatever is newest" may be something else next year.
# 2. After the download it computes the file's *SHA-256*, a fingerprint, and compares
#    it with the one noted in the code. A truncated or swapped file is refused.
# 3. The zip is unpacked in memory. A folder of unpacked files would be one more
#    thing that can go stale or be half complete.
#
# No internet in the classroom? The error message tells the ways out: a copy of the
# zip named by the environment variable `ESA4_ARCHIVE`, or made-up clips with
# `ESA4_DATASET=synthetic`. The data is never swapped silently, so the next line
# tells which one this page was made with.

# %%
dataset = load_dataset()
print(f"data set: {dataset.title}")

# %% [markdown]
# What did we get? One array holds all clips: a row for each, a column for each
# *sample*, which is the air pressure at one moment, scaled to lie between -1 and 1.
# The *sample rate* tells how many samples make a second.

# %%
n_clips, n_samples = dataset.audio.shape
print(f"{n_clips} clips of {n_samples} samples, {dataset.audio.dtype}")
print(f"sample rate {dataset.sr} Hz, so each clip lasts {n_samples / dataset.sr} s")

# %% [markdown]
# ## Which clip is what
#
# Each clip comes with a name and two labels: is it for training, and of what kind is it,
# normal or not? Every training clip is normal.

# %%
ResultTable(
    {name: {"for": "training" if is_train else "test", "kind": kind}
     for name, is_train, kind in zip(dataset.names, dataset.is_train, dataset.kinds)},
    "Thirty clips", corner="clip",
)

# %% [markdown]
# The labels are read off the *file names*. That is less harmless than it looks: these
# files lie in a folder called `anomaly_mini`, so code that looks for "anomaly" in the
# whole path finds it everywhere. And the order matters: a folder's listing comes in
# an order that differs between computers, which is why the clips are sorted by name.

# %%
path = "anomaly_mini/test_normal_0.wav"
print("'anomaly' in the path:", "anomaly" in path)
print("'_anomaly_' in the name:", "_anomaly_" in path.split("/")[-1])

# %% [markdown]
# Counting is the cheapest check there is. Do the numbers agree with what was
# promised: normal clips for training, and both sorts for the test?

# %%
train, test = dataset.train, dataset.test
for title, part in (("training", train), ("test", test)):
    n_abnormal = part.is_anomaly.sum()
    print(f"{title}: {len(part) - n_abnormal} normal, {n_abnormal} abnormal")

# %% [markdown]
# ## Listen
#
# First two healthy clips from the training set. The 18 dB by which all players are turned
# up are a factor of 8 in pressure, the same for all: turning each up to the same level
# would wipe out a difference that may matter.

# %% tags=["listen", "nbval-ignore-output"]
for clip, name in zip(train.audio[:2], train.names):
    display(ClipPlayer(clip, train.sr, name, gain_db=dataset.gain_db))

# %% [markdown]
# Did you hear the rhythm? A strong click, a weak one midway, a strong one again, over
# the noise of the hall. Now two faulty ones. What is different?

# %% tags=["listen", "nbval-ignore-output"]
for i in np.flatnonzero(test.is_anomaly)[:2]:
    display(ClipPlayer(test.audio[i], test.sr, test.names[i], gain_db=dataset.gain_db))

# %% [markdown]
# ## Look
#
# The *waveform*, pressure over time, shows what the ear suspects. Both panels share
# the same scale.

# %% mystnb={"image": {"alt": "Waveforms of one normal and one abnormal test clip on the same scale. The normal one has two or more tall spikes; in the abnormal one the spikes are much smaller or missing, and the noise between them looks alike."}}
time = np.arange(n_samples) / dataset.sr
# The first of each sort: where is_anomaly is smallest, and where it is largest.
normal, abnormal = np.argmin(test.is_anomaly), np.argmax(test.is_anomaly)
figure, axes = plt.subplots(2, 1, figsize=(5, 4), sharex=True, sharey=True)
for ax, i, color in zip(axes, (normal, abnormal), ("#0072B2", "#D55E00")):
    # A hundred thousand points are lighter as pixels.
    ax.plot(time, test.audio[i], color=color, linewidth=0.5, rasterized=True)
    ax.set(title=test.names[i], ylabel="pressure (full scale)")
_ = axes[1].set_xlabel("time (s)")

# %% [markdown]
# In the healthy clip the clicks stand out as spikes. In the faulty one they are
# small or missing. Mind what *kind* of anomaly this is: nothing was added to the
# sound, something was **lost**. Hold on to that thought; it will matter in
# chapter 4.

# %% [markdown]
# ## Measure the simplest thing first
#
# Before building a detector, see what a single number can do. The spikes suggest the
# *peak level*: the loudest sample of a clip, in dB. What is normal? The
# median over the training clips. The anomaly score of a clip is then its distance
# from that median, in either direction, since we must not assume to know whether a
# fault makes a machine louder or quieter.

# %%
typical_level = np.median(peak_level(train.audio))
baseline_scores = np.abs(peak_level(test.audio) - typical_level)
ResultTable(
    {name: {"truth": kind, "distance (dB)": score}
     for name, kind, score in zip(test.names, test.kinds, baseline_scores)},
    "Distance from the typical peak level", corner="clip", formats=".1f",
    shade={"distance (dB)": (0, baseline_scores.max())},
)

# %% [markdown]
# The stronger a cell is coloured, the further its clip is from what is typical.
#
# To judge a detector by one number we use the **AUC**: the chance that an abnormal
# clip, picked at random, scores higher than a normal one. A perfect detector has 1,
# guessing gives 0.5. Chapter 3 shows where the name comes from.

# %%
print(f"AUC of the peak level: {auc(test.is_anomaly, baseline_scores):.2f}")

# %% [markdown]
# One line of arithmetic ranks every faulty clip above every healthy one. Does that
# make the rest of the course pointless? No, for two reasons. The peak level works on
# *this* fault, one that changes how loud the loudest moment is; it is deaf to a new
# squeak that is no louder than the click. And ten test clips are few. But it sets the
# bar: **a detector that can't beat such a baseline has not earned its complexity.**
# We will keep it beside every method.

# %% [markdown]
# ## All thirty at a glance
#
# Each small picture below is a clip, drawn as you will learn to draw it in chapter 2: time runs
# to the right, pitch upwards, and bright means loud. Choose one by its name to hear it, or click
# in its picture to hear it from there; a line shows where you are. Then sort all thirty by their
# RMS level (the *root mean square*, an average over the whole clip), or by our anomaly score; each
# picture says which group it is from. Listen from one end to the other: which of the two follows
# what your ear calls faulty?

# %% tags=["listen", "nbval-ignore-output"]
distance = np.abs(peak_level(dataset.audio) - typical_level)
keys = {"RMS level (dB)": level(dataset.audio)[:, 0], "anomaly score (dB)": distance}
ClipGallery(dataset, keys, gain_db=dataset.gain_db)

# %% [markdown]
# ## Summary
#
# - An anomaly detector is trained on normal sounds only and scores how unusual a new
#   sound is.
# - anomaly_mini holds normal clips of a valve for training, and normal and abnormal
#   ones for the test. The faulty valve clicks more weakly or not at all.
# - Pin what you download, check its fingerprint, and take labels from file names with
#   care.
# - Listen, look and measure something simple before you train anything.
#
# ## Questions to think about
#
# 1. Why is the distance from the median taken in both directions? Which faults would a one-sided
#    score miss?
#
#    <details><summary>Answer</summary>
#
#    A fault may make the machine louder (something rattles, air escapes) or quieter (a click
#    gets weak). A score that only counts what is above the median would call the faulty clips of
#    this chapter the healthiest of all.
#
#    </details>
#
# 2. The median was computed from the training clips alone. What would be wrong with taking all
#    clips?
#
#    <details><summary>Answer</summary>
#
#    The faulty clips would help to decide what is typical, although in use nobody has them yet.
#    The result would depend on which clips are tested together, and would look better or worse
#    than what one gets at the machine.
#
#    </details>
#
# 3. A colleague normalises every recording to the same peak level before working with it. What
#    happens to our baseline?
#
#    <details><summary>Answer</summary>
#
#    All peak levels are then the same, all distances are 0, and the AUC is 0.5: guessing. Worse,
#    a clip with a weak click is turned up, noise included, until its click is as loud as a
#    healthy one. The difference that we look for has been removed.
#
#    </details>
#
# 4. Listen again. Is there anything about the faulty clips, besides the clicks, that your ear
#    noticed and the peak level can't?
#
#    <details><summary>Answer</summary>
#
#    There is no single right answer. Some hear another colour in the weak clicks, some another
#    rhythm. Do mind that the background differs from clip to clip as well: what you hear in all
#    five faulty clips may still be the hall, and not the valve. Chapter 3 shows what comes of
#    that.
#
#    </details>
#
# **Next**: [chapter 2](02_features.ipynb) turns the clips into pictures of sound that
# a detector can learn from.
