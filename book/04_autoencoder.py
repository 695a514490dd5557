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
    anomaly_score, auc, build_autoencoder, load_dataset, log_mel_spectrogram, peak_level,
    plot_roc, plot_scores, plot_spectrogram, plot_training, reconstruct, reconstruction_error,
    set_style,
)

# %% [markdown]
# Hear one of each, imagine the network that has to draw their pictures from memory, and
# decide before you read on. The answer is further down, where the network gives it.

# %% tags=["hide-input", "listen", "nbval-ignore-output"]
set_style()
dataset = load_dataset()
test = dataset.test
pair = [np.argmin(test.is_anomaly), np.argmax(test.is_anomaly)]
ClipQuiz(test, "Which of these two is harder to draw from memory?", clips=pair, gain_db=18,
         answer="That is what they are. Which of them the network finds harder, it will say.")

# %% [markdown]
# The hope is that a network trained on normal sounds is bad at copying anything else, so
# that the *reconstruction error* tells how abnormal a sound is. This chapter tests that
# hope, first with the lecture's network, then with one whose passage is really narrow, and
# finds out that it rests on an assumption.
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
# **Time**: about 40 minutes, of which two are spent on training.

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
# Some vocabulary of Keras: `relu` sets negative values to zero, `padding="same"` keeps the
# picture's size, and *Adam* is the usual rule by which weights are adjusted. Every seed gives
# other random starting weights, so we set one, to get the same result each time.

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
# Its layers, with the shape of what comes out of each (`None` stands for any number of clips)
# and how many weights are to be learned. (`lecture_model.summary()` prints much the same.)

# %%
ResultTable(
    {layer.name: {"output shape": str(layer.output.shape), "weights": layer.count_params()}
     for layer in lecture_model.layers},
    "The lecture's autoencoder", corner="layer",
)

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
# with another seed. So instead of an exact number we ask a question with a sturdier answer.)

# %%
typical_level = np.median(peak_level(dataset.train.audio))
baseline = np.abs(peak_level(dataset.test.audio) - typical_level)
matches = auc(y_test, lecture_scores) >= auc(y_test, baseline)
print("as good as the peak level?", "yes" if matches else "no")

# %% [markdown]
# Much more computing than the mixture model of chapter 3 took, and not even as good as one
# line of arithmetic. Why?
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
# The same two pictures as before:

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Top: mean reconstruction error of the test clips with the bottleneck; most abnormal clips lie below the normal ones. Bottom: the ROC curve runs mostly below the diagonal of guessing."}}
figure, axes = plt.subplots(2, 1, figsize=(4.5, 7.5))
plot_scores(y_test, mean_scores, title="Bottleneck, mean error", ax=axes[0])
_ = plot_roc(y_test, mean_scores, label="bottleneck", ax=axes[1])

# %% [markdown]
# That looks odd. To be sure that our eyes don't deceive us, and because a click lasts only
# a few frames, we also try the error of each clip's *worst frame* in place of the mean:

# %%
errors = reconstruction_error(model, Z_test)
two = {"mean error": mean_scores, "worst frame": errors.mean(axis=1).max(axis=1)}
ResultTable(
    {name: {"AUC below that of guessing": auc(y_test, s) < 0.5} for name, s in two.items()},
    "Does the error rank the clips the right way round?", corner="score",
)

# %% [markdown]
# It is *worse than guessing*: most of the ROC curve runs below the diagonal. The network
# rebuilds most of the **faulty** clips better than the healthy ones. That answers the question
# at the top of this page, and it is not what the hope was. If it is not a bug, it is a finding. Where does the error sit? The error map has a value for each
# time-frequency cell:

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Four panels, two for each clip, a normal and an abnormal one: its spectrogram and below it its error map. In the normal clip the error is concentrated in vertical lines at the clicks; the abnormal clip has little of that."}}
pair = [np.flatnonzero(y_test == label)[0] for label in (0, 1)]
figure, axes = plt.subplots(4, 1, figsize=(5, 10))
for two, i in zip(axes.reshape(2, 2), pair):
    plot_spectrogram(S_test[i], test.sr, vmin=-80, vmax=-10, title=test.names[i], ax=two[0])
    plot_spectrogram(errors[i], test.sr, vmin=0, vmax=0.1, label="squared error", ax=two[1])

