"""Count the coats in a film by colour: python examples/count_coats.py [FILM]. Each person counts once."""

import sys
from collections import Counter

import fashion_pipeline
from fashion_pipeline import SAMPLE


def count_coats(film: str, **properties: object) -> Counter[str]:
    """Return how many people wear a coat of each colour."""
    with fashion_pipeline.run(film, **properties) as run:
        for record in run:
            if record["status"] != "ok":
                print(f"{record.place}: {record['status']}", file=sys.stderr)
        return Counter(
            garment.get("color", "unknown")
            for person in run.people
            for garment in person.garments
            if garment["label"] == "Coat"
        )


if __name__ == "__main__":
    film = sys.argv[1] if len(sys.argv) > 1 else str(SAMPLE)
    try:
        for color, number in count_coats(film).most_common():
            print(f"{number} {color}")
    except fashion_pipeline.RunError as error:
        sys.exit(str(error))
