"""Charts with controls, as Vega-Lite with parameters that are bound to inputs; a page fills in its numbers.

As a Sphinx extension this module writes ``_static/charts.js`` into the built book, once: Vega itself, out of the
package vl-convert, the charts, compiled, and ``explorer_start.js``. Pages with a chart load it, without any network.
"""

import json
import math
from pathlib import Path

import altair as alt
import vl_convert

from fairlib.fairness import FAIR_DIFFERENCE, GROUP_RATES, METRICS
from fairlib.measures.performance import ROC_GRID
from fairlib.measures.thresholds import GRID
from fairlib.report.charts import MARKER, SCALE
from fairlib.report.style import CONTROL, SEGMENTS
from fairlib.text import LEVEL_WORDS

from . import turning
from .explorer import ENDS, ROC_STEP

BAND, INK = "#009E73", "currentColor"
#: Looks; no names for those who do not see it, since the page says in words and tables what a chart shows.
CONFIG = json.loads(Path(__file__).with_name("explorer_config.json").read_text(encoding="utf-8"))
SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [1, 3], [10, 2]]
RATES = [rate.name for rate in GROUP_RATES.values()]
NUMBERS = alt.NamedData("numbers")
HEIGHT = 260
LEGEND = alt.Legend(title=None, symbolOpacity=1, symbolStrokeWidth=0)
LINES = alt.Legend(title=None, symbolOpacity=1, symbolType="stroke", symbolSize=400)
GROUPS = alt.ExprRef("groups[attribute]")  # one domain, so that colour and shape make one legend
COLOUR = alt.Color("group:N", scale=alt.Scale(domain=GROUPS, range=SEGMENTS), legend=LEGEND)
SHAPE = alt.Shape("group:N", scale=alt.Scale(domain=GROUPS, range=SHAPES), legend=LEGEND)
DASH = alt.StrokeDash("group:N", scale=alt.Scale(domain=GROUPS, range=DASHES), legend=None)  # beside the shape
#: A value with its interval in words.
INTERVAL = "isValid(datum.low) ? ' [' + format(datum.low, '.3f') + ', ' + format(datum.high, '.3f') + ']' : ''"
WORDS = f"""isValid(datum.estimate)
  ? (datum.estimate >= 9.999 ? '10 or more' : format(datum.estimate, '.3f')) + ({INTERVAL}) : 'too few'"""
#: Ratios are drawn on a log scale from a quarter to four, differences from −1 to 1: as an expression, with its axis,
#: and the edge of what conventions call close to parity.
DIFFERENCE, FIFTHS = "test(/difference/, metric)", round(METRICS["error_rate_ratio"].log_threshold / math.log(2), 4)
METRIC = f"({DIFFERENCE} ? 2 * {{0}} : log({{0}}) / LN2)"
EDGE = f"({DIFFERENCE} ? {2 * FAIR_DIFFERENCE} : {FIFTHS})"
METRIC_SCALE = alt.Scale(domain=[-2, 2], clamp=True, nice=False)
METRIC_AXIS = alt.Axis(
    values=alt.ExprRef(f"[-2, -1, -{EDGE}, 0, {EDGE}, 1, 2]"),
    labelExpr=f"{DIFFERENCE} ? format(datum.value / 2, '.1f') : format(pow(2, datum.value), '.3~g')",
)
NOTICE = """/*! Vega {version}: copyright University of Washington Interactive Data Lab, BSD-3-Clause; with parts of D3,
copyright Mike Bostock, ISC, and what else Vega needs. Bundled by vl-convert {bundler}. Licences: vega_licences.txt. */
"""


def charts() -> dict[str, alt.ConcatChart]:
    """The names that ``fairlib.report.charts.Numbers`` knows → chart."""
    return {"thresholds": thresholds(), "dial": dial()}


