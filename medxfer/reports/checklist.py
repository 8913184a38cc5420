"""Which item of CLAIM 2024 and of TRIPOD+AI the report answers where, and which the author must.

CLAIM: Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al. 2024).
TRIPOD+AI: Collins et al. 2024. The titles are our own short words; the numbers are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medxfer.reports.blocks import Section, Table

FOR_THE_AUTHOR = "for the author"


@dataclass(frozen=True)
class Item:
    """One thing a guideline asks for; `where` are keys of sections, `rest` what they leave open."""

    number: str
    asks: str
    where: tuple[str, ...] = ()
    rest: str = ""


CLAIM = (
    Item("1", "Title: names the technology", ("head",), "the title of the paper"),
    Item("2", "Abstract: structured summary", ("head",), "the abstract"),
    Item("3", "Background and clinical role", (), "background; intended role"),
    Item("4", "Aims and hypotheses"),
    Item("5", "Prospective or retrospective"),
    Item("6", "Goal of the study"),
    Item("7", "Sources of the data", ("data",), "where and when the images were taken"),
    Item("8", "Inclusion and exclusion", ("data",), "criteria before the import"),
    Item("9", "Preprocessing of the data", ("model",), "steps before the import"),
    Item("10", "Selection of parts of the data", ("data", "model"), "selection before the import"),
    Item("11", "De-identification"),
    Item("12", "Missing data", ("data",), "what was missing before the import"),
    Item("13", "Image acquisition"),
    Item("14", "How the reference standard was made"),
    Item("15", "Why this reference standard"),
    Item("16", "Who annotated, and with what training"),
    Item("17", "Annotation of the test set"),
    Item("18", "Agreement between and within readers"),
    Item(
        "19", "How images were assigned to partitions", ("data", "split"), "why these proportions"
    ),
    Item("20", "Level at which partitions are disjoint", ("split",)),
    Item("21", "Intended size of the test sample", ("results",), "why this size"),
    Item("22", "Description of the model", ("model",)),
    Item("23", "Software and versions", ("origin",)),
    Item("24", "How parameters were initialised", ("model",)),
    Item("25", "Training", ("model", "history"), "settings tried in other runs"),
    Item("26", "How the final model was selected", ("model",), "choice among runs"),
    Item("27", "Ensembles", ("model",)),
    Item("28", "Metrics", ("results",), "why these; comparison with published models"),
    Item("29", "Uncertainty and significance", ("results", "origin"), "tests of significance"),
    Item(
        "30", "Robustness and sensitivity", ("subgroups", "external"), "other assumptions and seeds"
    ),
    Item("31", "Explainability", ("heatmaps",), "what was concluded from heatmaps"),
    Item("32", "Evaluation on internal data", ("history", "results")),
    Item("33", "Testing on external data", ("external",)),
    Item("34", "Registration of a trial"),
    Item("35", "Numbers included and excluded", ("data",), "numbers before the import"),
    Item("36", "Characteristics by partition", ("data",), "clinical characteristics"),
    Item("37", "Performance with uncertainty", ("results", "subgroups", "external")),
    Item(
        "38",
        "Diagnostic accuracy with precision",
        ("results", "operating", "calibration", "subgroups"),
    ),
    Item("39", "Failure analysis", ("results", "failures"), "why these cases failed"),
    Item("40", "Limitations", ("use",), "those of the study"),
    Item("41", "Implications and intended use", ("use",), "implications for practice"),
    Item("42", "Protocol or further technical detail", ("origin",), "the protocol"),
    Item("43", "Availability of software, model and data", ("origin",), "where they can be had"),
    Item("44", "Funding and the role of funders"),
)

TRIPOD = (
    Item("1", "Title: model, population, outcome", ("head",), "the title of the paper"),
    Item("2", "Abstract", ("head",), "the abstract"),
    Item("3a", "Background, rationale, earlier models"),
    Item("3b", "Population, purpose, users", ("use",), "place in the care pathway"),
    Item("3c", "Known health inequalities"),
    Item("4", "Objectives"),
    Item("5a", "Sources of data, representativeness", ("data",), "representativeness"),
    Item("5b", "Dates of the data"),
    Item("6a", "Setting and centres"),
    Item("6b", "Eligibility", ("data",), "criteria before the import"),
    Item("6c", "Treatments received"),
    Item(
        "7",
        "Data preparation and quality checks",
        ("data", "split", "model"),
        "whether alike for all groups of people",
    ),
    Item("8a", "Outcome: what, how and when assessed", ("data",), "how the labels were made"),
    Item("8b", "Who assessed the outcome"),
    Item("8c", "Blinding of the assessment"),
    Item("9a", "Choice of predictors", ("model",), "why images alone"),
    Item("9b", "Definition of predictors", ("model",), "image acquisition"),
    Item("9c", "Who assessed the predictors", ("model",)),
    Item("10", "Sample size", ("data", "results"), "why this size"),
    Item("11", "Missing data", ("data",), "what was missing before the import"),
    Item("12a", "How data were used and partitioned", ("data", "split")),
    Item("12b", "How predictors were handled", ("model",)),
    Item("12c", "Type of model, building, tuning, validation", ("model",), "tuning over runs"),
    Item(
        "12d",
        "Heterogeneity between clusters",
        ("subgroups", "external"),
        "which groups are centres",
    ),
    Item("12e", "Measures and plots of performance", ("results", "calibration"), "why these"),
    Item("12f", "Updating of the model", ("operating",)),
    Item("12g", "How predictions were calculated", ("model", "operating")),
    Item("13", "Class imbalance", ("model", "calibration"), "why this method"),
    Item("14", "Fairness", ("subgroups",), "what was done for it"),
    Item("15", "Output of the model, thresholds", ("operating",), "why this threshold"),
    Item(
        "16",
        "Differences of development and evaluation data",
        ("data", "external"),
        "setting and eligibility",
    ),
    Item("17", "Ethical approval"),
    Item("18a", "Funding"),
    Item("18b", "Conflicts of interest"),
    Item("18c", "Protocol"),
    Item("18d", "Registration"),
    Item("18e", "Sharing of data"),
    Item("18f", "Sharing of code", ("origin",), "where the code can be had"),
    Item("19", "Involvement of patients and public"),
    Item("20a", "Flow of participants", ("data",), "people before the import"),
    Item(
        "20b",
        "Characteristics of participants",
        ("data",),
        "dates, treatments, clinical characteristics",
    ),
    Item("20c", "Comparison with development data", ("data", "external")),
    Item("21", "Participants and outcomes in each analysis", ("data", "results")),
    Item("22", "Full specification of the model", ("model", "origin"), "how to get the weights"),
    Item("23a", "Performance with intervals, subgroups", ("results", "calibration", "subgroups")),
    Item("23b", "Heterogeneity in performance", ("subgroups", "external")),
    Item("24", "Result of updating", ("operating", "calibration")),
    Item("25", "Interpretation"),
    Item("26", "Limitations", ("use",), "those of the study"),
    Item("27a", "Poor or missing input when in use", ("use",)),
    Item("27b", "What users must do and know", ("use",)),
    Item("27c", "Next steps, generalisability", ("external",), "next steps"),
)


def checklist(sections: Sequence[Section]) -> tuple[Table, Table]:
    """Both checklists, answered by the sections that a report really has.

    What was not evaluated has no section, and is left to the author rather than ticked.
    """
    numbers = {section.key: number for number, section in enumerate(sections, start=1)}
    return _table("CLAIM 2024", CLAIM, numbers), _table("TRIPOD+AI", TRIPOD, numbers)


def answer(item: Item, numbers: dict[str, int]) -> str:
    """Where a report answers an item, and what is left to its author; `numbers` of sections."""
    there = sorted({numbers[key] for key in item.where if key in numbers})
    found = ["Title and summary"] if "head" in item.where else []
    if there:
        word = "Section" if len(there) == 1 else "Sections"
        found.append(f"{word} {', '.join(map(str, there))}")
    if not found:
        return FOR_THE_AUTHOR
    return "; ".join([*found, *([f"{FOR_THE_AUTHOR}: {item.rest}"] if item.rest else [])])


def _table(name: str, items: Sequence[Item], numbers: dict[str, int]) -> Table:
    rows = tuple((item.number, item.asks, answer(item, numbers)) for item in items)
    columns = ("Item", "What is asked for", "Where it is answered")
    return Table(f"Checklist {name}", columns, rows, words=3)
