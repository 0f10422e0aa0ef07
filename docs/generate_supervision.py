"""Write the tables and the diagram of docs/supervision.md anew, from the code's own tables."""

from pathlib import Path

from supervisors._tables import refreshed

DOCUMENT = Path(__file__).with_name("supervision.md")

if __name__ == "__main__":
    DOCUMENT.write_text(refreshed(DOCUMENT.read_text("utf-8")), "utf-8")
