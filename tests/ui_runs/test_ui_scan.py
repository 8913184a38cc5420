"""From a file to what the viewer shows: depth, window, spacing, laterality, one of several."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from run_cases import add_run, completed, words
from streamlit.testing.v1 import AppTest

from medxfer.config import Stage
from medxfer.explain.heatmap import Explanation
from medxfer.paths import Workspace
from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.pictures import display_of
from medxfer.ui.explain.source import Scan, read_scan
from medxfer.ui.viewer.display import settings

Open = Callable[..., AppTest]
CT = np.linspace(0, 4095, 64 * 48).astype(np.uint16).reshape(48, 64)


def dicom(pixels: np.ndarray = CT, **elements: Any) -> bytes:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, generate_uid()
    made.Modality, made.PhotometricInterpretation = "CT", "MONOCHROME2"
    made.Rows, made.Columns = pixels.shape[-2:]
    made.SamplesPerPixel, made.PixelRepresentation = 1, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.NumberOfFrames = pixels.size // (pixels.shape[-1] * pixels.shape[-2])
    made.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    buffer = BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


FRAMES = np.stack([np.roll(CT, 300 * shift) for shift in range(5)])


def test_the_viewer_gets_every_value_and_the_network_8_bits() -> None:
    scan = read_scan(
        dicom(RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400), "ct.dcm"
    )
    assert scan.pixels.dtype == np.uint8
    shown = display_of(None, scan)
    np.testing.assert_array_equal(shown.pixels, CT)
    assert shown.window == (1064, 400)
    assert (shown.scale, shown.unit) == ((1, -1024), "HU")
    assert shown.heat is None
    assert shown.seen is None


def test_what_has_8_bits_is_shown_as_it_is() -> None:
    buffer = BytesIO()
    Image.fromarray((CT >> 4).astype(np.uint8)).save(buffer, "PNG")
    scan = read_scan(buffer.getvalue(), "grey.png")
    shown = display_of(None, scan)
    assert shown.pixels is scan.pixels
    assert (shown.window, shown.scale, shown.unit) == (None, (1, 0), "")


@pytest.mark.parametrize(
    ("tags", "spacing", "note", "laterality"),
    [
        ({"ImagerPixelSpacing": [0.1, 0.1], "Laterality": "L"}, 0.1, "at the detector", "left"),
        ({"PixelSpacing": [0.2, 0.2], "ImageLaterality": "R"}, 0.2, "", "right"),
        ({"Laterality": "U"}, None, "", ""),
    ],
)
def test_scale_bar_and_side_are_the_tags(
    tags: dict[str, Any], spacing: float | None, note: str, laterality: str
) -> None:
    sent = settings(display_of(None, read_scan(dicom(**tags), "xray.dcm")))
    assert (sent["spacing"], sent["spacing_note"]) == (spacing, note)
    assert sent["laterality"] == laterality


def test_with_an_answer_the_heat_lies_over_the_deep_picture() -> None:
    heatmap = np.zeros(CT.shape, dtype=np.float32)
    answer = Explanation(
        ("a", "b"), np.array([0.2, 0.8]), 1, 1, heatmap, 2.0, (8, 0, 56, 48), "gradcam",
        Stage.LAYER4,
    )  # fmt: skip
    shown = display_of(answer, read_scan(dicom(), "ct.dcm"))
    assert shown.pixels.dtype == np.uint16
    assert shown.seen == (8, 0, 56, 48)
    assert shown.heat is not None


def test_pictures_of_one_file_are_told_apart() -> None:
    data = dicom(FRAMES)
    middle, last = read_scan(data, "cine.dcm"), read_scan(data, "cine.dcm", 5)
    assert (middle.frames, middle.frame, last.frame) == (5, 3, 5)
    assert len({middle.digest, last.digest, read_scan(data, "cine.dcm", 1).digest}) == 3
    assert middle.digest == read_scan(data, "another.dcm", 3).digest
    np.testing.assert_array_equal(display_of(None, last).pixels, FRAMES[4])


@pytest.fixture
def chosen(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[Scan]:
    """What the page would explain: the scans of its last run."""
    add_run(home, completed())
    scans: list[Scan] = []

    def kept(place: Workspace, run: RunSummary, found: list[Scan]) -> None:
        scans[:] = found

    monkeypatch.setattr("medxfer.ui.explain.page.draw_scans", kept)
    return scans


def test_one_of_several_pictures_can_be_chosen(open_page: Open, chosen: list[Scan]) -> None:
    app = open_page("pages/explain/scan.py")
    single = dicom()
    app.file_uploader(key="scan-files").set_value(
        [("cine.dcm", dicom(FRAMES), "application/dicom"), ("one.dcm", single, "application/dicom")]
    ).run()
    assert not app.exception
    assert len(app.number_input) == 1, "a file with one picture offers no choice"
    field = app.number_input[0]
    assert (field.min, field.max, field.value) == (1, 5, 3)
    assert field.label == r"Picture of the file cine\.dcm (1 to 5)"
    assert [scan.frame for scan in chosen] == [3, 1]
    field.set_value(5).run()
    assert app.number_input[0].value == 5
    assert [scan.frame for scan in chosen] == [5, 1]
    assert chosen[0].notes[0] == "it holds 5 pictures; number 5 is used"
    app.run()
    assert app.number_input[0].value == 5
    assert [scan.frame for scan in chosen] == [5, 1]
    assert not app.exception


def test_the_same_file_twice_is_no_fault(open_page: Open, chosen: list[Scan]) -> None:
    app = open_page("pages/explain/scan.py")
    cine = ("cine.dcm", dicom(FRAMES), "application/dicom")
    app.file_uploader(key="scan-files").set_value([cine, cine]).run()
    assert not app.exception
    assert "fault" not in words(app)
    app.number_input[1].set_value(1).run()
    assert [scan.frame for scan in chosen] == [3, 1]
