"""The page that explains scans: uploads good and bad, images of the data set."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from run_cases import add_run, completed, predictions, select, words
from streamlit.testing.v1 import AppTest

from medxfer import RESEARCH_USE_ONLY
from medxfer.config import Depth, HeadConfig, Stage
from medxfer.data.library import load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.evaluation.operating_point import OperatingPoint, Rule
from medxfer.explain.heatmap import Explanation
from medxfer.paths import Workspace
from medxfer.runs import decision_log
from medxfer.runs.decision_log import BandLine, PointLine, TemperatureLine
from medxfer.runs.decisions import decide_operating_point, looks, open_test
from medxfer.runs.store import load_run
from medxfer.ui.explain import serving as explain_serving
from medxfer.ui.explain.pictures import display_of
from medxfer.ui.explain.source import Scan

EXPLAIN = "pages/explain/scan.py"
Open = Callable[..., AppTest]


def picture(seed: int = 0) -> bytes:
    file = BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (48, 64), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


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
    first = explain_serving.explained(home, run_with_network, "a" * 64, one)
    second = explain_serving.explained(home, run_with_network, "b" * 64, two)
    assert not np.array_equal(first.probabilities, second.probabilities)


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
