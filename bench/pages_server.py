"""Serves the 10,000 jobs of one pipeline (9.7 MB), 100 a page, with GitLab's paging headers.

usage: pages_server.py DELAY     seconds before each page; prints its URL
"""
import asyncio
import json
import re
import sys

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


def answer(page, path):
    body, following = BODIES[page - 1], page + 1 if page < PAGES else ""
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: %d" % len(body),
            "X-Page: %d" % page, "X-Per-Page: %d" % ROWS, "X-Total: %d" % (PAGES * ROWS),
            "X-Total-Pages: %d" % PAGES, "X-Next-Page: %s" % following]
    if following:
        head.append('Link: <%s%s?page=%d&per_page=%d>; rel="next"' % (BASE, path, following, ROWS))
    return "\r\n".join(head + ["", ""]).encode() + body


async def serve(reader, writer):
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            path, _, query = request.split(b" ", 2)[1].decode().partition("?")
            page = re.search(r"(?:^|&)page=(\d+)", query)
            if DELAY:
                await asyncio.sleep(DELAY)
            writer.write(answer(int(page.group(1)) if page else 1, path))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    global BASE
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    BASE = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    print(BASE, flush=True)
    await server.serve_forever()


DELAY = float(sys.argv[1])
asyncio.run(main())
