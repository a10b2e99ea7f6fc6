"""The loss of SimCLR under the name of its method; it is written in ``pretexts``."""

from .pretexts import nt_xent

__all__ = ["nt_xent"]
