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
# # Rebuild what is normal: the autoencoder
#
# An *autoencoder* is a neural network that learns to copy its input through a narrow
# passage. This one will hear nothing but healthy valves. Which clip will it copy worse, a
# healthy or a faulty one?
#
# Some cells prepare this page; the first installs the helpers in Colab.

# %% tags=["hide-input"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet "git+https://github.com/machinelistening/esa4"

# %% [markdown]
# The libraries: Keras builds and trains networks, with TensorFlow underneath. Importing them
# takes a few seconds.

# %% tags=["hide-input"]
import os

# TensorFlow then prints fewer messages, and computes alike on all processors.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from esa4_helpers import (
    AutoencoderDetector, ClipQuiz, ErrorMapViewer, GMMDetector, ResultTable, ThresholdExplorer,
    anomaly_score, auc, build_autoencoder, load_dataset, log_mel_spectrogram, peak_level, plot_roc,
    plot_scores, plot_spectrogram, plot_training, reconstruct, reconstruction_error, set_style,
)
from esa4_helpers.networks import build_dense_autoencoder, build_interpolator

# %% [markdown]
# Hear one of each, imagine the network that has to draw their pictures from memory, and
# decide before you read on. The answer is further down, where the network gives it.

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
set_style()
dataset = load_dataset()
test = dataset.test
pair = [np.argmin(test.is_anomaly), np.argmax(test.is_anomaly)]
ClipQuiz(test, "Which of these two is harder to draw from memory?", clips=pair, gain_db=dataset.gain_db,
         answer="That is what they are. Which of them the network finds harder, it will say.")

# %% [markdown]
# The hope is that a network trained on normal sounds is bad at copying anything else, so
# that the *reconstruction error* tells how abnormal a sound is. This chapter tests that hope.
#
# **What you will learn**
#
# - how to build and train a convolutional autoencoder with Keras;
# - how to turn its reconstruction error into an anomaly score;
# - how to check whether a bottleneck is one;
# - why "high error means abnormal" can be wrong, and what to ask instead;
# - how a *control* shows which part of a result comes from the network;
# - what other networks there are.
#
# **What you need**: [chapter 2](02_features.ipynb), and AUC from
# [chapter 3](03_gmm.ipynb). It helps to have seen a convolutional network.
#
# **Time**: about 25 minutes, of which two are spent on training.

# %% [markdown]
# ## The lecture's way
#
# ### Scale to between 0 and 1
#
# The network sees the whole spectrogram, in frames and bands, with nothing averaged away:
# the lecture's version at 44.1 kHz, relative to each clip's maximum. Its last layer has a
# *sigmoid*, which can only output values between 0 and 1, so its input must lie there
# too. Minimum and range come from the **training** clips; a test clip may well stick out
# a little. (A label is 1 for an abnormal clip.)

# %%
y_test = dataset.test.is_anomaly.astype(int)
S_train, S_test = (
    log_mel_spectrogram(part.audio, part.sr, ref=np.max, top_db=80)
    for part in (dataset.train, dataset.test)
)
# The lecture's network halves the picture and doubles it again: so frames come in pairs.
even = S_train.shape[2] // 2 * 2
S_train, S_test = S_train[..., :even], S_test[..., :even]
minimum, value_range = S_train.min(), np.ptp(S_train)
Z_train = (S_train - minimum) / value_range
Z_test = (S_test - minimum) / value_range
print(f"data set: {dataset.title}, training {Z_train.shape}, test {Z_test.shape}")
print(f"training values from {Z_train.min():.1f} to {Z_train.max():.1f}")

# %% [markdown]
# ### The network
#
# The **encoder** looks at the picture with small filters (*convolutions*) and halves both
# axes by keeping the largest of each 2 × 2 values (*max pooling*). The **decoder** goes
# the other way: it doubles the axes again and ends with a picture of the original size.
#
# Every seed gives other random starting weights, so we set one, to get the same result each time.
#
# <details><summary>Some vocabulary of Keras</summary>
#
# `relu` sets negative values to zero, `padding="same"` keeps the picture's size, and *Adam* is
# the usual rule by which weights are adjusted. `lecture_model.summary()` lists the layers with
# the shape of what comes out of each, and how many weights are to be learned.
#
# </details>

