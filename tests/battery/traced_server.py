"""Runs the command line as a process of its own per request, and lets somebody take hold of it before it begins.

Reads requests from stdin, one JSON object a line (see tests/bad_input/command_server.py). Answers each with the process
id, waits for an empty line, lets the command begin, and answers with its exit code, or minus the signal that ended it.
"""

import gc
import json
import os
import sys

import click

from seasonet_build import cli
from tests.bad_input.command_server import _run
from tests.battery.tracee import let_anybody_trace


def serve() -> None:
    context = click.Context(cli.cli)
    for name in cli.cli.list_commands(context):
        cli.cli.get_command(context, name)
    gc.collect()
    gc.freeze()  # so that forks share what is there
    while line := sys.stdin.readline():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            let_anybody_trace()
            if not os.read(reading, 1):
                os._exit(1)  # nobody is left to tell
            os.close(reading)
            _run(json.loads(line))
        os.close(reading)
        print(child, flush=True)
        sys.stdin.readline()
        os.write(writing, b"\n")
        os.close(writing)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
