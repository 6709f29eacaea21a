"""Reads all jobs of one pipeline with python-gitlab's iterator.

usage: python_gitlab_pages.py URL
prints: requests=ROWS seconds=S cpu=C peak=KiB (resident)
"""
import os
import resource
import sys
import time

import gitlab

client = gitlab.Gitlab(sys.argv[1], private_token=os.environ["MOCK_TOKEN"])
pipeline = client.projects.get(17, lazy=True).pipelines.get(3, lazy=True)
start, start_cpu, rows = time.monotonic(), time.process_time(), 0
for job in pipeline.jobs.list(iterator=True, per_page=100):
    assert job.id and job.status
    rows += 1
assert rows == 10000
print("requests=%d seconds=%.6f cpu=%.6f peak=%d" % (
    rows, time.monotonic() - start, time.process_time() - start_cpu,
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
