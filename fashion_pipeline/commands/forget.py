"""fashion-pipeline forget DB: erase visits on request."""

import argparse

from framegraph.errors import GraphError
from framegraph.support.commands import Command


class Forget(Command):
    line = "erase a visit, or a person's visits, from a database"
    description = "Erase visits with their garments and pictures. `ask --json` gives their numbers."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("database", help="what a store_sink writes: FILE, or postgresql+psycopg://…")
        parser.add_argument("--visit", type=int, help="the number of one visit")
        parser.add_argument("--camera", default="", help="with --track: before which camera")
        parser.add_argument("--track", type=int, help="with --camera: which person, by the number of track")
        parser.add_argument("--run", dest="run_id", default="", help="only of this run")

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.store.opening import writing
        from fashion_pipeline.store.retention import Who, forget

        by_person = bool(options.camera) and options.track is not None
        if (options.visit is not None) == by_person:
            raise GraphError(
                "say who is to be forgotten: --visit NUMBER, or --camera NAME and --track NUMBER"
            )
        who = Who(visit=options.visit, camera=options.camera, track=options.track, run=options.run_id)
        with writing(options.database) as connection:
            removed = forget(connection, who)
        print(f"{removed} {'visit' if removed == 1 else 'visits'} erased")
        return 0