def thresholds() -> alt.ConcatChart:
    """Blocks of recipe, model and run; rows of attribute, group and measure: one value a threshold, or a ROC curve."""
    slider = alt.binding_range(min=GRID[0], max=GRID[-1], step=GRID[1] - GRID[0], name="Decision threshold")
    params = [
        *map(_choice, ("recipe", "model", "run", "attribute", "metric")),
        alt.param("threshold", value=0.5, bind=slider),
        alt.param("settings", value=GRID.tolist()),
        alt.param("place", expr=f"round(threshold / {GRID[0]}) - 1"),
    ]
    chosen = "datum.of[0] == recipe && datum.of[1] == model"
    rows = _rows(chosen, ["attribute", "group", "measure"], now="datum.of[2] == run")
    rows = rows.transform_filter("datum.attribute == attribute || datum.attribute == 'everybody'")
    kinds, run = ["this run, with interval", "other runs"], rows.transform_filter("datum.now")
    metric = rows.transform_filter("datum.measure == metric").transform_calculate(series=f"{kinds}[datum.now ? 0 : 1]")
    title = "[metric, attribute + ' at threshold ' + threshold]"
    parts = [over(metric, "", kinds, title, "threshold"), rates(run, "'Rates at threshold ' + threshold"), roc(run)]
    return _joined(parts, params)


def dial() -> alt.ConcatChart:
    """Blocks of twin, knob and cohort ("truth" is one); rows of group and measure: one value a setting."""
    knobs = {name.replace("_", " "): turning.settings(name) for name in turning.SPAN}
    slider = alt.binding_range(min=1, max=turning.STOPS, step=1, name="Setting of the knob, from lowest to highest")
    params = [
        _choice("attribute", "Twin"),  # whose groups are shown
        *map(_choice, ("knob", "cohort", "metric")),
        alt.param("setting", value=1, bind=slider),
        alt.param("settings", expr=f"{json.dumps(knobs)}[knob]"),
        alt.param("place", expr="setting - 1"),
    ]
    blocks = "datum.of[0] == attribute && datum.of[1] == knob && (datum.of[2] == 'truth' || datum.of[2] == cohort)"
    rows = _rows(blocks, ["group", "measure"], now="datum.of[2] == cohort")
    kinds = ["measured, with interval", "truth"]
    rows = rows.transform_calculate(series=f"{kinds}[datum.now ? 0 : 1]")
    auc = rows.transform_filter("datum.measure == 'AUC'")
    auc = auc.transform_calculate(series="datum.group + ': ' + datum.series")
    each = alt.ExprRef("[" + ", ".join(f"groups[attribute][{i}] + ': {kind}'" for i in (0, 1) for kind in kinds) + "]")
    at = "knob + ' at ' + settings[place]"
    parts = [
        over(auc, "AUC", each, f"['AUC', {at}]", "setting"),
        over(rows.transform_filter("datum.measure == metric"), "", kinds, f"[metric, {at}]", "setting"),
        rates(rows, f"['Rates in the cohort; bars: the truth', {at}]"),
    ]
    return _joined(parts, params)


def _rows(blocks: str, names: list[str], now: str) -> alt.Chart:
    """The rows of some blocks, with their names and curves; now: which of them the reader picked."""
    rows = alt.Chart(NUMBERS).transform_filter(blocks).transform_flatten(["rows"])
    whole = {name: f"datum.rows.of[{i}]" for i, name in enumerate(names)}
    return rows.transform_calculate(now=now, curves="datum.rows.curves", **whole)


def _choice(name: str, title: str = "") -> alt.Parameter:
    """A menu whose options come with the numbers of a page."""
    return alt.param(name, value="", bind=alt.binding_select(options=[""], name=title or name.capitalize()))


def _at(rows: alt.Chart) -> alt.Chart:
    """The values where the slider stands."""
    ends = {name: _scaled(f"datum.curves[{i}][place]") for i, name in enumerate(ENDS)}
    return rows.transform_calculate(**ends).transform_calculate(words=WORDS)


