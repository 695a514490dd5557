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
# Exercises to [chapter 5](../05_evaluation.ipynb) and [chapter 8](../08_own_machine.ipynb), and the
# end of the course. You write what stands between a folder of recordings and an alarm: read,
# cut, compare, decide. Then you point it at a machine of your own, and answer for the report.
#
# It works as sheet 1 does: replace the dots, run the check, try again as often as you like.
# Your answers will be marked with *other* clips, so compute everything, except where a
# question lets you type the answer in.
#
# **Time**: about 60 minutes, plus your own machine. **Points**: 15.

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
# ## 6.7 What does it promise?
#
# *2 points · practice · trains: what a threshold promises in a day, and what that takes*
#
# A report on new recordings holds the `scores` of all clips, and the detector's `threshold`. A clip
# of which the sensor failed has the score NaN: it says nothing about the machine, and raises no
# alarm. The others raise one if their score is *above* the threshold. `allowed` is the share of
# normal clips that may raise an alarm, as asked for in training. But from $n$ recordings nobody
# can promise less than $1 / (n + 1)$ ([chapter 8](../08_own_machine.ipynb)). All day long, a
# clip of `clip_seconds` is judged after the other. Return a list of four numbers:
#
# 1. how many of the clips raise an alarm;
# 2. which share of normal clips is promised at most, with `n_recordings` recordings;
# 3. how many false alarms that makes in a day, on average;
# 4. how many recordings it takes at least, to promise the share `allowed`.

# %%
def read_report(scores, threshold, n_recordings, clip_seconds, allowed):
    # BEGIN SOLUTION
    raised = int(np.sum(np.asarray(scores) > threshold))
    share_kept = max(allowed, 1 / (n_recordings + 1))
    enough = int(np.ceil(1 / allowed)) - 1
    return [raised, share_kept, share_kept * 86400 / clip_seconds, enough]
    # END SOLUTION

# %%
check("6.7", read_report)

# %% [markdown]
# ## And now: your own machine
#
# A coffee grinder, a fan, a 3D printer, the door of a lift: whatever makes about the same sound
# again and again. [Chapter 8](../08_own_machine.ipynb) explains each step. *Without a machine at
# hand, go on all the same*: while there is no folder `my_machine`, the cells below use a simulated
# machine, made from your number, and say so.
#
# **Record.** Put the microphone where it can stay. Switch off what changes the sound by itself:
# automatic gain, noise suppression. Record the healthy machine on several days. If you
# can change it *safely*, record that, too: a sheet of paper in the air stream of a fan, an empty
# grinder. Never reach into a running machine, and ask before you record where people talk.
#
# - **Here**, in Colab or on a computer with a microphone: type a name into the next cell, such as
#   `normal/monday 1`, run it, and let the browser use the microphone. Repeat it with other names. (On a
#   computer this takes the package `sounddevice`. Colab forgets its files: download them from the
#   list at the left before you leave, or keep the folder on your Drive.)
# - **With a telephone**: use a recorder that writes WAV, and copy the files. Most write M4A unless
#   told otherwise; `ffmpeg -i tape.m4a tape.wav` makes it WAV.
#
# **Sort** the files into two folders in `my_machine`:
#
# - `normal`: the healthy machine, to learn from. Ten recordings of 10 s or more, from several
#   days; with `allowed = 0.1` nine are the least that can keep the promise;
# - `new`: what comes later. The healthy machine on *other days*, and whatever you have changed.

# %%
from esa4_helpers import record_sound

machine = Path("my_machine")
recording = ""
if recording:
    print(record_sound(machine / f"{recording}.wav", seconds=20))

# %% [markdown]
# If there is no folder of yours, this makes one, elsewhere: 10 normal recordings of a simulated
# machine, then 4 normal and 4 faulty ones that are new.

# %%
import tempfile

import soundfile
from esa4_helpers import check_recordings, level, make_synthetic_machine, read_recordings
from esa4_helpers import write_report


def simulated(number):
    place = Path(tempfile.mkdtemp())
    made = make_synthetic_machine(14, 4, duration=5.0, noise_spread_db=1.0, random_state=number)
    for sound, name, learnt in zip(made.audio, made.names, made.is_train):
        file = place / ("normal" if learnt else "new") / f"{name}.wav"
        file.parent.mkdir(exist_ok=True)
        soundfile.write(file, sound, made.sr)
    return place


