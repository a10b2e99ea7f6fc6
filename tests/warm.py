"""A warm Python: what many processes import is imported once, and each of them is a fork of that one.

A study starts 110 processes, a papermill and a kernel for each page, and most of their time goes into the same imports.
``warm`` puts in front of the PATH a ``papermill``, and in front of Jupyter's kernels a ``python3``, that ask a server
for a fork of itself. Only libraries are imported before, never this project: its files are read in each fork.
"""

import atexit
import json
import os
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

LIBRARIES = (
    "papermill.cli ipykernel.kernelapp nbformat yaml pydantic pandas pyarrow.parquet duckdb scipy.stats scipy.optimize"
    " matplotlib.pyplot matplotlib_inline.backend_inline torch safetensors.torch sklearn.linear_model sklearn.manifold"
    " sklearn.ensemble sklearn.decomposition statsmodels.api altair"
)
CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
told = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(server, [len(told).to_bytes(8, "big")], [0, 1, 2])
server.sendall(told)
sys.exit((server.recv(1) or b"\\1")[0])
"""


@contextmanager
def warm(folder: Path, home: Path) -> Iterator[dict[str, str]]:
    """A server until the block ends, with all that it started; gives the environment in which it is asked.

    folder: for its files, with a short path, since a socket's has 107 letters at most; home: where it runs, and whose
    packages are imported.
    """
    address, client, kernel = folder / "socket", folder / "client", folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    (folder / "bin").mkdir()
    (folder / "bin" / "papermill").write_text(f'#!/bin/sh\nexec {shlex.quote(str(client))} papermill "$@"\n')
    for program in (client, folder / "bin" / "papermill"):
        program.chmod(0o755)
    argv = [str(client), "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "warm", "language": "python"}))
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(home), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    command = [sys.executable, "-P", __file__, str(address)]
    with subprocess.Popen(
        command, cwd=home, env=os.environ | own, stdout=subprocess.PIPE, start_new_session=True
    ) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            yield {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "JUPYTER_PATH": str(folder)}
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def serve(address: str) -> None:
    """Fork for everyone who asks, until killed, or until who started it is gone."""
    parent = os.getppid()
    for name in LIBRARIES.split():
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries those that end
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    listener.settimeout(5)
    print("ready", flush=True)
    while os.getppid() == parent:
        try:
            asked, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listener.close()
            answer(asked)
        asked.close()
    os.killpg(0, signal.SIGKILL)


def answer(asked: socket.socket) -> None:
    """Be the process that was asked for: its files, environment, folder and arguments; then send its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(asked, 8, 3)
    told = b""
    while len(told) < int.from_bytes(size, "big"):
        told += asked.recv(65536)
    (module, *arguments), environment, folder = json.loads(told)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, folder)  # as ``python -m`` does
    sys.argv, code = [module, *arguments], 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError):  # who asked may be gone: Jupyter kills a kernel that takes long to end
        asked.send(bytes([code]))
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
