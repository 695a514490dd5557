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
# # Sheet 6: your own machine
#
# Exercises to [chapter 5](../05_evaluation.ipynb), and the end of the course. You write what
# stands between a folder of recordings and an alarm: read, cut, compare, decide. Then you
# may point all of it at a machine of your own.
#
# It works as sheet 1 does: replace the dots, run the check, try again as often as you like.
# Your answers will be marked with *other* clips, so compute everything, except where a
# question lets you type the answer in.
#
# **Time**: about 50 minutes, plus your own machine. **Points**: 12.

# %% [markdown]
# ## Set up

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The clips of this sheet are for trying things in questions 6.3 and 6.4: `clips.train.audio` is
# normal, `clips.test.audio` partly not, as `clips.test.is_anomaly` says. The checks bring others.

# %%
from pathlib import Path

import librosa
import numpy as np

from esa4_helpers import (
    anomaly_score, auc, auc_interval, conformal_threshold, held_out_scores, make_detector,
)
from esa4_helpers.exercises import check, exercise_clips

clips = exercise_clips(6)
print(clips.train.audio.shape, clips.test.audio.shape, clips.sr)

# %% [markdown]
# ## 6.1 Read a folder
#
# *2 points · practice · trains: getting recordings into one clean array*
#
# Recordings from real life are a mess: other sample rates, one or two channels, other
# lengths. Detectors want one array. Read all files in `folder` whose names end in `.wav`,
# and return an array of shape `(n_files, n_samples)`:
#
# - one row for each file, in the order of the names, as Python's `sorted` puts them;
# - stereo mixed to mono: the *mean* of the channels;
# - resampled to `sr`, in Hz (files may have different rates);
# - samples between -1 and 1;
# - then all cut at the end, to the length of the shortest. One sample more or less does not
#   matter.
#
# `folder` is a path as text. There may be other files in it: leave them out.

# %%
def read_folder(folder, sr):
    # BEGIN SOLUTION
    wave_files = sorted(Path(folder).glob("*.wav"))
    voices = [librosa.load(wave, sr=sr, mono=True)[0] for wave in wave_files]
    shortest = min(map(len, voices))
    return np.stack([voice[:shortest] for voice in voices])
    # END SOLUTION

# %%
check("6.1", read_folder)

# %% [markdown]
# ## 6.2 Cut recordings into clips
#
# *1 point · first steps · trains: clips of equal length, none of which mixes two recordings*
#
# It is easier to record for a minute than to press a button every two seconds. Cut each of the
# `recordings`, an array of shape `(n_recordings, n_long)`, from its beginning into as many
# whole clips of `n_samples` samples as fit, one directly after the other. What is left at the
# end of a recording is dropped. Return an array of shape `(n_clips, n_samples)`: first all
# clips of the first recording, in the order of time, then all of the second, and so on.

# %%
def cut_clips(recordings, n_samples):
    # BEGIN SOLUTION
    whole = recordings.shape[1] // n_samples
    return recordings[:, : whole * n_samples].reshape(-1, n_samples)
    # END SOLUTION

# %%
check("6.2", cut_clips)

# %% [markdown]
# ## 6.3 A fair comparison
#
# *2 points · practice · trains: the same clips for all detectors, and an interval beside each AUC*
#
# Now compare detectors as [chapter 5](../05_evaluation.ipynb) does. `names` is a list of
# names for `make_detector`; `train` and `test` are clips with the sample rate `sr`, and all training clips are normal.
# `is_anomaly` is a boolean array with one entry for each *test* clip. Fit each detector to the
# training clips (leave `random_state` as it is), score the test clips, and return a dict: for
# each name a list of two numbers, the AUC and the *lower* end of its 95 % interval.

# %%
def compare_detectors(names, train, test, is_anomaly, sr):
    # BEGIN SOLUTION
    rows_of_table = {}
    for one in names:
        judged = anomaly_score(make_detector(one, sr=sr).fit(train), test)
        lowest_auc, _ = auc_interval(is_anomaly, judged)
        rows_of_table[one] = [auc(is_anomaly, judged), lowest_auc]
    return rows_of_table
    # END SOLUTION

# %%
check("6.3", compare_detectors)

