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
# # Your own machine
#
# Three recordings of the same machine. In one of them the machine is faulty, in another the
# microphone. Whom would you send?
#
# Some cells prepare this page; the first installs the helpers in Colab.

# %% tags=["hide-input"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The libraries and the helpers.

# %% tags=["hide-input"]
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from librosa import db_to_amplitude, resample

from esa4_helpers import (
    ClipQuiz, Dataset, NearDuplicatesWarning, ResultTable, StreamScorer, anomaly_score,
    check_recordings, judge_clips, load_detector, make_detector, make_synthetic_machine,
    own_threshold, read_recordings, save_detector, set_style, write_report)

# %% [markdown]
# The machine, made by the computer: something that turns in a noisy hall. Each call to `record`
# holds the microphone to it on other days.

# %% tags=["hide-input"]
set_style()
sr = 16000
print("data set: made for this page")


def record(n, first=0, *, seconds=10.0, machine=1, faulty=0):
    """Recordings of n days from day number ``first`` on, or of so many with a fault."""
    clips = make_synthetic_machine(
        max(2, first + n), faulty, duration=seconds, noise_spread_db=1.0,
        hall=machine, random_state=machine)
    return clips.audio[clips.is_anomaly == (faulty > 0)][first:first + (n or faulty)]

# %% [markdown]
# Listen:

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
well, loose, broken = *record(2, seconds=4.0), record(0, seconds=4.0, faulty=1)[0]
for start in (0.9, 1.3, 2.4, 3.1):
    loose[round(start * sr):round((start + 0.12) * sr)] = 0
three = Dataset(
    audio=[broken, well, loose], sr=sr, names=["A", "B", "C"], is_train=[False] * 3,
    is_anomaly=[True, False, True], kinds=["machine", "normal", "microphone"])
ClipQuiz(three, "Machine or microphone?", clips=[0, 1, 2], gain_db=18,
         answer="A detector calls both abnormal. Only one of them is a case for the mechanic.")

# %% [markdown]
# The course so far handed you clips: equally long, one sample rate, clean, and labelled. Nobody
# will hand you those of your own machine. This chapter goes all the way from a folder of
# recordings to an alarm that somebody can act on, in the order in which you would do it yourself,
# and stops at each place where such projects are ruined without a sound.
#
# **What you will learn**
#
# - how to look through a folder of recordings before a detector learns from it;
# - why pieces of one recording must stay together, and what happens if they don't;
# - how many recordings a promise takes, and what it means in a day;
# - how to tell the machine's troubles from the microphone's, and a drift from a fault;
# - how to leave a detector running, to read its report, and to teach it what it did not know.
#
# **What you need**: [chapter 5](05_evaluation.ipynb). Chapters 6 and 7 help to choose a detector.
#
# **Time**: about 35 minutes; with a machine of your own, an afternoon.

# %% [markdown]
# ## A folder, as it comes
#
# Somebody has recorded a machine on 24 days, a few seconds each. We make such a folder, from a
# machine that the computer makes up, for two reasons: we know what is wrong with it, and later we
# can record a hundred more days to see whether a promise is kept. Everything below works in the
# same way with a folder of yours.
#
# The folder lies in a temporary place that is gone when this page is closed.

# %%
place = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(place.name)
folder = Path("recordings")
folder.mkdir()
days = record(24)
lengths = np.random.default_rng(0).uniform(6, 10, len(days))
for number, (sound, seconds) in enumerate(zip(days, lengths), start=1):
    soundfile.write(folder / f"day {number}.wav", sound[: round(seconds * sr)], sr)

# %% [markdown]
# Not everybody had the same recorder. One took a telephone, with two channels at 48 kHz; one
# saved space; one used the best equipment of the house.

# %%
def replace(number, name, sound, rate=sr, **options):
    (folder / f"day {number}.wav").unlink()
    sound = resample(sound, orig_sr=sr, target_sr=rate, axis=0)
    soundfile.write(folder / name, sound, rate, **options)


