"""Runs for Prefect: `put` them, `kill` their process while one waits, one `again`, all `end`."""

import os
import signal
import sys
import time

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

TEXTS = ("first", "second", "x" * 600)


def put(text: str) -> None:
    arguments = {"channel": os.environ["CHANNEL"], "at": os.environ["AT"], "text": text}
    arguments["key"] = text[:6]
    while True:
        try:
            run_deployment("announce/announce", parameters=arguments, timeout=0)
        except ObjectNotFound:  # the process with the deployment starts
            time.sleep(0.2)
        else:
            return


def until(*wanted: str) -> str:
    with get_client(sync_client=True) as client:
        while True:
            states = [run.state_type.value for run in client.read_flow_runs()]
            waiting = states.count("SCHEDULED")
            others = {*states} - {"SCHEDULED", "COMPLETED", "FAILED"}
            begun = not waiting or len(states) > len(TEXTS)  # one that has to wait is a run more
            state = "busy" if others or not begun else "wait" if waiting else "end"
            if state in wanted:
                return state
            schedule_again(client, "CRASHED")  # Prefect may notice a kill late
            time.sleep(0.2)


def schedule_again(client: SyncPrefectClient, *kinds: str) -> None:
    """What the process that was killed had begun, as a person does it."""
    for run in client.read_flow_runs():
        if run.state_type.value in kinds:
            client.set_flow_run_state(run.id, Scheduled(), force=True)


def main(verb: str, worker: str = "") -> None:
    match verb:
        case "put":
            for text in TEXTS:
                put(text)
        case "kill":
            if until("wait", "end") == "wait":
                os.killpg(int(worker), signal.SIGKILL)
        case "again":
            with get_client(sync_client=True) as client:
                schedule_again(client, "PENDING", "RUNNING", "CRASHED")
            put("first")
        case "end":
            until("end")


main(*sys.argv[1:])
