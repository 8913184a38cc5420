"""The download of ImageNet weights, from a server of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torchvision
from torch import Tensor

from medxfer.config import Depth
from medxfer.errors import WeightsError
from medxfer.files import sha256_of
from medxfer.models.weights.imagenet import fetch, imagenet_file, is_cached
from medxfer.models.weights.load import load_weights
from medxfer.paths import Workspace

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers every request with `answer`, and counts them."""

    def __init__(self) -> None:
        self.answer: Answer = lambda request: request.send_error(500)
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def published(
    server: Server, resnet18_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """torchvision's entry for ResNet-18, pointed at an address with our file's hash."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    entry = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.value
    name = f"resnet18-{sha256_of(resnet18_file)[:8]}.pth"

    def point(base: str) -> None:
        monkeypatch.setattr(entry, "url", f"{base}/models/{name}")

    point(server.url)
    return point


def sending(content: bytes, announced: int | None = None, kind: str = "application/zip") -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(announced or len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


@pytest.mark.usefixtures("published")
def test_downloaded_once_checked_and_kept(
    server: Server, resnet18_file: Path, resnet18_state: dict[str, Tensor], workspace: Workspace
) -> None:
    server.answer = sending(resnet18_file.read_bytes())
    assert not is_cached(Depth.RESNET18, workspace)
    seen: list[tuple[int, int]] = []
    loaded = load_weights(
        "imagenet", Depth.RESNET18, workspace, lambda done, total: seen.append((done, total))
    )
    size = resnet18_file.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)
    assert loaded.sha256 == sha256_of(resnet18_file)
    assert loaded.state["conv1.weight"].equal(resnet18_state["conv1.weight"])
    assert is_cached(Depth.RESNET18, workspace)

    load_weights("imagenet", Depth.RESNET18, workspace)
    assert server.requests == 1
    assert [path.name for path in workspace.weights.iterdir()] == [
        imagenet_file(Depth.RESNET18, workspace).name
    ]


def _altered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


FAULTS: dict[str, tuple[Callable[[bytes], Answer], str]] = {
    "cut": (lambda whole: sending(whole[:10_000], announced=len(whole)), "broke after 10,000 of"),
    "short": (lambda whole: sending(whole[:-1]), "do not match the published checksum"),
    "altered": (lambda whole: sending(_altered(whole)), "do not match the published checksum"),
    "page": (lambda _: sending(b"<html>Sign in</html>", kind="text/html"), "the 20 bytes"),
    "empty": (lambda _: sending(b""), "the 0 bytes"),
    "absent": (lambda _: lambda request: request.send_error(404), "server answered 404"),
    "nonsense": (lambda _: lambda request: request.wfile.write(b"hello\r\n\r\n"), "hello"),
}


@pytest.mark.parametrize("before", [None, b"what was here before"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("published")
def test_a_download_that_fails_leaves_everything_as_it_was(
    fault: str, before: bytes | None, server: Server, resnet18_file: Path, workspace: Workspace
) -> None:
    make_answer, sentence = FAULTS[fault]
    server.answer = make_answer(resnet18_file.read_bytes())
    path = imagenet_file(Depth.RESNET18, workspace)
    if before is not None:
        path.write_bytes(before)

    with pytest.raises(WeightsError) as caught:
        fetch(Depth.RESNET18, workspace)
    assert sentence in caught.value.problem
    assert f"Put the file {path.name} into {workspace.weights}" in caught.value.remedy
    assert ("left as it is" in caught.value.problem) == (before is not None)
    contents = {entry.name: entry.read_bytes() for entry in workspace.weights.iterdir()}
    assert contents == ({} if before is None else {path.name: before})


def test_no_network(published: Callable[[str], None], workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    published(f"http://127.0.0.1:{port}")
    with pytest.raises(WeightsError, match=r"Connection refused.*choose a weights file"):
        fetch(Depth.RESNET18, workspace)


@pytest.mark.usefixtures("published")
def test_a_file_put_there_by_hand_needs_no_network(
    server: Server, resnet18_file: Path, workspace: Workspace
) -> None:
    path = imagenet_file(Depth.RESNET18, workspace)
    path.write_bytes(resnet18_file.read_bytes())
    assert fetch(Depth.RESNET18, workspace) == path
    assert server.requests == 0


@pytest.mark.usefixtures("published")
def test_an_altered_file_is_replaced_by_a_good_one(
    server: Server, resnet18_file: Path, workspace: Workspace
) -> None:
    server.answer = sending(resnet18_file.read_bytes())
    imagenet_file(Depth.RESNET18, workspace).write_bytes(_altered(resnet18_file.read_bytes()))
    assert sha256_of(fetch(Depth.RESNET18, workspace)) == sha256_of(resnet18_file)


@pytest.mark.usefixtures("published")
def test_two_who_ask_at_once_download_once(
    server: Server, resnet18_file: Path, workspace: Workspace
) -> None:
    server.answer = sending(resnet18_file.read_bytes())
    askers = [threading.Thread(target=fetch, args=(Depth.RESNET18, workspace)) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert server.requests == 1
    assert is_cached(Depth.RESNET18, workspace)


@pytest.mark.parametrize("depth", Depth)
def test_every_depth_has_a_published_hash(depth: Depth, workspace: Workspace) -> None:
    assert imagenet_file(depth, workspace).name.startswith(f"resnet{int(depth)}-")
    path = imagenet_file(depth, workspace)
    path.write_bytes(b"not it")
    assert is_cached(depth, workspace)