# %% [markdown]
# The error sits on the clicks. A click is short, and it comes at another moment in each
# clip; with 16 numbers, the network can say "noise with this balance of low and high" but
# not "click, exactly here". So clicks are hard to rebuild, even though every training clip
# had them. A faulty valve clicks weakly or not at all, leaving little that is hard to
# rebuild, and gets a *low* error. (The thin line at the upper edge of the maps is the last
# band before 8 kHz, where the recordings fade out.)
#
# "High error means abnormal" holds if a fault **adds** something complicated. Here the
# fault **takes** something complicated **away**. It is an assumption about faults, and we
# made it without noticing.
#
# Turning the sign would now give an AUC above guessing. It would also be cheating: we only
# know that it helps from the test labels, and it would fail for the next fault, one that
# adds a squeak.
#
# ## Model the error instead
#
# Here is a way that needs no assumption about the direction. Ask not "is the error high?"
# but "**is the error like that of the normal clips?**" We know what their errors look
# like. So describe each clip by its *error profile*, the logarithm of the mean error in
# each mel band, and fit a density to the profiles of the training clips, as in chapter 3.
# A single Gaussian with a diagonal covariance will do.

# %%
def error_profile(Z):
    return np.log(reconstruction_error(model, Z).mean(axis=2))


profile_model = GMMDetector(n_components=1).fit(error_profile(Z_train))
profile_scores = anomaly_score(profile_model, error_profile(Z_test))

# %% [markdown]
# How do these scores rank the clips, next to the mean error?

# %% tags=["nbval-ignore-output"] mystnb={"image": {"alt": "Top: anomaly scores from the error profile; the abnormal clips lie above the normal ones. Bottom: ROC curves of the mean error, mostly below the diagonal, and of the error profile, through or close to the upper left corner."}}
figure, axes = plt.subplots(2, 1, figsize=(4.5, 7.5))
plot_scores(y_test, profile_scores, title="Bottleneck, error profile", ax=axes[0])
plot_roc(y_test, mean_scores, label="mean error", ax=axes[1])
_ = plot_roc(y_test, profile_scores, label="error profile", ax=axes[1])

# %% [markdown]
# Now the abnormal clips lie above the normal ones. It is the same network with the same
# errors; only the question is another.
#
# Look at it clip by clip: what went in, what the network made of it, and the error. Press play,
# or click in a picture to hear the clip from there, and follow the line. Where are the bright
# spots of the error when you hear a click? (The colours end at the 99.5th percentile of all
# clips; switch to the clip's own scale where a map is dark.)

# %% tags=["listen", "nbval-ignore-output"]
errors = reconstruction_error(model, Z_test)
rebuilt = reconstruct(model, Z_test) * value_range + minimum
ErrorMapViewer(test, S_test, rebuilt, errors, gain_db=18)

# %% [markdown]
# And all scores together, to move the threshold and to listen to each dot:

# %% tags=["listen", "nbval-ignore-output"]
typical_level = np.median(peak_level(dataset.train.audio))
all_scores = {
    "error profile": profile_scores,
    "mean error": mean_scores,
    "worst frame": errors.mean(axis=1).max(axis=1),
    "peak level": np.abs(peak_level(dataset.test.audio) - typical_level),
}
maps = {name: errors for name in ("mean error", "worst frame")}
ThresholdExplorer(test, all_scores, maps, gain_db=18)

