"""Cases that others contributed: a bundle's tables as a page and the claims need them. Nothing is recomputed here."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from fairlib import cards
from fairlib.audit import contrasts
from fairlib.audit.bundle import MANIFEST, Bundle, BundleError
from fairlib.audit.contributed import kept
from fairlib.inference import Estimate
from fairlib.measures.estimands import OVERALL, own_rows
from fairlib.measures.evidence import EVERYONE
from fairlib.report.columns import Column, typed
from fairlib.report.provenance import Provenance
from fairlib.strategies import STRATEGY_NAMES
from fairlib.study.parameters import CONTRIBUTED
from fairlib.text import LEVEL_WORDS, recipe_name


@dataclass(frozen=True)
class Contributed:
    """One contributed case; answers about claims like ``cases.Case``, from estimates and intervals alone."""

    bundle: Bundle
    name: str

    @property
    def card(self) -> cards.Card:
        return self.bundle.card

    @property
    def p(self) -> SimpleNamespace:
        """What the claims ask of a case's parameters."""
        return SimpleNamespace(dataset=self.bundle.manifest.dataset)

    @property
    def title(self) -> str:
        """How the case is called in tables."""
        made = self.bundle.manifest
        return f"{self.card.called}, contributed by {made.contributed_by}, recipe {recipe_name(made.recipe)}"

    @property
    def made(self) -> Provenance:
        """Where its numbers come from; counts that are rounded may be a little smaller than the cell size."""
        made = self.bundle.manifest
        called = "repeats" if made.folds else "seeds"
        rounded = f"counts rounded to the nearest {made.nearest}" if made.nearest > 1 else ""
        return Provenance(
            "contributed",
            f"{self.card.title}, by {made.contributed_by}",
            (f"profile {made.profile}", f"{called} {', '.join(map(str, made.seeds))}", rounded),
            f"python -m fairlib export {made.dataset} --source DIR",
            made.data,
            f"{made.fairlib}+{made.code[:8]} (theirs)",
            made.access,
            made.profile,
            made.recipe,
            tuple(made.seeds),
            min_cell=made.min_cell - made.nearest + 1,
        )

    @cached_property
    def summary(self) -> pd.DataFrame:
        """As ``summaries.summarise`` gives it, without p-values; nothing is known of draws, which stayed behind."""
        rows = self.bundle.tables["performance"]
        return rows.assign(seeds=rows["seeds"].astype(int), undefined_draws=float("nan"))

    @cached_property
    def compared(self) -> pd.DataFrame:
        """As ``summaries.headline`` gives it."""
        return self.bundle.tables["compared"]

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(self.compared["strategy"])

    @property
    def ssl(self) -> str | None:
        """The SSL model that claims are about."""
        return contrasts.named_ssl(self.strategies)

    def contrast(self, claim: str) -> contrasts.Contrast | None:
        """The contrast that a claim is judged by; None where the bundle has none."""
        for row in own_rows(self.bundle.tables.get("contrasts", pd.DataFrame({"claim": []})), claim=claim).itertuples():
            return contrasts.Contrast(row.one, row.other, Estimate(row.difference, row.low, row.high), int(row.rows))
        return None

    @property
    def u_shape(self) -> tuple[contrasts.Contrast, dict[str, float]] | None:
        """The same of the U shape, with the disparity of each SSL model."""
        found = self.contrast("u_shape")
        ssl = [name for name in self.strategies if contrasts.self_supervised(name)]
        return found and (found, self.compared.set_index("strategy").loc[ssl, "deviation"].to_dict())


def listed(folder: Path | None = None) -> list[str]:
    """Names of the contributed cases."""
    return sorted(path.parent.name for path in (folder or CONTRIBUTED).glob(f"[!.]*/{MANIFEST}"))


def case(name: str, folder: Path | None = None) -> Contributed:
    """One of them, checked again. Raises ``BundleError``."""
    if name not in (known := listed(folder)):
        raise BundleError(f"there is no contributed case {name!r}; kept are: {', '.join(known) or 'none'}")
    return Contributed(kept((folder or CONTRIBUTED) / name), name)


def all_cases(folder: Path | None = None) -> list[Contributed]:
    """All of them."""
    return [case(name, folder) for name in listed(folder)]


def sizes(of: Contributed) -> pd.DataFrame:
    """People, windows and events of each split."""
    counts = dict.fromkeys(("people", "windows", "events"), Column(form="count", fewest=of.made.min_cell))
    return typed(of.bundle.tables["sizes"], ["split"], **counts)


def ratios(of: Contributed) -> pd.DataFrame:
    """The ratio or difference of the card's metric, a row per attribute and model."""
    rows = of.summary[(of.summary["scope"] == "ratio") & (of.summary["metric"] == of.card.metric.metric)]
    shown = Column(f"{of.card.metric.metric.replace('_', ' ')} ({LEVEL_WORDS} CI)", "number", 3, "low", "high")
    rows = rows.assign(strategy=rows["strategy"].map(STRATEGY_NAMES)).head(60)
    return typed(rows, ["attribute", "strategy"], mean=shown, note=Column())


def verdicts(of: Contributed) -> pd.DataFrame:
    """The protocol's verdicts that hold; empty where the bundle has no scores at equal alert rates."""
    rows = of.bundle.tables.get("verdicts", pd.DataFrame(columns=["verdict", "holds", "low", "high"]))
    rows = rows[rows["holds"] == "yes"]
    ends = Column("lower end of the interval", "signed")
    return typed(rows, ["verdict"], low=ends, high=Column("upper end of the interval", "signed"))


def differences(of: Contributed) -> pd.DataFrame:
    """The named pair at equal alert rates, for everyone."""
    rows = of.bundle.tables.get("differences", pd.DataFrame(columns=["group", "point"]))
    rows = rows[rows["group"].isin([EVERYONE[1], OVERALL])]
    rows = rows.assign(point=rows["point"].replace("", "–"))
    shown = Column(f"difference to supervised ({LEVEL_WORDS} CI)", "signed", 3, "low", "high")
    return typed(
        rows,
        ["estimand", "point"],
        level_other=Column("supervised", "number"),
        level_one=Column("SSL", "number"),
        detectable=Column("smallest detectable difference", "number"),
        estimate=shown,
    )
