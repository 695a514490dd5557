"""``esa4 detectors``: which detectors there are."""

from __future__ import annotations

import click

from ..recipes import detector_names
from ._shared import json_option, print_json

# In the order of `detector_names`.
ONE_LINE = {
    "level": "how loud, how peaked: the baseline for all others",
    "gmm": "levels in 128 frequency bands, against two Gaussians; a good first choice",
    "mahalanobis": "levels in 128 frequency bands, against one Gaussian",
    "knn": "levels in 128 frequency bands, against the 3 nearest training clips",
    "autoencoder": "what a convolutional network can't rebuild; needs TensorFlow",
    "interpolation": "frames that a network can't tell from their neighbours; needs "
    "TensorFlow",
    "dense": "like the baseline of the DCASE challenges, for comparison; needs TensorFlow",
}


@click.command()
@json_option
def detectors(as_json: bool) -> None:
    """List the detectors that `esa4 fit --detector` takes, the simplest first.

    \b
    Example:
        esa4 detectors
    """
    lines = {name: ONE_LINE[name] for name in detector_names()}
    if as_json:
        print_json(lines)
        return
    for name, line in lines.items():
        click.echo(f"{name:14} {line}")
