"""A syslog server over TLS (RFC 5425) that keeps what it is given.

Prints "port N" once it listens and ends when its standard input is closed. Each message becomes a file NNNN.log in FOLDER;
what is not framed as RFC 5425 asks becomes NNNN.bad. --plain speaks no TLS, so that a client must refuse it; --reset drops the
first N connections after the handshake.
"""

import argparse
import os
import re
import socket
import struct
import sys
import threading

from smtp_sink import tls_context, write


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--certificate", help="where to write the self-signed certificate (PEM)")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--reset", type=int, default=0, metavar="N")
    return parser.parse_args()


def messages(received):
    """Splits octet-counted frames: "LENGTH SP MESSAGE"."""
    while received:
        head = re.match(rb"([1-9][0-9]*) ", received)
        if not head or len(received) < head.end() + int(head.group(1)):
            yield "bad", received
            return
        end = head.end() + int(head.group(1))
        yield "log", received[head.end() : end]
        received = received[end:]


def serve(options):
    os.makedirs(options.folder, exist_ok=True)
    context = None if options.plain else tls_context(options.certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"port {listener.getsockname()[1]}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    count, resets = 0, options.reset
    while True:
        connection, _ = listener.accept()
        try:
            stream = context.wrap_socket(connection, server_side=True) if context else connection
            if not context:
                stream.sendall(b"no TLS here\r\n")
            if resets > 0:
                resets -= 1
                # An abortive close: the client sees a reset.
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(stream.detach())
                continue
            received = b""
            while chunk := stream.recv(65536):
                received += chunk
            for kind, message in messages(received):
                count += 1
                write(os.path.join(options.folder, f"{count:04}.{kind}"), message)
            stream.close()
        except OSError:
            connection.close()


if __name__ == "__main__":
    serve(arguments())
