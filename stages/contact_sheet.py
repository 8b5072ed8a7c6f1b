"""contact_sheet: one picture at the end, with the best view of each person and what they wear."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from fashion_pipeline.fashion.findings import Garment, Person, Wearer, in_brief, people_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_picture
from fashion_pipeline.stages.people.gallery import Candidate, Gallery
from fashion_pipeline.stages.privacy.require import KeepsPictures, require_prop
from framegraph.errors import GraphError
from framegraph.files import CutFile
from framegraph.packet import OK, Image, Packet
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import Cut, FileSink
from framegraph.support.whole_files import write_whole

SUFFIXES = (".jpg", ".jpeg", ".png")
_HEAD = struct.Struct("<II")
MIN_SIDE_PX = 8


class Entry(TypedDict):
    """An entry of the collection: a picture, or without `look` a changed answer. worn: JSON of a Wearer."""

    place: int
    look: NotRequired[tuple[int, float, float]]
    worn: str


class ContactSheet(KeepsPictures, FileSink["ContactSheet.Options"]):
    """Collect the best view of each person and draw them on one sheet when the source ends, each with the
    latest answer.

    Until then the location holds the collection: each better view and each changed answer is appended, so
    that a process that dies loses nobody. It grows by one crop for each view that is a tenth better than the
    one before. A predicted box (`interval` of detect) is not a view.
    """

    payload = BGR
    takes = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(
            REQUIRED, "The picture, .jpg or .png; {source} stands for the name of the source."
        )
        people: int = prop(24, "Maximum number of people.", low=1, high=200)
        columns: int = prop(8, "People in a row.", low=1, high=50)
        spacing: Seconds = prop(
            2.0,
            "Without tracks, views at least this far apart in time count as different people.",
            low=0,
            high=3600,
        )
        require: str = require_prop()

    _file: CutFile | None = None

    @classmethod
    def check(cls, options: Options) -> None:
        if Path(options.location).suffix.lower() not in SUFFIXES:
            raise GraphError(f"location: '{options.location}' has no picture format; end it in .jpg or .png")

    def open_at(self, location: Path, cut: Cut | None) -> None:
        from fashion_pipeline.stages.people.views import view_quality

        self._view_quality = view_quality
        self.close()
        self._location = location
        self._notes: dict[str, Any] = dict(cut.notes) if cut else {}
        self._gallery = Gallery(self.options.people, self.options.spacing)
        self._entries: list[tuple[bytes, Entry]] = []
        # An earlier process may have died just after it put the picture in place.
        self._is_drawn = bool(cut and location.exists() and location.stat().st_ino != self._notes["inode"])
        if self._is_drawn:
            return
        self._file = CutFile(location, cut)
        self._notes["inode"] = self._file.inode
        if cut is not None:
            self._read(location.read_bytes())

    def process(self, packet: Packet) -> Packet:
        if packet.status == OK:
            for person in people_in(packet.meta):
                self._look_at(packet, person)
        return packet

    def _look_at(self, packet: Packet, person: Person) -> None:
        if "detected_at_seq" in person:
            # The person was not detected there, so it is not a view.
            self._note_answer(person)
            return
        import cv2

        crop_bgr = square_picture(_cut(packet.image_bgr, person["box"]), packet.pixel_aspect_ratio)
        if min(crop_bgr.shape[:2]) < MIN_SIDE_PX:
            return
        others = [other["box"] for other in people_in(packet.meta) if other is not person]
        value = self._view_quality(packet.image_bgr, person["box"], others) * float(person["score"])
        look = Candidate(int(person.get("track", -1)), packet.running_ns / 1e9, value)
        place = self._gallery.place_for(look)
        if place is not None:
            _is_coded, coded = cv2.imencode(".jpg", crop_bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
            facts = look.track, look.time_s, look.value
            self._note(coded.tobytes(), {"place": place, "look": facts, "worn": _worn(person)})
        else:
            self._note_answer(person)

    def _note_answer(self, person: Person) -> None:
        """Record a changed answer about a person who has a place."""
        place = self._gallery.place_of(int(person.get("track", -1)))
        if place is not None and _worn(person) != self._entries[place][1]["worn"]:
            self._note(b"", {"place": place, "worn": _worn(person)})

    def _note(self, coded: bytes, said: Entry) -> None:
        """Put a view, or without a picture only a changed answer, into the collection and its file."""
        self._put(coded, said)
        text = json.dumps(said).encode()
        assert self._file is not None
        self._file.write(_HEAD.pack(len(text), len(coded)) + text + coded)

    def _put(self, coded: bytes, said: Entry) -> None:
        place = said["place"]
        if coded:
            self._gallery.put(place, Candidate(*said["look"]))
            self._entries[place : place + 1] = [(coded, said)]
        else:
            known_coded, known = self._entries[place]
            self._entries[place] = (known_coded, {**known, **said})

    def _read(self, data: bytes) -> None:
        """Restore the collection of the previous process."""
        at = 0
        while at < len(data):
            text_bytes, coded_bytes = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            said: Entry = json.loads(data[at : at + text_bytes])
            at += text_bytes
            self._put(data[at : at + coded_bytes], said)
            at += coded_bytes

    def finish(self) -> None:
        if self._is_drawn:
            return
        import cv2
        import numpy as np

        from fashion_pipeline.stages.drawing.plates import Row, rows_of
        from fashion_pipeline.stages.drawing.sheet import draw_sheet

        # In order of appearance.
        entries = sorted(self._entries, key=lambda entry: entry[1]["look"][1])
        crops_bgr = [
            np.asarray(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR), np.uint8)
            for coded, _said in entries
        ]
        plates = []
        for _coded, said in entries:
            who, *worn = rows_of(json.loads(said["worn"]))
            when = f"{who.words}  {said['look'][1]:.1f} s"
            plates.append([Row(when, is_faint=who.is_faint), *worn])
        sheet_bgr = draw_sheet(crops_bgr, plates, self.options.columns)
        _is_coded, picture = cv2.imencode(self._location.suffix.lower(), sheet_bgr)
        write_whole(self._location, picture.tobytes())
        self._is_drawn = True

    def position(self) -> Cut:
        size_bytes = self._location.stat().st_size if self._file is None else self._file.size_bytes
        return Cut(size_bytes=size_bytes, notes=self._notes)

    def sync(self) -> None:
        if self._file is not None:
            self._file.sync()

    def remarks(self) -> list[str]:
        return [f"{len(self._entries)} people on the sheet"] if self._file is not None else []

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cut(image_bgr: Image, box_xyxy: list[float]) -> Image:
    x0, y0, x1, y1 = (max(0, round(edge)) for edge in box_xyxy)
    return image_bgr[y0:y1, x0:x1]


def _worn(person: Person) -> str:
    """Return what a plate shows of a person, as text to compare; scores are rounded to a tenth."""
    shown: Wearer = {
        "score": person["score"],
        "garments": [_rounded(garment) for garment in person.get("garments", ())],
        "unsure": [_rounded(garment) for garment in person.get("unsure", ())],
    }
    if "looks" in person:
        shown["looks"] = person["looks"]
    if "settled" in person:
        shown["settled"] = person["settled"]
    if "track" in person:
        shown["track"], shown["score"] = person["track"], 0.0
        shown["looks"] = min(1, person.get("looks", 1))
    return json.dumps(shown, sort_keys=True)


def _rounded(garment: Garment) -> Garment:
    return {**in_brief(garment), "score": round(garment["score"], 1)}
