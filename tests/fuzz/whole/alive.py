"""Asks /healthz of a port every 50 ms until it is told to stop; then prints all times, in milliseconds."""

import signal
import socket
import sys
import time

times = []


def stop(*_):
    print("\n".join(f"{one:.2f}" for one in times))
    sys.exit(0)


def ask(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(answer[:80])


signal.signal(signal.SIGTERM, stop)
while True:
    started = time.perf_counter()
    try:
        ask(int(sys.argv[1]))
        times.append((time.perf_counter() - started) * 1000)
    except OSError:
        # Longer than any time that is allowed.
        times.append(99_999.0)
    time.sleep(max(0.0, 0.05 - (time.perf_counter() - started)))
