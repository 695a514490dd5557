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
# # What can each detector hear?
#
# A valve can break in more than one way. Here is one recording of a healthy valve, several
# times: once as it is, and else with a fault put into it. Which faults do *you* hear? And which
# will a detector miss?
#
# Some cells prepare this page; the first installs the helpers in Colab.

# %% tags=["hide-input"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The libraries:

# %% tags=["hide-input"]
import os

# TensorFlow then prints fewer messages, and computes alike on all processors.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")

import matplotlib.pyplot as plt
import numpy as np

from esa4_helpers import (
    ClipQuiz, Dataset, ResultTable, anomaly_map, anomaly_score, auc, auc_interval, change_mask,
    contrast_map, insert_fault, level, load_dataset, log_mel_spectrogram, make_detector, map_auc,
    mass_inside, plot_spectrogram, reconstruct, set_style)
from esa4_helpers.synthesis import ANOMALY_KINDS, synthesize_clip

# %% [markdown]
# The valve is recorded, the faults are made by the computer, as nobody has recorded so many.
# They need clicks, so recordings of another machine that has none give way to synthetic ones.

# %% tags=["hide-input"]
set_style()
sr = 16000
dataset = load_dataset()
clips = dataset.resampled(sr)
try:
    for clip in clips.audio[~clips.is_anomaly]:
        insert_fault(clip, sr, "late click", 0)
except ValueError as error:
    print(f"A valve's faults don't fit into {dataset.title}, so synthetic clips follow: {error}")
    dataset = load_dataset("synthetic")
    clips = dataset.resampled(sr)
healthy = clips.audio[~clips.is_anomaly]

# %% [markdown]
# Here is one of its clips: as it was, and with each of six faults.

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
order = ("late click", "squeak", "normal", "missing click", "double click", "hiss", "weak click")
versions = [healthy[3] if kind == "normal" else insert_fault(healthy[3], sr, kind, 1)
            for kind in order]
faults = np.array([kind != "normal" for kind in order])
one_valve = Dataset(np.clip(versions, -1, 1), sr, order, ~faults, faults, kinds=order)
ClipQuiz(one_valve, "Which of these is the recording as it was?",
         clips=[one_valve.names.index(kind) for kind in order], gain_db=one_valve.gain_db,
         answer="Which of the faults did you miss? A detector may miss others.")

# %% [markdown]
# The faulty clips of our data set have two faults only, a weak or a missing click. On those,
# nearly everything reaches an AUC of 1, the level alone included. This chapter asks what each
# detector can hear *besides*, and whether it can say where in the sound it was.
#
# **What you will learn**
#
# - how to put a fault into a real recording, so that the truth about it is known;
# - that each score rests on an assumption, and which faults break it;
# - to tell what holds for a generator of sounds from what holds for recordings;
# - how to check an explanation against the truth, and against a baseline.
#
# **What you need**: [chapter 5](05_evaluation.ipynb), and [chapter 4](04_autoencoder.ipynb) for
# the networks.
#
# **Time**: about 30 minutes.

# %% [markdown]
# ## Faults with a known truth
#
# `insert_fault` finds the strong clicks of a recording and weakens them, takes them away, moves
# one, or doubles each; or it adds a hiss or a squeak. What it takes away it fills with the
# recording's own background, and it fades over, so that no seam is heard. We fit detectors to
# every other healthy clip, and put each of the six faults into each of the rest.

# %%
train, twins = healthy[::2], healthy[1::2]
real = {kind: np.array([insert_fault(clip, sr, kind, i) for i, clip in enumerate(twins)])
        for kind in ANOMALY_KINDS}
print(f"data set: {dataset.title}")
print(f"{len(train)} clips to fit to, {len(twins)} healthy ones and {len(real)} faults in each")

# %% [markdown]
# One clip and its faults, as spectrograms:

