"""A file server on the loopback interface that can misbehave as real ones do; preparation without processes."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from affetti.corpora import piano_files
from tests.corpora.standins import in_this_process


class FileServer(ThreadingHTTPServer):
    """Serves `content` at every path and records the Range header of each request."""

    content = b""
    etag: str | None = '"one"'
    status = 200
    ranges = True
    break_after: int | None = None
    """Bytes of a body after which the connection breaks, once."""
    requested: list[str | None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requested = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/archive.zip"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.requested.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        condition = self.headers.get("If-Range")
        if asked and server.ranges and condition in (None, server.etag):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
        if start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.break_after is not None:
            body = body[: server.break_after]
            server.break_after = None
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """The running server; a proxy set in the environment is not asked."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are prepared in this process: for tests of what surrounds that."""
    monkeypatch.setattr(piano_files, "map_isolated", in_this_process)