# %%
keras.utils.set_random_seed(0)
conv = {"kernel_size": 3, "activation": "relu", "padding": "same"}
lecture_model = keras.Sequential([
    keras.Input((*S_train.shape[1:], 1)),
    layers.Conv2D(8, **conv),
    layers.MaxPooling2D(2, padding="same", name="pool"),
    layers.Conv2D(16, name="code", **conv),
    layers.Conv2D(8, **conv),
    layers.UpSampling2D(2),
    layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
])
lecture_model.compile(optimizer="adam", loss="mse")

# %% [markdown]
# ### Train
#
# There are no labels: the input is also the target. The *loss* is the mean squared
# difference between the two. One pass over all training clips is an *epoch*; the lecture
# takes 100 of them, two clips at a time. We take 30, to save time.

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Training loss of the lecture's autoencoder against the epoch on a logarithmic scale. It falls steeply at first and then slowly."}}
inputs = Z_train[..., np.newaxis]
history = lecture_model.fit(inputs, inputs, batch_size=2, epochs=30, verbose=0)
_ = plot_training(history.history["loss"])

# %% [markdown]
# ### Reconstruction error as score
#
# `reconstruction_error` lets the network rebuild each clip and returns the squared
# difference in every time-frequency cell. Its mean is one number for each clip, and,
# following the hope, the anomaly score. The stronger its colour, the worse a clip was rebuilt.

# %% tags=["nbval-ignore-output"]
def table_of(scores):
    rows = zip(dataset.test.names, dataset.test.kinds, scores)
    return ResultTable(
        {name: {"truth": kind, "mean error": score} for name, kind, score in rows},
        "How badly each clip was rebuilt", corner="clip", formats=".5f",
        shade={"mean error": (0, max(scores))},
    )


lecture_scores = reconstruction_error(lecture_model, Z_test).mean(axis=(1, 2))
table_of(lecture_scores)

# %% [markdown]
# Plotted against the true label, and as an ROC curve:

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Top: mean reconstruction error of the normal and abnormal test clips; the two groups overlap. Bottom: the ROC curve, which stays away from the upper left corner."}}
figure, axes = plt.subplots(2, 1, figsize=(4.5, 7.5))
plot_scores(y_test, lecture_scores, title="Lecture's autoencoder", ax=axes[0])
_ = plot_roc(y_test, lecture_scores, label="lecture", ax=axes[1])

# %% [markdown]
# The two groups overlap. How good is it, next to the one-line baseline of chapter 1?
# (Training a network gives slightly different numbers on another computer, and other ones
# with another seed. So we also ask questions whose answers are sturdier than a number.)

# %%
typical_level = np.median(peak_level(dataset.train.audio))
baseline = np.abs(peak_level(dataset.test.audio) - typical_level)
matches = auc(y_test, lecture_scores) >= auc(y_test, baseline)
print(f"peak level: AUC {auc(y_test, baseline):.2f}")
print("is the network as good?", "yes" if matches else "no")

# %% [markdown]
# Much computing, and not as good as one line of arithmetic. (This is one seed; the
# [benchmark](reference/benchmark.md) has ten.) Why?
#
# ### Is the bottleneck a bottleneck?
#
# An autoencoder has to be forced to learn what is typical, by a passage too narrow for
# everything. Count the values at the narrowest place:

# %%
n_input = Z_train[0].size
n_code = int(np.prod(lecture_model.get_layer("code").output.shape[1:]))
print(f"input {n_input} values, code {n_code} values, ratio {n_code / n_input:.0f}")

# %% [markdown]
# Each axis was halved, but the picture was kept 16 times over, once for each filter. The
# "narrow passage" is wider than the entrance. Such a network can pass *anything* through,
# normal or not, and its error says little about either.