# %% mystnb={"image": {"alt": "Six log-mel spectrograms of the same recording with a fault each. Its two strong clicks are upright stripes. They are paler for the weak click and gone for the missing click; one stripe has moved for the late click, and each has a second one beside it for the double click. The hiss is a cloud in the upper half, the squeak a few short level lines."}}
figure, axes = plt.subplots(3, 2, figsize=(9, 9))
for ax, (kind, faulty) in zip(axes.flat, real.items()):
    S = log_mel_spectrogram(faulty[[1]], sr)[0]
    plot_spectrogram(S, sr, vmin=-80, vmax=-20, title=kind, ax=ax)

# %% [markdown]
# Each faulty clip has its *healthy twin*, the recording that it was made from. Both sound in the
# same hall, so whatever tells them apart is the fault.
#
# Beside them we set **synthetic** clips: there the hall and the valve are made up as well. Such
# clips are what one would use with no recordings at hand, and we want to know what they are
# worth.

# %%
def valves(kind, seeds):
    return np.array([synthesize_clip(kind, sr=sr, random_state=seed) for seed in seeds])

made = {kind: valves(kind, range(16)) for kind in ANOMALY_KINDS}
worlds = {
    "real": (train, twins, real),
    "synthetic": (valves("normal", range(100, 113)), valves("normal", range(16)), made),
}

# %% [markdown]
# ## Without a network
#
# First the detectors of [chapter 3](03_gmm.ipynb), and the level. Each is fitted to the healthy
# clips, and each fault is judged by itself: the AUC of the clips with that fault against their
# healthy twins. Those of chapter 3 judge 128 mel bands, and beside them listens a detector of the
# level; the more surprised decides. The last one does without that part.

# %%
def auc_by_fault(detector, normal, faulty):
    of_normal, row = anomaly_score(detector, normal), {}
    for kind, X in faulty.items():
        is_anomaly = np.repeat([False, True], [len(normal), len(X)])
        row[kind] = auc(is_anomaly, np.concatenate([of_normal, anomaly_score(detector, X)]))
    return row

fitted, heard = {}, {}
for world, (known, normal, faulty) in worlds.items():
    for name in ("level", "gmm", "mahalanobis", "knn", "gmm, no level"):
        kind, *without = name.split(", ")
        fitted[world, name] = make_detector(kind, sr=sr, level=not without).fit(known)
        heard[world, name] = auc_by_fault(fitted[world, name], normal, faulty)

# %% [markdown]
# In the real recordings:

# %%
def table_of(world, caption):
    rows = {name: row for (where, name), row in heard.items() if where == world}
    return ResultTable(rows, caption, corner="detector", shade=(0.5, 1))

table_of("real", "Faults in real recordings: AUC")

# %% [markdown]
# And in clips that are synthetic from end to end:

# %%
table_of("synthetic", "Synthetic clips: AUC")

# %% [markdown]
# A dozen clips against a dozen are few, so before we read anything into these numbers: how sure
# is one of them?

# %%
scores = [anomaly_score(fitted["real", "gmm"], X) for X in (twins, real["late click"])]
low, high = auc_interval(np.repeat([0, 1], len(twins)), np.concatenate(scores))
print(f"gmm, late click: 95 % interval from {low:.1f} to {high:.1f}")

# %% [markdown]
# So what is near 0.5 can't be told from guessing, and small differences mean nothing. Large ones
# do. Read the tables by columns:
#
# - **Weak and missing clicks**: everything hears them, in both worlds.
# - **Hiss and squeak**: what listens band by band hears them in the recordings, and in the
#   synthetic clips most of them.
# - **Late and double clicks**: all are close to guessing, in both worlds. The clicks are all
#   there, and statistics over time don't know *when* something sounded.
#
# Two rows invite a question. In the recordings the mixture hears a hiss *better without* the part
# that hears the level. Is that the luck of these twelve clips? Five times, the healthy clips are
# dealt into halves at random and get another hiss:

