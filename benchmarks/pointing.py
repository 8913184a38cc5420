"""Do the heatmaps lie on the finding? Every method, on phantoms and on radiographs with boxes.

`python -m benchmarks.pointing` trains what is missing (`benchmarks.localised`), makes the heatmaps
of one picture a patient, and keeps the table in `results`. `--verdicts` also checks the Grad-CAM
of each picture and says how often those of each verdict point at the finding.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.localised import SETS, Trained, marked, trained
from benchmarks.localised import Marked as Picture
from benchmarks.report import machine_line, write
from medxfer.config import Stage
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.proportion import of_patients
from medxfer.explain.faithfulness import Faithfulness, Verdict, check
from medxfer.explain.heatmap import Explanation, explain
from medxfer.explain.methods import METHODS
from medxfer.explain.placing import in_view
from medxfer.explain.pointing import Localisation, Marked, localisation, points_into
from medxfer.machine import on_cpu
from medxfer.working import ended

WAYS = [(method, Stage.LAYER4) for method in METHODS] + [("layercam", Stage.LAYER3)]
"""Each method at the last stage, and the one made for finer stages also at the one before."""

_METHOD_HEAD = [
    "method", "stage", "points at it", "minus centre", "heat inside", "minus centre blob",
    "empty maps",
]  # fmt: skip


def once_a_patient(name: str) -> Iterator[Picture]:
    """The first marked picture of each patient of a set."""
    met: set[str] = set()
    for picture in marked(name):
        if picture.patient not in met:
            met.add(picture.patient)
            yield picture


def judge(made: Trained, pictures: list[Picture], method: str, stage: Stage) -> list[str]:
    """The row of the table of one way to make heatmaps, and what the centre does in brackets."""
    maps = [_map(made, picture, method, stage) for picture in pictures]
    found = localisation(
        Marked(one.heatmap, picture.mask, picture.patient)
        for one, picture in zip(maps, pictures, strict=True)
    )
    empty = sum(one.raw_maximum == 0 for one in maps)
    return [
        method, str(stage), _with_interval(found.pointing), _with_interval(found.pointing_gain),
        _with_interval(found.energy), _with_interval(found.energy_gain), str(empty),
    ]  # fmt: skip


def section(name: str) -> list[str]:
    """The lines about one set: what was marked, the centre, then a row a method."""
    made, pictures = trained(name), list(once_a_patient(name))
    rows = []
    for method, stage in WAYS:
        rows.append(judge(made, pictures, method, stage))
        print(name, rows[-1], flush=True)
    centre = _centre(pictures)
    return [
        f"## {name}",
        "",
        f"ResNet-18 from the benchmarks' source network, everything learns; test AUROC "
        f"{made.auroc:.3f}. {centre.pictures} pictures, one a patient, none of a patient that "
        f"taught. Marked: {100 * centre.area:.0f} % of what is seen. The centre points at it in "
        f"{_with_interval(centre.centre_pointing)}; the centre blob has "
        f"{_with_interval(centre.centre_energy)} inside.",
        "",
        *_table(_METHOD_HEAD, rows),
        "",
    ]


def verdicts(name: str) -> list[str]:
    """How often the Grad-CAM of each verdict points at the finding."""
    made, pictures = trained(name), list(once_a_patient(name))
    of_verdict: dict[Verdict, list[bool]] = {verdict: [] for verdict in Verdict}
    for picture in pictures:
        found = _map(made, picture, "gradcam", Stage.LAYER4)
        hit = points_into(in_view(found.heatmap), in_view(picture.mask.astype(np.float32)) >= 0.5)
        verdict = _checked(made, picture, found).verdict
        of_verdict[verdict].append(hit)
        print(name, verdict, hit, flush=True)
    rows = [
        [str(verdict), str(len(hits)), _with_interval(_rate(hits))]
        for verdict, hits in of_verdict.items()
    ]
    return [f"## {name}: Grad-CAM by verdict", "",
            *_table(["verdict", "pictures", "points at it"], rows), ""]  # fmt: skip


def _checked(made: Trained, picture: Picture, found: Explanation) -> Faithfulness:
    return ended(check(made.model, picture.pixels, found))


def _rate(hits: list[bool]) -> Estimate:
    values = np.array(hits, dtype=np.bool_)
    return of_patients(values, np.arange(len(values))) if hits else Estimate(None)


def _map(made: Trained, picture: Picture, method: str, stage: Stage) -> Explanation:
    return explain(
        made.model, picture.pixels, made.classes, target=made.finding, method=method, stage=stage
    )


def _centre(pictures: list[Picture]) -> Localisation:
    return localisation(
        Marked(np.zeros(picture.mask.shape, np.float32), picture.mask, picture.patient)
        for picture in pictures
    )


def _with_interval(figure: Estimate) -> str:
    if figure.value is None:
        return "—"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return [lines[0], "|" + " --- |" * len(head), *lines[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--verdicts", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    lines = [machine_line(on_cpu()), "", "Heatmaps of the class of the finding; 95 % intervals "
             "over patients in brackets. The head is linear, so at the last stage the gradient is "
             "the same everywhere: XGrad-CAM is Grad-CAM there.", ""]  # fmt: skip
    for name in SETS:
        lines += section(name)
        if asked.verdicts:
            lines += verdicts(name)
    write("pointing-18", on_cpu(), lines)


if __name__ == "__main__":
    main()