stereo = np.column_stack([days[4], days[4]])
replace(5, "day 5, telephone.flac", stereo, 48000, subtype="PCM_24")
replace(9, "day 9, small.ogg", days[8])
replace(13, "day 13, studio.wav", days[12], 44100, subtype="FLOAT")

# %% [markdown]
# And not everything went well. On day 8 the memory card was full, on day 11 the microphone was
# off, on day 15 somebody had turned it up, day 18 was stopped at once, and of day 20 there is a
# name only.

# %%
whole = folder / "day 8.wav"
whole.write_bytes(whole.read_bytes()[:100_000])
replace(11, "day 11.wav", np.zeros(8 * sr))
replace(15, "day 15.wav", np.clip(50 * days[14], -1, 1))
replace(18, "day 18.wav", days[17][: round(0.3 * sr)])
(folder / "day 20.wav").write_bytes(b"")
print(len(list(folder.iterdir())), "files")

# %% [markdown]
# ## Look before you train
#
# A detector takes for normal whatever it is given. So the first step is no training, but
# `check_recordings`. It opens all files, measures, and says in sentences what would spoil
# training. A *problem* does spoil it, a *warning* may.

# %%
for finding in check_recordings(folder):
    print(fill(str(finding), 76, subsequent_indent="    "))

# %% [markdown]
# Read it once more with what we know. It found all five accidents, and two of the three other
# recorders; the one that saved space has the rate of the rest and sounds like them. And it found
# something that we had not planned: the files at 44.1 and 48 kHz hold nothing above 8 kHz. True,
# for the sound was made at 16 kHz. In your folder this is how an MP3 gives itself away that
# somebody has saved as WAV.
#
# Then the files become clips of 2 s. `read_recordings` brings all of them to one rate and one
# channel, cuts each file by itself, and says what it left out. It opens files only when their
# sound is asked for, so that a folder of many hours needs no more memory than this one.

# %%
clips = read_recordings(folder, clip_seconds=2.0, sr=sr)
print(len(clips), "clips from", len(set(clips.recordings)), "recordings")
for name, reason in (clips.skipped | clips.partial).items():
    print(f"{name}: {reason}")

# %% [markdown]
# **One bad file is enough.** Day 15, turned up until it clips, can be read and cut, so it is
# among the clips. What if nobody had looked? We fit the same detector with it and without it, and
# let both judge clips that are new to them: of 30 normal days, and of the machine with a fault.

# %%
normal = clips.select(clips.recordings != "day 15.wav")
new, faulty = record(30, 24, seconds=2.0), record(0, seconds=2.0, faulty=30)
rows = {}
for name, training in {"with day 15": clips, "without it": normal}.items():
    fitted = make_detector("gmm", sr=sr, false_alarm_rate=0.05).fit(training)
    rows[name] = {"false alarms": (fitted.predict(new) == -1).mean(),
                  "faults found": (fitted.predict(faulty) == -1).mean()}
ResultTable(rows, "New clips that raise an alarm", corner="training", formats=".0%")

# %% [markdown]
# With day 15 the detector is deaf. It raises no false alarm, which looks like a success, and no
# true one either: next to those few clips everything else seems normal. Nothing on the way was an
# error. So drop what the check complains about, or record it again.
#
# ## Pieces of one recording belong together
#
# A threshold comes from clips that the detector has not heard ([chapter 5](05_evaluation.ipynb)).
# But clips cut from one recording share the day, the room, the place of the microphone. A
# detector that has heard one piece knows the others. So whoever deals out *pieces* instead of
# *recordings* tests a detector on what it knows, gets low scores, and sets the threshold too low.
#
# How bad is it? On five machines, we cut ten recordings of 2 s into pieces of 1 s that overlap
# by 80 %, as is often done to get more clips out of little sound. Then we fit the detector twice:
# with the recordings' identity hidden, and with it given, as `groups`.

