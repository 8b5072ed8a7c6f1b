"""The workers: one file, one class, one process each. A stage imports no other stage.

`media` and `detectors` hold what stages need to read pictures and to find people; no stage is defined there.
"""

import os

# OpenCV decodes no larger picture; it looks at the head of the file, before it takes memory. What the user
# has set himself stands.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "200000000")
