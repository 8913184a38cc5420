"""The viewer against the arrays it was given: what it draws, says, sends, and how fast."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, WebSocket, expect
from quiet import no_server_trip, settle
from viewer_app import CLASSES, SCALES, SEEN, SIDE, colour, grey, heat

pytestmark = [pytest.mark.browser, pytest.mark.long]

FIRST = 30_000
"""Milliseconds: the first page of a server also imports it."""
BOUND = 70
"""Milliseconds of CPU a redraw of 2048 x 2048 may take."""

Start = Callable[[list[str], dict[str, str]], str]
Open = Callable[..., None]


@pytest.fixture
def address(start: Start) -> str:
    return start(["streamlit", "run", "tests/browser/viewer_app.py"], {"PYTHONPATH": "."})


@pytest.fixture
def open_viewer(address: str, page: Page) -> Open:
    """Open the viewer's page and wait until the picture stands."""

    def opened(show: str = "grey") -> None:
        page.goto(f"{address}/?show={show}")
        expect(page.locator(".viewer:not(.waiting)")).to_be_visible(timeout=FIRST)
        settle(page)

    return opened


def figures(page: Page) -> tuple[int, int]:
    """Width and level of the window as shown."""
    text = page.locator(".figures").text_content() or ""
    width, level = re.findall(r"-?\d+", text)
    return int(width), int(level)


def place(pane: Locator, right: float, down: float) -> tuple[float, float]:
    """A place in a pane, 0 to 1 from its left and top, in pixels of the page."""
    box = pane.bounding_box()
    assert box is not None
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


def read(page: Page, pane: Locator, right: float, down: float) -> list[float]:
    """The numbers the viewer reads at a place of a pane: x, y, value or values, heat."""
    page.mouse.move(*place(pane, right, down))
    expect(page.locator(".probe")).to_contain_text("x ")
    text = page.locator(".probe").text_content() or ""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def drawn(page: Page, pane: int = 0) -> NDArray[np.uint8]:
    """What a pane's canvas shows, (height, width, 3)."""
    page.wait_for_timeout(300)  # two frames, also of a busy machine
    width, height, data = (
        page.locator(".pane canvas")
        .nth(pane)
        .evaluate(
            """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let text = "";
            for (let at = 0; at < data.length; at += 30000) {
                text += String.fromCharCode(...data.subarray(at, at + 30000));
            }
            return [width, height, btoa(text)];
        }"""
        )
    )
    values = np.frombuffer(base64.b64decode(data), dtype=np.uint8)
    return values.reshape(height, width, 4)[..., :3]


def windowed(
    values: NDArray[np.uint16] | NDArray[np.float32], centre: float, width: float
) -> NDArray[np.float64]:
    """Brightness 0 to 255 by the formula of DICOM PS3.3 C.11.2.1.2.1."""
    share = (values - (centre - 0.5)) / (width - 1) + 0.5
    return np.asarray(255 * np.clip(share, 0, 1))


