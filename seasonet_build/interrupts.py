"""Whether somebody asked the program to stop."""

import threading

stop_requested = threading.Event()
"""Set by the signal handler. An interrupt that is raised inside a destructor or a callback is lost; this is not."""