# %% [markdown]
# ## One step further: a real bottleneck
#
# `build_autoencoder` makes a network that halves both axes three times and then squeezes
# what is left into a *dense* layer (each of its values depends on all that came before) of
# 16 values, the *code*. That is all the decoder gets to know about a clip. As in chapter 3
# we use absolute levels at 16 kHz, and as above we scale by the training clips' extremes.

# %%
clips = dataset.resampled(16000)
test = clips.test
S_train, S_test = (log_mel_spectrogram(part.audio, part.sr) for part in (clips.train, test))
minimum, value_range = S_train.min(), np.ptp(S_train)
Z_train = (S_train - minimum) / value_range
Z_test = (S_test - minimum) / value_range
print(f"input {S_train[0].size} values, code 16 values")

# %% [markdown]
# The epochs of this smaller network are much faster.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
model = build_autoencoder(*S_train.shape[1:], code_size=16)
inputs = Z_train[..., np.newaxis]
_ = model.fit(inputs, inputs, batch_size=2, epochs=50, verbose=0)
mean_scores = reconstruction_error(model, Z_test).mean(axis=(1, 2))
table_of(mean_scores)

# %% [markdown]
# The same two pictures as before. As a click lasts only a few frames, the ROC curve has the
# error of each clip's *worst frame*, too:

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Top: mean reconstruction error of the test clips with the bottleneck; most abnormal clips lie below the normal ones. Bottom: the ROC curves of the mean error and of the worst frame run mostly below the diagonal of guessing."}}
errors = reconstruction_error(model, Z_test)
worst_frame = errors.mean(axis=1).max(axis=1)
figure, axes = plt.subplots(2, 1, figsize=(4.5, 7.5))
plot_scores(y_test, mean_scores, title="Bottleneck, mean error", ax=axes[0])
plot_roc(y_test, mean_scores, label="mean error", ax=axes[1])
_ = plot_roc(y_test, worst_frame, label="worst frame", ax=axes[1])

# %% [markdown]
# That is *worse than guessing*: this network rebuilds most of the **faulty** clips better than
# the healthy ones. That answers the question at the top of this page, for one network and one
# seed; more of both will follow. Where does the error sit? The error map has a value for each
# time-frequency cell:

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Four panels, two for each clip, a normal and an abnormal one: its spectrogram and below it its error map. In the normal clip the error is concentrated in vertical lines at the clicks; the abnormal clip has little of that."}}
pair = [np.flatnonzero(y_test == label)[0] for label in (0, 1)]
figure, axes = plt.subplots(4, 1, figsize=(5, 10))
for two, i in zip(axes.reshape(2, 2), pair):
    plot_spectrogram(S_test[i], test.sr, vmin=-80, vmax=-10, title=test.names[i], ax=two[0])
    plot_spectrogram(errors[i], test.sr, vmin=0, vmax=0.1, label="squared error", ax=two[1])

# %% [markdown]
# The error sits on the clicks. A click is short, and it comes at another moment in each
# clip, which 16 numbers can hardly say. So clicks are hard to rebuild, even though every
# training clip had them. A faulty valve clicks weakly or not at all, leaving little that is hard
# to rebuild, and gets a *low* error. (The thin line at the upper edge of the maps is the last
# band before 8 kHz, where the recordings fade out.)
#
# "High error means abnormal" is an assumption about faults, and we made it without noticing: that
# a fault **adds** something hard to rebuild. Here it **takes** something **away**. Turning the
# sign would be cheating: only the test labels tell us that it helps here.
#
# ## Model the error instead
#
# Ask not "is the error high?" but "**is the error like that of the normal clips?**" That needs no
# assumption about the direction. Describe each clip by its *error profile*, the logarithm of the
# mean error in each mel band, and fit a density to the profiles of the training clips, as in
# chapter 3. A single Gaussian with a diagonal covariance will do.

# %%
def error_profile(Z):
    return np.log(reconstruction_error(model, Z).mean(axis=2))


profile_model = GMMDetector(n_components=1).fit(error_profile(Z_train))
profile_scores = anomaly_score(profile_model, error_profile(Z_test))

