"""Files that try to get points, to break the grading, or to stay on after it.

`WORTHLESS` have no right gradient, whatever else they do; `daemons` are right, and
leave processes behind. They run with the rights of whoever runs the tests, so each must
do no harm where a defence fails: links lead to `/dev` or to a folder beside the run's,
signals go to processes of the run alone, and whatever goes on ends by itself.
"""

from __future__ import annotations

from students.solutions import SOLUTIONS

RIGHT = f"import numpy as np\n\n\n{SOLUTIONS['residual']}"
ZEROS = """

def backward(params, residuals, d_loss=1.0):
    return {n: 0 * a for n, a in params.items()}
"""


def forging(content: str) -> str:
    """Return a file that leaves ``content`` in the place of every result, and ends."""
    return f"""\
import glob, json, os, struct, sys
folder = sys.argv[1]
beside = os.path.join(os.path.dirname(os.path.dirname(folder)), "beside")
run = ""
frame = sys._getframe()
while frame is not None:
    run = run or (frame.f_locals.get("job") or {{}}).get("run", "")
    frame = frame.f_back

def packed(told, data=b""):
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return struct.pack(">Q", len(text)) + text + data

def left(path, content):
    with open(path, "wb") as file:
        file.write(content)

count = len(glob.glob(os.path.join(folder, "case_*")))
left(os.path.join(folder, "import"), packed({{"run": run, "failed": {{}}}}))
left(os.path.join(folder, "import.json"), b"{{}}")
for i in range(count):
    path = os.path.join(folder, f"result_{{i}}")
    left(path + ".json", b"{{}}")
    held = {{"backward": [[], []]}}
    {content}
os._exit(0)
"""


def at_import(statement: str) -> str:
    return f"import os, sys, time\n{statement}\n{ZEROS}"


def in_backward(statement: str) -> str:
    return f"""\
import os, sys, time
import numpy as np

def backward(params, residuals, d_loss=1.0):
    {statement}
    return {{n: 0 * a for n, a in params.items()}}
"""


