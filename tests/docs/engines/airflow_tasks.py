"""Runs of a DAG of Airflow, with their triggers, in one process; one of them is done again."""

import os
from datetime import UTC, datetime

from airflow.sdk import dag
from announcements import AnnounceOperator


@dag(schedule=None)
def announcements() -> None:
    AnnounceOperator(
        task_id="announce",
        channel="{{ dag_run.conf['channel'] }}",
        text="{{ dag_run.conf['text'] }}",
        at="{{ dag_run.conf['at'] }}",
    )


def main() -> None:
    runs = announcements()
    for day, text, wanted in (
        (1, "first", "success"),
        (1, "first", "success"),  # the same run, anew
        (2, "second", "success"),
        (3, "x" * 600, "failed"),
    ):
        conf = {"channel": os.environ["CHANNEL"], "text": text, "at": os.environ["AT"]}
        moment = datetime(2026, 1, day, tzinfo=UTC)  # which the id of the run is made of
        run = runs.test(run_after=moment, logical_date=moment, run_conf=conf)
        assert run.state == wanted, (text, run.state)


if __name__ == "__main__":  # a DAG's file is also loaded to read it
    main()
else:
    announcements()
