"""The technical tags of a DICOM file that medxfer keeps, in values that name nobody.

A tag on this list may still hold anything somebody typed. So nothing is kept as it is: a value is
one of a known list, or a number, or it is not kept. What cannot be checked in this way (the name
of the model) is kept as a code by whoever has the installation's secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydicom import Dataset
from pydicom.multival import MultiValue

ALLOWED = (
    "Modality", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "ViewPosition",
    "Laterality", "PatientSex", "PatientAge", "PhotometricInterpretation", "BitsStored",
    "PixelSpacing", "TransferSyntax", "BurnedInAnnotation",
)  # fmt: skip
"""Columns of a data set, as far as its files have them."""

OTHER = "other"
"""Stands for a value that is not on the list of its tag."""

AT_DETECTOR = "at the detector"
"""Where a spacing holds that was not corrected for the distance to the patient."""

_LONGEST = 100.0
"""Millimetres that no pixel measures."""
_OLDEST = 89
"""Years; people above are so few that their age may tell who they are."""
_AGE = re.compile(r"(\d{3})([DWMY])")
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_OFTEN_LETTERED = ("US", "IVUS", "SC", "XA", "RF", "ES")
_LISTED: dict[str, str] = {
    "Modality": (
        "AR AU BDUS BI BMD CR CT CTPROTOCOL DG DOC DX ECG EPS ES FID GM HC HD IO IOL IVOCT IVUS "
        "KER KO LEN LS MG MR M3D NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN PR PT PX "
        "REG RESP RF RG RTDOSE RTIMAGE RTPLAN RTRECORD RTSTRUCT RWV SC SEG SM SMR SR SRF STAIN "
        "TEXTUREMAP TG US VA XA XC"
    ),
    "BodyPartExamined": (
        "ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM BLADDER BONE BRAIN BREAST CALCANEUS CAROTID "
        "CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX COLON CSPINE CTSPINE ELBOW "
        "ESOPHAGUS EXTREMITY EYE FACE FEMUR FINGER FOOT FOREARM GALLBLADDER HAND HEAD HEADNECK "
        "HEART HEEL HIP HUMERUS JAW KIDNEY KNEE LARYNX LEG LIVER LOWLIMB LSPINE LSSPINE LUNG "
        "MANDIBLE MAXILLA NECK NECKCHEST NOSE ORBIT OVARY PANCREAS PAROTID PATELLA PELVIS PROSTATE "
        "RADIUS RIB SACRUM SCALP SCAPULA SHOULDER SKIN SKULL SPINE SPLEEN SSPINE STERNUM STOMACH "
        "TESTIS THIGH THORAX THUMB THYROID TIBIA TLSPINE TOE TSPINE UPRLIMB UTERUS WHOLEBODY WRIST"
    ),
    "ViewPosition": (
        "AP PA LL RL RLD LLD RLO LLO LAT LATERAL OBLIQUE AXIAL CC MLO ML LM LMO XCC XCCL XCCM FB "
        "SIO ISO CV AT SUPINE PRONE ERECT"
    ),
    "Laterality": "L R B U",
    "PatientSex": "M F O",
    "PhotometricInterpretation": (
        "MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_ICT YBR_RCT"
    ),
    "BurnedInAnnotation": "YES NO",
}
_MAKERS = (
    "Acuson", "ADAC", "Agfa", "Aloka", "Alpinion", "ATL", "Barco", "Bruker", "Canon",
    "Carestream", "Digirad", "DRTech", "Elscint", "Esaote", "Fonar", "Fuji", "GE",
    "General Electric", "Heidelberg", "Hitachi", "Hologic", "Imaging Dynamics", "Intuitive",
    "Kodak", "Konica", "Lodox", "Lumisys", "Lunit", "Marconi", "Mindray", "Neusoft", "Nikon",
    "Oldelft", "Olympus", "Philips", "Picker", "Rayence", "Samsung", "Sectra", "Shimadzu",
    "Siemens", "SonoSite", "Sony", "SuperSonic", "Swissray", "Topcon", "Toshiba",
    "United Imaging", "Varian", "Vieworks", "Zeiss",
)  # fmt: skip


def text(dataset: Dataset, keyword: str) -> str:
    """An element as plain text, the first of several; "" if it has none."""
    try:
        value = dataset.get(keyword)
        if isinstance(value, MultiValue):
            value = value[0] if value else ""
        return "" if value is None else str(value).strip().strip("\x00")
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError):
        return ""  # values that are none of their kind


def group_of(dataset: Dataset, index: int, sequence: str) -> Dataset:
    """What holds a frame's own values: its functional group, the shared one, or the data set."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*own[index : index + 1], *shared[:1]):
        if items := group.get(sequence):
            found: Dataset = items[0]
            return found
    return dataset