# %% [markdown]
# How do these scores rank the clips?

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Anomaly scores from the error profile; the abnormal clips lie above the normal ones."}}
_ = plot_scores(y_test, profile_scores, title="Bottleneck, error profile")

# %% [markdown]
# Now the abnormal clips lie above the normal ones. It is the same network with the same
# errors; only the question is another.
#
# Look at it clip by clip: what went in, what the network made of it, and the error. Press play,
# or click in a picture to hear the clip from there. Where are the bright spots of the error when
# you hear a click? (Switch to the clip's own scale where a map is dark.)

# %% tags=["listen", "nbval-ignore-output"]
rebuilt = reconstruct(model, Z_test) * value_range + minimum
ErrorMapViewer(test, S_test, rebuilt, errors, gain_db=dataset.gain_db)

# %% [markdown]
# And all scores together, to move the threshold and to listen to each dot:

# %% tags=["listen", "nbval-ignore-output"]
all_scores = {"error profile": profile_scores, "mean error": mean_scores,
              "worst frame": worst_frame, "peak level": baseline}
maps = {name: errors for name in ("mean error", "worst frame")}
ThresholdExplorer(test, all_scores, maps, gain_db=dataset.gain_db)

# %% [markdown]
# It is tempting to stop here and to write: "the network finds the faults". But was it the
# network?
#
# ## Take the network away
#
# A result needs its **control**: the same computation without the part that is thought to
# matter. Here are two. The same network, *untrained*, knows nothing about valves. And *no
# network at all* "rebuilds" every clip as the average spectrum of the training clips: each band
# at its mean level, all the time. This function judges any errors, from those of the training
# and of the test clips. "Error" is relative to that of the average spectrum. "On clicks" is how
# many times larger the error is in the frames with clicks than elsewhere; those are the loudest
# twentieth in the upper 40 bands.

# %%
average = Z_train.mean(axis=(0, 2))[:, np.newaxis]
loud = Z_train[:, -40:].mean(axis=1)
on_click = loud > np.quantile(loud, 0.95)


def judge(known, new):
    density = GMMDetector(n_components=1).fit(np.log(known.mean(axis=2)))
    by_profile, by_frame = np.log(new.mean(axis=2)), known.mean(axis=1)
    return {"error": known.mean() / ((Z_train - average) ** 2).mean(),
            "on clicks": by_frame[on_click].mean() / by_frame[~on_click].mean(),
            "AUC, mean error": auc(y_test, new.mean(axis=(1, 2))),
            "AUC, profile": auc(y_test, anomaly_score(density, by_profile))}

# %% [markdown]
# Networks get five seeds, as one could be luck. (The first is the one from above.)

# %% tags=["nbval-ignore-output"]
both = Z_train, Z_test
found = {"no network": [judge(*((Z - average) ** 2 for Z in both))],
         "untrained": [], "trained": []}
for seed in range(5):
    keras.utils.set_random_seed(seed)
    network = build_autoencoder(*S_train.shape[1:], code_size=16)
    found["untrained"].append(judge(*(reconstruction_error(network, Z) for Z in both)))
    if seed > 0:
        network.fit(inputs, inputs, batch_size=2, epochs=50, verbose=0)
    trained = network if seed > 0 else model
    found["trained"].append(judge(*(reconstruction_error(trained, Z) for Z in both)))

# %% [markdown]
# Lowest and highest of the five seeds:

# %% tags=["nbval-ignore-output"]
def ranges(rows, columns):
    values = {c: [row[c] for row in rows if c in row] for c in columns}
    return {c: f"{min(v):.2f} to {max(v):.2f}" if v else "" for c, v in values.items()}


without = found["no network"][0]
ResultTable({name: ranges(rows, without) for name, rows in found.items()},
            "Which part is the network?", corner="rebuilt by")

# %% [markdown]
# What holds on every computer, as the number of trained networks, of five, of which it is true:

