"""Names of files and patients are taken out of sentences; the sentence stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from recorded import make_data, make_run

from medxfer.audit.finding import Finding
from medxfer.audit.keeping import save_audit
from medxfer.audit.patients import patient_findings
from medxfer.audit.record import TABLES, Audit
from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import correct, dataset_info, load_manifest
from medxfer.data.manifest import COLUMNS, Manifest
from medxfer.evaluation.severity import Severity
from medxfer.events import Note
from medxfer.paths import Workspace
from medxfer.reports.blocks import Document
from medxfer.reports.card import to_markdown
from medxfer.reports.discretion import Discretion
from medxfer.reports.document import report
from medxfer.reports.html import to_html
from medxfer.runs import journal

HIDE = Discretion(
    patients=["Meier7", "12", "p-3", "IM-0117", "normal"],
    files=["a/b/scan of Meier.png", "x\\knee_left_03.dcm", "NORMAL/IM-0117-0001.jpeg"],
    words=["NORMAL", "PNEUMONIA"],
)
PEOPLE = ("Anderson, Mary", "Schmidt", "LEE^BO^^", "von der Heide", "Oz", "0048213", "IN", "7")
NAMED = Discretion(
    patients=PEOPLE, files=["benign (1).png", "Brown.png", "scan.png", "a/Ng Wei/1.png"]
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "41 patients are on both sides of the given splits (12, Meier7, …). They were left.",
            "41 patients are on both sides of the given splits. They were left.",
        ),
        ("12 images of 12 patients", "12 images of 12 patients"),
        ("Drawn by patient (seed 0): test 15 %.", "Drawn by patient (seed 0): test 15 %."),
        ("knee_left_03 is dark.", "[name withheld] is dark."),
        ("Patient p-3 has two labels.", "Patient [name withheld] has two labels."),
        ("/mnt/share/Meier/x.png cannot be read", "[name withheld] cannot be read"),
        ("See a/b/scan of Meier.png there", "See [name withheld] there"),
        ("C:\\share\\Meier\\x.dcm is gone", "[name withheld] is gone"),
        ("normal pictures, train/val, and/or 1/2", "normal pictures, train/val, and/or 1/2"),
        (
            "Two files: a.png, b.png, and c.tif.",
            "Two files: [names withheld], and [name withheld].",
        ),
        (
            "ImageNet 0.912 (0.861 to 0.953), 224 × 224",
            "ImageNet 0.912 (0.861 to 0.953), 224 × 224",
        ),
        ("ResNet-18 of torchvision (IMAGENET1K_V1)", "ResNet-18 of torchvision (IMAGENET1K_V1)"),
    ],
)
def test_names_are_taken_out(text: str, told: str) -> None:
    assert HIDE(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2 patients (Anderson, Mary, Schmidt, …) are in two parts.",
         "2 patients are in two parts."),
        ("Two of them (7, 12) are odd.", "Two of them are odd."),
        ("Schmidt moved; ask anderson, mary.",
         "[name withheld] moved; ask [name withheld]."),
        ("Anderson's film and Mary's, LEE^BO too, Lee said.",
         "[name withheld]'s film and [name withheld]'s, [name withheld] too, [name withheld] "
         "said."),
        ("This may be an, oz, in the may of von der heide",
         "This may be an, oz, in the may of [name withheld]"),
        ("IN and Oz have (see Schmidt for it) none", "[names withheld] have (see [name withheld] "
         "for it) none"),
        ("7 images; patient 7 and patient 0048213, or 0048213",
         "7 images; patient [name withheld] and patient [name withheld], or [name withheld]"),
        ("schmidt_3 was turned", "[name withheld]_3 was turned"),
        ("benign (1) and benign (1).png, benign (12 images)",
         "[names withheld], benign (12 images)"),
        ("Brown is a scan, brown is a colour", "[name withheld] is a scan, brown is a colour"),
        ("It is a/Ng Wei/1.png, see a\\Ng Wei\\1.png",
         "It is [name withheld], see [name withheld]"),
    ],
)  # fmt: skip
def test_names_of_people_are_taken_out(text: str, told: str) -> None:
    assert NAMED(text) == told


class Counted(Discretion):
    """How often one was made."""

    made = 0

    def __init__(self, *names: Iterable[str]) -> None:
        super().__init__(*names)
        Counted.made += 1


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """A report of a data set whose patients have names, which are wherever people can put them."""
    folder = tmp_path_factory.mktemp("discretion")
    place = Workspace.find(folder / "workspace")
    make_data(place, folder / "source")
    table = pd.read_csv(folder / "source" / "table.csv", dtype=str)
    numbers, _ = pd.factorize(table["patient"])
    table["patient"] = [PEOPLE[n] if n < 4 else f"Quast, Person {n}" for n in numbers]
    first = table["patient"].isin(PEOPLE[:4]) & ~table["patient"].duplicated()
    table.loc[first, "split"] = "test"  # so that each of them is on both sides
    table.to_csv(folder / "source" / "table.csv", index=False)
    data = import_source(place, folder / "source" / "table.csv", ImportOptions(name="named")).name
    assert "Anderson, Mary" in " ".join(dataset_info(place, data).split_warnings)
    images = load_manifest(place, data).table["image"]
    for number, name in enumerate(("Schmidt", "Anderson", "Lee", "von der Heide")):
        correct(place, data, Correction(
            action=Action.EXCLUDE, images=(images.iloc[-1 - number],),
            reason=f"{name} moved; of {name}'s",
        ))  # fmt: skip
    run = make_run(place, data)
    events = place.run(run).events
    journal.append(events, Note(text="Schmidt was read twice, and so was Anderson, Mary."))
    manifest = load_manifest(place, data)
    said = "2 patients (Anderson, Mary, Schmidt, …) are odd, as is LEE^BO."
    save_audit(place.dataset(data), Audit(
        dataset=data, manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        created=datetime.now(UTC), seconds=1.0, images=148, checked=("exact copies",),
        not_checked={"near copies": "Schmidt said no"}, left_out={}, note="",
        tables={name: pd.DataFrame({"image": []}) for name in TABLES},
        found=(Finding("duplicates", Severity.SERIOUS, said, "Ask Schmidt."),
               *patient_findings(manifest, known=True)),
    ))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medxfer.reports.gathering.Discretion", Counted)
        return report(place, run)


@pytest.mark.parametrize("write", [to_html, to_markdown])
def test_no_name_of_a_patient_reaches_a_report(
    named: Document, write: Callable[[Document], str]
) -> None:
    text = unescape(write(named)).replace("\\", "").casefold()
    for name in ("anderson", "mary", "schmidt", "lee", "heide", "quast", "person 5"):
        assert not re.search(rf"\b{name}\b", text), name
    for told in ("are on both sides of the given splits", "moved; of", "was read twice",
                 "are odd, as is", "said no"):  # fmt: skip
        assert told in text
    assert Counted.made == 1  # what knows a hundred thousand names is made once a report


def test_a_finding_names_no_patient(tmp_path: Path) -> None:
    """The table of patients on more than one side does; a finding goes into reports."""
    table = pd.DataFrame({name: ["1", "2"] for name in COLUMNS})
    table = table.assign(label="a", patient="Schmidt", split=["train", "test"])
    (found,) = patient_findings(Manifest(table, ("a",), tmp_path), known=True)
    assert found.problem.startswith("1 patient is in more than one part, with")
    assert "Schmidt" not in found.problem + found.remedy


def test_a_sentence_does_not_pay_for_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{label} ({n}).png" for label in ("benign", "malignant") for n in range(5_000)]
    hide, asked = Discretion(names, names), []
    is_name = Discretion._is_name
    monkeypatch.setattr(
        Discretion, "_is_name", lambda self, text: asked.append(text) or is_name(self, text)
    )
    assert hide("benign (77).png cannot be read") == "[name withheld] cannot be read"
    assert 0 < len(asked) < 100
