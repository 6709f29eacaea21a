"""python-gitlab, unchanged, through the calls that concern pipelines. Prints "ok" at the end.

usage: python_gitlab.py LUA SERVE_SCRIPT WORLD
"""
import subprocess
import sys
import time

import gitlab


def wait_for(read, wanted, tries=400):
    for _ in range(tries):
        value = read()
        if value in wanted:
            return value
        time.sleep(0.02)
    raise SystemExit("never became %s, was %s" % (wanted, value))


def raises(status, call):
    try:
        call()
    except gitlab.exceptions.GitlabError as error:
        assert error.response_code == status, (error.response_code, status, str(error))
        return str(error)
    raise AssertionError("no error %d" % status)


def pipelines(project):
    pipeline = project.pipelines.create({"ref": "main", "variables": [{"key": "A", "value": "1"}]})
    assert pipeline.status == "created", pipeline.status
    wait_for(lambda: project.pipelines.get(pipeline.id).status, ["success"])
    assert [v.key for v in pipeline.variables.list()] == ["A"]
    jobs = pipeline.jobs.list(get_all=True)
    assert [j.name for j in jobs] == ["deploy", "unit", "compile"], [j.name for j in jobs]
    assert pipeline.test_report.get().total_count == 2
    assert pipeline.test_report_summary.get().total["count"] == 2
    return pipeline, jobs


def jobs_of(project, jobs):
    compile_job = project.jobs.get(jobs[2].id)
    assert b"Job succeeded" in compile_job.trace()
    assert compile_job.artifact("build.env") == b"BUILD_ID=42\n"
    assert compile_job.artifacts()[:2] == b"PK"
    deploy = project.jobs.get(jobs[0].id)
    assert deploy.status == "manual"
    deploy.play()
    wait_for(lambda: project.jobs.get(deploy.id).status, ["success"])
    unit = project.jobs.get(jobs[1].id)
    unit.retry()
    unit.erase()
    assert project.jobs.get(unit.id).trace() == b""
    raises(403, project.jobs.get(unit.id).retry)
    wait_for(lambda: project.pipelines.get(unit.pipeline["id"]).status, ["success"])
    artifacts(project, compile_job)
    assert len(project.jobs.list(iterator=False, per_page=2, get_all=False)) == 2


def artifacts(project, job):
    assert project.artifacts.download(ref_name="main", job="compile")[:2] == b"PK"
    assert project.artifacts.raw("main", "build.env", "compile") == b"BUILD_ID=42\n"
    pieces = []
    job.artifacts(streamed=True, action=pieces.append, chunk_size=16)
    assert b"".join(pieces) == job.artifacts() and len(pieces) > 1
    raises(404, lambda: job.artifact("nothing"))
    job.keep_artifacts()
    assert project.jobs.get(job.id).artifacts_expire_at is None
    job.delete_artifacts()
    raises(404, job.artifacts)
    project.artifacts.delete()


def failing(project):
    pipeline = project.pipelines.create({"ref": "main", "variables": [{"key": "FAIL", "value": "unit"}]})
    wait_for(lambda: project.pipelines.get(pipeline.id).status, ["failed"])
    pipeline.retry()
    assert project.pipelines.get(pipeline.id).status == "running"
    pipeline.cancel()
    wait_for(lambda: project.pipelines.get(pipeline.id).status, ["canceled"])
    pipeline.delete()
    raises(404, lambda: project.pipelines.get(pipeline.id))


def triggers(project):
    trigger = project.triggers.create({"description": "from a test"})
    pipeline = project.trigger_pipeline("main", trigger.token, variables={"B": "2"})
    assert pipeline.source == "trigger"
    assert project.triggers.get(trigger.id).last_used
    trigger.description = "renamed"
    trigger.save()
    assert [t.description for t in project.triggers.list()] == ["renamed"]
    trigger.delete()
    raises(401, lambda: project.trigger_pipeline("main", trigger.token))


def settings(project):
    variable = project.variables.create({"key": "K", "value": "secret-value", "masked": True})
    variable.value = "another-value"
    variable.save()
    assert project.variables.get("K").value == "another-value"
    project.variables.create({"key": "S", "value": "1", "environment_scope": "production"})
    project.variables.create({"key": "S", "value": "2", "environment_scope": "staging"})
    raises(409, lambda: project.variables.get("S"))
    assert project.variables.get("S", filter={"environment_scope": "staging"}).value == "2"
    assert [v.key for v in project.variables.list()] == ["K", "S", "S"]
    project.variables.delete("S", filter={"environment_scope": "staging"})
    assert project.variables.get("S").value == "1"
    project.variables.delete("S")
    raises(400, lambda: project.variables.create({"key": "K", "value": "again"}))
    variable.delete()
    raises(404, lambda: project.variables.get("K"))


def environments(project):
    production = project.environments.list(name="production")[0]
    assert production.state == "available"
    assert project.environments.get(production.id).last_deployment["status"] == "success"
    deployment = project.deployments.list(environment="production")[0]
    assert project.deployments.get(deployment.id).deployable["name"] == "deploy"
    raises(403, production.delete)
    production.stop()
    project.environments.delete(production.id)
    review = project.environments.create({"name": "review/x", "external_url": "https://x.example.com"})
    review.tier = "testing"
    review.save()
    assert project.environments.get(review.id).tier == "testing"
    assert [e.name for e in project.environments.list(search="review")] == ["review/x"]
    review.stop()
    review.delete()
    assert project.environments.list() == []


def hooks(project):
    hook = project.hooks.create({"url": "https://x.example.com/", "pipeline_events": 1, "push_events": 0,
                                 "token": "hush-hush"})
    assert (hook.pipeline_events, hook.push_events, hook.job_events) == (True, False, False)
    hook.job_events = True
    hook.save()
    kept = project.hooks.get(hook.id)
    assert (kept.pipeline_events, kept.job_events, kept.url) == (True, True, "https://x.example.com/")
    assert not hasattr(kept, "token")
    assert [h.id for h in project.hooks.list(get_all=True)] == [hook.id]
    raises(422, lambda: project.hooks.create({"url": "nowhere"}))
    hook.delete()
    raises(404, lambda: project.hooks.get(hook.id))


def main():
    lua, script, world = sys.argv[1:4]
    server = subprocess.Popen([lua, script, world], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        gl = gitlab.Gitlab(url, private_token="MOCK_SUPER_SECRET")
        gl.auth()
        assert gl.version()[0]
        project = gl.projects.get("acme/lib")
        _, jobs = pipelines(project)
        jobs_of(project, jobs)
        environments(project)
        failing(project)
        triggers(project)
        settings(project)
        hooks(project)
        for _ in range(25):
            project.pipelines.create({"ref": "main"})
        listed = project.pipelines.list(get_all=True, per_page=7)
        ids = [p.id for p in listed]
        assert len(ids) == 27 and ids == sorted(ids, reverse=True), ids
        raises(401, lambda: gitlab.Gitlab(url, private_token="wrong").projects.get(11))
        raises(404, lambda: gl.projects.get("acme/nothing"))
    finally:
        server.terminate()
        server.wait()
    print("ok")


main()