is_simulated = not (machine / "normal").is_dir()
if is_simulated:
    print("there is no folder", machine / "normal", "yet: a simulated machine stands in")
place = simulated(my_number) if is_simulated else machine

# %% [markdown]
# **Check.** Read each sentence. What is a *problem* has to leave the folder, or be recorded again.

# %%
for finding in check_recordings(place / "normal"):
    print(finding)

# %% [markdown]
# **Fit.** `read_recordings` does what your `read_folder` and `cut_clips` do, for files of any length and
# format, and remembers which recording each clip is from.

# %%
clip_rate, clip_seconds, allowed = 16000, 2.0, 0.1
normal = read_recordings(place / "normal", clip_seconds, sr=clip_rate)
detector = make_detector("gmm", sr=clip_rate, false_alarm_rate=allowed).fit(normal)
print(len(normal), "clips from", detector.training_.n_recordings, "recordings")
for name, reason in (normal.skipped | normal.partial).items():
    print(f"{name}: {reason}")

# %% [markdown]
# **Report.** One HTML file, which opens in any browser; in Colab, download it first. Listen to the
# alarms: would *you* have raised them?

# %%
new = read_recordings(place / "new", clip_seconds, sr=clip_rate, keep_silent=True)
told = write_report(detector, new, place / "report.html", most_alarms=5)
print("open the file", place / "report.html")
for what in ("recordings", "clips", "alarms", "sensor_faults", "promise_kept"):
    print(f"{what}: {told[what]}")

# %% [markdown]
# ## 6.8 Does your report add up?
#
# *1 point · practice · trains: a report whose numbers fit together, and belong to the recordings*
#
# Whoever signs a report should have counted once. The next cell collects what it rests on:
# what your `read_report` needs, what the report says, and how loud your recordings were.

# %%
from esa4_helpers import judge_clips

verdicts = judge_clips(detector, new.audio)
evidence = {
    "report": {
        # What is the sensor's says nothing about the machine, whatever its score.
        "scores": [np.nan if fault else score for score, _, fault in verdicts],
        "threshold": told["threshold"],
        "n_recordings": detector.training_.n_recordings,
        "clip_seconds": clip_seconds,
        "allowed": allowed,
    },
    "told": {key: told[key] for key in ("clips", "alarms", "promised_rate", "false_alarms_a_day")},
    "levels": [float(level(normal.audio[normal.recordings == name])[:, 0].mean())
               for name in dict.fromkeys(normal.recordings)],
    "trained_on": list(detector.training_.levels),
    "simulated": is_simulated,
}

# %% [markdown]
# Answer with a list of two: your number, and a dict that holds all of `evidence` and one entry
# more, `"answers"`: what your function of 6.7 returns for `evidence["report"]`. (If you change the
# recordings or the settings, run all cells from there on again.)

# %%
own_report = [my_number, evidence | {"answers": read_report(**evidence["report"])}]  # SOLUTION

# %%
check("6.8", own_report)

# %% [markdown]
# With other detectors in the place of `"gmm"`, or longer clips: what becomes of
# the alarms? Try it, and look at the reports side by side.

# %% [markdown]
# **Defend your choice** in writing, on one page, as if a plant manager had to sign it:
#
# 1. What sound does your machine make when healthy, and what changes from day to day?
# 2. Which detector did you choose, and what speaks against the simplest one, the level?
# 3. Which faults can it hear? Which can it *not* hear, by the way it works?
#    ([Chapter 6](../06_faults.ipynb) has tables of faults.)
# 4. How sure are you? Give the numbers of recordings and of clips. Are clips cut from one
#    recording as good as independent ones, and what does the report count?
# 5. How many false alarms per day do you promise? On what assumption does the promise rest,
#    and what would break it: another microphone, a new room, a cold morning?
# 6. Few people look at a hundred alarms per day. What would you do about it: a lower rate, or
#    an alarm only after several clips in a row? What does that cost?
# 7. What would you measure in the first week after switching it on?
