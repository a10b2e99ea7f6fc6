"""Colours that everybody can tell apart: contrast on white, distance without a kind of cone, the same on pages."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from fairlib.report import style
from fairlib.strategies import MITIGATIONS

SHEET = Path(__file__).parents[2] / "book" / "_static" / "fairlib.css"
MODELS = {name: colour for name, colour in style.COLOURS.items() if name not in MITIGATIONS}
#: How linear RGB is seen without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1).
SEEN = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    """(3,): the light of red, green and blue of an sRGB colour."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(colour: str, ground: str = "#FFFFFF") -> float:
    """Of WCAG 2.2: from 1 to 21."""
    light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (colour, ground))
    return light[1] / light[0]


def lab(light: np.ndarray) -> np.ndarray:
    """(3,): linear RGB in CIELAB, where a distance of 2 is just noticed."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(light, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", [*style.COLOURS.values(), *style.SEGMENTS, style.CHANCE_EDGE, style.FAIR_EDGE])
def test_what_is_drawn_stands_out_from_white(colour):
    assert contrast(colour) >= 3


@pytest.mark.parametrize("eyes", SEEN)
def test_models_stay_apart_without_one_kind_of_cone(eyes):
    seen = {name: lab(np.asarray(SEEN[eyes]) @ linear(colour)) for name, colour in MODELS.items()}
    near = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a, b in combinations(seen, 2)}
    assert min(near.values()) > 15, min(near, key=near.get)


def test_no_model_is_told_by_its_colour_alone():
    assert len(set(style.MARKERS.values())) == len(style.COLOURS) == len(set(style.COLOURS.values()))
    assert len(set(map(str, style.LINES.values()))) == len(MODELS)
    assert len(style.SEGMENT_MARKERS) == len(set(style.SEGMENT_MARKERS)) == len(style.SEGMENTS) == len(style.HATCHES)


def test_pages_name_the_same_roles():
    named = dict(
        re.findall(r"--fairlib-(\w+): (#[0-9a-f]{6})", SHEET.read_text(encoding="utf-8").partition(".bd-header")[0])
    )
    assert named["supervised"] == style.SUPERVISED.lower()
    assert named["ssl"] == style.SSL["frozen_0"].lower()
    assert named["control"] == style.CONTROL.lower()
