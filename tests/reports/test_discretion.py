"""Names of files and patients are taken out of sentences; the sentence stays."""

import pytest

from medxfer.reports.discretion import Discretion

HIDE = Discretion(
    patients=["Meier7", "12", "p-3", "IM-0117", "normal"],
    files=["a/b/scan of Meier.png", "x\\knee_left_03.dcm", "NORMAL/IM-0117-0001.jpeg"],
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
        ("See a/b/scan of Meier.png there", "See a/b/[name withheld] there"),
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