def test_it_opens_on_the_picture_alone_and_draws_what_the_window_says(
    open_viewer: Open, page: Page
) -> None:
    open_viewer()
    expect(page.get_by_role("button", name="Show the heatmap")).to_be_visible()
    expect(page.locator(".pane:visible")).to_have_count(1)
    assert figures(page) == (2000, 1500)  # the file's window
    whole = drawn(page)
    side = min(whole.shape[:2])
    top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
    small = Image.fromarray(grey().astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    difference = whole[top : top + side, left : left + side, 0] - windowed(
        np.asarray(small), 1500, 2000
    )
    assert np.median(np.abs(difference)) <= 2
    page.locator(".panes").focus()
    page.keyboard.press("a")  # one to one
    shown = drawn(page)
    assert (shown[..., 0] == shown[..., 1]).all()
    assert (shown[..., 0] == shown[..., 2]).all()
    height, width = shown.shape[:2]
    top, left = SIDE // 2 - height // 2, SIDE // 2 - width // 2
    expected = windowed(grey()[top : top + height, left : left + width], 1500, 2000)
    assert np.median(np.abs(shown[..., 0] - expected)) <= 1
    page.keyboard.press("i")
    assert np.median(np.abs(drawn(page)[..., 0] - (255 - expected))) <= 1


def test_a_drag_sets_the_window_and_sends_nothing(open_viewer: Open, page: Page) -> None:
    open_viewer()
    pane = page.locator(".pane canvas").first
    before = drawn(page)
    with no_server_trip(page):
        page.mouse.move(*place(pane, 0.5, 0.5))
        page.mouse.down()
        page.mouse.move(*place(pane, 0.7, 0.5), steps=5)
        width, level = figures(page)
        assert width > 2400
        assert level == 1500
        page.mouse.move(*place(pane, 0.7, 0.7), steps=5)
        assert figures(page)[0] == width
        assert figures(page)[1] > 1700
        page.mouse.up()
        page.mouse.move(*place(pane, 0.2, 0.2))
        assert figures(page)[0] == width  # the button is up
        assert drawn(page).mean() < before.mean() - 10
        expect(page.locator(".windows")).to_have_value("own")
        page.locator(".windows").select_option("2  Full range")
        low, high = grey().min(), grey().max()
        assert figures(page)[0] == high - low + 1
        shown = drawn(page)
        assert shown.max() > 240
        assert shown.min() < 15


def test_the_wheel_zooms_both_panes_about_the_pointer(open_viewer: Open, page: Page) -> None:
    open_viewer()
    page.get_by_role("button", name="Show the heatmap").click()
    expect(page.locator(".pane:visible")).to_have_count(2)
    page.locator(".opacity").fill("0")
    right = page.locator(".pane canvas").nth(1)
    with no_server_trip(page):
        before = read(page, right, 0.7, 0.3)
        page.mouse.wheel(0, -900)
        expect(page.locator(".zoom output")).not_to_have_text("17 %")
        after = read(page, right, 0.7, 0.3)
        assert np.abs(np.subtract(before[:2], after[:2])).max() <= 6  # a screen pixel held six
        zoomed = drawn(page, 0)
        np.testing.assert_array_equal(zoomed, drawn(page, 1))
        x, y = place(right, 0.5, 0.5)
        page.mouse.move(x, y)
        page.keyboard.down("Shift")
        page.mouse.down()
        page.mouse.move(x + 60, y + 30, steps=4)
        page.mouse.up()
        page.keyboard.up("Shift")
        there = drawn(page, 0)[30:, 60:].astype(int)
        assert np.abs(there - zoomed[:-30, :-60]).mean() < 0.1
        np.testing.assert_array_equal(drawn(page, 0), drawn(page, 1))
    assert figures(page) == (2000, 1500)


def test_the_wheel_scrolls_the_page_where_it_cannot_zoom_out(open_viewer: Open, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 500})
    open_viewer()
    page.mouse.move(*place(page.locator(".pane canvas").first, 0.5, 0.2))
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollTop") == 0
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(500)
    assert main.evaluate("main => main.scrollTop") > 0


