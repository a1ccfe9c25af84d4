"""Ports of loopback for servers that are told by number where to listen."""

from __future__ import annotations

import socket
import sys

__all__ = ["own_port"]


def own_port() -> int:
    """A port that the system gives to nobody else while this process lives.

    It stays bound here. On Linux a server that sets `SO_REUSEADDR` may nevertheless listen on it,
    end, and listen again; elsewhere it could not, and the port is only free at this moment.
    """
    stays_bound = sys.platform == "linux"
    with socket.socket() as probe:
        if stays_bound:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        if stays_bound:
            probe.detach()
        return port
