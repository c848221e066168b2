"""Write the source of the site: `python -m docs_build FOLDER`."""

import sys
from pathlib import Path

from .site import write_site

if __name__ == "__main__":
    write_site(Path(sys.argv[1]))
