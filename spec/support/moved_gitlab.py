"""A GitLab below a path, with a project that has moved, and a proxy's pages.

usage: python3 moved_gitlab.py     prints its URL; ends with SIGTERM
"""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []
throttled = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json", **headers):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        asked.append({"method": self.command, "path": self.path, "token": self.headers.get("PRIVATE-TOKEN")})
        api = "/gitlab/api/v4"
        if self.path == "/asked":
            return self.answer(200, asked[:-1])
        if self.path == "/gitlab/oauth/token/info":
            return self.answer(200, {"scope": ["api"]})
        if not self.path.startswith(api + "/"):
            return self.answer(404, "<html>nothing here</html>", "text/html")
        path = self.path[len(api):]
        if path.startswith("/projects/old%2Fapp"):
            host = "http://%s" % self.headers["Host"]
            return self.answer(301, "This resource has been moved", "text/plain",
                               Location=host + api + path.replace("old%2Fapp", "17", 1))
        if path.startswith("/projects/18"):
            return self.answer(502, "<html><body>Bad Gateway</body></html>", "text/html")
        if path.startswith("/projects/19"):
            return self.answer(200, "<html><body>Please log in</body></html>", "text/html")
        if path.startswith("/projects/20") and not throttled:
            throttled.append(1)
            return self.answer(429, "Retry later\n", "text/plain", Retry_After="0")
        if "/pipelines?" in path:
            return self.answer(200, [{"id": 3, "status": "running"}])
        number = 20 if path.startswith("/projects/20") else 17
        return self.answer(200, {"id": number, "path_with_namespace": "new/app"})

    do_GET = do_POST = do_PUT = do_DELETE = serve


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
