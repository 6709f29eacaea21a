"""Drives the simulated GitLab with python-gitlab, as its users do. Prints one line a finished
chapter; any surprise is an exception.

usage: python_gitlab.py URL    (environment: MOCK_TOKEN)
"""
import os
import sys
import time

import gitlab


def expect(value, wanted):
    if value != wanted:
        raise AssertionError("%r, wanted %r" % (value, wanted))


def refused(code, call, *args, **named):
    try:
        call(*args, **named)
    except gitlab.exceptions.GitlabError as error:
        expect(error.response_code, code)
        return str(error)
    raise AssertionError("not refused")


def poll(project, pipeline_id, wanted, seconds=30):
    give_up = time.monotonic() + seconds
    while True:
        status = project.pipelines.get(pipeline_id).status
        if status == wanted:
            return
        if time.monotonic() > give_up or status in ("success", "failed", "canceled"):
            raise AssertionError("%s, wanted %s" % (status, wanted))
        time.sleep(0.05)


def create_and_poll(client):
    project = client.projects.get("acme/lib")
    expect((project.id, project.path_with_namespace), (11, "acme/lib"))
    expect(client.projects.get(11).path_with_namespace, "acme/lib")
    pipeline = project.pipelines.create(
        {"ref": "main", "variables": [{"key": "COLOUR", "value": "gr\u00fcn & blau"}]})
    expect((pipeline.ref, pipeline.source, pipeline.project_id), ("main", "api", 11))
    expect([(v.key, v.value) for v in pipeline.variables.list(get_all=True)],
           [("COLOUR", "gr\u00fcn & blau")])
    poll(project, pipeline.id, "success")
    pipeline.refresh()
    assert pipeline.finished_at and pipeline.duration is not None
    print("created and polled to success")
    return project, pipeline


def jobs_and_log(project, pipeline):
    jobs = pipeline.jobs.list(get_all=True)
    expect(sorted((j.name, j.stage, j.status) for j in jobs),
           [("compile", "build", "success"), ("unit", "test", "success")])
    unit = [j for j in jobs if j.name == "unit"][0]
    assert "ok 1 - adds" in project.jobs.get(unit.id).trace().decode()
    again = project.jobs.get(unit.id)
    again.retry()
    names = [j.name for j in pipeline.jobs.list(get_all=True, include_retried=True)]
    expect(sorted(names), ["compile", "unit", "unit"])
    poll(project, pipeline.id, "success")
    print("read jobs and a log, retried a job")


def lists(project, pipeline):
    created = [project.pipelines.create({"ref": "main"}).id for _ in range(3)]
    listed = [p.id for p in project.pipelines.list(get_all=True)]
    expect(listed, sorted(created + [pipeline.id], reverse=True))
    walked = [p.id for p in project.pipelines.list(iterator=True, per_page=1)]
    expect(walked, listed)
    expect([p.id for p in project.pipelines.list(per_page=2, page=2)], listed[2:4])
    page = project.pipelines.list(iterator=True, per_page=3)
    expect((page.total, page.total_pages, page.per_page), (4, 2, 3))
    expect(project.pipelines.list(get_all=True, ref="elsewhere"), [])
    expect([p.id for p in project.pipelines.list(get_all=True, sort="asc", order_by="id")],
           sorted(listed))
    for number in created:
        poll(project, number, "success")
    expect(len(project.pipelines.list(get_all=True, status="success")), 4)
    expect(project.pipelines.get("latest", ref="main").id, created[-1])
    print("listed by pages and filters")


def cancel_and_retry(client):
    project = client.projects.get("acme/slow")
    pipeline = project.pipelines.create({"ref": "main"})
    pipeline.cancel()
    poll(project, pipeline.id, "canceled")
    expect(set(j.status for j in pipeline.jobs.list(get_all=True)), {"canceled"})
    pipeline.retry()
    assert project.pipelines.get(pipeline.id).status in ("pending", "running")
    job = [j for j in pipeline.jobs.list(get_all=True) if j.status != "canceled"][0]
    project.jobs.get(job.id).cancel()
    poll(project, pipeline.id, "canceled")
    pipeline.delete()
    assert "404" in refused(404, project.pipelines.get, pipeline.id)
    print("cancelled, retried and deleted")


def trigger(client, url):
    # Without a token of its own: the trigger token alone lets it in.
    project = gitlab.Gitlab(url).projects.get("acme/lib", lazy=True)
    number = project.trigger_pipeline("main", "glptt-lib", {"COLOUR": "blue"}).id
    pipeline = client.projects.get(11).pipelines.get(number)
    expect(pipeline.source, "trigger")
    expect([(v.key, v.value) for v in pipeline.variables.list(get_all=True) if v.key == "COLOUR"],
           [("COLOUR", "blue")])
    poll(client.projects.get(11), pipeline.id, "success")
    refused(401, project.trigger_pipeline, "main", "glptt-wrong")
    print("triggered with a token")


def refusals(client, url):
    refused(404, client.projects.get, "acme/nothing")
    project = client.projects.get("acme/lib")
    refused(400, project.pipelines.create, {"ref": ""})
    refused(404, project.jobs.get, 999999)
    refused(401, gitlab.Gitlab(url, private_token="wrong-token-0123").projects.get, 11)
    bearer = gitlab.Gitlab(url, oauth_token=os.environ["MOCK_TOKEN"])
    expect(bearer.projects.get(11).id, 11)
    print("refused what GitLab refuses")


def main():
    url = sys.argv[1]
    client = gitlab.Gitlab(url, private_token=os.environ["MOCK_TOKEN"])
    project, pipeline = create_and_poll(client)
    jobs_and_log(project, pipeline)
    lists(project, pipeline)
    cancel_and_retry(client)
    trigger(client, url)
    refusals(client, url)


main()
