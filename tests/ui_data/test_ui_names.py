"""Pictures that may show names: said until a person has looked, and afterwards that one has."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from data_cases import Open
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from streamlit.testing.v1 import AppTest

from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import import_source
from medxfer.data.library import confirm_names, correct, dataset_info, load_manifest
from medxfer.data.manifest import MAY_SHOW_NAMES
from medxfer.data.options import ImportOptions
from medxfer.errors import DataError
from medxfer.paths import Workspace

BROWSE = "pages/data/browse.py"
LETTERED = 5


def ultrasound(seed: int, said: str) -> bytes:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    made.Modality, made.PhotometricInterpretation, made.BurnedInAnnotation = (
        "US",
        "MONOCHROME2",
        said,
    )
    made.PatientID = f"P{seed}"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PixelRepresentation = 40, 48, 1, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    made.PixelData = np.random.default_rng(seed).integers(0, 255, 40 * 48, np.uint8).tobytes()
    made["PixelData"].VR = "OB"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    buffer = BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def scanned(home: Workspace, tmp_path: Path) -> Workspace:
    """Twelve pictures of an ultrasound machine; five of them do not deny letters."""
    for number in range(12):
        path = tmp_path / "us" / ("sick" if number % 2 else "well") / f"{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ultrasound(number, "" if number < LETTERED else "NO"))
    import_source(home, tmp_path / "us", ImportOptions(name="us"))
    return home


def warnings(app: AppTest) -> str:
    return "\n".join(str(warning.value) for warning in app.warning)


def test_the_import_goes_on_and_the_data_set_says_what_waits(
    scanned: Workspace, open_page: Open
) -> None:
    info = dataset_info(scanned, "us")
    assert (info.images, info.may_show_names, info.names_looked_at) == (12, LETTERED, None)
    table = load_manifest(scanned, "us").table
    assert set(table[table[MAY_SHOW_NAMES] == "yes"]["file"].str[-5:]) == {
        f"{number}.dcm" for number in range(LETTERED)
    }
    app = open_page(BROWSE, data="us")
    assert not app.exception
    assert "5 DICOM files may show names" in warnings(app)
    assert any("Not looked at yet: 5 pictures" in each.label for each in app.expander)


def test_a_person_looks_and_it_is_recorded(scanned: Workspace, open_page: Open) -> None:
    app = open_page(BROWSE, data="us")
    before = datetime.now(UTC)
    app.button(key="names-us").click().run()
    assert not app.exception
    info = dataset_info(scanned, "us")
    assert info.names_looked_at is not None
    assert before <= info.names_looked_at <= datetime.now(UTC)
    assert not any("Not looked at" in each.label for each in app.expander)
    said = warnings(app).replace("\\", "")
    assert "5 DICOM files may show names" in said, "it is never silent"
    assert f"confirmed on {info.names_looked_at.date()} to have looked" in said
    with pytest.raises(DataError, match="No picture of the data set 'us' waits"):
        confirm_names(scanned, "us")


def test_what_was_confirmed_outlives_other_changes(scanned: Workspace) -> None:
    confirmed = confirm_names(scanned, "us")
    image = load_manifest(scanned, "us").table["image"].iloc[0]
    correct(scanned, "us", Correction(action=Action.EXCLUDE, images=(image,), reason="a name"))
    info = dataset_info(scanned, "us")
    assert info.names_looked_at == confirmed.names_looked_at
    assert any("A person confirmed on" in text for text in info.warnings)


def test_where_nothing_may_show_names_nothing_is_asked(filled: Workspace, open_page: Open) -> None:
    assert dataset_info(filled, "scans").may_show_names == 0
    assert MAY_SHOW_NAMES not in load_manifest(filled, "scans").table
    app = open_page(BROWSE, data="scans")
    assert not any("looked at" in each.label for each in app.expander)
    with pytest.raises(DataError, match="No picture of the data set 'scans' waits"):
        confirm_names(filled, "scans")