# %%
def pieces(recordings, clip_seconds, hop_seconds):
    """Windows of each recording, and which recording each is from."""
    n_samples, hop = round(clip_seconds * sr), round(hop_seconds * sr)
    windows = np.lib.stride_tricks.sliding_window_view(recordings, n_samples, axis=1)
    windows = windows[:, ::hop]
    return windows.reshape(-1, n_samples), np.repeat(np.arange(len(windows)), windows.shape[1])


overlapping, groups = pieces(record(10, seconds=2.0), clip_seconds=1.0, hop_seconds=0.2)
print(len(overlapping), "clips from", len(set(groups)), "recordings")

# %% [markdown]
# Two more rows tell what causes what. *End to end* has no overlap: what is left is that pieces of
# a day are alike. And the **control** is what hidden groups pretend to be: each clip from a day
# of its own. There nothing is hidden, so the promise of 10 % should hold without groups. All are
# judged on the same 30 new days.

# %%
def false_alarms(machine):
    long = record(10, seconds=2.0, machine=machine)
    many = record(60, 10, seconds=1.0, machine=machine)
    training = {"overlapping, hidden": (pieces(long, 1.0, 0.2)[0], None),
                "overlapping, given": pieces(long, 1.0, 0.2),
                "end to end, hidden": (pieces(long, 1.0, 1.0)[0], None),
                "control: each its own recording": (many[:30], None)}
    fitted = {name: make_detector("gmm", sr=sr).fit(X, groups=groups)
              for name, (X, groups) in training.items()}
    return {name: (d.predict(many[30:]) == -1).mean() for name, d in fitted.items()}

# %% [markdown]
# The package notices when training clips share their sound, and warns. We listen to the warning
# once, and then count.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    machines = [false_alarms(machine) for machine in range(5)]
said = next(str(w.message) for w in caught if w.category is NearDuplicatesWarning)
print(fill(said, 76))

# %% [markdown]
# False alarms on new normal days, the mean over five machines, and in brackets the least and the
# most. Promised are 10 %.

# %%
def over_machines(values):
    return f"{np.mean(values):.0%} ({min(values):.0%} to {max(values):.0%})"


ResultTable({name: {"false alarms": over_machines([row[name] for row in machines])}
             for name in machines[0]}, "New normal recordings that raise an alarm",
            corner="training clips")

# %% [markdown]
# - **Hidden pieces that overlap make the promise worthless.** Nearly every healthy day raises an
#   alarm: a held-out piece shares four fifths of its sound with the one beside it, which the
#   detector has heard.
# - **Given, the promise is kept**, with a margin: the ten recordings count as ten, and the
#   threshold stands above all they have shown.
# - **The control keeps it without groups.** So it is the shared recording that breaks the
#   promise, and not the number of clips.
# - **End to end, hidden** keeps it, too. In this simulated hall a day sounds much like any other,
#   so that pieces of the same day are hardly more alike than those of two. Where days differ, by
#   the weather, the load or the place of the microphone, they are. Nobody tells you beforehand
#   which case is yours.
#
# `read_recordings` remembers which recording each clip is from, and a detector that is fitted to
# its result uses that. So there is nothing to forget, as long as you hand the recordings over as
# they are, and not their `audio`.
#
# ## A threshold that belongs to the detector
#
# How many false alarms are you ready to accept? Say so when you make the detector. The threshold
# is then set from held-out recordings, and is kept with it.

# %%
detector = make_detector("gmm", sr=sr, false_alarm_rate=0.05).fit(normal)
training = detector.training_
print("recordings:", training.n_recordings, "clips:", training.n_clips)
print("asked for:", training.false_alarm_rate, "promised:", round(training.promised_rate, 3))
print("threshold:", round(own_threshold(detector), 1))

