"""A hub of our own on the loopback, for tests: the endpoints huggingface_hub asks, with the headers it reads.

Every revision of every repository is COMMIT. What is pushed is kept as it comes, so that it can be pulled.
"""

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMIT = "46cb69fff9d100f9c3c2a135d59f365fb99a0121"
Files = dict[str, bytes]


class Hub(http.server.ThreadingHTTPServer):
    """Serves `repos`, and takes pushes of the token "good"; "read" may not write, all others are unknown."""

    daemon_threads = True

    def __init__(self, repos: dict[str, Files]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = {name: dict(files) for name, files in repos.items()}
        self.cards: dict[str, dict[str, str]] = {}
        """Metadata of a repository's card, as the hub would read it from its README."""
        self.private: set[str] = set()
        self.cut: set[str] = set()
        """Files whose next download breaks off in the middle."""
        self.damaged: set[str] = set()
        """Files that arrive with one byte altered."""
        self.requests: list[tuple[str, str, str]] = []
        """Method, path, Range header or nothing."""
        self.commits: list[dict[str, Any]] = []
        """What `_send_commit` sent, line by line."""
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()

    def downloads(self) -> list[tuple[str, str]]:
        """File name and Range of every GET of a file."""
        files = [(path, start) for method, path, start in self.requests if method == "GET" and "/resolve/" in path]
        return sorted((path.split(f"/{COMMIT}/")[1], start) for path, start in files)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        repo, action, revision, parts = self._parsed()
        files = self.server.repos.get(repo)
        if repo == "org/gated":
            self._answer(403, b"", {"X-Error-Code": "GatedRepo"})
        elif repo == "org/teapot":
            self._answer(418, b"")
        elif files is None:
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif action == "resolve":
            self._file(files["/".join(parts[4:])], parts[-1])
        elif action == "tree":
            self._json([{"type": "file", "path": n, "size": len(d), "oid": _oid(d)} for n, d in files.items()])
        else:
            siblings = [{"rfilename": name, **_blob(name, data)} for name, data in files.items()]
            card = {"cardData": self.server.cards[repo]} if repo in self.server.cards else {}
            private = repo in self.server.private
            self._json({"id": repo, "sha": COMMIT, "private": private, "siblings": siblings, **card})

    def do_POST(self) -> None:
        repo, action, _, _ = self._parsed()
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token != "good":
            self._answer(403 if token == "read" else 401, b'{"error": "this token is for looking only"}')
        elif self.path.startswith("/api/validate-yaml"):
            self._json({"errors": [], "warnings": []})
        elif self.path.startswith("/api/repos/create"):
            wanted = json.loads(content)
            created = "/".join(filter(None, (wanted.get("organization"), wanted["name"])))
            self.server.repos[created] = {".gitattributes": b""}
            self.server.private |= (
                {created} if wanted.get("private") or wanted.get("visibility") == "private" else set()
            )
            self._json({"url": f"{self.server.url}/{created}", "name": created, "id": created})
        elif action == "preupload":
            paths = [file["path"] for file in json.loads(content)["files"]]
            self._json({"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]})
        else:
            self._commit(repo, [json.loads(line) for line in content.splitlines()])

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        self.server.commits += lines
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.server.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del self.server.repos[repo][value["path"]]
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": f"{self.server.url}/{repo}/commit/{COMMIT}"})

    def _parsed(self) -> tuple[str, str, str, list[str]]:
        path = self.path.split("?")[0]
        self.server.requests.append((self.command, path, self.headers.get("Range") or ""))
        parts = path.strip("/").removeprefix("api/models/").split("/")
        action, revision = (*parts[2:4], "revision", "main")[:2] if len(parts) != 3 else (parts[2], "main")
        return "/".join(parts[:2]), action, revision, parts

    def _json(self, table: Any) -> None:
        self._answer(200, json.dumps(table).encode(), {"Content-Type": "application/json"})

    def _file(self, data: bytes, name: str) -> None:
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": COMMIT}
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.command == "GET" and name in self.server.cut
        self.server.cut -= {name} if cut else set()
        if name in self.server.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self._answer(206 if start else 200, data[start:], headers, half=cut)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, half: bool = False) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _blob(name: str, data: bytes) -> dict[str, Any]:
    """Size and checksums as the hub states them: git's for what lies in git, SHA-256 for what does not."""
    found: dict[str, Any] = {"size": len(data), "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    if name.endswith((".safetensors", ".gguf")):
        found["lfs"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 134}
    return found


@contextmanager
def standing_in(repos: dict[str, Files], cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that huggingface_hub takes for the real one meanwhile, with its cache in the folder `cache`."""
    from huggingface_hub import constants, file_download

    hub = Hub(repos)
    # The library reads its environment only once.
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    # huggingface_hub before 1 copies the name.
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**16)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    try:
        yield hub
    finally:
        hub.close()
