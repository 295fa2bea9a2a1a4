"""Writes all texts into the file that it is told, as JSON; in another order than usual."""

import json
import sys
from pathlib import Path

from texts import golden
from texts.all_programs import NAMES

Path(sys.argv[1]).write_text(json.dumps({name: golden.plain(name) for name in NAMES[::-1]}))
