#!/usr/bin/env python
"""Draw docs/images/show.svg: what `heliograph show` says of a real run of the demo, killed once on its way.

Run it as `.venv/bin/python scripts/pictures.py`. The machine's names are replaced; the figures are measured.
"""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from rich.console import Console

from heliograph import workflow
from heliograph.cli.storage import command
from heliograph.cli.views.workflow import view

ROOT = Path(__file__).resolve().parent.parent
DEMO = [sys.executable, str(ROOT / "examples" / "stdlib_index.py")]
PICTURE = ROOT / "docs" / "images" / "show.svg"
TEXT = re.compile(r'(<text [^>]*x=")([\d.]+)("[^>]*textLength=")([\d.]+)("[^>]*>)([^<]*)</text>')
BLANK, CELL = "&#160;", 12.2  # as rich writes a blank, and how wide it is
WORKFLOW, WIDTH = "stdlib-index", 100


def main() -> None:
    with tempfile.TemporaryDirectory() as storage:
        workflow.init(storage=storage)
        with subprocess.Popen([*DEMO, "--storage", storage], stdout=subprocess.DEVNULL) as process:
            while done() < 0.4:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        subprocess.run([*DEMO, "--storage", storage], check=True, stdout=subprocess.DEVNULL)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(drawn())
        workflow.shutdown()
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def done() -> float:
    try:
        progress = workflow.get_metadata(WORKFLOW)["progress"]
    except workflow.WorkflowNotFoundError:
        return 0.0
    return float(progress["done"] / progress["total"])


def drawn() -> str:
    metadata = workflow.get_metadata(WORKFLOW) | {"storage": "build/demo/heliograph.db"}
    here = {"user": "ann", "argv": ["examples/stdlib_index.py"]}
    history = [
        run | here | {"owner": run["owner"] | {"host": "laptop"}} for run in workflow.get_history(WORKFLOW)
    ]
    attempts = workflow.table(WORKFLOW, "attempts").columns
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    more = partial(command, "build/demo", "show", WORKFLOW)
    console.print(view(metadata, history, attempts, [], more, time.time(), WIDTH))
    console.print()
    svg = console.export_svg(title=f"heliograph show {WORKFLOW}", unique_id="show")
    # No font from somebody's server: the reader's own, in the size whose cells are as wide as rich says.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas").replace(
        "font-size: 20px", "font-size: 20.27px"
    )
    svg = TEXT.sub(without_blanks, svg)
    assert "url(http" not in svg, "it refers to the net"
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def without_blanks(found: re.Match[str]) -> str:
    """A piece of text without the blanks around it, moved accordingly: not every viewer draws blanks."""
    head, x, middle, length, tail, text = found.groups()
    bare = text
    while bare.startswith(BLANK):
        bare = bare[len(BLANK) :]
    start = (len(text) - len(bare)) // len(BLANK)
    while bare.endswith(BLANK):
        bare = bare[: -len(BLANK)]
    blanks = (len(text) - len(bare)) // len(BLANK)
    return f"{head}{float(x) + start * CELL:g}{middle}{float(length) - blanks * CELL:g}{tail}{bare}</text>"


if __name__ == "__main__":
    main()