# %% [markdown]
# ## 6.4 Keep watch
#
# *3 points · design · trains: choosing a detector and a threshold by what the job asks for*
#
# You are to watch a machine that has never failed so far, so you have `normal` clips only, 80 of
# them. Later come `new` ones, some of them faulty, and nobody tells you which. `sr` is the
# sample rate of both. Return a boolean array with one entry for each new clip: True for an
# alarm.
#
# The people at the machine have two wishes.
#
# - **Few false alarms.** One clip is judged every `every` seconds, day and night, and `per_day`
#   false alarms per day are what they accept on average. Which share of normal clips is
#   that? (It will be at least 0.05. As the clips are few, the check allows a share of 0.25 more.)
# - **No fault unheard.** Two kinds are feared: the clicks are missing, or a faint whistle (one
#   steady tone, far weaker than the clicks) sounds all the time. Of each kind at least 70 %
#   must raise an alarm.
#
# Which detector? Decide it from normal clips: you can *break* some yourself. Take some of
# `clips.train.audio`, turn them down or add a faint tone (an amplitude of 0.003, say), and see
# which detectors notice. Then set the threshold with clips
# that the detector has not heard. Choose a detector without a network: your function should take
# a few seconds at most.

# %%
def keep_watch(normal, new, sr, every, per_day):
    # BEGIN SOLUTION
    studied, kept_apart = normal[::2], normal[1::2]
    listener = make_detector("mahalanobis", sr=sr).fit(studied)
    accepted = per_day * every / 86400
    limit = conformal_threshold(anomaly_score(listener, kept_apart), accepted)
    return anomaly_score(listener, new) > limit
    # END SOLUTION

# %%
check("6.4", keep_watch)

# %% [markdown]
# ## Your own number
#
# Answers that are typed in are not marked with other clips. So choose a number of your
# own, as in sheet 1, before you answer what follows. An answer is a list of it and of what
# you have found, such as `[my_number, "b"]`.

# %%
my_number = 1234

# %% [markdown]
# ## 6.5 Who will hear it?
#
# *2 points · practice · predict · trains: telling what a detector hears from the way it works*
#
# A valve no longer clicks; its background is as ever. Here are four detectors, each fitted to
# normal clips. For all of them, a higher score is more anomalous. Which will rank most clips
# *without* the click above those with it? There may be one or several. Decide first, then
# answer, and run the comparison after that.