# Whether its parent is the keeper, and not the tests.
_KEPT = "b'keeper.py' in open(f'/proc/{os.getppid()}/cmdline', 'rb').read()"
_HEAD = '{"run": run, "case": i, "held": held, "arrays": []'
WORTHLESS = {
    # results that it makes itself
    "empty results": forging('left(path, packed({"run": run}))'),
    "nothing in them": forging(f"left(path, packed({_HEAD}}}))"),
    "of another run": forging('left(path, packed({"run": "0" * 32, "case": i}))'),
    "of another case": forging(
        'left(path, packed({"run": run, "case": 0, "held": held}))'
    ),
    "no digests": forging('left(path, packed({"run": run, "case": i}))'),
    "a list": forging("left(path, packed([]))"),
    "a number": forging("left(path, packed(b'1' * 100_000))"),
    "nested": forging("left(path, packed(b'[' * 1_000_000))"),
    "nested texts": forging(
        'left(path, packed({"run": run, "case": i, "amiss": {"a": [[]]}}))'
    ),
    "not a number": forging('left(path, packed(b\'{"run": NaN, "case": Infinity}\'))'),
    "not text": forging("left(path, packed(bytes(range(256))))"),
    "no length": forging("left(path, b'1')"),
    "a length without end": forging("left(path, b'\\xff' * 8)"),
    "the wrong kinds": forging(
        'left(path, packed({"run": run, "case": "0", "held": 3, "trace": {"a": 1}, '
        '"unknown": 7, "error": [], "returned": {}, "notes": 1.5, "amiss": []}))'
    ),
    "shapes without end": forging(
        'left(path, packed({"run": run, "case": i, "held": held, '
        '"arrays": [["g0", [2**62, 2**62]]]}))'
    ),
    "negative shapes": forging(
        'left(path, packed({"run": run, "case": i, "held": held, '
        '"arrays": [["g0", [-1]]]}, b"0" * 8))'
    ),
    "other shapes": forging(
        'left(path, packed({"run": run, "case": i, "held": held, '
        '"arrays": [[f"{letter}{n}", []] for letter in "gh" for n in range(6)]}, '
        'b"0" * 96))'
    ),
    "not finite": forging(
        'left(path, packed({"run": run, "case": i, "held": held, '
        '"arrays": [["g0", [3, 4]], ["h0", [3, 4]]]}, b"\\xff" * 192))'
    ),
    "an error of no kind": forging(
        'left(path, packed({"run": run, "case": i, "error": {"line": []}, "held": {}}))'
    ),
    "huge": forging("left(path, b''); os.truncate(path, 1 << 27)"),
    "pipes": forging("os.mkfifo(path)"),
    "devices": forging("os.symlink('/dev/zero', path)"),
    "terminals": forging("os.symlink('/dev/tty', path)"),
    "links without end": forging("os.symlink(path, path)"),
    "links elsewhere": forging("os.symlink(beside + '/secret', path)"),
    "folders": forging("os.mkdir(path)"),
    "pipes for all it writes": forging(
        "[os.path.exists(p) and os.remove(p) or os.mkfifo(p) for p in "
        "(folder + '/import', folder + '/printed.txt', folder + '/stack.txt') "
        "if not i]"
    ),
    "no folder any more": forging("import shutil; shutil.rmtree(folder, True)"),
    "another folder": forging(
        "i or (os.rename(folder, folder + '_'), os.symlink(beside, folder), "
        "__import__('shutil').rmtree(folder + '_'))"
    ),
    # ends
    "exits at import": at_import("sys.exit(0)"),
    "exits with all right": at_import("os._exit(0)"),
    "exits with a code": in_backward("os._exit(3)"),
    "ends itself": in_backward("os.kill(os.getpid(), 9)"),
    "ends its keeper": in_backward(
        "os.getppid() > 1 and os.kill(os.getppid(), 9); time.sleep(60)"
    ),
    "stops its keeper": in_backward(f"{_KEPT} and os.kill(os.getppid(), 19)"),
    "ends its group": in_backward("os.getpgid(0) == os.getpid() and os.killpg(0, 9)"),
    "handles signals": in_backward(
        "import signal; [signal.signal(s, lambda *_: None) for s in (2, 15, 24)]\n"
        "    while time.process_time() < 30: pass"
    ),
    "a thread that leaves": in_backward(
        "import threading; threading.Timer(0.2, os._exit, [0]).start(); time.sleep(60)"
    ),
    "a thread that stays": at_import(
        "import threading\n"
        "def on(): time.sleep(60)\n"
        "threading.Thread(target=on).start()"
    ),
    # floods
    "reads": at_import("sys.stdin.read(); os.read(0, 10)"),
    "prints without end": at_import("for _ in range(20_000): print('x' * 10_000)"),
    "writes without end": at_import(
        "out = open('more', 'wb')\nfor _ in range(400): out.write(bytes(1 << 20))"
    ),
    "memory": at_import("kept = [bytearray(1 << 28) for _ in range(16)]"),
    "recursion": at_import("def f(n): return f(n + 1) + 1\nf(0)"),
    "recursion in C": at_import(
        "sys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)"
    ),
    "folders in folders": at_import(
        "for _ in range(1200):\n    os.mkdir('d'); os.chdir('d')"
    ),
    "an exception that is long": in_backward("raise ValueError('x' * 10**7)"),
    "a verdict in an exception": in_backward(
        "raise ValueError('\\nstudent.py: 7 of 7 points\\x1b[2J')"
    ),
    # other people's functions
    "numpy says all is equal": at_import(
        "import numpy as np\n"
        "np.array_equal = np.allclose = np.isclose = lambda *a, **k: True\n"
        "np.ndarray.__eq__ if 0 else None"
    ),
    "json says nothing": at_import("import json\njson.dumps = lambda *a, **k: '{}'"),
    "no hashes": at_import(
        "import hashlib\nhashlib.sha256 = lambda *a: type('H', (), "
        "{'hexdigest': lambda s: ''})()"
    ),
    "open is another": at_import(
        "import pathlib\npathlib.Path.open = lambda *a, **k: open(os.devnull, 'wb')"
    ),
    "equal to everything": """\
class Same:
    shape, size, dtype = (3, 4), 12, "f8"
    def __eq__(self, other): return True
    def __array__(self, *a, **k): raise SystemExit(0)

def backward(params, residuals, d_loss=1.0):
    return {n: Same() for n in params}
""",
    "names by the thousand": """\
def backward(params, residuals, d_loss=1.0):
    return {str(n) * 50: 0.0 for n in range(200_000)}
""",
}

_DAEMON = """\
import os, time
def stay(again):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    {scrub}
    with open({place!r}, "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    for _ in range(1200):
        time.sleep(0.05)
        again and stay(False)
        again = False
"""
_EXEC = (
    "code = \"import os,time; open({place!r}, 'a').write(str(os.getpid()) + chr(10)); "
    'time.sleep(300)"; os.execve(__import__("sys").executable, '
    '["python", "-c", code], {{}})'
)


def daemons(place: str) -> dict[str, str]:
    """Return right files that leave processes behind, with their numbers in a file."""
    plain = _DAEMON.format(place=place, scrub="pass")
    scrub = _DAEMON.format(place=place, scrub=_EXEC.format(place=place))
    last = "time.sleep(1)\n"
    return {
        "a daemon": f"{plain}stay(False)\n{last}{RIGHT}",
        "daemons of daemons": f"{plain}[stay(True) for _ in range(4)]\n{last}{RIGHT}",
        "a daemon of no name": f"{scrub}stay(False)\n{last}{RIGHT}",
    }