# %% [markdown]
# **Recordings are what a promise is made of.** From $n$ independent recordings nobody can promise
# less than one in $n + 1$: even the highest of $n$ scores is exceeded by a new one with that
# chance. How long they are, and into how many clips they are cut, changes nothing. Since a day
# has many clips, small shares are many alarms:

# %%
per_day = 24 * 60 * 60 / training.clip_seconds
rows = {}
for rate in (0.05, 0.01, 0.001, 1 / per_day):
    promised = max(rate, 1 / (training.n_recordings + 1))
    rows[f"{rate:.3%}"] = {
        "recordings needed": f"{np.ceil(1 / rate) - 1:.0f}",
        f"promised with {training.n_recordings}": f"{promised:.3%}",
        "false alarms a day, asked for": f"{rate * per_day:.0f}",
        "and promised": f"{promised * per_day:.0f}"}
ResultTable(rows, f"Clips of {training.clip_seconds:g} s, day and night", corner="asked for")

# %% [markdown]
# One false alarm a day, the last row, sounds modest, and takes more recordings than anybody has.
# The ways out: longer clips, of which a day has fewer; judging only now and then; or asking for
# several clips in agreement, which we come to below.
#
# Was the promise kept? Here we can do what you can't, and ask 100 days that are yet to come:

# %%
future = record(100, 100, seconds=2.0)
share = (detector.predict(future) == -1).mean()
print(f"promised at most {training.promised_rate:.1%}, found {share:.1%} of 100 new days")

# %% [markdown]
# It was, and with a margin: with just enough recordings, the threshold stands above nearly all that
# they have shown. The promise says *at most*, and is about the mean over many such trainings, as
# [chapter 5](05_evaluation.ipynb) has found.
#
# ## Keep it, and refuse what does not fit
#
# A file keeps the detector, the threshold and what it knows about its training: sample rate,
# length of clips, the range of levels, a fingerprint of the data, the versions of what it was
# made with. Loading it runs no code from the file.

# %%
file = save_detector(detector, "pump.esa4")
same = load_detector(file, sr=sr, clip_seconds=2.0)
print("same threshold:", own_threshold(same) == own_threshold(detector))
print("levels of training clips: {:.1f} to {:.1f} dB".format(*same.training_.levels))

# %% [markdown]
# New clips outside of that range of levels are like none of training. And a year later nobody
# remembers at which rate it was trained. The file does, and says so:

# %%
for expected in ({"sr": 44100}, {"clip_seconds": 10.0}):
    try:
        load_detector(file, **expected)
    except ValueError as error:
        print(fill(str(error), 76))

# %% [markdown]
# ## A week of new recordings
#
# Now the detector is in use. Six recordings of 20 s come in. Two are healthy. On Wednesday, halfway
# through, the machine begins to whine. On Thursday somebody has turned the gain up by 3 dB, on
# Friday by so much that it clips, and on Saturday the cable comes loose for a while.

# %%
week = Path("week 2")
week.mkdir()
later, broken = record(8, 24, seconds=20.0), record(0, faulty=1, seconds=20.0)[0]
monday, tuesday, wednesday, thursday, friday, saturday, *before_and_after = later
wednesday[10 * sr:] = broken[10 * sr:]
saturday[6 * sr:11 * sr] = 0
sounds = {"1 Monday": monday, "2 Tuesday": tuesday, "3 Wednesday": wednesday,
          "4 Thursday": db_to_amplitude(3) * thursday,
          "5 Friday": np.clip(50 * friday, -1, 1), "6 Saturday": saturday}
for name, sound in sounds.items():
    soundfile.write(week / f"{name}.wav", sound, sr)

# %% [markdown]
# `judge_clips` gives each clip a score, and says whether it is an alarm, or whether something is
# wrong with the sensor. (`keep_silent`: in training, silent clips have no place; here they tell
# that the sensor has failed.)

