"""Are models built by self-supervised learning fairer to the people they serve?

``fairlib`` is the thin package behind the notebooks of the study: official files in (``readers``, ``twins``),
the model (``encoder``, ``views``, ``simclr``, ``finetuning``), and what is measured on it (``similarity``,
``fairness``, ``inference``), with privacy (``disclosure``) and provenance on by default.
"""

__version__ = "0.2.0"
