"""Pages on the study itself: each shows the tables that tests left in this folder, and measures nothing."""

import hashlib
from pathlib import Path

from fairlib.report.provenance import Provenance

FOLDER = Path(__file__).parent
BENCH = FOLDER / "bench"


def made_of(page: str, origin: str, sources: str, code: str, *tables: Path) -> Provenance:
    """The provenance of a page that shows kept tables.

    page: its notebook. sources: how the tables were made, in words. code: the fingerprint of what was under test.
    """
    data = hashlib.sha256(b"".join(path.read_bytes() for path in tables)).hexdigest()
    command = f"papermill notebooks/{page}.ipynb out.ipynb"
    return Provenance(origin, sources, (f"notebook {page}", sources), command, data, code)