# %%
options = [
    "loudest moment: the peak level of the clip",
    "unusual peak: how far the peak level is from the median of the training clips",
    "median spectrum: in each band, the median level over time; how far from that of training",
    "maximum spectrum: in each band, the maximum level over time; how far from that of training",
]
for letter, option in zip("abcd", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %% [markdown]
# Several letters go into one text, as in `[my_number, "a, b"]`.

# %%
hearing = [my_number, "b, d"]  # SOLUTION

# %%
check("6.5", hearing)

# %% [markdown]
# The comparison, with clips that are made from your number:

# %%
from esa4_helpers import log_mel_spectrogram, make_synthetic_dataset, peak_level

quiet = make_synthetic_dataset(
    20, 20, 20, sr=16000, kinds="missing click", random_state=my_number
)
old_peak, new_peak = peak_level(quiet.train.audio), peak_level(quiet.test.audio)
old_bands, new_bands = (
    log_mel_spectrogram(part.audio, part.sr) for part in (quiet.train, quiet.test)
)


def how_far(pool):
    known, new = pool(old_bands, axis=2), pool(new_bands, axis=2)
    return np.abs((new - known.mean(axis=0)) / known.std(axis=0)).mean(axis=1)


for name, ranking in {
    "loudest moment": new_peak,
    "unusual peak": np.abs(new_peak - np.median(old_peak)),
    "median spectrum": how_far(np.median),
    "maximum spectrum": how_far(np.max),
}.items():
    print(f"{name:16} AUC {auc(quiet.test.is_anomaly, ranking):.2f}")

# %% [markdown]
# ## 6.6 What is missing here?
#
# *2 points · design · which control? · trains: recordings that tell a fault from another day*
#
# "On Monday I recorded my fan, two minutes, with the window shut. On Tuesday I put a sheet of
# paper in the air stream and recorded it again, with the window open, as it had got warm. A
# detector that was fitted to half of Monday's clips keeps quiet on the other half and raises an
# alarm for every clip of Tuesday. It **hears the paper**."
#
# Which further recordings or tests would tell whether it does? There may be one or
# several.

# %%
options = [
    "the healthy fan on Tuesday, with the window open",
    "twenty more minutes of Monday, with the window shut",
    "the fan with the paper, with the window shut, as on Monday",
    "a detector with a network, for comparison",
    "the 95 % interval of the AUC of Tuesday's clips against the other half of Monday's",
    "shorter clips, so that there are more of both sorts",
]
for letter, option in zip("abcdef", np.roll(options, my_number)):
    print(f"{letter}: {option}")

# %%
missing = [my_number, "a, e"]  # SOLUTION

# %%
check("6.6", missing)

# %% [markdown]
# ## And now: your own machine
#
# From here on nothing is checked and there are no points. A coffee grinder, a fan, a 3D
# printer, the door of a lift: whatever makes about the same sound again and again.
#
# **Record.** Put the microphone (a telephone will do) where it can stay. Switch off what
# changes the sound by itself: automatic gain, noise suppression. Use WAV files. Record the
# healthy machine on several days. If you can change it *safely*, record that, too: a sheet
# of paper in the air stream of a fan, an empty grinder. Never reach into a running machine, and
# ask before you record where people talk.
#
# **Sort** the files into a folder with up to three others in it:
#
# - `normal`: the healthy machine, to learn from; five recordings of 20 s or more;
# - `apart`: the healthy machine on *other days*, for the threshold. Clips cut from one
#   recording resemble each other; those of another day show what else is normal;
# - `changed`: whatever you have changed. May be missing.
#
# Type the folder's name between the quotation marks. While there is no such folder, the cells
# below do nothing.

# %%
machine = Path("my_machine")
clip_rate = 16000
clip_seconds = 2.5
allowed = 0.05

# %% [markdown]
# Read and cut. `read_folder` cuts all files to the length of the shortest: good for
# clips, but ten minutes would shrink to seven seconds if one file is that short. So here your
# `cut_clips` gets one recording at a time, and all clips of all recordings are kept. Files that
# can't be used are named and left out.

# %%
import soundfile


def clips_of(folder):
    n_samples = round(clip_seconds * clip_rate)
    clips = [np.empty((0, n_samples), np.float32)]
    for file in sorted(Path(folder).glob("[!.]*")):
        if file.is_dir():
            continue
        try:
            channels, rate = soundfile.read(file, dtype="float32", always_2d=True)
        except Exception as error:  # there are many ways to be no recording
            print(f"{file.name} is left out, it can't be read: {error}")
            continue
        mono = channels.mean(axis=1)
        if len(mono) < clip_seconds * rate:
            print(f"{file.name} is left out, it lasts {len(mono) / rate:.1f} s and a clip "
                  f"takes {clip_seconds} s")
        elif not np.isfinite(mono).all():
            print(f"{file.name} is left out, some of its samples are no numbers")
        else:
            mono = librosa.resample(mono, orig_sr=rate, target_sr=clip_rate)
            cut = cut_clips(mono[np.newaxis], n_samples)
            silent = np.ptp(cut, axis=1) < 1e-4
            if silent.any():
                print(f"{file.name}: {silent.sum()} of {len(cut)} clips are left out, silent")
            clips.append(cut[~silent])
    return np.concatenate(clips)


parts = {}
for part in ("normal", "apart", "changed"):
    if (machine / part).is_dir():
        found = clips_of(machine / part)
        print(f"{part}: {len(found)} clips")
        if len(found):
            parts[part] = found
if not parts:
    print("no recordings yet in the folder", machine)

# %% [markdown]
# Fit each of the fast detectors, set its threshold with clips of the other days, and count the
# alarms. A rate of 0.05 takes at least 19 clips in `apart`.

# %%
if "normal" in parts and "apart" in parts:
    for name in ("level", "gmm", "mahalanobis", "knn"):
        detector = make_detector(name, sr=clip_rate).fit(parts["normal"])
        healthy = anomaly_score(detector, parts["apart"])
        threshold = conformal_threshold(healthy, allowed)
        print(f"{name:12} threshold {threshold:.2f}", end="")
        if "changed" in parts:
            odd = anomaly_score(detector, parts["changed"])
            labels = np.arange(len(healthy) + len(odd)) >= len(healthy)
            low, high = auc_interval(labels, np.append(healthy, odd))
            print(f"  changed clips heard {(odd > threshold).mean():.0%}"
                  f"  AUC {low:.2f} to {high:.2f}", end="")
        print()

# %% [markdown]
# What does a rate mean in daily life? If every clip of a day is judged:

# %%
n_per_day = 24 * 60 * 60 / clip_seconds
for share in (0.05, 0.01, 0.001):
    print(f"a share of {share:.1%} means {share * n_per_day:.0f} false alarms per day")

# %% [markdown]
# **Defend your choice** in writing, on one page, as if a plant manager had to sign it:
#
# 1. What sound does your machine make when healthy, and what changes from day to day?
# 2. Which detector did you choose, and what speaks against the simplest one, the level?
# 3. Which faults can it hear? Which can it *not* hear, by the way it works?
#    ([Chapter 6](../06_faults.ipynb) has tables of faults.)
# 4. How sure are you? Give the interval of the AUC and the numbers of clips. Are clips cut from
#    one recording as good as independent ones, and is your interval too narrow or too wide
#    if they are not?
# 5. How many false alarms per day do you promise? On what assumption does the promise rest,
#    and what would break it: another microphone, a new room, a cold morning?
# 6. Few people look at a hundred alarms per day. What would you do about it: a lower rate, or
#    an alarm only after several clips in a row? What does that cost?
# 7. What would you measure in the first week after switching it on?
