"""The tables. docs/store.md describes them for those who ask in SQL.

Times are integers, nanoseconds: of the wall clock since 1970 in UTC where a stream's clock is "wall"; since
the film's beginning where it is "film".
"""

import sqlalchemy as sa

VERSION = 1
"""Of the schema. A database with a higher one is refused."""

metadata = sa.MetaData()
_NS = sa.BigInteger

version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, nullable=False))

cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
)
"""One row for each name of a source, in whichever graph."""

streams = sa.Table(
    "streams",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("camera_id", sa.ForeignKey("cameras.id"), nullable=False),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("clock", sa.Text, nullable=False),
    sa.Column("begin_ns", _NS, nullable=False),
    sa.Column("end_ns", _NS, nullable=False),
    sa.UniqueConstraint("run", "camera_id", "clock"),
)
"""What one run saw of one camera or film. `clock` is "wall" or "film"; the end grows while it runs."""

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.UniqueConstraint("run", "stage", "source"),
)
"""How far each sink is with each source: the machine's own, one row a run and source."""

visits = sa.Table(
    "visits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("stream_id", sa.ForeignKey("streams.id", ondelete="CASCADE"), nullable=False),
    sa.Column("camera_id", sa.ForeignKey("cameras.id"), nullable=False),
    sa.Column("track", sa.Integer, nullable=False),
    sa.Column("begin_ns", _NS, nullable=False),
    sa.Column("end_ns", _NS, nullable=False),
    sa.Column("begin_pts_ns", _NS, nullable=False),
    sa.Column("end_pts_ns", _NS, nullable=False),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("is_over", sa.Boolean, nullable=False),
    sa.UniqueConstraint("stream_id", "track"),
    sa.Index("visits_by_time", "begin_ns", "camera_id"),
)
"""A person before a camera, from first to last sight. Times are of the stream's clock; `pts` are the film's
own time stamps, to play it there. `frames`: in how many the person was found or predicted."""

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("region", sa.Text, nullable=False),
)
colors = sa.Table(
    "colors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
)
"""The words of garments and of their colours; the colour "" is of a garment whose colour is not known."""

visit_garments = sa.Table(
    "visit_garments",
    metadata,
    sa.Column("visit_id", sa.ForeignKey("visits.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("label_id", sa.ForeignKey("labels.id"), primary_key=True),
    sa.Column("color_id", sa.ForeignKey("colors.id"), nullable=False),
    sa.Column("is_told", sa.Boolean, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Index("garments_by_color", "label_id", "color_id", "is_told", "probability"),
    sa.Index("garments_by_label", "label_id", "is_told", "probability"),
    sqlite_with_rowid=False,
)
"""What a visitor wears, as last known: told, or unsure (not told and possible). Labels not here were not
likely enough to be either."""

best_views = sa.Table(
    "best_views",
    metadata,
    sa.Column("visit_id", sa.ForeignKey("visits.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("quality", sa.Float, nullable=False),
    sa.Column("jpeg", sa.LargeBinary, nullable=False),
)
"""The best picture of a visitor, small, as the graph shows it: blurred if the graph blurs."""

coverage = sa.Table(
    "coverage",
    metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("minute", sa.BigInteger, primary_key=True),
    sa.Column("camera_id", sa.ForeignKey("cameras.id"), nullable=False),
    sa.Column("analysed", sa.Integer, nullable=False),
    sa.Column("dropped", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("away_ms", sa.Integer, nullable=False),
    sa.Index("coverage_by_minute", "minute", "camera_id"),
)
"""Frames of each minute of a stream's clock, by outcome, and how long nothing came. A minute without a row
was not analysed: it is unknown, never zero."""