# %%
def hiss_with_and_without_level(seed):
    dealt = np.random.default_rng(seed).permutation(healthy)
    known, others = dealt[:len(train)], dealt[len(train):]
    hiss = {"hiss": np.array([insert_fault(clip, sr, "hiss", 50 * seed + i)
                              for i, clip in enumerate(others)])}
    return [auc_by_fault(make_detector("gmm", sr=sr, level=heeded).fit(known), others, hiss)["hiss"]
            for heeded in (True, False)]

halves = np.array([hiss_with_and_without_level(seed) for seed in range(5)]).T
rows = {"gmm": halves[0], "gmm, no level": halves[1], "gained without": halves[1] - halves[0]}
ResultTable({name: {"lowest": aucs.min(), "mean": aucs.mean(), "highest": aucs.max()}
             for name, aucs in rows.items()},
            "Hiss in five other halves of the recordings: AUC", corner="detector")

# %% [markdown]
# It is no accident of one draw: here the level *costs* some of the hiss. One more listener is one
# more that a healthy clip can surprise. On these clips that buys nothing, as the bands hear a
# lost click by themselves.
#
# The other question is asked by the first row, which differs most between the tables.
#
# ## Why the level hears a hiss in real recordings only
#
# In synthetic clips the level is nearly deaf to hiss and squeak, and one might conclude that a
# level can't hear them. In the recordings it can. How much louder does each make a clip, and how
# much do healthy clips differ anyway? (The *standard deviation* of a few clips is the root of
# their squared distances from the mean, divided by $n - 1$: `ddof=1` in numpy.)

# %%
rows = {}
for world, (known, normal, faulty) in worlds.items():
    rms = level(normal)[:, 0]
    rows[world] = {"mean": rms.mean(), "healthy clips differ by": level(known)[:, 0].std(ddof=1)}
    for kind in ("hiss", "squeak"):
        rows[world][f"{kind} adds"] = (level(faulty[kind])[:, 0] - rms).mean()
ResultTable(rows, "RMS level in dB", corner="clips", formats=".1f")

# %% [markdown]
# The recordings are more alike in level than the generator thinks, and quieter, so that a hiss of
# the same loudness adds more. Is that why? If it is, the level must go deaf as soon as the
# recordings differ. As a control we turn each of them up or down at random, by so many dB at most:

# %%
def shaken(clips, most, rng):
    return clips * 10 ** (rng.uniform(-most, most, (len(clips), 1)) / 20)

def level_when_shaken(most, seed):
    rng = np.random.default_rng(seed)
    detector = make_detector("level", sr=sr).fit(shaken(train, most, rng))
    added = {kind: shaken(real[kind], most, rng) for kind in ("hiss", "squeak")}
    return auc_by_fault(detector, shaken(twins, most, rng), added)

rows = {}
for most in (0.0, 1.5, 3.0):
    aucs = [level_when_shaken(most, seed) for seed in range(10)]
    rows[f"{most} dB"] = {kind: np.mean([row[kind] for row in aucs]) for kind in aucs[0]}
ResultTable(rows, "AUC of the level, mean of ten draws", corner="up or down by", shade=(0.5, 1))

# %% [markdown]
# So whether the level hears a leak is a matter of how steady *everything else* is. And these
# recordings owe part of their steadiness to those who made the data set, as
# [chapter 7](07_travel.ipynb) will find. For a hall where the level varies by a few dB, the lower
# rows are the better forecast.
#
# So a table from a generator shows how detectors differ *in its world*. What carries over has
# to be shown.
#
# ## With a network, five times
#
# Now the networks of [chapter 4](04_autoencoder.ipynb). Their result depends on the seed, so each
# is trained with five. To have time for that, each gets 100 updates (the recipes train for longer)
# and sets no threshold, for which some would be trained twice more, on halves of the clips
# (`network_cv`). All judge the same spectrograms, which are computed once. A recipe is a pipeline,
# and `[-1]` takes its last step: the network alone, **without the part that hears the level**. So it
# has to be compared with *gmm, no level*, which gets five seeds as well.

