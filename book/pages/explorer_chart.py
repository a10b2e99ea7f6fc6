"""Charts of the pages with controls, as Vega-Lite: empty here, filled and refilled by ``book/_static/explorer.js``.

As a Sphinx extension this module writes ``_static/charts.js`` into the built book: the charts, compiled, and Vega
itself, out of the package vl-convert. So pages with controls work without any network.
"""

import json
import math
from pathlib import Path

import altair as alt
import vl_convert

from fairlib.fairness import FAIR_DEVIATION, FAIR_DIFFERENCE, FAIR_LOG_RATIO, GROUP_RATES, ODDS, RATES, SHORT, title
from fairlib.report.style import CONTROL, SEGMENTS
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS

SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [1, 3], [10, 2]]
BAND, INK, GRID = "#009E73", "currentColor", "#8884"
#: The groups in their order, filled in by the page: so that colour and shape make one legend.
GROUPS = alt.param(name="groups", value=[])
ORDER = alt.ExprRef("groups")
#: First and last setting of the slider.
SPAN = alt.param(name="span", value=[0, 1])
LEGEND = alt.Legend(title=None, symbolOpacity=1, symbolStrokeWidth=0)
COLOUR = alt.Color("group:N", scale=alt.Scale(domain=ORDER, range=SEGMENTS), legend=LEGEND)
SHAPE = alt.Shape("group:N", scale=alt.Scale(domain=ORDER, range=SHAPES), legend=LEGEND)
DASH = alt.StrokeDash("group:N", scale=alt.Scale(domain=ORDER, range=DASHES), legend=None)  # beside the shape
#: Truth and measurement of a segment, the same of everybody else.
AUCS = [SEGMENTS[0], SEGMENTS[5], SEGMENTS[1], SEGMENTS[4]]
#: Groups that the reader did not pick step back.
FADED = alt.Opacity("picked:N", scale=alt.Scale(domain=[True, False], range=[1, 0.4]), legend=None)
HEIGHT = 250
NOTICE = """/*! Vega {version}: copyright University of Washington Interactive Data Lab, BSD-3-Clause; with parts of D3,
copyright Mike Bostock, ISC, and what else Vega needs. Bundled by vl-convert {bundler}. Licences: vega_licences.txt. */
"""


def charts() -> dict[str, alt.LayerChart]:
    """Name → chart. The names of their data sets and fields are those that ``explorer.js`` fills in."""
    return {
        "roc": roc(),
        "rates": rates(),
        "deviation": over("parity deviation", alt.Scale(domain=[0, 1], clamp=True), [SEGMENTS[0], CONTROL]),
        "ratios": ratios(),
        "auc": over("AUC", alt.Scale(zero=False), AUCS, banded=False),
    }


