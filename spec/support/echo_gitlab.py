#!/usr/bin/python3
"""A GitLab that sends back the token that it was sent, in every field and header, written in every way.

usage: echo_gitlab.py
Prints its URL when ready; ends with SIGTERM. The base URL's path says how it answers: /ok, /refused (a
JSON error), /long (one that is cut), /broken (no JSON), /page (a proxy's error), /moved (a redirect).
"""
import base64
import http.server
import json
import re
import socketserver
import urllib.parse

TIME = "2024-05-22T12:43:46.962646Z 00O "


def forms(token):
    """Every way in which a token may be written in a line."""
    whole = [token, urllib.parse.quote(token, safe=""), urllib.parse.quote_plus(token),
             "".join("%%%02X" % ord(c) for c in token), "".join("\\u%04x" % ord(c) for c in token),
             token.replace("/", "\\/"), token.encode().hex(), token.encode().hex().upper()]
    whole += [base64.b64encode(b"x" * i + token.encode() + b"yy").decode() for i in range(3)]
    whole += [base64.urlsafe_b64encode(b"x" * i + token.encode() + b"yy").decode() for i in range(3)]
    whole += [token[:7] + gap + token[7:] for gap in ("\033[31m", "\033[0;1m\033[K", "\u200b", "\x00", "\x08")]
    return whole


def broken(token):
    """The same over ends of lines."""
    return [token[:at] + end + token[at:] for at in (1, 3, 5, 9) for end in ("\n", "\r\n")] \
        + ["\n".join(token), base64.b64encode(token.encode()).decode().replace("a", "a\n")]


def text(token):
    return " | ".join(forms(token) + broken(token))


def log(token):
    lines = ["| " + one + " |" for one in forms(token)] + broken(token)
    lines += ["\033[0;31m" + token[:8] + "\033[0m" + token[8:], "x" * 300 + token,
              token[:6] + "\r\n" + TIME + token[6:]]
    return "\n".join(lines) + "\nERROR: Job failed: exit code 1\n"


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def token(self):
        bearer = (self.headers.get("Authorization") or "").replace("Bearer ", "")
        return self.headers.get("PRIVATE-TOKEN") or self.headers.get("JOB-TOKEN") or bearer or "no-token-at-all"

    def send(self, status, body, kind="application/json", more=()):
        token = self.token()
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status, "Said " + token)
        for name in ("X-Request-Id", "X-Echo", "Server", "Via", "X-Gitlab-Meta", "Content-Disposition"):
            self.send_header(name, "a " + " ".join(one for one in forms(token) if one.isprintable()))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def row(self, kind, number, status):
        said = text(self.token())
        row = {name: said for name in (
            "ref", "sha", "name", "stage", "source", "web_url", "failure_reason", "tier", "state", "external_url",
            "detailed_status", "coverage", "yaml_errors", "username", "description", "slug", "filename", "path")}
        row.update(id=number, iid=1, project_id=11, status=status, allow_failure=False, tag_list=[said],
                   created_at="2024-05-22T12:43:46.962Z", updated_at="2024-05-22T12:43:47.962Z", duration=1.5,
                   started_at="2024-05-22T12:43:46.962Z", finished_at="2024-05-22T12:43:47.962Z",
                   user={"username": said, "name": said}, default_branch="main", path_with_namespace=said)
        row["web_url"] = "https://host/" + said
        if kind == "job":
            row["pipeline"] = {"id": 101, "project_id": 11, "ref": said, "sha": said, "status": status}
            row["artifacts_file"] = {"filename": said, "size": 1}
        return row

    def answer(self, path):
        said = text(self.token())
        if path.endswith("/trace"):
            return self.send(200, log(self.token()), "text/plain")
        if path.endswith("/artifacts/tree"):
            return self.send(200, json.dumps([{"name": said, "path": said, "type": "file", "size": 3, "mode": said}]))
        if path.endswith("/jobs") or path.endswith("/environments") or path.endswith("/trigger_jobs"):
            rows = [] if path.endswith("/trigger_jobs") else [self.row("job", 201, "failed")]
            return self.send(200, json.dumps(rows))
        if path.endswith("/pipelines") and self.command == "GET":
            return self.send(200, json.dumps([self.row("pipeline", 101, "failed")]))
        if re.search(r"/(pipeline|pipelines)$", path):
            return self.send(201, json.dumps(self.row("pipeline", 101, "failed")))
        if path.endswith("/user") or path.endswith("/self"):
            row = self.row("token", 5, "active")
            row.update(scopes=["api", said], expires_at=said, revoked=False, active=True)
            return self.send(200, json.dumps(row))
        if re.search(r"/jobs/\d+", path):
            return self.send(200, json.dumps(self.row("job", 201, "failed")))
        if path.endswith("/version"):
            return self.send(200, json.dumps({"version": "18.0.0", "revision": said}))
        return self.send(200, json.dumps(self.row("pipeline", 101, "failed")))

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, how, path = urllib.parse.urlsplit(self.path).path.split("/", 2)
        said = text(self.token())
        if how == "refused":
            return self.send(403, json.dumps({"message": {said: [said]}, "error": said}))
        if how == "long":
            return self.send(400, json.dumps({"message": "x" * 290 + self.token() + " \n\n " + said}))
        if how == "broken":
            return self.send(200, said)
        if how == "page":
            return self.send(500, said, "text/plain")
        if how == "moved":
            where = "http://other.invalid/" + urllib.parse.quote(self.token()) + "?token=" + self.token()
            return self.send(302, said, "text/plain", [("Location", where)])
        return self.answer(path)

    do_POST = do_PUT = do_DELETE = do_GET


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Echo)
print("http://127.0.0.1:%d" % server.server_address[1], flush=True)
server.serve_forever()