# %%
S = {world: (log_mel_spectrogram(known, sr), log_mel_spectrogram(normal, sr),
             {kind: log_mel_spectrogram(audio, sr) for kind, audio in faulty.items()})
     for world, (known, normal, faulty) in worlds.items()}

def train(name, known, seed):
    network = make_detector(name, sr=sr, random_state=seed)[-1]
    return network.set_params(n_updates=100, network_cv=None).fit(known)

by_seed, networks = {}, {}
for world, (known, normal, faulty) in S.items():
    gmms = [make_detector("gmm", sr=sr, random_state=i, level=False)[1:] for i in range(5)]
    by_seed[world, "gmm, no level"] = [auc_by_fault(g.fit(known), normal, faulty) for g in gmms]
    for name in ("autoencoder", "interpolation", "dense"):
        networks[world, name] = [train(name, known, seed) for seed in range(5)]
        by_seed[world, name] = [auc_by_fault(n, normal, faulty) for n in networks[world, name]]

# %% [markdown]
# Lowest and highest AUC of five seeds:

# %% tags=["nbval-ignore-output"]
def ranges(rows):
    values = {kind: [row[kind] for row in rows] for kind in rows[0]}
    return {kind: f"{min(aucs):.2f} to {max(aucs):.2f}" for kind, aucs in values.items()}

ResultTable({f"{world}: {name}": ranges(rows) for (world, name), rows in by_seed.items()},
            "Five seeds: lowest and highest AUC", corner="detector")

# %% [markdown]
# The digits depend on the computer; these answers don't:

# %%
def of(world, name, kind):
    return np.array([row[kind] for row in by_seed[world, name]])

names = ("autoencoder", "interpolation", "dense")
ResultTable({world: {
    "any always hears late clicks": any(of(world, n, "late click").min() > 0.8 for n in names),
    "interpolation hears double clicks, on average":
        of(world, "interpolation", "double click").mean() > 0.6,
    "dense ever hears weak clicks": of(world, "dense", "weak click").max() > 0.5,
    "interpolation always hears squeaks, the mixture not":
        of(world, "interpolation", "squeak").min() > of(world, "gmm, no level", "squeak").max() + 0.1,
} for world in worlds}, "What holds for five seeds", corner="clips")

# %% [markdown]
# - **Late clicks**: no network hears them with every seed. With some seeds the autoencoder, which
#   looks at long windows, does a little better than guessing. Had we shown its luckiest one only,
#   it would look like a method.
# - **Double clicks**: in the generator's world the interpolation network does a little better than
#   guessing, and how far is up to the seed. In the recordings it guesses. (A real click rings for
#   longer and echoes, so a second one may be less of a surprise; but no cell here tests it.)
# - **Weak clicks**: the dense network hears them nowhere.
# - **Hiss and squeak**: in the recordings the autoencoder and the interpolation network hear what
#   the mixture hears. In the synthetic clips the interpolation network hears squeaks that the
#   mixture misses. The dense network hears the hiss, and squeaks only in part.
#
# If the rhythm matters for your machine, no row of these tables is good enough.
#
# ## Is it the network?
#
# The autoencoder and the interpolation network judge a profile of their errors *and of the
# levels* in each band, and a level needs no network. Which of the two hears the faults? A fair
# control changes one thing only. So the same judge as in both, of the same four statistics, gets
# the levels alone, and the errors alone. It is that of *mahalanobis*, without its ear for the
# level of the whole clip. The errors keep their sign and come from the networks above.
# (`AutoencoderDetector(score="errors")` does the same, but would train each of them once more.)

# %%
def errors(network, S):
    levels = (S - network.mean_) / network.scale_
    return levels - reconstruct(network.model_, levels)