# %% [markdown]
# It is tempting to stop here and to write: "the network finds the faults". But was it the
# network?
#
# ## Take the network away
#
# A result needs its **control**: the same computation without the part that is thought to
# matter. Here are two. The same network, *untrained*, knows nothing about valves. And *no
# network at all* "rebuilds" every clip as the average spectrum of the training clips: each band
# at its mean level, all the time. This function judges any errors, from those of the
# training and of the test clips. "On clicks" is how many times larger the error is in the frames with clicks than elsewhere; those are the
# loudest twentieth in the upper 40 bands.

# %%
loud = Z_train[:, -40:].mean(axis=1)
on_click = loud > np.quantile(loud, 0.95)


def judge(known, new):
    density = GMMDetector(n_components=1).fit(np.log(known.mean(axis=2)))
    by_profile, by_frame = np.log(new.mean(axis=2)), known.mean(axis=1)
    return {"error": known.mean(),
            "on clicks": by_frame[on_click].mean() / by_frame[~on_click].mean(),
            "AUC, mean error": auc(y_test, new.mean(axis=(1, 2))),
            "AUC, profile": auc(y_test, anomaly_score(density, by_profile))}

# %% [markdown]
# The trained network gets five seeds, as one could be luck.

# %% tags=["nbval-ignore-output"]
average, both = Z_train.mean(axis=(0, 2))[:, np.newaxis], (Z_train, Z_test)
controls = {"no network": judge((Z_train - average) ** 2, (Z_test - average) ** 2)}
for seed in range(5):
    keras.utils.set_random_seed(seed)
    network = build_autoencoder(*S_train.shape[1:], code_size=16)
    if seed == 0:
        controls["untrained"] = judge(*(reconstruction_error(network, Z) for Z in both))
    network.fit(inputs, inputs, batch_size=2, epochs=50, verbose=0)
    controls[f"trained, seed {seed}"] = judge(*(reconstruction_error(network, Z) for Z in both))
ResultTable(controls, "Which part is the network?", corner="rebuilt by",
            formats={"error": ".4f", "on clicks": ".1f"},
            shade={"AUC, mean error": (0, 1), "AUC, profile": (0, 1)})

# %% [markdown]
# On which of these lines does the network matter? What holds on every computer:

# %%
trained = [row for name, row in controls.items() if name.startswith("trained")]
without, best = controls["no network"], min(row["error"] for row in trained)
answers = {
    "rebuilds better than an untrained one": best < 0.1 * controls["untrained"]["error"],
    "halves the error of the average spectrum": best < 0.5 * without["error"],
    "ranks by profile better than no network":
        max(row["AUC, profile"] for row in trained) > without["AUC, profile"],
}
ResultTable({a: {"true": b} for a, b in answers.items()}, "The trained network ...", corner="it")

# %% [markdown]
# Training did teach it something: its error is a small part of an untrained network's. But what
# it has learned is little more than **the average spectrum**. That alone rebuilds the clips
# about as well, has its error in the same places, is worse than guessing by its mean error, and
# ranks the clips as well by its profile. (On the recordings the *untrained* network's profile
# does so, too.) With 16 numbers for a clip whose clicks come at any moment, there was not much
# else to learn.
#
# So what remains of this chapter's finding, and what does not?
#
# - It remains that a high error need not mean a fault. What sticks out of a typical spectrum is
#   hard to rebuild, and here that is the healthy click.
# - It remains that asking for *unusual* errors is the better question than asking for large ones.
# - It does **not** follow that a network is needed. The profile of these errors is, in the main,
#   a measure of *levels*, and a fault that takes the click away changes the level.
#
# A network would earn its keep with a fault that no average spectrum can show: a click at the
# wrong moment. [Chapter 6](06_faults.ipynb) lets it try.

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
#   unexpected ([Suefusa et al. 2020](https://arxiv.org/abs/2005.09234)).
#
# `AutoencoderDetector` has all three, in the form of a scikit-learn outlier detector. It
# differs from our cells above in three ways. It standardises each mel band, so that no band is
# neglected because it varies little. It trains on windows cut at random moments, so that the
# network can't learn the few clips by heart. And it judges a larger profile: mean, standard
# deviation, 95th percentile and maximum over time, of the error *with its sign* **and of the
# level**.
#
# That last point asks for another control. So for each network, with five seeds: the mean
# error; the profile of its *errors alone*, as above; and the detector's own score, from errors
# *and levels*. The first row has no network: its "errors" are the standardised levels themselves.

