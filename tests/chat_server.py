"""A server with OpenAI's chat interface on this machine, which answers as it is told, for the tests of annotating."""

import json
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body; status 0 hangs up."""
GOOD = "Topic: Growing of five red apples\nSummary: The text says how apples grow."


def completion(content: object) -> Answer:
    """What a server answers that said `content`."""
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


class Server:
    """Answers as `script` says, one after the other, the last for ever; keeps what it was asked."""

    def __init__(self) -> None:
        self.script: list[Answer] = [completion(GOOD)]
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.delay = 0.0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append((self.path, dict(self.headers), body))
                time.sleep(server.delay)
                code, headers, answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                if code == 0:
                    self.close_connection = True
                    return
                self.send_response(code)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                # Who waited too long is gone by now.
                with suppress(OSError):
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                return None

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}/v1"
        Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