def judged(known, normal, faulty):
    judge = make_detector("mahalanobis", sr=sr, level=False)[1:].fit(known)
    return auc_by_fault(judge, normal, faulty)

def judged_by_errors(network, known, normal, faulty):
    return judged(errors(network, known), errors(network, normal),
                  {kind: errors(network, S) for kind, S in faulty.items()})

only_levels = {world: judged(*S[world]) for world in worlds}
only_errors = {(world, name): [judged_by_errors(network, *S[world]) for network in trained]
               for (world, name), trained in networks.items()}

# %% [markdown]
# The lowest and highest of five seeds. For the dense network, whose own score is its mean error,
# this is another way to judge the same errors; we come back to it.

# %% tags=["nbval-ignore-output"]
rows = {}
for world in worlds:
    rows[f"{world}: levels, no network"] = ranges([only_levels[world]])
    rows |= {f"{world}: {name}'s errors": ranges(only_errors[world, name]) for name in names}
ResultTable(rows, "The same judge, of levels or of errors: lowest and highest AUC", corner="judged")

# %% [markdown]
# And what holds on every computer:

# %%
def errors_of(world, name, kind):
    return np.array([row[kind] for row in only_errors[world, name]])

lost, added = ("weak click", "missing click"), ("hiss", "squeak")
ResultTable({world: {
    "autoencoder, interpolation: lost clicks worse than by levels": all(
        errors_of(world, n, kind).mean() < levels[kind] - 0.05 for n in names[:2] for kind in lost),
    "all: hiss, squeak as good, with every seed": all(
        errors_of(world, n, kind).min() > levels[kind] - 0.05 for n in names for kind in added),
    "all: squeak better, with every seed": all(
        errors_of(world, n, "squeak").min() > levels["squeak"] for n in names),
} for world, levels in only_levels.items()}, "What is the network's?", corner="clips")

# %% [markdown]
# The control splits the result in two:
#
# - **Lost clicks are heard by the levels.** Alone, and with no network, these hear nearly all of
#   them, in both worlds. The errors of the autoencoder and of the interpolation network do worse
#   on average; single seeds of the autoencoder hear all and others next to nothing. The clean sheet
#   of both networks is that of the levels. A table without this control would have given them the
#   credit.
# - **Hiss and squeak are heard by the errors themselves.** With every seed they do about as well as
#   the levels, and in the synthetic clips they hear more squeaks. Here a network has something to say.
#
# All of this is for networks of 100 updates, and no cell here tries another number. Trained for
# much longer on so few clips, a network can come to know them by heart; don't expect the same
# tables from it.
#
# ## Other clips, other seeds
#
# Five seeds show how much is the luck of training. They say nothing about the luck of the clips,
# which were the same five times. Synthetic clips cost nothing, so we make two more sets, train one
# interpolation network on each and ask for what it seemed good at.

# %%
def set_of_its_own(i):
    kinds, seeds = ("double click", "hiss", "squeak"), range(1000 * i, 1000 * i + 16)
    known = valves("normal", range(1000 * i + 100, 1000 * i + 113))
    faulty = {kind: log_mel_spectrogram(valves(kind, seeds), sr) for kind in kinds}
    return (log_mel_spectrogram(known, sr),
            log_mel_spectrogram(valves("normal", seeds), sr), faulty)

other_clips = {"gmm, no level": [], "interpolation's errors": []}
for i in (1, 2):
    known, normal, faulty = set_of_its_own(i)
    gmm = make_detector("gmm", sr=sr, level=False)[1:].fit(known)
    other_clips["gmm, no level"].append(auc_by_fault(gmm, normal, faulty))
    other_clips["interpolation's errors"].append(
        judged_by_errors(train("interpolation", known, i), known, normal, faulty))

# %% [markdown]
# Lowest and highest AUC of the two sets:

# %% tags=["nbval-ignore-output"]
ResultTable({name: ranges(rows) for name, rows in other_clips.items()},
            "Two more sets of synthetic clips: lowest and highest AUC", corner="detector")

