"""Parts of a page that answer: listen, sort, move a threshold, guess.

Each is one piece of HTML for a notebook, Colab or the website, which needs nothing
from elsewhere and sends nothing. What it shows becomes a part of the page's address, as
in ``#explorer:detector=2&threshold=5;gallery:sort=1``, to be passed on; ratings stay in
their tab until it is closed. Each has a module of its own, which reckons every
number that is known beforehand, a page in ``templates/``, and a script in ``static/``,
which listens to the controls and shows what they ask for. Where scripts are off, a
picture with a description remains.
"""

from .errormaps import ErrorMapViewer
from .explorer import ThresholdExplorer
from .gallery import ClipGallery
from .listening import ListeningTest
from .player import ClipPlayer
from .quiz import ClipQuiz
from .table import ResultTable

__all__ = [
    "ClipGallery",
    "ClipPlayer",
    "ClipQuiz",
    "ErrorMapViewer",
    "ListeningTest",
    "ResultTable",
    "ThresholdExplorer",
]
