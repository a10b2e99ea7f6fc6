"""The eICU demo: acute kidney injury as YAIB's cohort has it, with the official tables of patients and hospitals.

Layout: ``yaib/aki`` with dyn, outc and sta (``yaib``), and ``patient.csv.gz`` and ``hospital.csv.gz`` beside it.
Sources: https://physionet.org/content/eicu-crd-demo/2.0.1/ and https://github.com/rvandewater/YAIB (demo_data).
"""

from pathlib import Path

from .. import cards
from ..cohort import Cohort
from . import yaib
from .files import facts
from .yaib_layout import Layout

LAYOUT = Layout(**facts("eicu_demo_layout.json"))


def read(path: Path | str) -> Cohort:
    """Read the cohort: onset at hour 18 or later, from hours 0 to 11; see ``yaib.read``."""
    return yaib.read(path, cards.load("eicu_demo"), LAYOUT)