def test_it_reads_the_arrays_values(open_viewer: Open, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 1100})
    open_viewer()
    values, hot = grey(), heat(0)
    pane = page.locator(".pane canvas").first
    box = pane.bounding_box()
    assert box is not None
    across, down = box["width"], box["height"]
    side = min(across, down)  # of the picture on screen, in the middle of the pane
    for right, below in ((0.02, 0.01), (0.37, 0.61), (0.6, 0.4), (0.97, 0.98)):
        place_in_pane = (across + (2 * right - 1) * side) / across / 2, below
        x, y, value = read(page, pane, *place_in_pane)
        assert value == values[int(y), int(x)]
        assert abs(x - right * SIDE) < 5
        assert abs(y - below * SIDE) < 5
    page.get_by_role("button", name="Show the heatmap").click()
    x, y, value, warmth = read(page, page.locator(".pane canvas").nth(1), 0.38, 0.66)
    assert value == values[int(y), int(x)]
    assert warmth == pytest.approx(hot[int(y) * 512 // SIDE, int(x) * 512 // SIDE], abs=0.006)
    assert warmth > 0.5
    assert x < SEEN[2]
    read(page, page.locator(".pane canvas").nth(1), 0.97, 0.5)
    expect(page.locator(".probe")).to_contain_text("not seen")


@pytest.mark.parametrize(
    ("show", "window"),
    [("ct", (400, 40)), ("turned", (400, 4095 - 1064 + 1)), ("float", (0.4, 0.064))],
)
def test_values_and_window_are_read_in_what_they_mean(
    open_viewer: Open, page: Page, show: str, window: tuple[float, float]
) -> None:
    open_viewer(show)
    text = page.locator(".figures").text_content() or ""
    assert [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text)] == list(window)
    slope, intercept, unit = SCALES[show]
    page.mouse.move(*place(page.locator(".pane canvas").first, 0.5, 0.1))
    expect(page.locator(".probe")).to_contain_text("x ")
    said = page.locator(".probe").text_content() or ""
    x, y, value = re.findall(r"-?\d+(?:\.\d+)?", said)
    meant = slope * grey(512)[int(y), int(x)] + intercept
    assert float(value) == pytest.approx(meant, abs=0.0006)
    assert said.endswith(f": {value} {unit}" if unit else f": grey {value}")


def test_colour_pictures_keep_their_colours(open_viewer: Open, page: Page) -> None:
    open_viewer("colour")
    x, y, *values = read(page, page.locator(".pane canvas").first, 0.4, 0.7)
    assert values == colour()[int(y), int(x)].tolist()
    expect(page.get_by_role("button", name="Show the heatmap")).to_be_hidden()
    expect(page.locator(".pane .scale:visible")).to_have_count(0)
    page.locator(".panes").focus()
    page.keyboard.press("a")
    shown = drawn(page).astype(int)
    assert abs(shown[..., 0] - shown[..., 2]).max() > 100


def test_only_what_the_file_says_is_drawn_and_names_stay_text(
    open_viewer: Open, page: Page
) -> None:
    open_viewer()
    expect(page.locator(".pane:visible .laterality")).to_have_text("Laterality tag: right")
    expect(page.locator(".pane:visible .length")).to_have_text(re.compile("mm at the detector$"))
    line = page.locator(".pane:visible .line").bounding_box()
    pane = page.locator(".pane:visible").bounding_box()
    assert line is not None
    assert pane is not None
    millimetres = int((page.locator(".pane:visible .length").text_content() or "").split()[0])
    zoom = min(pane["width"], pane["height"]) / SIDE
    assert line["width"] == pytest.approx(millimetres / 0.2 * zoom, rel=0.02)
    page.locator(".panes").focus()
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    longer = page.locator(".pane:visible .line").bounding_box()
    assert longer is not None
    now = int((page.locator(".pane:visible .length").text_content() or "").split()[0])
    assert longer["width"] / now == pytest.approx(1.25 * line["width"] / millimetres, rel=0.02)

    open_viewer("bare")
    for part in (".laterality", ".scale", ".outline"):
        expect(page.locator(f".pane {part}:visible")).to_have_count(0)
    expect(page.locator(".sentence")).to_contain_text("<b>bare</b>.png: 512 × 512")


def test_every_key_does_what_the_list_says(open_viewer: Open, page: Page) -> None:
    open_viewer()
    panes, zoom = page.locator(".panes"), page.locator(".zoom output")
    panes.focus()
    with no_server_trip(page):
        page.keyboard.press("h")
        expect(page.locator(".pane:visible")).to_have_count(2)
        page.keyboard.press("s")
        expect(page.locator(".pane:visible")).to_have_count(1)
        fresh = drawn(page)
        page.keyboard.press(".")
        expect(page.locator(".opacity")).to_have_value("65")
        page.keyboard.press(",")
        expect(page.locator(".opacity")).to_have_value("55")
        seen = []
        for _ in range(4):
            seen.append(page.locator(".colours").input_value())
            page.keyboard.press("c")
        assert seen == ["inferno", "cividis", "viridis", "inferno"]  # never the rainbow
        expect(page.locator(".pane .outline:visible")).to_have_count(1)
        page.keyboard.press("b")
        expect(page.locator(".pane .outline:visible")).to_have_count(0)
        for number, width in (("2", None), ("1", 2000)):
            page.keyboard.press(number)
            assert (figures(page)[0] == 2000) == (width == 2000)
        page.keyboard.press("Shift+ArrowLeft")
        assert figures(page) == (1800, 1500)
        page.keyboard.press("Shift+ArrowRight")
        assert figures(page) == (1980, 1500)
        page.keyboard.press("Shift+ArrowUp")
        assert figures(page) == (1980, 1302)
        page.keyboard.press("Shift+ArrowDown")
        assert figures(page) == (1980, 1500)
        whole = zoom.text_content() or ""
        page.keyboard.press("+")
        expect(zoom).not_to_have_text(whole)
        page.keyboard.press("-")
        expect(zoom).to_have_text(whole)
        page.keyboard.press("a")
        expect(zoom).to_have_text("100 %")
        still = drawn(page)
        for key, across, down in (
            ("Left", -40, 0),
            ("Right", 0, 0),
            ("Up", 0, -40),
            ("Down", 0, 0),
        ):
            page.keyboard.press(f"Arrow{key}")
            there = np.roll(still, (down, across), (0, 1))[50:-50, 50:-50]
            difference = np.abs(drawn(page)[50:-50, 50:-50].astype(int) - there)
            assert np.median(difference) <= 1
            assert difference.mean() < 2
        page.keyboard.press("0")
        expect(zoom).to_have_text(whole)
        page.keyboard.press("m")
        expect(page.get_by_role("button", name="Move")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("x")
        expect(page.locator(".probe")).to_contain_text("x 1024, y 1024")
        expect(page.locator(".sentence")).to_contain_text(f"grey {grey()[1024, 1024]}")
        page.keyboard.press("r")
        expect(page.get_by_role("button", name="Move")).to_have_attribute("aria-pressed", "false")
        assert figures(page) == (2000, 1500)
        np.testing.assert_array_equal(drawn(page), fresh)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.locator("dialog tr").count() > 20
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.keyboard.press("h")
        expect(page.get_by_role("button", name="Show the heatmap")).to_be_visible()


def test_the_rainbow_is_there_for_who_asks_and_warns(open_viewer: Open, page: Page) -> None:
    open_viewer()
    page.get_by_role("button", name="Show the heatmap").click()
    expect(page.locator(".warning")).to_be_hidden()
    plain = drawn(page, 1)
    page.locator(".colours").select_option("rainbow")
    expect(page.locator(".warning")).to_be_visible()
    changed = drawn(page, 1)
    assert not np.array_equal(changed, plain)
    np.testing.assert_array_equal(changed[:20], plain[:20])  # nothing outside what is seen


def test_by_keyboard_alone_with_words_for_who_cannot_see(open_viewer: Open, page: Page) -> None:
    open_viewer()
    button = page.get_by_role("button", name="Another picture")
    button.focus()
    page.keyboard.press("Tab")
    show = page.get_by_role("button", name="Show the heatmap")
    expect(show).to_be_focused()
    assert show.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".pane:visible")).to_have_count(2)
    for _ in range(30):
        if page.locator(".panes").evaluate("panes => panes.matches(':focus-visible')"):
            break
        page.keyboard.press("Tab")
    expect(page.get_by_role("application")).to_be_focused()
    assert page.locator(".panes").evaluate("box => getComputedStyle(box).outlineStyle") == "solid"
    expect(page.get_by_role("status").filter(has_text="phantom.dcm")).to_contain_text(
        f"The heatmap of {CLASSES[0]} is shown beside the picture at 55 % in inferno; "
        "strongest at the bottom left of the image. Laterality by the file's tags: right."
    )
    expect(
        page.get_by_role("img", name=re.compile("with the heatmap of PNEUMONIA"))
    ).to_be_visible()
    unnamed = page.locator(".viewer button, .viewer select, .viewer input").evaluate_all(
        """all => all.filter(
            one => !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).length"""
    )
    assert unnamed == 0


