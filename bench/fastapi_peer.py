"""The peer that a team would write itself: the simulated GitLab's two endpoints, trigger and read,
as a small FastAPI application over SQLite, under uvicorn. The status depends on the elapsed time,
as in the simulated GitLab; the responses have the same shape.

usage: fastapi_peer.py FILE      prints one line with its URL (environment: MOCK_TOKEN)
"""
import datetime
import os
import socket
import sqlite3
import sys
import time
from typing import Optional

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

TOKEN = os.environ.get("MOCK_TOKEN", "MOCK_SUPER_SECRET")
application = FastAPI()
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.row_factory = sqlite3.Row
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = NORMAL")
database.execute("""CREATE TABLE IF NOT EXISTS pipelines(
    id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL, ref TEXT NOT NULL,
    sha TEXT NOT NULL, terminal_after_seconds INTEGER, terminal_status TEXT, created_at REAL)""")


class Trigger(BaseModel):
    ref: str
    terminal_after_seconds: Optional[int] = None
    terminal_status: Optional[str] = None


def stamp(seconds):
    return datetime.datetime.utcfromtimestamp(seconds).isoformat(timespec="milliseconds") + "Z"


def shape(row, now):
    after = row["terminal_after_seconds"]
    ended = after is not None and now - row["created_at"] >= after
    status = (row["terminal_status"] or "success") if ended else "running"
    path = "/group/project-%d/-/pipelines/%d" % (row["project_id"], row["id"])
    return {
        "id": row["id"], "iid": row["id"], "project_id": row["project_id"], "sha": row["sha"],
        "ref": row["ref"], "status": status, "source": "trigger",
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["created_at"] + after if ended else row["created_at"]),
        "web_url": "http://127.0.0.1" + path, "name": None, "before_sha": "0" * 40, "tag": False,
        "yaml_errors": None,
        "user": {"id": 1, "username": "root", "name": "Administrator", "state": "active",
                 "locked": False, "avatar_url": None, "web_url": "http://127.0.0.1/root"},
        "started_at": stamp(row["created_at"]),
        "finished_at": stamp(row["created_at"] + after) if ended else None,
        "committed_at": None, "duration": after if ended else None, "queued_duration": None,
        "coverage": None,
        "detailed_status": {
            "icon": "status_" + status, "text": status, "label": status, "group": status,
            "tooltip": status, "has_details": True, "details_path": path, "illustration": None,
            "favicon": "/assets/ci_favicons/favicon_status_%s.png" % status},
        "archived": False,
    }


def check(token):
    if token != TOKEN:
        raise HTTPException(401, "401 Unauthorized")


@application.post("/api/v4/projects/{project}/trigger/pipeline", status_code=201)
async def trigger(project: int, body: Trigger, private_token: str = Header(None)):
    check(private_token)
    now = time.time()
    cursor = database.execute(
        "INSERT INTO pipelines(project_id, ref, sha, terminal_after_seconds, terminal_status,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (project, body.ref, os.urandom(20).hex(), body.terminal_after_seconds,
         body.terminal_status, now))
    row = database.execute("SELECT * FROM pipelines WHERE id = ?", (cursor.lastrowid,)).fetchone()
    return shape(row, now)


@application.get("/api/v4/projects/{project}/pipelines/{pipeline}")
async def read(project: int, pipeline: int, private_token: str = Header(None)):
    check(private_token)
    row = database.execute("SELECT * FROM pipelines WHERE id = ? AND project_id = ?",
                           (pipeline, project)).fetchone()
    if not row:
        raise HTTPException(404, "404 Not found")
    return shape(row, time.time())


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print("FastAPI on http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    config = uvicorn.Config(application, log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


main()
