"""Reads one pipeline again and again with python-gitlab, one request after the other.

usage: python_gitlab_load.py URL TOTAL WARM_UP
prints: requests=N seconds=S cpu=C
"""
import os
import sys
import time

import gitlab


def main():
    url, total, warm_up = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client = gitlab.Gitlab(url, private_token=os.environ["MOCK_TOKEN"])
    project = client.projects.get(11, lazy=True)

    def read(count):
        for _ in range(count):
            pipeline = project.pipelines.get(1)
            assert pipeline.id == 1 and pipeline.status

    read(warm_up)
    start, start_cpu = time.monotonic(), time.process_time()
    read(total)
    print("requests=%d seconds=%.6f cpu=%.6f" % (
        total, time.monotonic() - start, time.process_time() - start_cpu))


main()