# %% [markdown]
# And what holds on every computer:

# %%
pairs = list(zip(*other_clips.values()))
ResultTable({kind: {
    "never heard worse than by the mixture": all(b[kind] > a[kind] - 0.05 for a, b in pairs),
    "much better, with both sets": all(b[kind] > a[kind] + 0.1 for a, b in pairs),
} for kind in pairs[0][0]}, "Errors of the interpolation network, other clips", corner="fault")

# %% [markdown]
# The network hears hiss and squeak in other clips, too, and never worse than the mixture. But the
# *gap* was the luck of the first set: in these, the mixture misses hardly anything either. With
# double clicks the gap remains. So in the generator's world the network does more than guess, and
# how much more is up to clips and seed.
#
# ## Each score assumes something
#
# The dense network deserves a closer look. It is scored by its mean error, and so
# assumes that **what is abnormal is harder to rebuild**. The mixture assumes that **what is
# abnormal has unusual statistics**, too high or too low. Side by side, each as the mean over its
# seeds; and below them the *same* networks' same errors, judged as in the control above, for being
# unusual in either direction:

# %% tags=["nbval-ignore-output"]
def mean_of(rows):
    return {kind: np.mean([row[kind] for row in rows]) for kind in ANOMALY_KINDS}

opposite = {}
for world in worlds:
    opposite[f"{world}: mixture"] = mean_of(by_seed[world, "gmm, no level"])
    opposite[f"{world}: dense, mean error"] = mean_of(by_seed[world, "dense"])
    opposite[f"{world}: dense, unusual errors"] = mean_of(only_errors[world, "dense"])
ResultTable(opposite, "Two assumptions: AUC", corner="detector", shade=(0.5, 1))

# %% [markdown]
# What holds for each of the five seeds:

# %%
ResultTable({world: {
    "mean error always hears hiss": of(world, "dense", "hiss").min() > 0.8,
    "lost clicks always seem healthier":
        all(of(world, "dense", kind).max() < 0.5 for kind in lost),
    "unusual errors hear every kind of lost click better":
        all(errors_of(world, "dense", kind).min() > of(world, "dense", kind).max() + 0.2
            for kind in lost),
} for world in worlds}, "The dense network, five seeds", corner="clips")

# %% [markdown]
# Whatever *adds* sound, such as a hiss, adds error. But a click that is weak or missing leaves
# less to rebuild, the error falls, and the faulty valve passes for an especially healthy one: the
# AUC is **below one half**. The mixture does not care about the direction. And the third row of
# each world shows that these networks were not to blame: ask the same errors whether they are
# *unusual*, and they hear lost clicks in the recordings, and most of them in the synthetic clips.
#
# So a detector is not good or bad, but fits some faults. Before you choose one, ask what
# *your* machine's faults do to the sound: add, take away, or move?
#
# (What is called *dense* here is built like the baseline of the DCASE challenges, but is not the
# same: ours standardises each mel band, has another window length, sees random windows of few
# clips, and is trained for a fixed number of updates. Don't take its numbers for the
# baseline's.)
#
# ## Where is it?
#
# "Clip 17 is abnormal" is of little use to the engineer who has to repair something.
# `anomaly_map` tells which moments and bands speak for an anomaly. It asks for each number that
# the detector judges: how much more abnormal would a typical clip be with *this* value? The
# answer goes to the frames that pulled the value away from what is usual.
#
# The truth is known: `change_mask` marks the cells in which a faulty clip and its healthy twin
# differ by more than 3 dB. And a map needs a baseline as much as a score does: `contrast_map` has
# learned nothing, and shows by how many dB each cell is above its own clip's median in that band.