# %% tags=["nbval-ignore-output"]
mean, std = S_train.mean(axis=(0, 2))[:, np.newaxis], S_train.std(axis=(0, 2))[:, np.newaxis]
row = judge(*(((S - mean) / std) ** 2 for S in (S_train, S_test)))
found = {"no network": {"mean error": [row["AUC, mean error"]], "errors": [row["AUC, profile"]],
                        "errors and levels": [row["AUC, profile"]]}}
for network, code_size in {"bottleneck": 16, "interpolation": 16, "dense": 8}.items():
    of = found[network] = {"mean error": [], "errors": [], "errors and levels": []}
    for seed in range(5):
        detector = AutoencoderDetector(
            network, code_size=code_size, n_updates=100, random_state=seed).fit(S_train)
        row = judge(*(detector.error_map(S) for S in (S_train, S_test)))
        of["mean error"].append(row["AUC, mean error"])
        of["errors"].append(row["AUC, profile"])
        of["errors and levels"].append(auc(y_test, anomaly_score(detector, S_test)))

# %% [markdown]
# Lowest and highest AUC of the five seeds:

# %% tags=["nbval-ignore-output"]
ResultTable(
    {network: {score: f"{min(aucs):.2f} to {max(aucs):.2f}" for score, aucs in of.items()}
     for network, of in found.items()},
    "AUC of three networks, over five seeds", corner="network",
)

# %% [markdown]
# The exact numbers depend on the computer and the seed. What holds everywhere:

# %%
alone = found.pop("no network")
ResultTable(
    {network: {
        "by profile better than by mean error": np.mean(of["errors"]) > np.mean(of["mean error"]),
        "errors alone better than no network": np.mean(of["errors"]) > alone["errors"][0],
     } for network, of in found.items()},
    "Mean over five seeds", corner="network",
)

# %% [markdown]
# Three quite different networks, and one answer to each question. On average, each ranks these
# clips better by the profile of its errors than by their mean. And none does better by its
# errors than the levels do without a network; the trained ones even do *worse*. That is no
# paradox. The better a network follows the level, the less of the level is left in its errors,
# and the level is what these faults change. The last column puts the levels back in, and with
# them the perfect result.
#
# So the right conclusion is a modest one: **on these faults, the networks add nothing.** Whether
# they add something on others, and on other machines, has to be shown there.
#
# ## Summary
#
# - An autoencoder is trained with its input as target; its reconstruction error can be an
#   anomaly score.
# - Count the values in the code. If there are more than in the input, it is no bottleneck.
# - "Hard to rebuild means abnormal" is an assumption. On these recordings it is wrong, as
#   the hardest thing to rebuild is the healthy click.
# - Asking whether the errors are *unusual* is the better question, and needs no assumption about
#   the direction.
# - Take the network away before you praise it. Here the average spectrum does as well, and most
#   of what the errors tell is the level.
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
#    at all: the decoder's own weights hold it. So even a code of one value rebuilds it, and
#    both AUCs stay about as they are. The control "no network" is that limit.
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
#    It is a mean of *squared* errors. The error on a click is several times that of the
#    background, and its square counts for far more, so that a few frames rule the mean. The
#    background, which is rebuilt well, hardly counts.
#
#    </details>
#
# **Next**: [chapter 5](05_evaluation.ipynb) lets all detectors compete, and finds out how
# much of the result to believe.