def spacing_of(dataset: Dataset, index: int) -> tuple[tuple[float, float] | None, str]:
    """Millimetres between a frame's rows and between its columns, and where that holds.

    What is measured at the detector is larger than the patient. It is told by its own tag, or by
    a PixelSpacing that only repeats that tag.
    """
    measured = _pair(group_of(dataset, index, "PixelMeasuresSequence"), "PixelSpacing")
    detector = _pair(dataset, "ImagerPixelSpacing")
    found = measured or detector
    return found, AT_DETECTOR if found and found == detector else ""


def technical(dataset: Dataset) -> dict[str, str]:
    """The tags of `ALLOWED` that can be kept as they are, those without a value left out.

    The model is not among them: it is free text.
    """
    found = {name: _listed(name, text(dataset, name)) for name in _LISTED}
    found["Laterality"] = found["Laterality"] or _listed(
        "Laterality", text(dataset, "ImageLaterality")
    )
    if text(dataset, "PhotometricInterpretation").upper() == "PALETTE COLOR":
        found["PhotometricInterpretation"] = "PALETTE COLOR"
    for name, rule in _RULES.items():
        found[name] = rule(dataset)
    return {name: found[name] for name in ALLOWED if found.get(name)}


def may_show_names(dataset: Dataset) -> bool:
    """Whether letters may be burnt into the pixels: it says so, or does not deny it of its kind."""
    said = text(dataset, "BurnedInAnnotation").upper()
    if said in ("YES", "NO"):
        return said == "YES"
    captured = text(dataset, "SOPClassUID").startswith(_SECONDARY_CAPTURE)
    return captured or text(dataset, "Modality").upper() in _OFTEN_LETTERED


def _listed(name: str, value: str) -> str:
    if not value:
        return ""
    plain = value.upper()
    return plain if plain in _LISTED[name].split() else OTHER


def _maker(dataset: Dataset) -> str:
    """The maker by the name people know; another is not told apart from others."""
    value = text(dataset, "Manufacturer")
    words = re.sub(r"[^a-z0-9]+", " ", value.casefold()).strip() + " "
    known = next((maker for maker in _MAKERS if _begins(words, maker)), OTHER)
    return known if value else ""


def _begins(words: str, maker: str) -> bool:
    plain = maker.casefold()
    # FUJIFILM and Fuji Photo Film are one; "General" alone is nobody.
    return words.startswith(f"{plain} ") or (len(plain) > 3 and words.startswith(plain))  # noqa: PLR2004


def _age(dataset: Dataset) -> str:
    match = _AGE.fullmatch(text(dataset, "PatientAge"))
    if match is None:
        return ""
    old = match[2] == "Y" and int(match[1]) > _OLDEST
    return f"{_OLDEST + 1:03d}Y" if old else match[0]


def _bits(dataset: Dataset) -> str:
    value = text(dataset, "BitsStored")
    return value if value.isascii() and value.isdigit() and len(value) <= 2 else ""  # noqa: PLR2004


def _spacing(dataset: Dataset) -> str:
    """Millimetres between rows and between columns, such as 0.143 × 0.143."""
    found = spacing_of(dataset, 0)[0]
    return f"{found[0]:.4g} × {found[1]:.4g}" if found else ""


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    """Two lengths of an element, if both are such as pixels have."""
    try:
        row, column = (float(value) for value in dataset.get(keyword) or ())
    except (TypeError, ValueError):
        return None
    return (row, column) if 0 < row < _LONGEST and 0 < column < _LONGEST else None


def _syntax(dataset: Dataset) -> str:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    return "" if syntax is None or syntax.name == syntax else str(syntax.name)


_RULES: dict[str, Callable[[Dataset], str]] = {
    "Manufacturer": _maker,
    "PatientAge": _age,
    "BitsStored": _bits,
    "PixelSpacing": _spacing,
    "TransferSyntax": _syntax,
}
