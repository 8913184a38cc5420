"""The page that explains scans: uploads good and bad, images of the data set."""

from __future__ import annotations

from collections.abc import Callable, Generator
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from run_cases import add_run, completed, predictions, select, words
from streamlit.testing.v1 import AppTest

from medxfer import RESEARCH_USE_ONLY
from medxfer.config import Depth, HeadConfig, Stage
from medxfer.data.library import load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.errors import DataError, ExplainError
from medxfer.evaluation.operating_point import OperatingPoint, Rule
from medxfer.explain import faithfulness
from medxfer.explain.curves import FRACTIONS, Curves
from medxfer.explain.faithfulness import Faithfulness, Step, Verdict
from medxfer.explain.familiarity import Check, Familiarity, Similar
from medxfer.explain.gate import Looks
from medxfer.explain.heatmap import Explanation
from medxfer.paths import Workspace
from medxfer.runs import decision_log, gates
from medxfer.runs.decision_log import BandLine, PointLine, TemperatureLine
from medxfer.runs.decisions import decide_operating_point, looks, open_test
from medxfer.runs.store import load_run
from medxfer.ui.explain import serving as explain_serving
from medxfer.ui.explain.pictures import display_of
from medxfer.ui.explain.source import Scan

EXPLAIN = "pages/explain/scan.py"
GATE, CHECK = gates.load, faithfulness.check
"""As they are, before tests put quicker ones in their place."""
Open = Callable[..., AppTest]


def picture(seed: int = 0) -> bytes:
    file = BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (48, 64), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def judged(*, familiar: bool = True, images: tuple[str, ...] = ()) -> SimpleNamespace:
    """A gate that says the same of every scan."""
    checks = (Check("layout", 0.2 if familiar else 7.0, familiar), Check("confidence", 0.1, True))
    similar = tuple(Similar(image, "PNEUMONIA", 0.9) for image in images)
    one = Familiarity(familiar, checks[0].score, 1.0, 0.25 if familiar else 1.0, checks, similar)

    def judge(looks: Looks) -> list[Familiarity]:
        return [one] * len(looks)

    return SimpleNamespace(judge=judge)


def checked(*_: object) -> Generator[Step, None, Faithfulness]:
    """Checks of which the second fails, without asking the network."""
    yield Step(1, 1)
    down, up = np.linspace(0.9, 0.1, len(FRACTIONS)), np.linspace(0.1, 0.9, len(FRACTIONS))
    good, bad = Curves(down**2, np.sqrt(up)), Curves(down, up)
    return Faithfulness(
        own=good, centre=bad, random=(bad,) * 5, lost=np.eye(6), agreement=0.125,
        centre_agreement=0.0, by_chance=0.3, stability=(0.9, 0.8), empty=False,
    )  # fmt: skip


