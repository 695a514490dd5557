"""Networks that rebuild spectrograms, and what they fail to rebuild.

Keras, and with it TensorFlow, is imported only when a network is built or run.

All networks here see a *window* of frames, of shape (n_mels, n_frames, 1), and return
the frames in its middle: an autoencoder all of them, an interpolator a single one.
"""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._checks import check_count, check_levels, check_number

if TYPE_CHECKING:
    import keras

_FILTERS = (8, 16, 16)
_DENSE_UNITS = (128, 128, 128, 128)
_INTERPOLATOR_UNITS = (128, 64)
# As many windows at a time as fit into some ten megabytes.
_VALUES_AT_A_TIME = 2_000_000


def import_keras() -> Any:
    """Import Keras, or say how to install it.

    Returns
    -------
    module
        Keras 3.

    Raises
    ------
    ImportError
        If Keras or TensorFlow is not installed.

    Examples
    --------
    >>> import_keras().__name__
    'keras'
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            "autoencoders need TensorFlow, which is not installed: "
            'pip install "tensorflow>=2.18" (or tensorflow-cpu)'
        ) from error
    return keras


def build_autoencoder(
    n_mels: int,
    n_frames: int,
    *,
    code_size: int = 16,
    learning_rate: float | None = 1e-3,
) -> keras.Model:
    """Build a convolutional autoencoder with a real bottleneck.

    Three strided convolutions shrink the spectrogram, a dense layer called
    ``"code"`` holds all that is known of the window, and the way back mirrors the
    way in. Sizes that 8 does not divide are padded inside.

    Parameters
    ----------
    n_mels, n_frames : int
        Shape of one window of a spectrogram.
    code_size : int
        Number of values in the bottleneck, fewer than ``n_mels * n_frames``.
    learning_rate : float, optional
        Step size of the optimiser (Adam). None leaves the network without one, to be
        given weights that are known.

    Returns
    -------
    keras.Model
        Compiled with the mean squared error, if it is to be trained; maps
        (n_windows, n_mels, n_frames, 1) to the same shape.

    Raises
    ------
    ValueError
        If a size is below 1, the code is not smaller than the input, or the
        learning rate is not positive.
    TypeError
        If a size is not a whole number or the learning rate no number.
    ImportError
        If Keras or TensorFlow is not installed.

    Examples
    --------
    >>> model = build_autoencoder(n_mels=32, n_frames=20, code_size=4)
    >>> model.output_shape, model.get_layer("code").output.shape
    ((None, 32, 20, 1), (None, 4))
    """
    n_mels, n_frames, code_size = _check_sizes(n_mels, n_frames, code_size)
    keras = import_keras()
    layers = keras.layers
    stride = 2 ** len(_FILTERS)
    padding = ((0, -n_mels % stride), (0, -n_frames % stride))
    conv = {"kernel_size": 3, "strides": 2, "padding": "same"}

    inputs = keras.Input((n_mels, n_frames, 1))
    x = layers.ZeroPadding2D(padding)(inputs)
    for filters in _FILTERS:
        x = layers.Conv2D(filters, activation="relu", **conv)(x)
    shape = x.shape[1:]
    x = layers.Flatten()(x)
    x = layers.Dense(code_size, name="code")(x)
    x = layers.Dense(prod(shape), activation="relu")(x)
    x = layers.Reshape(shape)(x)
    for filters in reversed(_FILTERS[:-1]):
        x = layers.Conv2DTranspose(filters, activation="relu", **conv)(x)
    x = layers.Conv2DTranspose(1, **conv)(x)
    outputs = layers.Cropping2D(padding)(x)
    return _compiled(inputs, outputs, "bottleneck_autoencoder", learning_rate)


def build_dense_autoencoder(
    n_mels: int,
    n_frames: int = 5,
    *,
    code_size: int = 8,
    learning_rate: float | None = 1e-3,
) -> keras.Model:
    """Build the dense autoencoder of the DCASE challenges' baseline.

    A few frames are stacked into one long row of numbers and passed through four
    dense layers, the code and four more, with batch normalisation between them.

    Parameters
    ----------
    n_mels, n_frames : int
        Shape of one window of a spectrogram.
    code_size : int
        Number of values in the bottleneck, fewer than ``n_mels * n_frames``.
    learning_rate : float, optional
        Step size of the optimiser (Adam). None leaves the network without one, to be
        given weights that are known.

    Returns
    -------
    keras.Model
        Compiled with the mean squared error, if it is to be trained; maps
        (n_windows, n_mels, n_frames, 1) to the same shape.

    Raises
    ------
    ValueError
        If a size is below 1, the code is not smaller than the input, or the
        learning rate is not positive.
    TypeError
        If a size is not a whole number or the learning rate no number.
    ImportError
        If Keras or TensorFlow is not installed.

    References
    ----------
    Koizumi et al., "Description and discussion on DCASE2020 challenge task2:
    Unsupervised anomalous sound detection for machine condition monitoring", DCASE
    2020 Workshop. https://arxiv.org/abs/2006.05822

    Examples
    --------
    >>> model = build_dense_autoencoder(n_mels=32)
    >>> model.output_shape, model.get_layer("code").output.shape
    ((None, 32, 5, 1), (None, 8))
    """
    n_mels, n_frames, code_size = _check_sizes(n_mels, n_frames, code_size)
    keras = import_keras()
    inputs = keras.Input((n_mels, n_frames, 1))
    x = keras.layers.Flatten()(inputs)
    x = _hourglass(x, _DENSE_UNITS, code_size, prod((n_mels, n_frames)))
    outputs = keras.layers.Reshape((n_mels, n_frames, 1))(x)
    return _compiled(inputs, outputs, "dense_autoencoder", learning_rate)


def build_interpolator(
    n_mels: int,
    n_frames: int = 5,
    *,
    code_size: int = 32,
    learning_rate: float | None = 1e-3,
) -> keras.Model:
    """Build an interpolation autoencoder: it predicts a frame from its neighbours.

    The middle frame of the window is left out of the input, so the network can't
    copy it. What it can't predict from the frames around it is unexpected.

    Parameters
    ----------
    n_mels : int
        Number of mel bands.
    n_frames : int
        Odd number of frames in a window, the middle one included.
    code_size : int
        Number of values in the bottleneck, fewer than those of the neighbours.
    learning_rate : float, optional
        Step size of the optimiser (Adam). None leaves the network without one, to be
        given weights that are known.

    Returns
    -------
    keras.Model
        Compiled with the mean squared error, if it is to be trained; maps
        (n_windows, n_mels, n_frames, 1) to the middle frame, (n_windows, n_mels, 1, 1).

    Raises
    ------
    ValueError
        If a size is below 1, ``n_frames`` is even or below 3, the code is not
        smaller than the input, or the learning rate is not positive.
    TypeError
        If a size is not a whole number or the learning rate no number.
    ImportError
        If Keras or TensorFlow is not installed.

    Notes
    -----
    The paper's idea, in the layers of this package's other dense networks: between its
    dense layers there is batch normalisation, and what comes in are standardised mel
    bands of windows of 2048 samples. The paper scores by the mean error of prediction,
    `make_detector` by the profile of errors and levels.

    References
    ----------
    Suefusa et al., "Anomalous sound detection based on interpolation deep neural
    network", ICASSP 2020. https://arxiv.org/abs/2005.09234

    Examples
    --------
    >>> build_interpolator(n_mels=32).output_shape
    (None, 32, 1, 1)
    """
    n_frames = check_count(n_frames, "n_frames", at_least=3)
    if n_frames % 2 == 0:
        raise ValueError(f"n_frames must be odd to have a middle, got {n_frames}")
    n_mels, n_neighbours, code_size = _check_sizes(n_mels, n_frames - 1, code_size)
    keras = import_keras()
    layers, half = keras.layers, n_neighbours // 2
    inputs = keras.Input((n_mels, n_frames, 1))
    before = layers.Cropping2D(((0, 0), (0, half + 1)))(inputs)
    after = layers.Cropping2D(((0, 0), (half + 1, 0)))(inputs)
    x = layers.Flatten()(layers.Concatenate(axis=2)([before, after]))
    x = _hourglass(x, _INTERPOLATOR_UNITS, code_size, n_mels)
    outputs = layers.Reshape((n_mels, 1, 1))(x)
    return _compiled(inputs, outputs, "interpolation_autoencoder", learning_rate)


def reconstruct(model: keras.Model, S: ArrayLike) -> np.ndarray:
    """Let a network rebuild spectrograms, window by window.

    The windows lie side by side, the last one at the end of the clip. For a network
    that returns only the middle of its window, the clip is mirrored at its ends.

    Parameters
    ----------
    model : keras.Model
        Maps windows (n_windows, n_mels, n_frames, 1) to the frames in their middle.
    S : array of shape (n_clips, n_mels, n_frames)
        Spectrograms, scaled as the model was trained, at least one window long.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        float64, in the unit of ``S``.

    Raises
    ------
    ValueError
        If ``S`` does not fit the model, holds NaN or infinity, or if the model
        returns such or something of another shape.
    TypeError
        If ``S`` does not hold floats.

    Examples
    --------
    >>> model = build_interpolator(n_mels=8, code_size=2)
    >>> reconstruct(model, np.zeros((3, 8, 20))).shape
    (3, 8, 20)
    """
    return _reconstruct(model, check_levels(S))


def _reconstruct(model: keras.Model, S: np.ndarray) -> np.ndarray:
    n_mels, window = (
        given or found
        for given, found in zip(model.input_shape[1:3], S.shape[1:], strict=True)
    )
    if S.shape[1] != n_mels or S.shape[2] < window:
        raise ValueError(
            f"the model was built for {n_mels} mel bands and windows of {window} "
            f"frames, got spectrograms of the shape {S.shape[1:]} (n_mels, n_frames)"
        )
    n_frames = S.shape[2]
    returned = model.output_shape[2] if len(model.output_shape) == 4 else 0
    returned = returned or window
    margin = (window - returned) // 2
    padded = np.pad(S, ((0, 0), (0, 0), (margin, margin)), mode="reflect")
    last = n_frames - returned
    starts = [*range(0, last, returned), last]
    rebuilt = np.empty_like(S)
    per_clip = len(starts) * n_mels * window
    clips_at_a_time = ceil(_VALUES_AT_A_TIME / per_clip)
    for i in range(0, len(S), clips_at_a_time):
        some = slice(i, i + clips_at_a_time)
        windows = np.stack([padded[some, :, s : s + window] for s in starts], axis=1)
        middles = _run(model, windows.reshape(-1, n_mels, window, 1))
        if middles.shape != (windows.shape[0] * len(starts), n_mels, returned, 1):
            raise ValueError(
                "an autoencoder returns what it was given, windows of the shape "
                f"{(n_mels, window, 1)}, or the frames in their middle; this model "
                f"returned {middles.shape[1:]}"
            )
        middles = middles.reshape(-1, len(starts), n_mels, returned)
        for k, start in enumerate(starts):
            rebuilt[some, :, start : start + returned] = middles[:, k]
    if not np.isfinite(rebuilt).all():
        raise ValueError(
            "the model returned NaN or infinity: its training went astray; try another "
            "seed or a smaller learning rate"
        )
    return rebuilt


def reconstruction_error(model: keras.Model, S: ArrayLike) -> np.ndarray:
    """Compute the squared error of a network in every time-frequency cell.

    Parameters
    ----------
    model : keras.Model
        As in `reconstruct`.
    S : array of shape (n_clips, n_mels, n_frames)
        Spectrograms, scaled as the model was trained, at least one window long.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        float64, in the squared unit of ``S``. The mean over the last two axes is
        the clip's mean squared error.

    Raises
    ------
    ValueError
        If ``S`` does not fit the model, holds NaN or infinity, or if the model
        returns such or something of another shape.
    TypeError
        If ``S`` does not hold floats.

    Examples
    --------
    >>> model = build_autoencoder(n_mels=8, n_frames=8, code_size=2)
    >>> reconstruction_error(model, np.zeros((3, 8, 8))).shape
    (3, 8, 8)
    """
    S = check_levels(S)
    return (S - _reconstruct(model, S)) ** 2


def _check_sizes(n_mels: int, n_frames: int, code_size: int) -> tuple[int, int, int]:
    n_mels = check_count(n_mels, "n_mels", at_least=1)
    n_frames = check_count(n_frames, "n_frames", at_least=1)
    code_size = check_count(code_size, "code_size", at_least=1)
    if code_size >= n_mels * n_frames:
        raise ValueError(
            f"code_size must be below the {n_mels * n_frames} values that go in, "
            f"to be a bottleneck, got {code_size}"
        )
    return n_mels, n_frames, code_size


def _hourglass(x: Any, units: tuple[int, ...], code_size: int, n_outputs: int) -> Any:
    """Dense layers that narrow down to the code and widen again."""
    layers = import_keras().layers

    def normalised(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization()(x))

    for n_units in units:
        x = normalised(layers.Dense(n_units)(x))
    x = normalised(layers.Dense(code_size, name="code")(x))
    for n_units in reversed(units):
        x = normalised(layers.Dense(n_units)(x))
    return layers.Dense(n_outputs)(x)


def _compiled(inputs: Any, outputs: Any, name: str, learning_rate: float | None) -> Any:
    keras = import_keras()
    model = keras.Model(inputs, outputs, name=name)
    if learning_rate is None:
        return model
    if check_number(learning_rate, "learning_rate") <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate!r}")
    # In trainings as short as these, most of the time is lost on preparing them: on
    # translating the network for the processor, and on drawing up its graph a second
    # time after the optimiser has made its variables.
    optimiser = keras.optimizers.Adam(learning_rate)
    optimiser.build(model.trainable_variables)
    model.compile(optimiser, loss="mse", jit_compile=False)
    return model


def _run(model: keras.Model, windows: np.ndarray) -> np.ndarray:
    # model.predict would compile itself anew for each model, which takes longer
    # than running it and fills notebooks with warnings.
    to_numpy = import_keras().ops.convert_to_numpy
    at_a_time = ceil(_VALUES_AT_A_TIME / windows[0].size)
    return np.concatenate(
        [
            to_numpy(model(windows[i : i + at_a_time], training=False))
            for i in range(0, len(windows), at_a_time)
        ]
    )
