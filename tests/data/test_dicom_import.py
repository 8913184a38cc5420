"""Importing DICOM: patients, technical tags, warnings, and nothing of whom they show."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from medxfer.cache.room import CacheRoom
from medxfer.data.import_job import create_job, execute
from medxfer.data.importing import IN_TAGS, ImportOptions, import_source, preview
from medxfer.data.library import load_manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.data.readers import read_picture
from medxfer.data.thumbnails import thumbnail
from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import Workspace

Encode = Callable[..., bytes]
OPTIONS = ImportOptions(name="set")
RANDOM = np.random.default_rng(0)


def pixels() -> np.ndarray:
    return RANDOM.integers(0, 4096, (40, 48)).astype(np.uint16)


@pytest.fixture
def study(dicom: Encode, tmp_path: Path) -> Callable[..., Path]:
    """Write DICOM files under names with elements; 12 of two classes where none are given."""

    def make(files: dict[str, dict[str, Any]] | None = None) -> Path:
        chosen = files or {
            f"{label}/{number}.dcm": {"PatientID": f"P{label}{number // 2}"}
            for label in ("sick", "well")
            for number in range(6)
        }
        for name, elements in chosen.items():
            path = tmp_path / "study" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dicom(pixels(), BitsStored=12, HighBit=11, **elements))
        return tmp_path / "study"

    return make


def table_of(workspace: Workspace) -> pd.DataFrame:
    return load_manifest(workspace, "set").table


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_and_its_zip_import_alike(
    study: Callable[..., Path], workspace: Workspace, tmp_path: Path, *, packed: bool
) -> None:
    source = study()
    (source / "sick" / "0.dcm").rename(source / "sick" / "IM000001")
    (source / "well" / "0.dcm").rename(source / "well" / "1.2.840.10008.1")
    (source / "DICOMDIR").write_bytes(b"../../../etc/passwd")
    given = Path(shutil.make_archive(str(tmp_path / "z"), "zip", source)) if packed else source
    shown = preview(given, OPTIONS)
    assert shown.patient_source == IN_TAGS
    assert not any("Without patient ids" in text for text in shown.warnings)
    report = import_source(workspace, given, OPTIONS)
    assert report.images == 12
    assert not report.skipped
    assert (report.patients, report.patients_known) == (6, True)
    assert report.patient_source == "the DICOM tag PatientID"
    assert any("dicomdir" in text.casefold() for text in report.warnings)
    table = table_of(workspace)
    assert table.groupby("patient")["split"].nunique().max() == 1
    assert set(table["Modality"]) == {"CT"}
    assert set(table["BitsStored"]) == {"12"}
    with PixelStore(CacheRoom(workspace.cache), load_manifest(workspace, "set")) as store:
        list(store.fill(np.arange(12)))
        assert store.take(np.arange(12)).shape == (12, 1, 40, 48)


def test_patients_are_keyed_hashes_equal_in_every_import(
    study: Callable[..., Path], workspace: Workspace, tmp_path: Path
) -> None:
    source = study()
    import_source(workspace, source, OPTIONS)
    import_source(workspace, source, ImportOptions(name="again"))
    first = table_of(workspace)["patient"]
    assert (first == load_manifest(workspace, "again").table["patient"]).all()
    assert first.str.fullmatch("[0-9a-f]{16}").all()
    other = Workspace.find(tmp_path / "other")
    import_source(other, source, OPTIONS)
    assert not set(first) & set(load_manifest(other, "set").table["patient"])
    assert stat.S_IMODE(workspace.secret.stat().st_mode) == 0o600


def test_a_damaged_secret_is_a_sentence(study: Callable[..., Path], workspace: Workspace) -> None:
    workspace.secret.write_text("not hexadecimal")
    with pytest.raises(WorkspaceError, match=r"secret of this installation.* damaged"):
        import_source(workspace, study(), OPTIONS)


def test_files_without_a_patient_are_their_own(
    study: Callable[..., Path], workspace: Workspace
) -> None:
    files = {
        f"{c}/{n}.dcm": {"PatientID": f"{c}{n}" if n > 1 else ""} for c in "AB" for n in range(6)
    }
    report = import_source(workspace, study(files), OPTIONS)
    assert report.patients == 12
    assert any("4 of 12 images have no patient by the DICOM tag" in w for w in report.warnings)


@pytest.mark.parametrize("patient", ["", "ANONYMOUS"])
def test_no_patients_and_a_placeholder_are_unknown(
    study: Callable[..., Path], workspace: Workspace, patient: str
) -> None:
    files = {f"{c}/{n}.dcm": {"PatientID": patient} for c in "AB" for n in range(6)}
    report = import_source(workspace, study(files), OPTIONS)
    assert not report.patients_known
    assert any("Without patient ids" in text for text in report.warnings)
    assert any("placeholder" in text for text in report.warnings) is bool(patient)


def test_what_is_odd_about_the_headers_is_reported(
    study: Callable[..., Path], dicom: Encode, workspace: Workspace
) -> None:
    files: dict[str, dict[str, Any]] = {
        f"{label}/p{number}/{part}.dcm": {"PatientID": f"{label}{number}"}
        for label in "AB"
        for number in range(4)
        for part in range(2)
    }
    same = generate_uid()
    files["A/p0/0.dcm"] |= {"SOPInstanceUID": same}
    files["B/p1/1.dcm"] |= {"SOPInstanceUID": same}
    files["A/p2/1.dcm"] |= {"PatientID": "someone else"}
    files["B/p3/0.dcm"] |= {"BurnedInAnnotation": "YES"}
    source = study(files)
    two = np.stack([pixels(), pixels()])
    (source / "A/p3/0.dcm").write_bytes(
        dicom(two[0], PatientID="A3", NumberOfFrames=2, PixelData=two.tobytes())
    )
    hidden = (source / "B/p0/0.dcm").read_bytes()
    (source / "B/p0/0.dcm").write_bytes(b"MZ" + hidden[2:])
    warnings = import_source(workspace, source, OPTIONS).warnings
    for words in (
        "2 DICOM files share their identity (SOPInstanceUID)", ": A/p0/0.dcm, B/p1/1.dcm.",
        "2 DICOM files lie in folders with more than one patient", ": A/p2/0.dcm, A/p2/1.dcm.",
        "1 DICOM files may show names or dates", ": B/p3/0.dcm.",
        "1 DICOM files hold several pictures each; the middle one", ": A/p3/0.dcm.",
        "1 DICOM files begin like another kind of file", ": B/p0/0.dcm.",
    ):  # fmt: skip
        assert any(words in text for text in warnings), words


def test_a_table_beside_dicom_keeps_its_columns(
    study: Callable[..., Path], workspace: Workspace
) -> None:
    source = study()
    names = [f"{c}/{n}.dcm" for c in ("sick", "well") for n in range(6)]
    rows = "".join(f"{name},{name[:4]},own{name[:6]},MINE\n" for name in names)
    (source / "labels.csv").write_text("file,label,patient,Modality\n" + rows)
    report = import_source(workspace, source, OPTIONS)
    assert report.patient_source == "the column 'patient'"
    table = table_of(workspace)
    assert set(table["Modality"]) == {"MINE"}
    assert set(table["DICOM Modality"]) == {"CT"}


TEXT = ("AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
NEEDED = ("PhotometricInterpretation", "SpecificCharacterSet")


def planted(data: bytes) -> tuple[bytes, list[bytes]]:
    """The file with a name in every text element, private ones, a nested one and the preamble."""
    from io import BytesIO

    dataset = dcmread(BytesIO(data))
    values = []
    for tag, (kind, *_rest) in DicomDictionary.items():
        keyword = keyword_for_tag(tag)
        if kind not in TEXT or tag >> 16 in (0, 2) or keyword in NEEDED or not keyword:
            continue
        value = f"Zq{tag:08x}"
        values.append(value.encode())
        dataset.add_new(tag, kind, value)
    for tag, kind in ((0x00080018, "UI"), (0x0020000D, "UI"), (0x0020000E, "UI")):
        uid = f"1.2.3.{tag}.4711.{RANDOM.integers(10**9)}"
        values.append(uid.encode())
        dataset.add_new(tag, kind, uid)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientBirthDate = "19471103"
    dataset.private_block(0x0099, "ZqPrivateOwner", create=True).add_new(1, "LO", "ZqPrivate")
    inner = Dataset()
    inner.PatientName = "ZqNested^Name"
    dataset.RequestAttributesSequence = [inner]
    dataset.PatientComments = "ZqTail" * 50
    values += [b"19471103", b"ZqPrivate", b"ZqNested", b"ZqTail", b"ZqPreamble"]
    dataset.preamble = b"MZqPreamble".ljust(128, b"\x00")
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue(), values


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("packed", [False, True])
def test_nothing_of_whom_a_file_shows_is_kept(
    study: Callable[..., Path],
    workspace: Workspace,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    *,
    packed: bool,
) -> None:
    source = study()
    marks: list[bytes] = []
    for path in [*source.rglob("*.dcm")][:5]:
        named, marks = planted(path.read_bytes())
        path.write_bytes(named)
    # What is refused, and what no table lists, is no more kept than what is used.
    (source / "sick" / "report.dcm").write_bytes(named[: len(named) // 2])
    (source / "stray.dcm").write_bytes(named)
    given = Path(shutil.make_archive(str(tmp_path / "z"), "zip", source)) if packed else source
    capfd.readouterr()  # what pydicom said while they were planted
    caplog.clear()
    job = create_job(workspace, given, OPTIONS, upload=packed)
    execute(job.folder)
    manifest = load_manifest(workspace, "set")
    assert len(manifest) == 12
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        list(store.fill(np.arange(12)))
    thumbnail(workspace, "set", manifest.table.iloc[0])
    said = capfd.readouterr()
    everything = (caplog.text + said.out + said.err).encode()
    everything += b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    # Parquet compresses: look at what it holds.
    everything += manifest.table.to_csv().encode()
    assert len(marks) > 900
    assert [mark for mark in marks if mark in everything] == []


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_stripped_files_show_the_same(pack: Callable[[str], Path], tmp_path: Path) -> None:
    from medxfer.data import quarantine
    from medxfer.errors import ImageError

    compared = 0
    for path in sorted(pack("dicom").rglob("*"))[::3]:
        if not path.is_file():
            continue
        try:
            _, content = quarantine.examined(path.read_bytes(), path.name, strip=True)
        except ImageError:
            continue
        if not content:  # no DICOM, whatever its name
            continue
        before = read_picture(path)
        (tmp_path / "stripped").write_bytes(content)
        after = read_picture(tmp_path / "stripped")
        assert (before.pixels == after.pixels).all(), path.name
        assert (before.mode, before.frames) == (after.mode, after.frames)
        assert after.origin
        assert not after.origin.patient
        compared += 1
    assert compared > 40


@pytest.mark.data
def test_nih_as_dicom_has_the_patients_and_pictures_of_its_originals(
    pack: Callable[[str], Path], workspace: Workspace
) -> None:
    truth = pd.read_csv(pack("nih-cxr-dicom") / "manifest.csv", dtype=str).set_index("file")
    report = import_source(workspace, pack("nih-cxr-dicom"), OPTIONS)
    assert report.images == 20
    assert report.patients == truth["patient_id"].nunique()
    table = table_of(workspace).set_index("file")
    assert (table["PatientSex"] == truth["sex"].reindex(table.index)).all()
    assert (table["ViewPosition"] == truth["view"].reindex(table.index)).all()
    ages = truth["age"].reindex(table.index).str.zfill(3) + "Y"
    assert (table["PatientAge"] == ages).all()
    for file in table.index:
        shown = read_picture(pack("nih-cxr-dicom") / file).pixels[:, :, 0].ravel().astype(float)
        twin = (pack("nih-cxr-320") / file).with_suffix(".jpg")
        if twin.exists():
            original = read_picture(twin).pixels[:, :, 0].ravel().astype(float)
            if original.size == shown.size:
                assert np.corrcoef(shown, original)[0, 1] > 0.99, file


def test_only_reports_is_a_sentence(study: Callable[..., Path], workspace: Workspace) -> None:
    files = {
        f"{c}/{n}.dcm": {"PixelData": None, "Rows": None, "Modality": "SR"}
        for c in "AB"
        for n in range(3)
    }
    with pytest.raises(DataError, match=r"None of 6 files can be used\..*holds a report"):
        import_source(workspace, study(files), OPTIONS)