# %%
masks = {kind: change_mask(audio, twins, sr) for kind, audio in real.items()}
_, of_twins, spectrograms = S["real"]
baseline = {kind: contrast_map(clips) for kind, clips in spectrograms.items()}
mixture = {kind: anomaly_map(fitted["real", "gmm"], audio) for kind, audio in real.items()}
trained = networks["real", "autoencoder"]
by_network = {kind: [network.anomaly_map(clips) for network in trained]
              for kind, clips in spectrograms.items()}

# %% [markdown]
# A squeak in a real recording, as they see it and as it is. The level judges a clip as a whole
# and has no map.

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Five panels on the same axes of time and frequency: the log-mel spectrogram of a recording with a squeak; the baseline, bright at every click and at the squeak; the maps of the mixture model and of the autoencoder, bright at the squeak and dark at the clicks; and the mask of what was really changed, a few short level lines."}}
figure, axes = plt.subplots(5, 1, figsize=(5, 12))
panels = {"clip": spectrograms, "baseline": baseline, "gmm": mixture}
panels = {name: maps["squeak"][1] for name, maps in panels.items()}
panels |= {"autoencoder": by_network["squeak"][0][1], "truth": masks["squeak"][1] * 1.0}
units = ("dB", "dB above median", "own units", "own units", "changed")
for ax, (name, cells), unit in zip(axes, panels.items(), units):
    plot_spectrogram(cells, sr, label=unit, title=name, ax=ax)

# %% [markdown]
# One picture proves nothing, so we measure. **AUC per cell**: does a changed cell get a higher
# value than an unchanged one? As a control, the last column asks the baseline's map of the
# *healthy twin*, where no fault is, for the same cells.

# %% tags=["nbval-ignore-output"]
quiet = contrast_map(of_twins)
per_cell = {}
for kind, mask in masks.items():
    seeds = [map_auc(cells, mask).mean() for cells in by_network[kind]]
    per_cell[kind] = {
        "baseline": map_auc(baseline[kind], mask).mean(),
        "gmm": map_auc(mixture[kind], mask).mean(),
        "autoencoder, lowest": min(seeds), "highest": max(seeds),
        "baseline on the healthy twin": map_auc(quiet, mask).mean()}
ResultTable(per_cell, "AUC per cell", corner="fault", shade=(0.5, 1))

# %% [markdown]
# **Mass inside**: which share of the map lies inside the mask? If the map were spread evenly, it
# would be the share of cells that the mask covers.

# %% tags=["nbval-ignore-output"]
mass = {}
for kind, mask in masks.items():
    seeds = [mass_inside(cells, mask).mean() for cells in by_network[kind]]
    mass[kind] = {
        "spread evenly": mask.mean(),
        "baseline": mass_inside(baseline[kind], mask).mean(),
        "gmm": mass_inside(mixture[kind], mask).mean(),
        "autoencoder, lowest": min(seeds), "highest": max(seeds)}
ResultTable(mass, "Share of the map inside the mask", corner="fault", formats=".0%", shade=(0, 1))

# %% [markdown]
# What holds on every computer:

# %%
ResultTable({kind: {
    "baseline ranks cells better than gmm": row["baseline"] > row["gmm"],
    "and better than on the healthy twin":
        row["baseline"] > row["baseline on the healthy twin"] + 0.05,
    "gmm has twice its share of the mass": mass[kind]["gmm"] > 2 * mass[kind]["baseline"],
    "gmm has twice an even share": mass[kind]["gmm"] > 2 * mass[kind]["spread evenly"],
} for kind, row in per_cell.items()}, "What each map is worth", corner="fault")