# %%
untrained, trained = found["untrained"], found["trained"]
least = min(row["error"] for row in untrained)
true_of = {
    "error below a tenth of an untrained one's": [row["error"] < 0.1 * least for row in trained],
    "error below half that of the average spectrum": [row["error"] < 0.5 for row in trained],
    "error on clicks at least 3 times that elsewhere": [row["on clicks"] > 3 for row in trained],
    "mean error worse than guessing": [row["AUC, mean error"] < 0.5 for row in trained],
}
ResultTable({what: {"networks": sum(rows)} for what, rows in true_of.items()},
            "Five trained networks", corner="what is true", formats="d")

# %% [markdown]
# Training did teach the network something: its error is a small part of an untrained one's. But
# what it has learned is little more than **the average spectrum**. That alone rebuilds the clips
# about as well, has its error in the same places, and is worse than guessing by its mean error,
# too. By the profile it has an AUC of 1.00, which leaves *no room for a network to be better*. So
# these clips can't show that a network adds something. They could show that it loses something.
#
# So what remains of this chapter's finding, and what does not?
#
# - It remains that a high error need not mean a fault. What sticks out of a typical spectrum is
#   hard to rebuild, and here that is the healthy click.
# - It remains that asking for *unusual* errors was the better question than asking for large ones,
#   with a network and without.
# - It does **not** follow that a network is needed.

# %% [markdown]
# ## Does it hold for other networks?
#
# One network could be a special case. Two other designs are well known, and both look at five
# frames at a time instead of a whole clip:
#
# - **dense**: much like the baseline of the DCASE challenges, the field's yearly competition.
#   Five frames become one long row of numbers, which passes through dense layers and a code of
#   8 values ([Koizumi et al. 2020](https://arxiv.org/abs/2006.05822)).
# - **interpolation**: the network is given four frames and has to *predict* the one in the
#   middle that was left out. It can't copy what it doesn't see, so what it gets wrong was
#   unexpected ([Suefusa et al. 2020](https://arxiv.org/abs/2005.09234)). Ours differs from the
#   paper's: its dense layers have batch normalisation between them, what comes in are standardised
#   mel bands of windows of 2048 samples, and `make_detector` scores it by a profile where the paper
#   takes the mean error.
#
# `AutoencoderDetector` has all three, in the form of a scikit-learn outlier detector. It
# standardises each mel band, so that none is neglected because it varies little, and trains on
# windows cut at random moments (of 32 frames for the bottleneck), so that the network can't learn
# the few clips by heart. Its own score judges a larger profile, of the errors *with their sign*
# **and of the levels**; so we set it beside the *errors alone*, judged as above. "No network" here
# means that the "errors" are the standardised levels themselves.

# %%
mean, std = S_train.mean(axis=(0, 2))[:, np.newaxis], S_train.std(axis=(0, 2))[:, np.newaxis]
levels = [(S - mean) / std for S in (S_train, S_test)]
networks = {"bottleneck": (build_autoencoder, 32, 16), "dense": (build_dense_autoencoder, 5, 8),
            "interpolation": (build_interpolator, 5, 16)}


def train_and_judge(name, code_size, seed):
    detector = AutoencoderDetector(name, code_size=code_size, n_updates=100, random_state=seed)
    detector.fit(S_train)
    row = judge(*(detector.error_map(S) for S in (S_train, S_test)))
    return {**row, "AUC, errors and levels": auc(y_test, anomaly_score(detector, S_test))}

# %% [markdown]
# Each with five seeds, untrained and trained:

# %% tags=["nbval-ignore-output"]
found = {"no network": [judge(*(Z**2 for Z in levels))]}
for name, (build, n_frames, code_size) in networks.items():
    untrained = found[f"{name}, untrained"] = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        network = build(len(mean), n_frames, code_size=code_size)
        untrained.append(judge(*(reconstruction_error(network, Z) for Z in levels)))
    found[f"{name}, trained"] = [train_and_judge(name, code_size, seed) for seed in range(5)]

# %% [markdown]
# Lowest and highest AUC of the five seeds. (The last column is for trained detectors.)