@contextmanager
def received(page: Page) -> Iterator[list[int]]:
    """How much each message from the server holds, in bytes."""
    sizes: list[int] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: sizes.append(len(frame)))

    page.on("websocket", watch)
    yield sizes


def test_the_picture_is_sent_once_and_another_opens_without_its_heat(
    open_viewer: Open, page: Page
) -> None:
    with received(page) as sizes:
        open_viewer()
        assert 8.3e6 < sum(sizes) < 10e6  # 2048 x 2048 x 2 bytes and the heat
        page.get_by_role("button", name="Show the heatmap").click()
        fitted = page.locator(".zoom output").text_content() or ""
        page.locator(".panes").focus()
        page.keyboard.press("+")
        expect(page.locator(".zoom output")).not_to_have_text(fitted)
        zoom = page.locator(".zoom output").text_content() or ""
        before = drawn(page, 1)
        sizes.clear()
        page.get_by_role("button", name="Another class").click()
        expect(page.locator(".pane .label").nth(1)).to_contain_text(CLASSES[1])
        settle(page)
        assert not np.array_equal(drawn(page, 1), before)
        assert sum(sizes) < 0.6e6
        expect(page.locator(".zoom output")).to_have_text(zoom)  # what the person set has stayed
        sizes.clear()
        page.get_by_role("button", name="Another picture").click()
        expect(page.get_by_role("button", name="Show the heatmap")).to_be_visible(timeout=FIRST)
        settle(page)
        assert 8.3e6 < sum(sizes) < 9.5e6
        x, y, value = read(page, page.locator(".pane canvas").first, 0.5, 0.5)
        assert value == grey()[int(y), int(x)] + 50