def roc() -> alt.LayerChart:
    """ROC curves of groups, the decisions at the threshold as points; ``curves``: group, fpr, tpr, picked; ``now``."""
    x = alt.X("fpr:Q", title="false positive rate", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    y = alt.Y("tpr:Q", title="true positive rate", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    curves = alt.Chart(alt.NamedData("curves")).encode(x, y, COLOUR, DASH, FADED, order="fpr:Q")
    now = alt.Chart(alt.NamedData("now")).encode(x, y, COLOUR, SHAPE, FADED)
    chance = alt.Chart(alt.NamedData("chance")).encode(x, y).mark_line(color=CONTROL, strokeWidth=1)
    return _sized(chance + curves.mark_line(clip=True) + now.mark_point(filled=True, size=130, opacity=1))


def rates() -> alt.LayerChart:
    """Rates of groups at the threshold with intervals; ``rates``: rate, group, estimate, low, high, picked."""
    axis = alt.Axis(labelExpr="replace(datum.label, ' rate', '')", ticks=False, domain=False)
    offset = alt.YOffset("group:N", scale=alt.Scale(domain=ORDER, paddingOuter=0.3))
    base = alt.Chart(alt.NamedData("rates")).encode(alt.Y("rate:N", sort=None, title=None, axis=axis), offset)
    options = {
        "title": f"share, with {LEVEL_WORDS} interval",
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(tickCount=5),
    }
    return _sized(_with_interval(base.encode(COLOUR, FADED), options, SHAPE))


def ratios() -> alt.LayerChart:
    """Ratios at the threshold with intervals on a log scale; ``ratios``: ratio, estimate, low, high, picked."""
    scale = alt.Scale(type="log", domain=[0.25, 4], clamp=True)
    edges = alt.Chart(alt.NamedData("band")).mark_rect(color=BAND, opacity=0.18)
    band = edges.encode(alt.X("from:Q", scale=scale), alt.X2("to:Q"))
    axis = alt.Axis(ticks=False, domain=False)
    base = alt.Chart(alt.NamedData("ratios")).encode(alt.Y("ratio:N", sort=None, title=None, axis=axis), FADED)
    ticks = alt.Axis(values=[0.25, 0.5, 0.8, 1, 1.25, 2, 4], format="~g")
    options = {"title": "unprivileged / privileged (log scale)", "scale": scale, "axis": ticks}
    return _sized(band + _with_interval(base.encode(color=alt.value(INK)), options))


def over(title: str, scale: alt.Scale, colours: list[str], banded: bool = True) -> alt.LayerChart:
    """A measure over all settings of the slider, the band of its convention, and where the slider stands.

    Data: ``lines``: group, line, x, y, low, high, picked; ``at``: x, y; ``band``: from, to.
    """
    span = alt.Scale(domain=alt.ExprRef("span"), nice=False)
    x = alt.X("x:Q", title=None, scale=span, axis=alt.Axis(tickCount=6))
    y = alt.Y("y:Q", title=title, scale=scale)
    columns = alt.ExprRef("width < 360 ? 1 : 2")  # names of lines are long
    legend = alt.Legend(title=None, symbolType="stroke", symbolOpacity=1, symbolSize=400, columns=columns)
    colour = alt.Color("group:N", scale=alt.Scale(domain=ORDER, range=colours), legend=legend)
    dash = alt.StrokeDash("group:N", scale=alt.Scale(domain=ORDER, range=DASHES), legend=legend)
    lines = alt.Chart(alt.NamedData("lines")).encode(x, colour, detail="line:N")
    ribbon = lines.mark_area(opacity=0.22, clip=True).encode(alt.Y("low:Q", title=title, scale=scale), alt.Y2("high:Q"))
    curve = lines.mark_line(clip=True).encode(y, dash, FADED)
    now = alt.Chart(alt.NamedData("at")).encode(x)
    rule, point = now.mark_rule(color=INK), now.mark_point(color=INK, filled=True, size=90, opacity=1).encode(y)
    chart = ribbon + curve + rule + point
    if banded:
        band = alt.Chart(alt.NamedData("band")).mark_rect(color=BAND, opacity=0.18)
        chart = band.encode(alt.Y("from:Q", scale=scale), alt.Y2("to:Q")) + chart
    return _sized(chart.add_params(SPAN))


def _with_interval(base: alt.Chart, options: dict, *point: alt.Shape) -> alt.LayerChart:
    line = base.mark_rule(strokeWidth=2).encode(alt.X("low:Q", **options), alt.X2("high:Q"))
    return line + base.mark_point(filled=True, size=70).encode(alt.X("estimate:Q", **options), *point)


def _sized(chart: alt.LayerChart) -> alt.LayerChart:
    return chart.add_params(GROUPS).properties(width="container", height=HEIGHT)


def compiled() -> dict[str, dict]:
    """The charts as Vega, in colours that follow those of the page."""
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    roomy = {"labelFlush": False, "labelOverlap": "greedy", "labelSeparation": 6}
    config = {
        "aria": False,  # the page itself says in words and tables what a chart shows
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": text | {"gridColor": GRID, "domainColor": GRID, "tickColor": GRID} | roomy,
        "legend": text | {"orient": "top", "columns": 2, "symbolSize": 90, "labelLimit": 220, "symbolStrokeWidth": 2},
    }
    return {name: vl_convert.vegalite_to_vega(chart.to_dict(), config=config) for name, chart in charts().items()}


def words() -> dict[str, dict]:
    """What things are called, and the bands of the conventions, as the other pages have them."""
    fifths = [round(math.exp(-FAIR_LOG_RATIO), 2), round(math.exp(FAIR_LOG_RATIO), 2)]
    return {
        "strategies": STRATEGY_NAMES,
        "rates": {name: name.replace("_", " ") for name in GROUP_RATES},
        "ratios": {metric: title(metric) for metric in RATES},
        "short": SHORT,
        "differences": {metric: metric.replace("_", " ") for metric in ODDS},
        "bands": {"four_fifths": fifths, "deviation": FAIR_DEVIATION, "difference": FAIR_DIFFERENCE},
    }


def script() -> str:
    """``charts.js``: Vega and the charts, for pages that hold ``fairlib-explorer`` elements."""
    notice = NOTICE.format(version=vl_convert.get_vega_version(), bundler=vl_convert.__version__)
    library = vl_convert.javascript_bundle(
        f"window.fairlibCharts = {{vegaEmbed, specs: {json.dumps(compiled())}, ...{json.dumps(words())}}};"
    )
    return f"{notice}(() => {{{library}}})();\n"


def setup(app) -> dict:
    """Sphinx calls this: the script goes into the built book."""
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / "charts.js").write_text(script(), encoding="utf-8")
