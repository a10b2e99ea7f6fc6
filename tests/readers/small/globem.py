"""Small study years in GLOBEM's layout."""

from pathlib import Path

import numpy as np
import pandas as pd

from fairlib.readers.globem_features import channels

RAPIDS, DEP, PLATFORM = "FeatureData/rapids.csv", "SurveyData/dep_weekly.csv", "ParticipantsInfoData/platform.csv"


def write(root: Path, years: tuple[int, ...] = (1, 2, 3, 4)) -> Path:
    """Years of six participants, three of them depressed; three labels and 30 days each; demographics."""
    draw, demographics = np.random.default_rng(0), []
    for year in years:
        folder = root / f"INS-W_{year}"
        for name in ("SurveyData", "FeatureData", "ParticipantsInfoData"):
            (folder / name).mkdir(parents=True)
        pids = [f"INS-W_{100 * year + i}" for i in range(6)]
        days = [str(np.datetime64(f"{2017 + year}-04-01") + day) for day in range(30)]
        frame = pd.DataFrame([(pid, day) for pid in pids for day in days], columns=["pid", "date"])
        values = draw.normal(size=(len(frame), len(channels()))).clip(-2, 2).round(1)
        values[draw.random(values.shape) < 0.3] = np.nan
        frame = pd.concat([frame, pd.DataFrame(values, columns=list(channels()))], axis=1)
        frame.to_csv(folder / "FeatureData" / "rapids.csv", index=False)
        labels = [(pid, day, pid[-1] in "024") for pid in pids for day in (days[9], days[19], days[29])]
        pd.DataFrame(labels, columns=["pid", "date", "dep"]).to_csv(
            folder / "SurveyData" / "dep_weekly.csv", index=False
        )
        text = "\n".join(
            ["pid,platform", *(f"{pid},{('ios', 'android;ios')[i % 2]}" for i, pid in enumerate(pids)), ""]
        )
        (folder / "ParticipantsInfoData" / "platform.csv").write_text(text)
        demographics += [
            f"{pid[6:]},{1 + i % 2}.0,19.0,{('Asian', 'White', '')[i % 3]},2.0,0.0" for i, pid in enumerate(pids)
        ]
    text = "\n".join(["PID,gender,age,race,generation,disability", *demographics[:-1], ""])
    (root / "demographics.csv").write_text(text)
    return root
