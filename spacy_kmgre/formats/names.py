"""Names of files that are made from titles of documents, which may be anything."""

import re
from unicodedata import normalize

# A file name taken from a title may have this many bytes; file systems allow 255, with a number and an ending.
NAME_BYTES = 240
# So many folders of a title are kept; a path may have 4,096 bytes.
FOLDERS = 8
# Names that Windows keeps for devices, whatever their ending, and endings of files that are written into folders.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)", re.IGNORECASE)
FILE = re.compile(r"\.(txt|ann|xmi|json|xml|conf)$", re.IGNORECASE)


def file_name(title: str, taken: set[str]) -> str:
    """Make a file name from a document's title, which any system can have: without an ending, and unlike the names that
    are taken, also where case and ways to write an accent do not count.

    A slash in the title separates folders.

    :param taken: The names so far, as `_compared` gives them, to which the new one is added.
    """
    parts = [re.sub(r"[^\w.+-]+", "_", part).lstrip(".") for part in normalize("NFC", title).split("/")]
    short = [part.encode("utf8")[:NAME_BYTES].decode("utf8", "ignore").rstrip(".") for part in parts]
    *folders, last = [f"_{part}" if RESERVED.match(part) else part for part in short if part] or ["document"]
    # No folder has the name of a file.
    folders = [f"{folder}_" if FILE.search(folder) else folder for folder in folders[-FOLDERS:]]
    name = stem = "/".join([*folders, last])
    number = 1
    while _compared(name) in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(_compared(name))
    return name


def _compared(name: str) -> str:
    return normalize("NFC", normalize("NFC", name).casefold())