# %% [markdown]
# This is not the triumph that one picture of a squeak suggests:
#
# - By AUC per cell, the map that has learned nothing **beats the mixture's for five faults of
#   six**, and for most the autoencoder's as well. Whoever shows an explanation by
#   this measure alone should show this baseline, too.
# - But see the control. For weak and late clicks the baseline does as well, or better, on the
#   healthy twin, where *nothing is wrong*. It points at clicks, and the mask lies on clicks.
#   For double clicks, hiss and squeak it does point at the fault.
# - By mass inside, the squeak turns the order round. It covers about one cell in a hundred.
#   The baseline spends most of its light on healthy clicks and on the hall; the detectors know
#   what is usual, and put a far larger share of theirs on the squeak.
# - **Weak and missing clicks** neither detector finds. It may know in which bands a click is
#   usual, but not when this one should have come.
#
# And look at a map only after an alarm: there is one for a clip that the detector finds
# normal, too, and it shows what is least usual there, not what is wrong.
#
# ## Which one would we take?
#
# From this chapter and [the last](05_evaluation.ipynb): for a machine of which little is known,
# the **gmm** with a conformal threshold. Not because it hears most. A hiss or a squeak the
# networks of this chapter hear as well, or better: the control shows it of their errors alone. A
# lost click is heard by the levels, for which the mixture needs no network. What speaks for it is
# that its alarms keep their promise on average, that it is fitted in a moment, that another seed
# hardly changes anything, and that its map puts a squeak where it is.
#
# The **level** costs nothing and shows how much of the result is the level of a recording, so we
# would set it beside the mixture. Whether it belongs *into* the detector depends on the machine:
# here it cost some of the hiss, and [chapter 7](07_travel.ipynb) has machines where it gives. A
# network that is to be added has to show, on faults of *our* machine, with several seeds and by
# its errors alone, what it adds. For the rhythm we would build something else.
#
# ## Summary
#
# - Put faults into real recordings: the truth is exact and the hall is real.
# - Every score assumes something. A mean error hears what is added and is fooled by what is lost.
# - A table made with a generator says what happens in the generator's world. Here the level's
#   deafness was its doing, and so was a network's ear for double clicks.
# - One seed is no result, and five seeds on the same clips are one set of clips.
# - A control changes one thing. Here it showed that lost clicks are heard by the levels, and that
#   for hiss and squeak the errors of a network do by themselves.
# - An explanation needs a baseline and a control, as a score does.
#
# ## Questions to think about
#
# 1. Your generator's halls differ by 3 dB in level, the real one by 0.3 dB. Which detectors
#    will do better in reality than your table says?
#
#    <details><summary>Answer</summary>
#
#    Those that rely on the absolute level: the level itself first of all, but also the
#    mixture, as a louder hall is louder in every band. A detector of rhythm would gain nothing.
#
#    </details>
# 2. The healthy twin is in the test and the faulty clip was made from it. Does that make the AUC
#    too high, too low, or neither?
#
#    <details><summary>Answer</summary>
#
#    Neither, for a detector that judges each clip by itself: a faulty clip is compared with all
#    healthy ones. But the clips are not independent, so an interval that assumes so is only
#    roughly right. What would spoil it is a twin among the *training* clips.
#
#    </details>
# 3. Design a feature that would hear the late click. What does it have to keep that pooling
#    throws away?
#
#    <details><summary>Answer</summary>
#
#    The distance in time between clicks, for instance the place of the highest peak in the
#    autocorrelation of the energy above 2 kHz, or the times between its peaks. Pooling
#    keeps how much there was, and forgets when.
#
#    </details>
# 4. A colleague's map has an AUC per cell of 0.9 for weak clicks. What do you ask for?
#
#    <details><summary>Answer</summary>
#
#    For the same number from a map without parameters, and for that of the healthy twins. If
#    the map is as bright there, it has found clicks and not their fault.
#
#    </details>
# 5. Could a mean of the gmm's and the dense network's scores hear everything that either hears?
#
#    <details><summary>Answer</summary>
#
#    Not the mean as it is: the units differ, and for a weak click one rises while the other
#    falls. One could compare each with its own threshold and take alarms from either, but then
#    false alarms add up, and each threshold has to be stricter.
#
#    </details>
#
# **Next**: [chapter 7](07_travel.ipynb) takes the detectors to other machines, and asks what of
# all this travels.
