"""Runs the command line as a process of its own per request, without waiting for the libraries' import each time.

Reads requests from stdin, one JSON object a line: ``args``, ``cwd``, ``env``, and the files ``stdout`` and ``stderr``.
Answers each with a line ``{"code": exit code}``. The libraries are imported once; every command runs in a fork that
has done nothing else.
"""

import json
import os
import runpy
import sys
import traceback
from typing import Any, NoReturn

import click

from seasonet_build import cli


def serve() -> None:
    context = click.Context(cli.cli)
    for name in cli.cli.list_commands(context):
        cli.cli.get_command(context, name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


def _run(request: dict[str, Any]) -> NoReturn:
    code: object = 1
    try:
        _redirect(os.devnull, 0, os.O_RDONLY)
        _redirect(request["stdout"], 1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        _redirect(request["stderr"], 2, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["seasonet-build", *request["args"]]  # runpy puts the module's file first
        runpy.run_module("seasonet_build", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _redirect(path: str, descriptor: int, flags: int) -> None:
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    serve()
