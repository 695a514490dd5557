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

from sklearn.pipeline import make_pipeline

from esa4_helpers import (
    ClipQuiz, Dataset, MahalanobisDetector, PoolOverTime, ResultTable, anomaly_map,
    anomaly_score, auc, auc_interval, change_mask, contrast_map, insert_fault, level,
    load_dataset, log_mel_spectrogram, make_detector, map_auc, mass_inside, plot_spectrogram,
    set_style)
from esa4_helpers.synthesis import ANOMALY_KINDS, synthesize_clip

# %% [markdown]
# The valve is recorded, the faults are made by the computer, as nobody has recorded so many.

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
set_style()
sr = 16000
dataset = load_dataset()
clips = dataset.resampled(sr)
healthy = clips.audio[~clips.is_anomaly]
order = ("late click", "squeak", "normal", "missing click", "double click", "hiss", "weak click")
versions = [healthy[3] if kind == "normal" else insert_fault(healthy[3], sr, kind, 1)
            for kind in order]
faults = np.array([kind != "normal" for kind in order])
one_valve = Dataset(versions, sr, order, ~faults, faults, kinds=order)
ClipQuiz(one_valve, "Which of these is the recording as it was?",
         clips=[one_valve.names.index(kind) for kind in order], gain_db=18,
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
# healthy twins.

# %%
def auc_by_fault(detector, normal, faulty):
    of_normal, row = anomaly_score(detector, normal), {}
    for kind, X in faulty.items():
        is_anomaly = np.repeat([False, True], [len(normal), len(X)])
        row[kind] = auc(is_anomaly, np.concatenate([of_normal, anomaly_score(detector, X)]))
    return row

fitted, heard = {}, {}
for world, (known, normal, faulty) in worlds.items():
    for name in ("level", "gmm", "mahalanobis", "knn"):
        fitted[world, name] = make_detector(name, sr=sr).fit(known)
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
# - **Late and double clicks**: in real recordings all four are close to guessing. The clicks are
#   all there, and statistics over time don't know *when* something sounded.
#
# But one row differs between the two tables.
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
    rows[world] = {"healthy clips differ by": level(known)[:, 0].std(ddof=1)}
    for kind in ("hiss", "squeak"):
        rows[world][f"{kind} adds"] = (level(faulty[kind])[:, 0] - rms).mean()
ResultTable(rows, "RMS level in dB", corner="clips", formats=".1f")

# %% [markdown]
# The recordings are more alike in level than the generator thinks, and quieter, so that the same
# hiss adds more. Whether the level hears a leak is a matter of how steady
# *everything else* is. And these recordings owe part of their steadiness to those who made the
# data set, as [chapter 7](07_travel.ipynb) will find. In a hall where the level varies by some dB, as it
# does in most, the lower row is the better forecast.
#
# So a table from a generator shows how detectors differ *in its world*. What carries over has
# to be shown.
#
# ## With a network, five times
#
# Now the networks of [chapter 4](04_autoencoder.ipynb). Their result depends on the seed, so each
# is trained with five. To have time for that, each gets 100 updates (the recipes train
# *interpolation* and *dense* for longer) and sets no threshold, for which it would be trained twice
# more, on halves of the clips (`network_cv`). A pipeline can be sliced like a list: `[:1]` is its first
# step, which computes spectrograms and is needed once.

# %%
def train_five(name, known):
    networks = []
    for seed in range(5):
        network = make_detector(name, sr=sr, random_state=seed)[1:]
        network.set_params(detector__n_updates=100, detector__network_cv=None)
        networks.append(network.fit(known))
    return networks

networks, by_seed = {}, {}
for world, (known, normal, faulty) in worlds.items():
    for name in ("autoencoder", "interpolation", "dense"):
        first = make_detector(name, sr=sr)[:1].fit(known)
        S = {kind: first.transform(audio) for kind, audio in faulty.items()}
        networks[world, name] = train_five(name, first.transform(known))
        by_seed[world, name] = [auc_by_fault(network, first.transform(normal), S)
                                for network in networks[world, name]]

# %% [markdown]
# Lowest and highest AUC of five seeds:

# %% tags=["nbval-ignore-output"]
def range_of(rows, kind):
    values = [row[kind] for row in rows]
    return f"{min(values):.2f} to {max(values):.2f}"

ranges = {}
for (world, name), rows in by_seed.items():
    ranges[f"{name}, {world}"] = {kind: range_of(rows, kind) for kind in ANOMALY_KINDS}
ResultTable(ranges, "Five seeds: lowest and highest AUC", corner="network")

# %% [markdown]
# The digits depend on the computer; these answers don't:

# %%
def lowest(world, name, kind):
    return min(row[kind] for row in by_seed[world, name])

def highest(world, name, kind):
    return max(row[kind] for row in by_seed[world, name])

ResultTable({world: {
    "autoencoder always hears weak clicks": lowest(world, "autoencoder", "weak click") > 0.9,
    "dense ever does": highest(world, "dense", "weak click") > 0.7,
    "dense always hears hiss": lowest(world, "dense", "hiss") > 0.8,
    "interpolation always hears double": lowest(world, "interpolation", "double click") > 0.7,
    "anything always hears late": any(lowest(world, name, "late click") > 0.8
                                      for where, name in by_seed if where == world),
} for world in worlds}, "What holds with five of five seeds", corner="clips")

# %% [markdown]
# - **Late clicks**: no network hears them with every seed. The autoencoder looks at long
#   windows and gets furthest, but how far is up to the seed. Had we shown its luckiest one, it
#   would look like a method.
# - **Double clicks**: the interpolation network hears them in the generator's world. In the
#   recordings it does not. (A real click rings for longer and echoes, so a second one may be less
#   of a surprise; but that is a guess, and no cell here tests it.)
# - **Weak clicks**: the dense network hears them nowhere.
#
# If the rhythm matters for your machine, no row of these tables is good enough.
#
# ## Each score assumes something
#
# The last line deserves a closer look. The *dense* network is scored by its mean error, and so
# assumes that **what is abnormal is harder to rebuild**. The mixture assumes that **what is
# abnormal has unusual statistics**, too high or too low. Side by side, the network as the mean
# over its seeds:

# %% tags=["nbval-ignore-output"]
opposite = {}
for world in worlds:
    opposite[f"mixture, {world}"] = heard[world, "gmm"]
    opposite[f"dense, {world}"] = {
        kind: np.mean([row[kind] for row in by_seed[world, "dense"]]) for kind in ANOMALY_KINDS}
ResultTable(opposite, "Two assumptions: AUC", corner="detector", shade=(0.5, 1))

# %% [markdown]
# Whatever *adds* sound, such as a hiss, adds error. But a click that is weak or missing leaves
# less to rebuild, the error falls, and the faulty valve passes for a healthy one, or for an
# especially healthy one: the AUC is **near one half, or far below it**. The mixture does not care
# about the direction. In the generator's world it is even the other way round for the double
# click: it adds sound, which the dense network notices more than the mixture does.
#
# So a detector is not good or bad, but fits some faults. Before you choose one, ask what
# *your* machine's faults do to the sound: add, take away, or move?
#
# (What is called *dense* here is built like the baseline of the DCASE challenges, but is not the
# same: ours standardises each mel band, has another window length, sees random windows of few
# clips, and is trained for a fixed number of updates. Don't take its numbers for the
# baseline's.)
#
# **A control.** The autoencoder's profile holds statistics of its errors *and* of the levels,
# which need no network. Is it the network that hears the faults? We leave the levels out:

# %%
def errors(network, audio):
    return np.log(network[-1].error_map(log_mel_spectrogram(audio, sr)))

errors_only = {}
for world, (known, normal, faulty) in worlds.items():
    errors_only[world] = rows = []
    for network in networks[world, "autoencoder"]:
        judge = make_pipeline(PoolOverTime(("mean", "std", "max")), MahalanobisDetector())
        judge.fit(errors(network, known))
        faulty_errors = {kind: errors(network, audio) for kind, audio in faulty.items()}
        rows.append(auc_by_fault(judge, errors(network, normal), faulty_errors))

# %% [markdown]
# The lowest and highest of five seeds:

# %% tags=["nbval-ignore-output"]
control = {}
for world, rows in errors_only.items():
    for name, of in (("with levels", by_seed[world, "autoencoder"]), ("errors only", rows)):
        control[f"{world}, {name}"] = {kind: range_of(of, kind) for kind in ANOMALY_KINDS}
ResultTable(control, "What the autoencoder owes to its network", corner="profile")

# %% [markdown]
# And what holds on every computer, for the means over the seeds:

# %%
ResultTable({world: {
    f"{kind}: errors alone do worse": np.mean([row[kind] for row in rows])
    < np.mean([row[kind] for row in by_seed[world, "autoencoder"]]) - 0.03
    for kind in ("weak click", "missing click")} for world, rows in errors_only.items()},
    "What holds everywhere", corner="clips")

# %% [markdown]
# The clean sheet for weak and missing clicks is mostly that of the levels. A table without this
# control would have given the credit to the network.
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
spectrograms = {kind: log_mel_spectrogram(audio, sr) for kind, audio in real.items()}
baseline = {kind: contrast_map(S) for kind, S in spectrograms.items()}
mixture = {kind: anomaly_map(fitted["real", "gmm"], audio) for kind, audio in real.items()}
trained = networks["real", "autoencoder"]
by_network = {kind: [network[-1].anomaly_map(S) for network in trained]
              for kind, S in spectrograms.items()}

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
quiet = contrast_map(log_mel_spectrogram(twins, sr))
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
#   six**, and the autoencoder's is no better than it for most. Whoever shows an explanation by
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
# the **gmm** with a conformal threshold. It hears all that is added or lost band by band, in
# recordings as in synthetic clips, its alarms keep their promise on average, it needs no
# network, and its map puts a squeak where it is. We would set the **level** beside it, which
# costs nothing and shows how much of the result is the level of a recording. A network
# would have to show first, on faults of *our* machine and with several seeds, what it
# adds; on these clips it adds too little to rely on. For the rhythm we would build something
# else.
#
# ## Summary
#
# - Put faults into real recordings: the truth is exact and the hall is real.
# - Every score assumes something. A mean error hears what is added and is fooled by what is lost.
# - A table made with a generator says what happens in the generator's world. Here the level's
#   deafness and a network's ear for double clicks were its doing.
# - One seed is no result; a profile with levels in it is no evidence for a network.
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
#    mixture, whose bands get quieter neighbours. A detector of rhythm would gain nothing.
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
