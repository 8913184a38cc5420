"""CSV tables: kept exactly as written, or refused in a sentence."""

from __future__ import annotations

import pytest

from medxfer.data.columns import find_columns
from medxfer.data.csv_table import read_table
from medxfer.data.listing import Listing, Tree
from medxfer.data.options import ImportOptions
from medxfer.data.table_text import read_text_table
from medxfer.errors import TableError

FILES = ("a/1.png", "a/2.png", "b/3.png", "labels.csv")


def listing(text: str | bytes, files: tuple[str, ...] = FILES, **options: object) -> Listing:
    data = text.encode() if isinstance(text, str) else text
    tree = Tree("pack", files, lambda _: data)
    return read_table(tree, "labels.csv", ImportOptions(name="x", **options), "/data/pack")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(encoding: str, separator: str) -> None:
    text = (
        separator.join(["file", "label"]) + "\r\n" + separator.join(["a/1.png", "Größe"]) + "\r\n"
    )
    read = read_text_table(text.encode(encoding), "t.csv")
    assert read.rows.to_dict("records") == [{"file": "a/1.png", "label": "Größe"}]
    assert bool(read.warnings) == (encoding == "cp1252")


def test_values_stay_text() -> None:
    values = ["NA", "None", "null", "nan", "N/A", "00123", "0123", "1E5", "9" * 23, "-"]
    text = "file,label\n" + "".join(f"f,{value}\n" for value in values)
    assert read_text_table(text.encode(), "t.csv").rows["label"].tolist() == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("file,label\n", "has a header but no rows"),
        ("file,label\na,b\na,b,c\n", "line 3 has 3 fields, the header has 2"),
        ("file,label\na\n", "line 2 has 1 fields"),
        ('file,label\na,"b\n', "never closed"),
        ("file,label\na,\x00\n", "NUL bytes"),
        ("file,file\na,b\n", "'file' twice"),
    ],
)
def test_damaged_tables(text: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_text_table(text.encode(), "t.csv")


@pytest.mark.parametrize(
    "header",
    [
        ("filename", "diagnosis", "Patient ID"),
        ("Image Index", "Finding Labels", "Patient ID"),
        ("image_id", "dx", "lesion_id"),
        ("path", "class", "patient_key"),
        ("image", "label", "patient"),
    ],
)
def test_usual_column_names(header: tuple[str, ...]) -> None:
    found = find_columns(header, {}, "t.csv")
    assert (found.file, found.label, found.patient) == header
    assert found.split is None


def test_a_wrong_choice_suggests_the_nearest() -> None:
    with pytest.raises(TableError, match="Did you mean 'diagnose'"):
        listing("file,diagnose\na/1.png,x\n", label_column="diagnosis")
    with pytest.raises(TableError, match="no file and no label column"):
        listing("one,two\n1,2\n")


def test_every_row_is_used_or_has_its_reason() -> None:
    found = listing(
        "file,label\n"
        "a/1.png,x\n"
        "./a/1.png,x\n"
        "a\\2.png,x\n"
        "b/3.png,x\n"
        "b/3.png,y\n"
        "gone.png,x\n"
        "../../etc/passwd,x\n"
        "/etc/passwd,x\n"
        "C:\\x.png,x\n"
        "a/../../1.png,x\n"
        ",x\n"
    )
    assert found.table["file"].tolist() == ["a/1.png", "a/2.png"]
    reasons = {skip.file: skip.reason for skip in found.skipped}
    assert len(found.skipped) == 9
    assert "twice" in reasons["./a/1.png"]
    assert "different labels" in reasons["b/3.png"]
    assert "not there" in reasons["gone.png"]
    for outside in ("../../etc/passwd", "/etc/passwd", "C:\\x.png", "a/../../1.png"):
        assert "outside" in reasons[outside]


def test_absolute_paths_into_the_folder_and_bare_names_are_found() -> None:
    found = listing("file,label\n/data/pack/a/1.png,x\n2,x\n3.png,y\n")
    assert found.table["file"].tolist() == ["a/1.png", "a/2.png", "b/3.png"]


def test_pictures_beside_the_listed_ones_are_counted() -> None:
    assert any("1 pictures" in warning for warning in listing("file,label\na/1.png,x\n").warnings)


def test_splits_in_any_spelling() -> None:
    found = listing("file,label,split\na/1.png,x,Training\na/2.png,x,valid\nb/3.png,y,TEST\n")
    assert found.table["split"].tolist() == ["train", "val", "test"]


def test_a_column_that_only_looks_like_splits() -> None:
    text = "file,label,set\na/1.png,x,A\na/2.png,x,B\n"
    assert (listing(text).table["split"] == "").all()
    with pytest.raises(TableError, match="'set' holds 'A'"):
        listing(text, split_column="set")


def test_measured_columns_do_not_collide() -> None:
    found = listing("file,label,width,age\na/1.png,x,99,061\n")
    assert found.table.iloc[0][["given width", "age"]].tolist() == ["99", "061"]


def test_renamed_columns_stay_apart() -> None:
    found = listing(
        "file,label,given width,width,given split,given given width\na/1.png,x,1,2,3,4\n"
    )
    assert found.table.columns.is_unique
    row = found.table.iloc[0]
    assert row[["given width", "given given given width", "given given split"]].tolist() == [
        "1", "2", "3",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_excel_may_name_the_separator(first: str) -> None:
    text = first + "file;label,a,b,c\na/1.png;x\n"
    read = read_text_table(text.encode(), "t.csv")
    assert read.rows.to_dict("records") == [{"file": "a/1.png", "label,a,b,c": "x"}]
    with pytest.raises(TableError, match="line 3 has 1 fields"):
        read_text_table((first + "file;label\nx\n").encode(), "t.csv")


@pytest.mark.parametrize("before", ["", "file,label\n"])
def test_a_field_without_end_is_refused(before: str) -> None:
    with pytest.raises(TableError, match="a field has more than 131,072 characters"):
        read_text_table((before + "x" * 140_000 + ",y\n").encode(), "t.csv")