def rates(rows: alt.Chart, title: str) -> alt.LayerChart:
    """Rates of groups where the slider stands, with intervals and in words; a bar where a row is of the truth."""
    axis = alt.Axis(ticks=False, domain=False, labelExpr="replace(datum.label, ' rate', '')")
    room = alt.Scale(domain=[0, 2.1])  # for the words
    options = {"title": f"share, with {LEVEL_WORDS} interval", "scale": room, "axis": alt.Axis(values=[0, 0.5, 1])}
    own = _at(rows.transform_filter(f"indexof({RATES}, datum.measure) >= 0")).encode(
        alt.Y("measure:N", sort=RATES, title=None, axis=axis),
        alt.YOffset("group:N", scale=alt.Scale(domain=GROUPS, paddingOuter=0.3)),
        COLOUR,
    )
    now = own.transform_filter("datum.now")
    line = now.mark_rule(strokeWidth=2).encode(alt.X("low:Q", **options), alt.X2("high:Q"))
    point = now.mark_point(filled=True, size=70, opacity=1).encode(alt.X("estimate:Q", **options), SHAPE)
    edge = alt.value(alt.ExprRef("childWidth"))
    words = now.mark_text(align="right", color=INK).encode(x=edge, text="words:N", color=alt.value(INK))
    truth = own.transform_filter("!datum.now").mark_tick(thickness=3, size=14).encode(alt.X("estimate:Q", **options))
    return alt.layer(line, point, truth, words, title=_title(title)).properties(name="rates")


def roc(rows: alt.Chart) -> alt.LayerChart:
    """ROC curves of groups, and the decisions where the slider stands."""
    share = alt.Scale(domain=[0, 1])
    x = alt.X("fpr:Q", title="false positive rate", scale=share)
    y = alt.Y("tpr:Q", title="true positive rate", scale=share)
    grid = [round(float(value), 4) for value in ROC_GRID[::ROC_STEP]]
    curves = rows.transform_filter("datum.measure == 'ROC'").transform_calculate(fpr=f"{grid}", all="datum.curves[0]")
    curves = curves.transform_flatten(["fpr", "all"]).transform_calculate(tpr=f"datum.all / {SCALE}")
    fpr, fnr = "false positive rate", "false negative rate"
    points = _at(rows.transform_filter(f"indexof(['{fpr}', '{fnr}'], datum.measure) >= 0"))
    points = points.transform_filter("isValid(datum.estimate)")
    points = points.transform_pivot("measure", value="estimate", groupby=["group"])
    points = points.transform_calculate(fpr=f"datum['{fpr}']", tpr=f"1 - datum['{fnr}']")
    chance = alt.Chart(alt.InlineData([{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}])).encode(x, y)
    return alt.layer(
        chance.mark_line(color=CONTROL, strokeWidth=1),
        curves.encode(x, y, COLOUR, DASH, order="fpr:Q").mark_line(),
        points.encode(x, y, COLOUR, SHAPE).mark_point(filled=True, size=130, opacity=1),
        title=_title("['ROC curves; points:', 'decisions at threshold ' + threshold]"),
    )