@pytest.fixture
def run_with_network(home: Workspace, small_data: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run on the small data set, its network untrained and frozen throughout."""
    import torch

    from medxfer.models.resnet import build
    from medxfer.runs.loading import LoadedModel

    run = add_run(home, completed(load_manifest(home, small_data)), data=small_data)
    predictions("val").save(home.run(run).predictions("val"))
    torch.manual_seed(0)
    model = build(Depth.RESNET18, 2, HeadConfig(kind="linear")).eval().requires_grad_(False)
    config = load_run(home, run).config
    loaded = LoadedModel(run, model, ("NORMAL", "PNEUMONIA"), config, 4, "0" * 64)
    monkeypatch.setattr("medxfer.runs.loading.load_model", lambda *_: loaded)
    monkeypatch.setattr("medxfer.runs.gates.load", lambda *_: judged())
    monkeypatch.setattr("medxfer.explain.faithfulness.check", checked)
    return run


def test_without_a_model_the_page_says_what_to_do(open_page: Open) -> None:
    app = open_page(EXPLAIN)
    assert "no trained model yet" in words(app)
    assert RESEARCH_USE_ONLY in words(app)


def test_an_image_of_the_data_set_is_explained(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open
) -> None:
    row = load_manifest(home, small_data).part(Split.TRAIN).table.iloc[0]
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert not app.exception
    assert f"labelled {row['label']}" in words(app)
    assert app.selectbox(key="scan-split").value == row["split"]
    assert "A heatmap shows where the network looked" in words(app)
    assert RESEARCH_USE_ONLY in words(app)


def test_the_answer_is_the_one_that_evaluation_counts(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open
) -> None:
    """Temperature and threshold of the run hold here too; else two pages would disagree."""
    row = load_manifest(home, small_data).part(Split.TRAIN).table.iloc[0]
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert "As decided for this run" not in words(app)
    path = home.run(run_with_network).decisions
    decision_log.append(path, TemperatureLine(value=4.0, on=True, images=20))
    point = OperatingPoint(Rule.THRESHOLD, 0.999, 0.999, 0.5, 0.5, 20).to_json()
    decision_log.append(path, PointLine(point=point, temperature=4.0))
    decision_log.append(path, BandLine(band={"low": 0, "high": 1, "share": 1, "n": 20}, accuracy=1))
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert "temperature 4.00; PNEUMONIA called from 0.999 on" in words(app)
    assert "the network says NORMAL" in words(app)
    assert "Uncertain: a person should look" in words(app)


def test_a_scan_goes_through_the_network_once(
    run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medxfer.explain import heatmap

    made, explain = [], heatmap.explain

    def counted(*given: object, **named: object) -> Explanation:
        made.append(1)
        return explain(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("medxfer.explain.heatmap.explain", counted)
    app = open_page(EXPLAIN, run=run_with_network)
    scan = ("once.png", picture(321), "image/png")
    app.file_uploader(key="scan-files").set_value([scan]).run()
    assert not app.exception
    assert len(made) == 1


def test_validation_is_offered_first(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    assert app.selectbox(key="scan-split").value == Split.VALIDATION
    assert "Validation image" in words(app)


def test_a_test_image_says_nothing_until_the_test_set_is_opened(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open
) -> None:
    predictions("test").save(home.run(run_with_network).predictions("test"))
    row = load_manifest(home, small_data).part(Split.TEST).table.iloc[0]
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert "The test set is locked" in words(app)
    assert "right and wrong answers on test images" in words(app)
    for told in ("labelled", "which is", "the network says", "A heatmap shows"):
        assert told not in words(app)
    assert "scan-class" not in [box.key for box in app.selectbox], "a class is a label"
    assert looks(home, run_with_network).total == 0

    open_test(home, run_with_network, "page")
    app.run()
    assert f"labelled {row['label']}" in words(app)
    assert app.selectbox(key="scan-split").value == Split.TEST
    decide_operating_point(home, run_with_network, by_hand(0.3))
    app.run()
    assert "The test set is locked" in words(app)
    app.selectbox(key="scan-split").select("val").run()
    assert "The test set is locked" not in words(app)
    assert "labelled" in words(app)
    assert not app.exception


def by_hand(threshold: float) -> OperatingPoint:
    return OperatingPoint(Rule.THRESHOLD, threshold, threshold, 0.9, 0.9, 12)


def test_nothing_is_predicted_of_an_unfamiliar_scan_until_the_person_insists(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    images = tuple(load_manifest(home, small_data).part(Split.TRAIN).table["image"][:5])
    strange = judged(familiar=False, images=images)
    monkeypatch.setattr("medxfer.runs.gates.load", lambda *_: strange)
    app = open_page(EXPLAIN, run=run_with_network)
    app.file_uploader(key="scan-files").set_value([("odd.png", picture(5), "image/png")]).run()
    assert "No prediction: this scan is unlike those the run was trained on" in words(app)
    assert "more than any of the scans the run knows" in words(app)
    assert "where it is bright and dark" in words(app)
    assert "The 5 training scans most like it" in words(app)
    for told in ("What the network says", "NORMAL", "PNEUMONIA", "Strongest evidence"):
        assert told not in words(app)
    app.button(key="explain-insist").click().run()
    assert "You asked for this prediction all the same" in words(app)
    assert r"What the network says of odd\.png" in words(app)
    assert "Strongest evidence" in words(app)
    app.file_uploader(key="scan-files").set_value([("b.png", picture(6), "image/png")]).run()
    assert "No prediction" in words(app), "insisting holds for one scan"
    assert not app.exception


def test_where_familiarity_cannot_be_found_out_the_person_decides(
    run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*_: object) -> Generator[tuple[int, int], None, None]:
        yield 1, 2
        raise DataError("The data set is gone.", "Import it again.")

    monkeypatch.setattr("medxfer.runs.gates.load", lambda *_: None)
    monkeypatch.setattr("medxfer.runs.gates.making", impossible)
    app = open_page(EXPLAIN, run=run_with_network)
    app.file_uploader(key="scan-files").set_value([("a.png", picture(7), "image/png")]).run()
    assert "No prediction yet" in words(app)
    assert r"The data set is gone\. Import it again\." in words(app)
    app.button(key="explain-insist").click().run()
    assert "Strongest evidence" in words(app)
    assert not app.exception


def test_what_is_familiar_is_learned_once_from_the_runs_own_scans(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("medxfer.runs.gates.load", GATE)
    row = load_manifest(home, small_data).part(Split.TRAIN).table.iloc[0]
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert not app.exception
    assert (home.run(run_with_network).root / "familiarity.json").exists()
    assert "This picture is like the scans the run was trained on" in words(app)
    assert "The 5 training scans most like it" in words(app)
    monkeypatch.setattr(gates, "making", lambda *_: pytest.fail("made a second time"))
    app.run()
    assert not app.exception


def test_a_scan_with_similar_ones_names_their_labels(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    images = tuple(load_manifest(home, small_data).part(Split.TRAIN).table["image"][:5])
    monkeypatch.setattr("medxfer.runs.gates.load", lambda *_: judged(images=images))
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    assert "The 5 training scans most like it, to the network:** 5 × PNEUMONIA" in words(app)


def test_the_verdict_stands_beside_the_heatmap_and_its_figures_below(
    run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    said = words(app)
    assert "badge[partly supported]" in said
    assert "Removal, passed" in said
    assert "Covering, not passed" in said
    assert r"30\.0 % of random maps agree as well" in said
    assert "Small shifts, passed" in said
    assert "8 of 8 views" in said or "views are called" in said
    monkeypatch.setattr("medxfer.explain.faithfulness.check", lambda *_: pytest.fail("again"))
    app.run()
    assert "badge[partly supported]" in words(app)
    assert not app.exception


def test_checks_that_fail_do_not_take_the_heatmap_away(
    run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Generator[Step, None, Faithfulness]:
        yield Step(1, 2)
        raise ExplainError("No valid number came of it.", "Use another run.")

    monkeypatch.setattr("medxfer.explain.faithfulness.check", failing)
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    assert "not checked" in words(app)
    assert r"No valid number came of it\." in words(app)
    assert "Strongest evidence" in words(app)
    assert not app.exception


def test_a_heatmap_is_checked_for_what_it_is(
    run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real checks, on the page: bar, verdict, figures."""
    monkeypatch.setattr("medxfer.explain.faithfulness.check", CHECK)
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    assert not app.exception
    assert any(f"badge[{verdict}]" in words(app) for verdict in Verdict)
    assert "random map 5" in set(app.dataframe[0].value["Map"])


def test_two_classes_can_be_set_against_each_other(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    app.selectbox(key="explain-target").select(1).run()
    app.selectbox(key="explain-against-1").select(0).run()
    assert "Heatmap of PNEUMONIA rather than NORMAL (Grad-CAM)" in words(app)
    app.selectbox(key="explain-stage").select(Stage.LAYER3).run()
    assert "Heatmap of PNEUMONIA rather than NORMAL (Grad-CAM, layer3)" in words(app)
    assert not app.exception


def test_methods_stand_side_by_side_when_asked_for(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    assert "explain-methods-chosen" not in [box.key for box in app.multiselect]
    app.session_state["explain-several"] = True
    app.run()
    chosen = app.multiselect(key="explain-methods-chosen")
    assert chosen.value == ["gradcam", "gradcam++", "layercam", "xgradcam"]
    assert "compare it between scans, not between methods" in words(app)
    assert not app.exception


def test_class_and_method_can_be_chosen(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    app.selectbox(key="explain-target").select(1)
    app.selectbox(key="explain-method").select("layercam").run()
    assert "Heatmap of PNEUMONIA" in words(app)
    assert not app.exception


def test_another_image_is_drawn(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="any")
    app.button(key="scan-random").click().run()
    assert not app.exception
    assert app.query_params["image"]


def test_an_image_that_is_gone_gives_way_to_another(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network, image="gone")
    assert "is not in this data set" in words(app)
    assert "What the network" not in words(app)


def test_images_divided_anew_are_not_offered_but_uploads_are(
    home: Workspace, small_data: str, run_with_network: str, open_page: Open
) -> None:
    resplit(home, small_data, keep_given=False)
    row = load_manifest(home, small_data).table.iloc[0]
    app = open_page(EXPLAIN, run=run_with_network, image=row["image"])
    assert "no longer the one that run" in app.warning[0].value
    assert "labelled" not in words(app)
    app.button_group(key="scan-way").set_value("Upload").run()
    app.file_uploader(key="scan-files").set_value([("a.png", picture(), "image/png")]).run()
    assert r"What the network says of a\.png" in words(app)


def test_many_scans_are_judged_once_each(
    home: Workspace, run_with_network: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(EXPLAIN, run=run_with_network)
    app.file_uploader(key="scan-files").set_value(
        [(f"{number}.png", picture(number), "image/png") for number in range(10)]
    ).run()
    judged: list[object] = []
    monkeypatch.setattr("medxfer.explain.heatmap.explain", lambda *_, **__: judged.append(1))
    app.run()
    assert list(app.dataframe[0].value["Scan"]) == [f"{number}.png" for number in range(10)]
    assert len(judged) <= 1


def test_a_bad_upload_does_not_spoil_the_others(run_with_network: str, open_page: Open) -> None:
    app = open_page(EXPLAIN, run=run_with_network)
    good, bad = picture(), b"<html>no picture</html>"
    app.file_uploader(key="scan-files").set_value(
        [
            ("a.png", good, "image/png"),
            ("bad.png", bad, "image/png"),
            ("cut.png", good[: len(good) // 2], "image/png"),
            ("b.png", picture(1), "image/png"),
        ]
    ).run()
    assert len(app.warning) == 2
    assert list(app.dataframe[0].value["Scan"]) == ["a.png", "b.png"]
    assert "A heatmap shows where the network looked" in words(app)
    select(app, app.dataframe[0], rows=[1])
    assert r"What the network says of b\.png" in words(app)


def test_a_scan_that_cannot_be_judged_says_why(run_with_network: str, open_page: Open) -> None:
    file = BytesIO()
    Image.new("L", (64, 64), 7).save(file, "PNG")
    app = open_page(EXPLAIN, run=run_with_network)
    app.file_uploader(key="scan-files").set_value(
        [("flat.png", file.getvalue(), "image/png")]
    ).run()
    assert "one single grey value" in app.warning[0].value


def test_scans_that_differ_in_one_pixel_are_not_confused(
    home: Workspace, run_with_network: str
) -> None:
    one = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    two = one.copy()
    two[20:40, 20:40] = 255
    asked = explain_serving.Asked(0, None, "gradcam", Stage.LAYER4)
    scans = Scan("1.png", "a" * 64, one), Scan("2.png", "b" * 64, two)
    first, second = (
        explain_serving.explained(home, run_with_network, scan, asked) for scan in scans
    )
    assert not np.array_equal(first.probabilities, second.probabilities)
    first, second = (explain_serving.looked(home, run_with_network, scan) for scan in scans)
    assert not np.array_equal(first.logits, second.logits)


def test_the_view_outlines_what_the_network_saw() -> None:
    heatmap = np.zeros((100, 200), dtype=np.float32)
    heatmap[90, 190] = 1
    answer = Explanation(
        ("a", "b"), np.array([0.2, 0.8]), 1, 0, heatmap, 2.0, (50, 0, 150, 100), "gradcam",
        Stage.LAYER4,
    )  # fmt: skip
    scan = Scan("x.png", "0" * 64, np.zeros((100, 200, 3), dtype=np.uint8))
    view = display_of(answer, scan)
    assert view.seen == (50, 0, 150, 100)
    assert view.heat is not None
    assert view.heat.of == "a"
    assert view.heat.where == "strongest at the bottom right of the image"
    np.testing.assert_array_equal(view.heat.values, heatmap)


def test_a_large_heatmap_goes_to_the_screen_smaller_and_keeps_its_place() -> None:
    heatmap = np.zeros((2048, 1024), dtype=np.float32)
    heatmap[1024:1032, 512:520] = 1
    answer = Explanation(
        ("a", "b"), np.array([0.2, 0.8]), 1, 1, heatmap, 2.0, (0, 512, 1024, 1536), "gradcam",
        Stage.LAYER4,
    )  # fmt: skip
    view = display_of(answer, Scan("x.png", "0" * 64, np.zeros((2048, 1024, 3), dtype=np.uint8)))
    assert view.heat is not None
    assert view.heat.values.shape == (512, 256)
    assert (view.heat.values[256:258, 128:130] == 1).all()
    assert view.heat.values.sum() == 4
