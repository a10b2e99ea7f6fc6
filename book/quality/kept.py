"""Contracts of the pages that show a table kept in ``book/quality``, and compute nothing."""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, field_validator

EVIDENCE = Path(__file__).parent


class Coverage(BaseModel):
    """The page on coverage: it shows one kept table, and simulates nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = "coverage"
    maker: ClassVar[str] = "python -m tests.coverage --out FILE writes one"

    table: str = ""

    @property
    def path(self) -> Path:
        """The table asked for, or the one that the book keeps."""
        return Path(self.table).expanduser() if self.table else EVIDENCE / f"{self.notebook}.csv"

    @field_validator("table")
    @classmethod
    def _table_exists(cls, table: str) -> str:
        if table and not Path(table).expanduser().is_file():
            raise ValueError(f"table {table!r} is no file; {cls.maker}")
        return table

    def command(self) -> str:
        """The papermill command that repeats this page; another table is named FILE."""
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb" + " -p table FILE" * bool(self.table)


class Torture(Coverage):
    """The page on kills, damage and mutated files: it shows one kept table, and breaks nothing."""

    notebook: ClassVar[str] = "torture"
    maker: ClassVar[str] = "make torture writes book/quality/torture.csv"


class Costs(BaseModel):
    """The page on costs: it shows what ``make bench`` left, and measures nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = "costs"

    folder: str = ""

    @property
    def path(self) -> Path:
        """The folder asked for, or the one that the book keeps."""
        return Path(self.folder).expanduser() if self.folder else EVIDENCE / "bench"

    @field_validator("folder")
    @classmethod
    def _folder_exists(cls, folder: str) -> str:
        if folder and not (Path(folder).expanduser() / "bench.csv").is_file():
            raise ValueError(f"folder {folder!r} holds no bench.csv; python -m tests.bench --out FOLDER writes one")
        return folder

    def command(self) -> str:
        """The papermill command that repeats this page; another folder is named FOLDER."""
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb" + " -p folder FOLDER" * bool(self.folder)
