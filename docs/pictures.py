"""Takes the pictures of docs/explorer.md anew: python docs/pictures.py [NAME]...

Needs Chromium with its driver, selenium, and Pillow for smaller files.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from explain.browser import chromium, opened, resize  # noqa: E402

from symdiff.cli.serving import State, serve  # noqa: E402
from symdiff.declare.spec import load_spec  # noqa: E402
from symdiff.explain.explorer.exploration import explored  # noqa: E402

OUT = ROOT / "docs" / "pictures"
PAGE = (ROOT / "docs" / "explorer.md").read_text("utf-8")
NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
CLICK = """
const box = [...document.querySelectorAll(".box")]
  .find((e) => e.querySelector(".name").textContent.includes(arguments[0]));
box.dispatchEvent(new MouseEvent("click", {bubbles: true}));
"""
REPLAY = """
document.getElementById("b-step").click();
for (let k = 0; k < arguments[0]; k++) document.getElementById("s-next").click();
"""
SPLIT = 'document.documentElement.style.setProperty("--spec", arguments[0] + "%")'
TO = 'document.querySelector(arguments[0]).scrollIntoView({block: "end"})'


def block(name: str) -> str:
    """Return a file of the page."""
    found = re.search(rf"<!-- file: {name} -->\n```python\n(.*?)```", PAGE, re.S)
    assert found is not None, name
    return found[1]


# What is said where the second layer's weights have the wrong shape.
WRONG = """error: digits_mlp.py:19: matmul(float[N, 128], out.W: float[64, 10]): inner \
lengths differ: (N, 128) @ (64, 10) contracts 128 with 64; transpose an operand or fix \
its declaration
    z = h @ sd.param("out.W", (64, 10))"""


def made(path: Path, values: Any = "random") -> Path:
    """Write the explorer of a spec beside it."""
    spec = load_spec(path)
    page = explored(spec.model, values=values, main=str(path.absolute()))
    page.write(path.with_suffix(".html"))
    return path.with_suffix(".html")


def taken(browser: Any, name: str, dark: bool) -> None:
    """Save what is seen, with as few colours as do."""
    script = "document.documentElement.classList.toggle('dark', arguments[0])"
    browser.execute_script(script, dark)
    time.sleep(0.5)
    data = browser.get_screenshot_as_png()
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        small = picture.quantize(
            256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True)
        data = buffer.getvalue()
    path = OUT / f"explorer_{name}{'_dark' if dark else ''}.png"
    path.write_bytes(data)
    print(f"{path.relative_to(ROOT)}: {len(data) / 1000:.0f} kB")


def watched(browser: Any, path: Path) -> None:
    """Take the picture of a page whose spec does not compile any more."""
    page = explored(load_spec(path).model, values="random", main=str(path.absolute()))
    state = State(page.html(live="1"), version=1, busy=False)
    server = serve(state, None)
    browser.get(f"http://127.0.0.1:{server.server_port}/#hidden_W")
    time.sleep(1)
    state.change(error=WRONG)
    time.sleep(1)
    taken(browser, "watch", dark=False)
    server.shutdown()


def compared(browser: Any, path: Path) -> None:
    """Take the picture of two levels side by side."""
    model, first = load_spec(path).model, str(path.absolute())
    page = explored(model, main=first).against(explored(model, main=first, optimize=0))
    page.write(path.with_name("levels.html"))
    opened(browser, path.with_name("levels.html"))
    browser.execute_script(
        'document.querySelector("#compare .compared:not([hidden])").scrollTop = 330'
    )
    taken(browser, "levels", dark=False)


def main() -> None:
    """Take the pictures that are named, or all: light and dark."""
    wanted = set(sys.argv[1:])
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        work = Path(folder)
        for name in ("neuron.py", "attention.py"):
            (work / name).write_text(block(name), "utf-8")
        digits = (ROOT / "examples" / "digits_mlp.py").read_text("utf-8")
        (work / "digits_mlp.py").write_text(digits, "utf-8")
        pages = {
            "digits": made(work / "digits_mlp.py"),
            "circuit": made(work / "neuron.py", NEURON),
            "attention": made(work / "attention.py"),
        }
        resize(browser, 1600, 1000)
        if not wanted or "watch" in wanted:
            watched(browser, work / "digits_mlp.py")
        if not wanted or "levels" in wanted:
            compared(browser, work / "digits_mlp.py")
        for name, page in pages.items():
            if wanted and name not in wanted:
                continue
            for dark in (False, True):
                opened(browser, page)
                time.sleep(0.3)
                if name == "digits":
                    browser.execute_script(SPLIT, 21)
                    browser.execute_script(CLICK, "hidden_W")
                    time.sleep(0.3)
                    browser.execute_script(TO, "#detail .element")
                elif name == "circuit":
                    browser.execute_script(SPLIT, 30)
                    browser.execute_script(REPLAY, 14)
                else:
                    browser.execute_script(CLICK, "attention")
                    time.sleep(0.3)
                    browser.execute_script(CLICK, "attention_query")
                taken(browser, name, dark)


if __name__ == "__main__":
    main()
