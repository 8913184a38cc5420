"""A visitor of the app without a browser: the same messages over the same WebSocket.

It asks for pages as a browser does (protobuf `BackMsg.rerun_script`), keeps the timers that
fragments set, and counts a request as answered when the server says `script_finished`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState, FileURLs, FileURLsResponse
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 60.0
"""Seconds until a request counts as never answered."""
_A_BUG = b"Something went wrong that should not have"
_FAULTS = {ForwardMsg.FINISHED_WITH_COMPILE_ERROR: "the page has a fault"}
_LARGEST = 64 << 20


@dataclass(frozen=True)
class Answer:
    """One request: what was asked, when it was due and sent, how long it took, and what failed.

    `seconds` counts from when it was due: waiting for an earlier answer is part of it.
    """

    what: str
    due: float
    seconds: float
    error: str = ""


@dataclass
class Visitor:
    """One open page. Requests of one visitor follow each other, as the server has it too."""

    socket: ClientConnection
    tell: Callable[[Answer], None]
    pages: dict[str, str] = field(default_factory=dict)
    """Hash of a page by its path, as the server lists them."""
    session: str = ""
    uploader: str = ""
    """Id of the place on the page that takes files, if there is one."""
    _page: str = ""
    _query: str = ""
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _finished: asyncio.Event = field(default_factory=asyncio.Event)
    _error: str = ""
    _reader: asyncio.Task[None] | None = None
    _leaving: bool = False
    _urls: asyncio.Future[FileURLsResponse] | None = None

    async def open(self, page: str, query: str = "") -> None:
        """Ask for a page, by its path, for the whole of it."""
        self._end_timers()
        self._page, self._query, self.uploader = page, query, ""
        await self._ask(page or "start", "", time.monotonic())

    async def hand_in(self, what: str, files: FileUploaderState) -> None:
        """Tell the page that files, which the server has, were put into its uploader."""
        state = WidgetState(id=self.uploader, file_uploader_state_value=files)
        await self._ask(what, "", time.monotonic(), state)

    async def file_urls(self, name: str) -> FileURLs:
        """Where a file of this name is to be sent."""
        self._urls = asyncio.get_running_loop().create_future()
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session
        await self.socket.send(message.SerializeToString())
        answer = await asyncio.wait_for(self._urls, PATIENCE)
        urls: FileURLs = answer.file_urls[0]
        return urls

    async def close(self) -> None:
        """Leave; what is still being asked is not told."""
        self._leaving = True
        self._end_timers()
        await self.socket.close()
        if self._reader is not None:
            await self._reader

    @property
    def fragments(self) -> int:
        """How many parts of the page refresh themselves."""
        return len(self._timers)

    async def _ask(self, what: str, fragment: str, due: float, *widgets: WidgetState) -> None:
        async with self._turn:
            self._error = ""
            self._finished.clear()
            message = BackMsg()
            state = message.rerun_script
            state.query_string = self._query
            state.page_script_hash = self.pages.get(self._page, "")
            state.page_name = "" if state.page_script_hash else self._page
            state.fragment_id = fragment
            state.is_auto_rerun = bool(fragment)
            state.widget_states.widgets.extend(widgets)
            state.context_info.timezone = "Europe/Zurich"
            try:
                await self.socket.send(message.SerializeToString())
                await asyncio.wait_for(self._finished.wait(), PATIENCE)
            except TimeoutError:
                self._error = f"no answer within {PATIENCE:.0f} s"
            except ConnectionClosed:
                self._error = "the connection was closed"
            if not self._leaving:
                self.tell(Answer(what, due, time.monotonic() - due, self._error))

    async def _read(self) -> None:
        try:
            async for content in self.socket:
                if isinstance(content, bytes):
                    self._heed(content)
        except ConnectionClosed:
            pass
        finally:
            self._error = self._error or "the connection was closed"
            self._finished.set()

    def _heed(self, content: bytes) -> None:
        message = ForwardMsg.FromString(content)
        match message.WhichOneof("type"):
            case "navigation":
                self.pages = {
                    "" if page.is_default else page.url_pathname: page.page_script_hash
                    for page in message.navigation.app_pages
                }
            case "new_session":
                self.session = message.new_session.initialize.session_id or self.session
                if not message.metadata.run.fragment_ids:
                    self._end_timers()
            case "auto_rerun":
                self._set_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                self._end_timers(*message.stop_auto_rerun.fragment_ids)
            case "file_urls_response" if self._urls is not None:
                self._urls.set_result(message.file_urls_response)
            case "script_finished":
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    self._error = self._error or _FAULTS.get(message.script_finished, "")
                    self._finished.set()
            case kind:
                self.uploader = message.delta.new_element.file_uploader.id or self.uploader
                self._error = self._error or _fault(kind, content, message)

    def _set_timer(self, fragment: str, interval: float) -> None:
        self._end_timer(fragment)
        self._timers[fragment] = asyncio.create_task(self._refresh(fragment, interval))

    async def _refresh(self, fragment: str, interval: float) -> None:
        """Ask at every tick, as a browser's timer does; ticks passed by meanwhile are not made up
        for, since the server would put them together."""
        due = time.monotonic()
        while True:
            due = max(due + interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            # once begun it is waited for, even if the page is left meanwhile
            await asyncio.shield(asyncio.ensure_future(self._ask("fragment", fragment, due)))

    def _end_timer(self, fragment: str) -> None:
        if (timer := self._timers.pop(fragment, None)) is not None:
            timer.cancel()

    def _end_timers(self, *fragments: str) -> None:
        """End the timers of these fragments; of all, if none is named."""
        for fragment in fragments or tuple(self._timers):
            self._end_timer(fragment)


def _fault(kind: str | None, content: bytes, message: ForwardMsg) -> str:
    """What a message says has gone wrong, or ""."""
    if kind == "page_not_found":
        return "there is no such page"
    shown = kind == "delta" and message.delta.new_element.HasField("exception")
    return "the page shows a fault" if shown or _A_BUG in content else ""


@asynccontextmanager
async def visiting(address: str, tell: Callable[[Answer], None]) -> AsyncIterator[Visitor]:
    """A visitor of the app at an `http://` address, who has opened nothing yet."""
    socket = await connect(
        address.replace("http", "ws", 1) + "/_stcore/stream",
        origin=address,  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=_LARGEST,
        proxy=None,
    )
    visitor = Visitor(socket, tell)
    visitor._reader = asyncio.create_task(visitor._read())
    try:
        yield visitor
    finally:
        await visitor.close()