# %%
heard = read_recordings(week, clip_seconds=2.0, sr=sr, keep_silent=True)
verdicts = judge_clips(detector, heard.audio)
rows = {}
for name in dict.fromkeys(heard.recordings):
    of_day = [v for v, r in zip(verdicts, heard.recordings) if r == name]
    faults = sorted({v.fault for v in of_day if v.fault})
    rows[name] = {"clips": len(of_day), "alarms": sum(v.alarm for v in of_day),
                  "sensor": sum(v.fault is not None for v in of_day),
                  "what": ", ".join(faults) or "-"}
ResultTable(rows, "Clips of the new week", corner="recording")

# %% [markdown]
# The same over time, recording after recording. Clips of which the sensor said nothing about the
# machine get no score; their place is marked at the bottom.

# %% mystnb={"image": {"alt": "Anomaly scores of the clips of six recordings, one after the other, on a logarithmic axis, with a dashed line for the threshold. On Monday and Tuesday all dots are below the line. On Wednesday the first half is below and the second, marked as alarms, far above. On Thursday all lie on the line or just above and are marked as level. Friday is marked as clipping from end to end, at the bottom. Saturday is below the line but for three clips at the bottom, marked as silence and dropouts."}}
score = np.array([v.score for v in verdicts])
kinds = np.array(["alarm" if v.alarm else v.fault or "normal" for v in verdicts])
styles = {"normal": ("o", "#0072B2"), "alarm": ("D", "#D55E00"), "level": ("^", "#CC79A7"),
          "clipping": ("s", "#009E73"), "silence": ("x", "#767676"), "dropouts": ("+", "#56B4E9")}
figure, ax = plt.subplots(figsize=(8, 3.6))
for kind, (marker, color) in styles.items():
    here = np.flatnonzero(kinds == kind)
    at = np.nan_to_num(score[here], nan=-3)
    ax.scatter(here, at, s=24, marker=marker, color=color, label=kind)
ax.axhline(own_threshold(detector), color="#767676", linestyle="--", label="threshold")
starts = np.flatnonzero(heard.starts == 0)
ax.set_xticks(starts, [name[2:5] for name in sounds], ha="left")
ax.set(xlabel="recording, and its clips in the order of time", ylabel="anomaly score",
       yscale="symlog", ylim=(-6, 500), title="A week")
_ = ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))

# %% [markdown]
# Only Wednesday is a case for the mechanic. On Saturday it is the cable, and on Friday the gain;
# their scores would say nothing about the machine, so they get none.
#
# ## A drift is no fault, and no small matter
#
# Thursday needs a closer look. All of its clips are above the threshold, but they sound as in
# training, only louder: if the gain is undone, they are normal. Such clips are reported as
# *level*, and raise no alarm. Does that hold in general, and doesn't it hide faults? Five
# machines, each with 20 new days at three gains, and as a **control** 20 clips with a fault, at
# the gain of training:

# %%
def by_cause(machine):
    fitted = make_detector("gmm", sr=sr).fit(record(30, seconds=1.0, machine=machine))
    new = record(20, 30, seconds=1.0, machine=machine)
    clips = {"as in training": new, "3 dB quieter": db_to_amplitude(-3) * new,
             "3 dB louder": db_to_amplitude(3) * new,
             "control: fault": record(0, seconds=1.0, machine=machine, faulty=20)}
    return {name: (own_threshold(fitted), judge_clips(fitted, X)) for name, X in clips.items()}


causes = [by_cause(machine) for machine in range(5)]

# %% [markdown]
# In the first column is what an engineer would have seen who knows scores and threshold only:

# %%
def share_of(cause, is_so):
    return over_machines([np.mean([is_so(v, threshold) for v in verdicts])
                          for threshold, verdicts in (row[cause] for row in causes)])


ResultTable({cause: {
    "score above the threshold": share_of(cause, lambda v, threshold: v.score > threshold),
    "reported as level": share_of(cause, lambda v, threshold: v.fault == "level"),
    "alarm": share_of(cause, lambda v, threshold: v.alarm),
} for cause in causes[0]}, "What is said of new clips, five machines", corner="clips")