@pytest.mark.parametrize("width", [800, 1440])
def test_dark_and_light_narrow_and_wide(
    open_viewer: Open, page: Page, address: str, width: int
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark")
    open_viewer()
    page.get_by_role("button", name="Show the heatmap").click()
    viewer = page.locator(".viewer")
    text = "viewer => getComputedStyle(viewer).color"
    assert viewer.evaluate(text) == "rgb(228, 235, 240)"
    assert viewer.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    for row in page.locator(".viewer .row:visible").all():
        box = row.bounding_box()
        assert box is not None
        assert box["height"] < 40  # nothing has wrapped
    page.emulate_media(color_scheme="light")
    expect(viewer).to_have_css("color", "rgb(26, 39, 48)")
    expect(page.locator(".pane:visible").first).to_have_css("background-color", "rgb(0, 0, 0)")
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_where_it_is_narrow_both_panes_are_seen_at_once(open_viewer: Open, page: Page) -> None:
    page.set_viewport_size({"width": 520, "height": 900})
    open_viewer()
    page.get_by_role("button", name="Show the heatmap").click()
    expect(page.locator(".pane:visible")).to_have_count(2)
    page.wait_for_timeout(300)
    box = page.locator(".panes").bounding_box()
    assert box is not None
    assert box["height"] < 800
    assert page.locator(".viewer").evaluate("one => one.scrollWidth - one.clientWidth") == 0


def browser_seconds() -> float:
    """CPU seconds all processes of the browser have used."""
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name():
            times = process.cpu_times()
            used += times.user + times.system
    return used


REDRAWS = 50
DRAG = """async (redraws) => {
    const host = [...document.querySelectorAll("*")].find(
        (one) => one.shadowRoot?.querySelector(".viewer"));
    const canvas = host.shadowRoot.querySelector(".pane canvas");
    const box = canvas.getBoundingClientRect();
    const frame = (act) => new Promise((done) => requestAnimationFrame(() => done(act())));
    for (let step = 0; step < redraws; step += 1) {
        canvas.dispatchEvent(new PointerEvent("pointermove", {
            clientX: box.left + box.width / 2 + step, clientY: box.top + box.height / 2 + step % 9,
        }));
        // Asking for a pixel leaves nothing of the drawing for later.
        await frame(() => canvas.getContext("2d").getImageData(1, 1, 1, 1));
    }
}"""


def test_a_redraw_of_2048_by_2048_is_quick(open_viewer: Open, page: Page) -> None:
    """By the CPU time of the whole browser, since the machine may be busy with other things."""
    open_viewer()
    page.get_by_role("button", name="Show the heatmap").click()
    page.locator(".panes").focus()
    for key in ("s", "+", "+"):  # one large pane, drawn from the picture at its full size
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    page.mouse.move(*place(page.locator(".pane canvas").first, 0.5, 0.5))
    page.mouse.down()
    width, used = figures(page)[0], []
    for _ in range(3):
        before = browser_seconds()
        page.evaluate(DRAG, REDRAWS)
        used.append(1000 * (browser_seconds() - before) / REDRAWS)
        assert figures(page)[0] > width  # it was redrawn for a reason
    page.mouse.up()
    assert min(used) < BOUND, f"{min(used):.0f} ms of CPU a redraw"
