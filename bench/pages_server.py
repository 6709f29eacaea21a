"""Serves the 10,000 jobs of one pipeline (9.7 MB), 100 a page, with GitLab's paging headers.

usage: pages_server.py DELAY     seconds before each page; prints its URL
"""
import http.server
import json
import sys
import time
import urllib.parse

PAGES, ROWS = 100, 100
USER = {"id": 1, "username": "ann", "name": "Ann", "state": "active", "web_url": "https://gitlab.test/ann"}
COMMIT = {"id": "a" * 40, "short_id": "a" * 8, "title": "Say what changes", "message": "m" * 115,
          "author_name": "Ann", "created_at": "2026-01-01T00:00:00.000Z"}
PIPELINE = {"id": 3, "iid": 3, "project_id": 17, "status": "success", "ref": "main", "sha": "a" * 40}


def job(number):
    return {"id": number, "status": "success", "stage": "test", "name": "unit %d" % number, "ref": "main",
            "tag": False, "coverage": None, "allow_failure": False, "created_at": "2026-01-01T00:00:00.000Z",
            "started_at": "2026-01-01T00:00:01.000Z", "finished_at": "2026-01-01T00:00:13.500Z",
            "duration": 12.5, "queued_duration": 0.5, "user": USER, "commit": COMMIT, "pipeline": PIPELINE,
            "web_url": "https://gitlab.test/a/b/-/jobs/%d" % number, "artifacts": [], "runner": None,
            "tag_list": []}


BODIES = [json.dumps([job(PAGES * ROWS - page * ROWS - i) for i in range(ROWS)]).encode()
          for page in range(PAGES)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        page = int(urllib.parse.parse_qs(url.query).get("page", ["1"])[0])
        time.sleep(DELAY)
        body, following = BODIES[page - 1], page + 1 if page < PAGES else ""
        head = ["HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: %d" % len(body),
                "X-Page: %d" % page, "X-Per-Page: %d" % ROWS, "X-Total: %d" % (PAGES * ROWS),
                "X-Total-Pages: %d" % PAGES, "X-Next-Page: %s" % following]
        if following:
            head.append('Link: <%s%s?page=%d&per_page=%d>; rel="next"' % (BASE, url.path, following, ROWS))
        self.wfile.write("\r\n".join(head + ["", ""]).encode() + body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


DELAY = float(sys.argv[1])
server = Server(("127.0.0.1", 0), Handler)
BASE = "http://127.0.0.1:%d" % server.server_port
print(BASE, flush=True)
server.serve_forever()