def over(rows: alt.Chart, measure: str, series: list[str] | alt.ExprRef, title: str, axis: str) -> alt.LayerChart:
    """A measure at all settings of the slider, with intervals and where the slider stands.

    rows: of this measure; measure "": the metric that was picked, with the band of its convention. series: what lines
    are called, those with intervals and those without in turn; title: an expression; axis: what settings are.
    """
    picked = not measure
    options = {"title": None, "axis": METRIC_AXIS, "scale": METRIC_SCALE}
    options = options if picked else {"title": measure, "scale": alt.Scale(zero=False)}
    colours = [SEGMENTS[0], CONTROL] if picked else [SEGMENTS[i] for i in (0, 5, 1, 4)]
    colour = alt.Color("series:N", scale=alt.Scale(domain=series, range=colours), legend=LINES)
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=series, range=DASHES), legend=LINES)
    x = alt.X("x:Q", title=axis, scale=alt.Scale(nice=False, zero=False))
    whole = {name: f"datum.curves[{i}]" for i, name in enumerate(ENDS)}
    ends = {name: _scaled(f"datum.{name}", METRIC if picked else "{}") for name in ENDS}
    lines = rows.transform_calculate(x="settings", **whole).transform_flatten(["x", *ENDS])
    lines = lines.transform_calculate(**ends).encode(x, colour, detail=["of:N", "group:N"])
    ribbon = lines.transform_filter("datum.now").mark_area(opacity=0.22, clip=True)
    here = alt.Chart(alt.InlineData([{}])).transform_calculate(x="settings[place]", low=f"-{EDGE}", high=EDGE)
    band = here.mark_rect(color=BAND, opacity=0.18).encode(alt.Y("low:Q", **options), alt.Y2("high:Q"))
    head = f"join({title}, ', ') + ', '" if picked else f"'{measure} of '"
    said = _at(rows.transform_filter("datum.now")).transform_calculate(
        said=f"{head} + datum.group + ': ' + datum.words + '.'"
    )
    return alt.layer(
        *([band] if picked else []),
        ribbon.encode(alt.Y("low:Q", **options), alt.Y2("high:Q")),
        lines.mark_line(clip=True).encode(alt.Y("estimate:Q", **options), dash),
        here.mark_rule(color=INK).encode(x),
        said.mark_text(fillOpacity=0, fontSize=0)
        .encode(text="said:N")
        .properties(name="said"),  # for explorer_start.js
        title=_title(title),
    )


def _scaled(value: str, form: str = "{}") -> str:
    """An expression for a number of a page; null where it has none."""
    return f"isValid({value}) ? {form.format(f'({value} / {SCALE})')} : null"


def _title(words: str) -> alt.Title:
    return alt.Title(alt.ExprRef(words), anchor="start", frame="group", fontSize=13, color=INK)


def _joined(parts: list[alt.LayerChart], params: list[alt.Parameter]) -> alt.ConcatChart:
    """The parts with the controls of all; the page fills in its groups, as its menus and its numbers."""
    parts = [part.properties(width=300, height=HEIGHT) for part in parts]
    each = dict.fromkeys(("color", "shape", "strokeDash"), "independent")
    chart = alt.concat(*parts, columns=2).resolve_scale(**each)
    return chart.add_params(*params, alt.param("groups", value={}))


def compiled() -> dict[str, dict]:
    """The charts as Vega, in the page's own colours, as wide as their place: on a phone in one column."""
    out = {}
    for name, chart in charts().items():
        out[name] = spec = vl_convert.vegalite_to_vega(chart.to_dict(), config=CONFIG)
        spec["signals"] = [one for one in spec["signals"] if one["name"] != "childWidth"]
        spec["signals"] += [
            {"name": "room", "value": 600},  # explorer_start.js measures it
            {"name": "columns", "update": "room > 620 ? 2 : 1"},
            {"name": "childWidth", "update": "max(160, room / columns - 120)"},
        ]
        spec["autosize"] = {"type": "pad", "resize": True}
        spec["layout"]["columns"] = {"signal": "columns"}
    return out


def script() -> str:
    """``charts.js``: Vega, the charts, and what puts the numbers of a page into them."""
    notice = NOTICE.format(version=vl_convert.get_vega_version(), bundler=vl_convert.__version__)
    start = Path(__file__).with_name("explorer_start.js").read_text(encoding="utf-8")
    library = vl_convert.javascript_bundle(f"const charts = {json.dumps(compiled())};\n{start}")
    return f"{notice}(() => {{{library}}})();\n"


def setup(app) -> dict:
    """Sphinx calls this: the script goes into the built book, and pages that hold a chart load it."""
    app.connect("html-page-context", _load, priority=400)  # before page_frame takes scripts away
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _load(app, page: str, template: str, context: dict, document: object) -> None:
    if MARKER in context.get("body", ""):
        app.add_js_file("charts.js", loading_method="defer")


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / "charts.js").write_text(script(), encoding="utf-8")
