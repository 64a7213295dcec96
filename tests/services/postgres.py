"""A throw-away PostgreSQL cluster with pgSTAC's tables."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.process import ServerError, ServerProcess, free_port


@dataclass(frozen=True)
class Postgres:
    """A running cluster; whoever reaches the port of the loopback device may do everything."""

    port: int
    user: str
    folder: Path
    database: str = "postgres"

    @property
    def environment(self) -> dict[str, str]:
        """What libpq and stac-fastapi-pgstac read."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": "none",
            "PGDATABASE": self.database,
        }


@contextmanager
def postgres(services: Path) -> Iterator[Postgres]:
    """Run a cluster made for the occasion, with pgSTAC; ``services`` is the folder of scripts/test-services.sh."""
    programs = (services / "postgresql").resolve()
    # In the system's own folder: PostgreSQL's user could not enter those of pytest, and names of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="seasonet-pg-"))
    try:
        user = _unprivileged()
        if user is not None:
            shutil.chown(folder, user)
        data, log = folder / "data", folder / "postgres.log"
        _check(
            subprocess.run(
                [
                    programs / "initdb",
                    "-D",
                    data,
                    "-U",
                    "tests",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "--no-sync",
                ],
                user=user,
                extra_groups=[] if user else None,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
        )
        database = Postgres(free_port(), "tests", folder)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": database.port,
            "unix_socket_directories": folder,
            # Nobody needs the data after a crash.
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # INT is PostgreSQL's fast shutdown: it does not wait for clients.
        with ServerProcess([programs / "postgres", "-D", data, *options], log, user=user, stop_signal="INT") as server:
            environment = {**os.environ, **database.environment}
            server.wait_until(lambda: _answers(programs, database))
            _check(
                subprocess.run(
                    [services / "bin" / "pypgstac", "migrate"],
                    env=environment,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    check=False,
                )
            )
            yield database
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> str | None:
    """The user to run as if we are root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"


def _answers(programs: Path, database: Postgres) -> bool:
    # A port that accepts connections is not enough: the server does that while it is still starting.
    probe = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(database.port)]
    return subprocess.run(probe, check=False).returncode == 0


def _check(run: "subprocess.CompletedProcess[str]") -> None:
    if run.returncode:
        raise ServerError(f"{Path(run.args[0]).name} failed: {(run.stderr or run.stdout)[-2000:]}")