# %% [markdown]
# - **Three decibels, up or down, lift every clip above the threshold.** Nearly all are reported for
#   what they are, and few are taken for alarms: on average no more than the 10 % that are promised.
# - **The faults are not hidden by it.** They change the shape of the spectrum, which no gain can
#   undo. (One of the five machines has a fault that makes it quieter. It is an alarm all the
#   same, as the hall does not get quieter with it.)
# - A machine that gets louder in *all* bands alike, hall included, can't be told from a gain.
#   Nobody can, with one microphone. So go and look at the recorder when a level is reported for
#   long.
#
# As long as the level is off, the promise of few false alarms is off, too: the clips are not like
# those it was made for. Put the gain back, or train anew.
#
# ## Leave it running
#
# A microphone never stops, so nobody can wait for the end of the file. `StreamScorer` takes
# blocks of any size, as they come, and gives an event for each window as soon as that is full. We
# play it a minute of sound: the machine is well, at 8 s a door slams, and from 20 s to 40 s it is
# faulty.

# %%
stream = np.concatenate([before_and_after[0], broken, before_and_after[1]])
rng = np.random.default_rng(0)
slam = 0.2 * np.exp(-np.arange(sr // 2) / (0.05 * sr)) * rng.standard_normal(sr // 2)
stream[8 * sr:8 * sr + len(slam)] += slam


def listen(k, n, block=320):
    scorer = StreamScorer(detector, hop_seconds=1.0, k=k, n=n, hold_off_seconds=10.0)
    blocks = (stream[i:i + block] for i in range(0, len(stream), block))
    return [event for sound in blocks for event in scorer.push(sound)]

# %% [markdown]
# The detector hears the door, and rightly so: it has never heard one. But a door is not worth a
# mechanic. *k of n* asks for several windows: an alarm takes `k` above the threshold among the
# latest `n`. And with a *hold-off* of 10 s, one trouble is not reported ten times.

# %%
events = {"1 of 1": listen(1, 1), "4 of 5": listen(4, 5)}
rows = {}
for rule, happened in events.items():
    times = np.array([event.end for event in happened if event.alarm])
    rows[rule] = {"alarms before the fault": int((times < 20).sum()),
                  "first alarm of the fault, s after it began": times[times >= 20].min() - 20}
ResultTable(rows, "Windows of 2 s, a new one each second", corner="rule", formats=".0f")

# %% [markdown]
# What is spared in false alarms is paid in seconds. And the rule helps only against what is
# short: on a day that is odd from morning to evening, all windows agree. *k of n* does not make
# independent recordings out of one.

# %% mystnb={"image": {"alt": "Anomaly score of each window against time, on a logarithmic axis, with the threshold as a dashed line. Two windows at the door slam at 8 seconds stick out, and all windows from 20 to 40 seconds lie far above the threshold. Markers of the rule 1 of 1 stand at the slam and during the fault, those of 4 of 5 only during the fault, a few seconds later."}}
figure, ax = plt.subplots(figsize=(8, 3.2))
single = events["1 of 1"]
ax.plot([e.end for e in single], [e.score for e in single], ".-", color="#0072B2")
ax.axhline(own_threshold(detector), color="#767676", linestyle="--", label="threshold")
for (rule, happened), (marker, color) in zip(events.items(), (("v", "#56B4E9"), ("D", "#D55E00"))):
    found = [e for e in happened if e.alarm]
    ax.scatter([e.end for e in found], [2 * e.score for e in found], s=40, marker=marker,
               color=color, label=f"alarm, {rule}", zorder=3)
ax.set(xlabel="time (s)", ylabel="anomaly score", yscale="symlog", title="A stream")
_ = ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))

# %% [markdown]
# Are these the scores that the same windows would get in a file? And does the size of the blocks
# matter?