# %% tags=["nbval-ignore-output"]
columns = "AUC, mean error", "AUC, profile", "AUC, errors and levels"
ResultTable(
    {name: ranges(rows, columns) for name, rows in found.items()},
    "Three networks, over five seeds", corner="rebuilt by",
)

# %% [markdown]
# The exact numbers depend on the computer and the seed. Here are answers that are sturdier. Each
# could have been the other one:

# %%
answers = {}
for name in networks:
    by_mean, by_profile = (np.array([row[column] for row in found[f"{name}, trained"]])
                           for column in columns[:2])
    answers[name] = {
        "mean error below 0.4 with every seed": by_mean.max() < 0.4,
        "profile better than mean error, on average": by_profile.mean() > by_mean.mean(),
        "profile lost more than 0.05 by training, on average":
            by_profile.mean() < found["no network"][0]["AUC, profile"] - 0.05,
    }
ResultTable(answers, "AUC of the errors of trained networks", corner="network")

# %% [markdown]
# The mean error is clearly the wrong way round for *dense*. That of the windowed bottleneck depends
# much on the seed, and that of *interpolation* lies near guessing. So "a high error means a fault"
# fails with all three, but not in the same way. On average each ranks these clips better by the
# profile of its errors; so do the levels without a network.
#
# Training has its price: by the profile of its errors *interpolation* loses a part of what the
# levels and the untrained network could tell. This may be because a network that predicts the level
# leaves less of it in its errors, and the level is what these faults change; we have not tested
# that.
#
# So the right conclusion is a modest one: **these faults need no network.** Whether one adds
# something can only be seen where the level alone leaves room for it, with other faults
# ([chapter 6](06_faults.ipynb)) and on other machines ([chapter 7](07_travel.ipynb)).
#
# ## Summary
#
# - An autoencoder is trained with its input as target; its reconstruction error can be an
#   anomaly score.
# - Count the values in the code. If there are more than in the input, it is no bottleneck.
# - "Hard to rebuild means abnormal" is an assumption. On these recordings it is the wrong way round
#   for the whole-clip network and for *dense* with every seed; for the windowed bottleneck it
#   depends on the seed, and for *interpolation* the mean error is near guessing.
# - Asking whether the errors are *unusual* needs no assumption about the direction, and was the
#   better question here.
# - Take the network away before you praise it. Here the average spectrum does as well, and a
#   control with an AUC of 1 leaves no room for anything to be better.
#
# ## Questions to think about
#
# 1. What would the mean error say about a clip in which the valve squeaks? And the error
#    profile?
#
#    <details><summary>Answer</summary>
#
#    A squeak adds something that the network has never seen, in a few bands, so the mean error
#    rises: for once the assumption is right. The profile rises in just those bands and notices it
#    too. The click is still there, so nothing falls.
#
#    </details>
#
# 2. How small can the code be before the background is rebuilt badly too? What would you
#    expect of the AUC of both scores then?
#
#    <details><summary>Answer</summary>
#
#    The background is much the same in all clips, and for the average spectrum no code is needed
#    at all: the decoder's own weights can hold it. So one would expect both AUCs to come close to
#    those of the control "no network", which is that limit.
#
#    </details>
#
# 3. Could you have found out that the clicks cause the error *without* any abnormal clip?
#
#    <details><summary>Answer</summary>
#
#    Yes. Map the errors of the training clips, or better of normal clips that were held out, and
#    compare them with the level: the column "on clicks" above uses training clips only. That
#    look, before the test, would have shown which assumption is being made.
#
#    </details>
#
# 4. The profile is a mean over time in each band, and chapter 2 warned that the mean hides
#    clicks. Why does it not hide them here?
#
#    <details><summary>Answer</summary>
#
#    It is a mean of *squared* errors, and that on a click is several times that of the background
#    ("on clicks" above). At seven times, the twentieth of the frames with clicks holds more than a
#    quarter of the sum, and a click that is missing shows.
#
#    </details>
#
# **Next**: [chapter 5](05_evaluation.ipynb) lets all detectors compete, and finds out how
# much of the result to believe.