# %%
windows, _ = pieces(stream[np.newaxis], clip_seconds=2.0, hop_seconds=1.0)
in_a_file = anomaly_score(detector, windows)
for block, happened in {320: events["1 of 1"], 5000: listen(1, 1, block=5000)}.items():
    same = np.allclose([event.score for event in happened], in_a_file, rtol=0, atol=1e-6)
    print(f"blocks of {block} samples, the same scores:", same)

# %% [markdown]
# ## A report that one can hand on
#
# What the people at the machine get is no array. `write_report` puts it all into one HTML file
# that opens without internet: the scores over time, each alarm with its sound and where in it the
# detector found something, the health of the recordings, where the threshold comes from and what
# it promises in a day, and what has drifted since training.

# %%
told = write_report(detector, heard, "report.html")
for what in ("recordings", "clips", "alarms", "sensor_faults", "promise_kept"):
    print(f"{what}: {told[what]}")
print("false alarms a day, if the promise held:", round(told["false_alarms_a_day"]))
for reason in told["reasons"]:
    print("but", reason)

# %% [markdown]
# It counts as we have counted above, and says what a number alone does not: that the promise is
# off, and why. [This is a report](reference/report.md) of the same kind. Send yours to somebody
# who knows the machine better than you, and let them listen.
#
# ## Three commands
#
# All of this needs no Python. With the package installed, the way from the folder to the report
# is three lines in a terminal; in Colab, put a `!` before each:
#
# ```sh
# esa4 check recordings
# esa4 fit recordings -o machine.esa4 --clip 2 --false-alarms 0.05
# esa4 report machine.esa4 "week 2" -o report.html
# ```
#
# Here we hand the same words to the same command without a terminal, and leave out what it remarks
# besides its results, such as the sentences of the health check.

# %%
from contextlib import redirect_stderr
from io import StringIO
from shlex import split

from esa4_helpers.cli import main


def esa4(line):
    """What a terminal prints as the result of ``esa4 ...``."""
    with redirect_stderr(StringIO()):
        main(split(line), standalone_mode=False)

# %% [markdown]
# `fit` does the health check, too, but it can't know your reasons. So day 15 leaves the folder
# first. Then the detector, and its report on the new week:

# %%
(folder / "day 15.wav").rename("day 15, clipped.wav")
esa4("fit recordings -o machine.esa4 --clip 2 --false-alarms 0.05")
esa4('report machine.esa4 "week 2" -o report.html')

# %% [markdown]
# The numbers are those from above. For a spreadsheet there are all clips, one a line:

# %%
import csv

esa4('score machine.esa4 "week 2" --csv scores.csv')
with open("scores.csv", encoding="utf-8", newline="") as table:
    lines = list(csv.DictReader(table))
rows = {}
for i in (0, 29, 30, 40):
    row = rows[f"line {i + 2}"] = lines[i]
    row["score"] = f"{float(row['score']):.1f}" if row["score"] else "-"
    del row["machine"], row["threshold"]
ResultTable(rows, "Some lines of scores.csv, without machine and threshold")

# %% [markdown]
# `esa4 watch machine.esa4` listens to the microphone and writes each alarm as a line, with the
# sound around it if you want. `esa4 --help` tells of the others.
#
# ## What it did not know
#
# In winter a heater runs beside the machine. All is well, and the alarm rings all day. The heater
# is a steady hiss. We record twelve days with it, and the operator listens.

# %%
def with_heater(sound):
    hiss = np.random.default_rng(1).standard_normal(sound.shape)
    return sound + 0.004 * hiss


winter = Path("winter")
winter.mkdir()
for number, sound in enumerate(with_heater(record(12, 32, seconds=6.0)), start=1):
    soundfile.write(winter / f"winter {number}.wav", sound, sr)

# %% [markdown]
# The operator confirms that this is normal. So the new days go in beside the old ones. The
# command puts the old detector's false alarms on them next to those of the new one. To be fair,
# each new day is judged by a copy that was not fitted to it.

# %%
esa4("fit winter --add machine.esa4")

# %% [markdown]
# What does it cost? A detector that takes more for normal may miss more. So we ask both for what
# they say of *other* days, with and without the heater, healthy and faulty:

# %%
healthy, broken = record(30, 60, seconds=2.0), record(0, seconds=2.0, faulty=30)
cases = {"healthy": healthy, "healthy, heater": with_heater(healthy),
         "faulty": broken, "faulty, heater": with_heater(broken)}
both = {"before": load_detector("pump.esa4"), "after": load_detector("machine.esa4")}
ResultTable({case: {when: np.mean([v.alarm for v in judge_clips(known, X)])
                    for when, known in both.items()} for case, X in cases.items()},
            "Share of clips that raise an alarm", corner="new clips", formats=".0%")

# %% [markdown]
# The heater alone raises hardly an alarm any more, and the fault is heard as before, with and
# without it. That is good luck of this fault, which is strong: a faint one in the same bands as
# the heater's hiss would be covered by it.
#
# The file keeps its history: how it was trained before, with which recordings, and what it
# promised then. One thing no command can do for you: to decide that what was new is normal.
# Whoever adds every alarm to the training gets a detector that has learned to be silent.
#
# ## Summary
#
# - Check recordings before you train. One clipped file made a detector deaf, without any error.
# - Recordings are what a promise is made of, not clips. Keep pieces of one together.
# - From $n$ recordings, nobody can promise less than one false alarm in $n + 1$ clips. A share
#   that looks small is many alarms in a day.
# - Silence, clipping, loose cables and another gain are not the machine's. Report them as what
#   they are, and take the promise back while they last.
# - *k of n* spares alarms at what is short, and costs seconds. It is of no help against an odd
#   day.
# - What is new and normal can be added. That is a decision, and somebody has to answer for it.
#
# ## Questions to think about
#
# 1. You have one recording, of ten hours. What can you promise, and what would you do?
#
#    <details><summary>Answer</summary>
#
#    Nothing about another day, however many clips it gives: it is one witness. Record on other
#    days, half an hour each. Ten of them promise more than ten hours of one.
#
#    </details>
# 2. A colleague scales each clip to the same level, so that no gain matters any more. What is
#    lost?
#
#    <details><summary>Answer</summary>
#
#    Every fault that shows by its level alone, and the drift itself: the sensor may fail slowly,
#    and nobody will know. Reporting the level apart keeps both.
#
#    </details>
# 3. Your report says that the promise is off, since the clips are 4 dB louder than in training.
#    There are no alarms. Is all well?
#
#    <details><summary>Answer</summary>
#
#    Not known. Clips that are only louder are reported as *level* and raise no alarm, and a fault
#    that is as strong in all bands would hide among them. Find out who turned the gain or moved
#    the microphone; if nobody did, it is the machine.
#
#    </details>
# 4. For one false alarm a week, would you ask for fewer false alarms of single clips, or for more
#    of *k of n*?
#
#    <details><summary>Answer</summary>
#
#    Both have an end. Single clips promise no less than the recordings allow. *k of n* helps
#    against what is short and independent; but clips of one bad hour are odd together. So count
#    alarms over some weeks of normal work, with the rule that you have chosen, before you promise
#    anything.
#
#    </details>
# 5. The machine is replaced by a new one of the same kind. Add its recordings, or begin anew?
#
#    <details><summary>Answer</summary>
#
#    Anew, unless one detector has to serve both: what was normal for the old machine may be a
#    fault of the new one, and would be taken for normal. [Chapter 7](07_travel.ipynb) shows what
#    a common threshold does to two halls.
#
#    </details>
#
# **Next**: a machine of your own. [Sheet 6](exercises/sheet6_machine.ipynb) ends with its report.
